# Runs that are stopped: by their caller's cancel, end or vanishing, by others, by the server's shutdown. Wherever it
# happens the leader is gone soon, the run is recorded as what became of it, the target is as it was, nothing is left
# behind, and the next run succeeds.
use strict;
use warnings;
use lib 'test/t';
use IPC::Run ();
use List::Util qw(max);
use PagilaTest;
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(time);

# What a leader is to need is a second; the limit is for machines that are busy with something else.
my $kLimit = 30;

my $node = new_node('cancel', faults => 1, conf => "client_connection_check_interval = 100\nautovacuum = off\n");
my $dir = PostgreSQL::Test::Utils::tempdir;

# Two copies, so that every run has one to replace. The one visible is $old.
my $dump = slurp_file('test/dumps/shop.sql');
my @copies = map { { file => write_file("$dir/$_.sql", $dump =~ s/10\.00/$_/r) } } '11.00', '12.00';
for my $copy (@copies) {
    is((run_sql($node, load_sql($copy->{file}, undef)))[0], 'succeeded', 'a copy loads');
    $copy->{content} = content($node);
}
my ($new, $old) = @copies;
isnt($new->{content}, $old->{content}, 'the copies differ');
my @seconds;

# Phases of a run and the fault point it is held at there.
my @held_at = qw(fingerprint:1 lock:1 plan:1 shape:1 copy:1 rows:1 index:1 constraint:1 sequence:1 refresh:1 analyze:1
  verify:1 audit:1 publish:1);
my @held_at_most_important = qw(shape:1 copy:1 index:1 constraint:1 verify:1 publish:1);

for my $point (some_of(5, @held_at)) {
    stops("caller cancelled at $point", $point, sub { signal_caller('pg_cancel_backend') }, 'cancelled', '57014', '57014');
}
stops('caller times out', 'copy:1', undef, 'cancelled', '57014', '57014', before => "SET statement_timeout = '10s'");
my @by_client = (
    [ 'Ctrl-C in psql' => sub { signal_psql(shift, 'INT') }, '57014' ],
    [ 'caller terminated' => sub { signal_caller('pg_terminate_backend') }, '57P01' ],
    [ 'client killed' => sub { signal_psql(shift, 'KILL') }, '' ]);
for my $case (some_of(2, map { my $point = $_; map { [ $point, @$_ ] } @by_client } 'copy:1', 'publish:1')) {
    my ($point, $what, $stop, $state) = @$case;
    stops("$what at $point", $point, $stop, 'cancelled', '57014', $state);
}
my @by_signal = (
    [ 'leader cancelled' => sub { signal_leader('pg_cancel_backend', shift) }, 'cancelled', '57014', '57014' ],
    [ 'leader terminated' => sub { signal_leader('pg_terminate_backend', shift) }, 'aborted', '57P01', '57P01' ]);
for my $case (some_of(5, map { my $point = $_; map { [ $point, @$_ ] } @by_signal } @held_at_most_important)) {
    my ($point, $what, @stop) = @$case;
    stops("$what at $point", $point, @stop);
}
for my $point (some_of(2, 'lock:1', 'copy:1', 'publish:1')) {
    stops("pagila_cancel at $point", $point, sub { my ($run) = @_; is(cancel_run($run->{id}), 't', 'the run is told to stop') },
        'cancelled', '57014', '57014');
}

# A run that waits for a reader of the old copy.
{
    my $reader = $node->background_psql('pagila');
    $reader->query_safe('BEGIN; SELECT * FROM shop.sale');
    my $run = start_run();
    ok(wait_until(sub { last_run($node, 'phase') eq 'publish' }, 60), 'a run waits for a reader');
    $run->{leader} = leader_pid($node);
    my $what = 'caller cancelled while the run waits for a reader';
    stopped($what, $run, sub { signal_caller('pg_cancel_backend') }, 'cancelled', '57014', '57014');
    $reader->quit;
    next_run($what);
}

# Code of the dump that takes its time.
{
    my %slow = (
        rows => "CREATE DOMAIN slow.number AS integer CHECK (slow.wait(VALUE) > 0);\nALTER TABLE slow.t ALTER a TYPE slow.number",
        constraints => 'ALTER TABLE slow.t ADD CHECK (slow.wait(a) > 0)',
        indexes => 'CREATE INDEX slow_idx ON slow.t USING btree (slow.wait(a))',
        sequences => 'CREATE MATERIALIZED VIEW slow.m AS SELECT slow.wait(a) AS a FROM slow.t WITH NO DATA');
    clear_fault($node);
    for my $phase (some_of(4, sort keys %slow)) {
        my $what = "caller cancelled while a function runs in phase $phase";
        my $file = write_file("$dir/slow.sql", q{CREATE SCHEMA slow;
CREATE FUNCTION slow.wait(integer) RETURNS integer LANGUAGE plpgsql IMMUTABLE
  AS $$BEGIN PERFORM pg_catalog.pg_sleep(600); RETURN $1; END$$;
CREATE TABLE slow.t (a integer);
} . "$slow{$phase};\nCOPY slow.t (a) FROM stdin;\n1\n\\.\n" . ($phase eq 'sequences' ? "REFRESH MATERIALIZED VIEW slow.m;\n" : ''));
        my $run = start_psql(load_sql($file, undef));
        my $sleeping =
          q{SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'pagila_repl leader' AND wait_event = 'PgSleep'};
        ok(wait_until(sub { $node->safe_psql('pagila', $sleeping) eq '1' }, 60), "$what: it does");
        is(last_run($node, 'phase'), $phase, "$what: in that phase");
        $run->{leader} = leader_pid($node);
        stopped($what, $run, sub { signal_caller('pg_cancel_backend') }, 'cancelled', '57014', '57014');
    }
}

# Once the copy is visible nothing takes it back.
for my $point ('published:1', 'clean:1') {
    my $what = "caller cancelled at $point";
    my $run = held_run($what, $point);
    signal_caller('pg_cancel_backend');
    ended($what, $run, '57014');
    is(last_run($node, 'status, sqlstate'), 'succeeded|', "$what: the run has succeeded");
    is(visible(), $new, "$what: the new copy is visible");
    ($new, $old) = ($old, $new);
    next_run($what);
}

# A run that nobody waits for.
{
    my $what = 'caller of a run in the background leaves';
    set_fault($node, 'copy:1:stall');
    my $caller = $node->background_psql('pagila');
    my $id = $caller->query_safe("SELECT run_id FROM pagila_load('$new->{file}', wait => false)");
    ok(wait_until(sub { is_stalled($node) }, 60), "$what: the run is under way");
    my $leader = leader_pid($node);
    $caller->quit;
    ok(wait_until(sub { clients() == 0 }, 60), "$what: it is gone");
    is(leader_pid($node), $leader, "$what: the run goes on");

    my $waiting = start_psql("SELECT status FROM pagila_wait($id)");
    ok(wait_until(sub { waiting() == 1 }, 60), "$what: another waits for it");
    $node->safe_psql('pagila',
        q{SELECT pg_cancel_backend(pid) FROM pg_stat_activity WHERE query LIKE 'SELECT status FROM pagila_wait%'});
    $waiting->{harness}->finish;
    is(sqlstate_of($waiting->{err}), '57014', "$what: who only waits can be cancelled");
    is(leader_pid($node), $leader, "$what: which does not stop the run");

    $waiting = start_psql("SELECT status FROM pagila_wait($id)");
    ok(wait_until(sub { waiting() == 1 }, 60), "$what: another waits for it");
    is(cancel_run($id), 't', "$what: it can be told to stop");
    $waiting->{harness}->finish;
    is($waiting->{out}, "cancelled\n", "$what: who waits learns how it ended");
    is(cancel_run($id), 'f', "$what: and then there is nothing to stop");
    is(last_run($node, 'status, sqlstate'), 'cancelled|57014', "$what: it is recorded as cancelled");
    no_residue($node, $what);
    clear_fault($node);

    $id = $node->safe_psql('pagila', "SELECT run_id FROM pagila_load('$new->{file}', wait => false)");
    is($node->safe_psql('pagila', "SELECT status FROM pagila_wait($id)"), 'succeeded', "$what: undisturbed it succeeds");
    is(visible(), $new, "$what: its copy is visible");
    ($new, $old) = ($old, $new);
}

# Shutdown.
for my $point (some_of(2, 'copy:1', 'index:1', 'publish:1')) {
    my $what = "fast shutdown at $point";
    my $run = held_run($what, $point);
    my $seconds = shut_down('fast');
    cmp_ok($seconds, '<', $kLimit, "$what: not held up by the run");
    note sprintf('%s: %.2f s', $what, $seconds);
    $run->{harness}->finish;
    $node->start;
    is(last_run($node, 'status, sqlstate, finished_at IS NOT NULL'), 'aborted|57P01|t', "$what: the run is recorded as aborted");
    is(visible(), $old, "$what: target unchanged");
    next_run($what);
}
{
    my $what = 'smart shutdown';
    set_fault($node, 'copy:1:stall');
    $node->safe_psql('pagila', "SELECT status FROM pagila_load('$new->{file}', wait => false)");
    ok(wait_until(sub { is_stalled($node) }, 60), "$what: a run is under way that nobody waits for");
    my $seconds = shut_down('smart');
    cmp_ok($seconds, '<', $kLimit, "$what: not held up by the run");
    note sprintf('%s: %.2f s', $what, $seconds);
    $node->start;
    is(last_run($node, 'status, sqlstate'), 'aborted|57P01', "$what: the run is recorded as aborted");
    is(visible(), $old, "$what: target unchanged");
    next_run($what);
}

note sprintf('%d runs stopped; slowest leader gone after %.2f s', scalar @seconds, max(@seconds));
cmp_ok(max(@seconds), '<', $kLimit, 'leaders were gone soon');
done_testing();

#
# One case
#

# Holds a run at the fault point, does something to it, and checks all that must hold after. $state: what the caller's
# client is told; none if it cannot be told anything.
sub stops {
    my ($what, $point, $stop, $status, $sqlstate, $state, %options) = @_;
    my $run = held_run($what, $point, %options);
    stopped($what, $run, $stop, $status, $sqlstate, $state);
    return next_run($what);
}

sub stopped {
    my ($what, $run, $stop, $status, $sqlstate, $state) = @_;
    my $start = time;
    $stop->($run) if $stop;
    ok(wait_until(sub { !kill(0, $run->{leader}) }, $kLimit), "$what: the leader is gone");
    push @seconds, time - $start if $stop;
    ended($what, $run, $state);
    is(last_run($node, 'status, sqlstate, finished_at IS NOT NULL'), "$status|$sqlstate|t",
        "$what: the run is recorded as $status");
    is(visible(), $old, "$what: target unchanged");
    return no_residue($node, $what);
}

sub ended {
    my ($what, $run, $state) = @_;
    $run->{harness}->finish;
    return $state eq '' ? undef : is(sqlstate_of($run->{err}), $state, "$what: the caller is told");
}

sub next_run {
    my ($what) = @_;
    clear_fault($node);
    my ($status, $err) = run_sql($node, load_sql($new->{file}, undef));
    is($status, 'succeeded', "$what: the next run succeeds") or diag $err;
    is(visible(), $new, "$what: and its copy is visible");
    no_residue($node, "$what, next run");
    ($new, $old) = ($old, $new);
    return;
}

# The copy whose content is all there is.
sub visible {
    my $content = content($node, undef, own => 'pagila_repl*');
    my ($copy) = grep { $_->{content} eq $content } @copies;
    return $copy // 'neither copy';
}

sub held_run {
    my ($what, $point, %options) = @_;
    set_fault($node, "$point:stall");
    my $run = start_run(%options);
    ok(wait_until(sub { is_stalled($node) }, 60), "$what: the run has come there");
    $run->{leader} = leader_pid($node);
    $run->{id} = last_run($node, 'run_id');
    return $run;
}

sub start_run {
    my (%options) = @_;
    return start_psql($options{before} // (), load_sql($new->{file}, undef));
}

# psql that runs some statements and is not waited for.
sub start_psql {
    my (@statements) = @_;
    my %psql = (out => '', err => '');
    $psql{harness} = IPC::Run::start(
        [ 'psql', '-XAtq', '-v', 'VERBOSITY=verbose', '-v', 'ON_ERROR_STOP=1', '-d', $node->connstr('pagila'),
            map { ('-c', $_) } @statements ],
        '<', \undef, '>', \$psql{out}, '2>', \$psql{err});
    return \%psql;
}

sub signal_caller {
    my ($function) = @_;
    my $sql = "SELECT $function(pid) FROM pg_stat_activity WHERE query ~ 'SELECT status FROM pagila_load'"
      . q{ AND pid <> pg_backend_pid() AND backend_type = 'client backend'};
    return is($node->safe_psql('pagila', $sql), 't', "$function reaches the caller");
}

sub signal_leader {
    my ($function, $run) = @_;
    return is($node->safe_psql('pagila', "SELECT $function($run->{leader})"), 't', "$function reaches the leader");
}

sub signal_psql {
    my ($run, $signal) = @_;
    my ($pid) = map { $_->{PID} } @{ $run->{harness}{KIDS} };
    return ok(kill($signal, $pid), "SIG$signal reaches psql");
}

sub cancel_run {
    my ($id) = @_;
    return $node->safe_psql('pagila', "SELECT pagila_cancel($id)");
}

sub clients {
    return $node->safe_psql('pagila',
        q{SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'client backend' AND pid <> pg_backend_pid()});
}

sub waiting {
    return $node->safe_psql('pagila', q{SELECT count(*) FROM pg_stat_activity WHERE wait_event = 'advisory'});
}

# Seconds it took.
sub shut_down {
    my ($mode) = @_;
    my $start = time;
    $node->stop($mode);
    return time - $start;
}
