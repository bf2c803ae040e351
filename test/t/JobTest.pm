# A source with a few rows, and a target whose launcher runs jobs that copy it, with a clock that tests turn.
#
#   my $test = JobTest->new('name');                         # options as of PagilaTest::new_pair
#   $test->schedule('copy', '1 hour', "'source'");           # pagila_schedule('copy', '1 hour', 'source')
#   $test->time_passes(3600);                                # as if an hour had passed
#   $test->set_clock(3600);                                  # as if someone had set the clock an hour ahead
#   $test->runs('copy', 2, 'succeeded');                     # waits until its two runs have ended so
#   $test->hold_at('copy:1'); ... is_held('what'); ... let_go
package JobTest;
use strict;
use warnings;
use PagilaTest;
use PostgreSQL::Test::Utils;
use Test::More;

# Anything may need that long; it is only to end a test that hangs.
my $kPatience = 60;

sub new {
    my ($class, $name, %options) = @_;
    my $conf = "shared_preload_libraries = 'pagila_repl'\nautovacuum = off\nrestart_after_crash = on\n" . ($options{conf} // '');
    my ($source, $target, $proxy) = new_pair($name, faults => 1, %options, conf => $conf);
    my $self = bless { source => $source, target => $target, proxy => $proxy, passed => 0, offset => 0,
        gate => PostgreSQL::Test::Utils::tempdir . '/gate' }, $class;
    $source->safe_psql('pagila', 'CREATE SCHEMA shop; CREATE TABLE shop.item (id integer PRIMARY KEY, name text);'
          . "INSERT INTO shop.item SELECT n, 'item ' || n FROM generate_series(1, 100) n");
    return $self;
}

# The same of a PullTest, whose target preloads the module.
sub of {
    my ($class, $pull) = @_;
    return bless { source => $pull->{source}, target => $pull->{target}, proxy => $pull->{proxy}, passed => 0, offset => 0,
        gate => $pull->{gate} }, $class;
}

# arguments: SQL, as they follow the schedule.
sub schedule {
    my ($self, $name, $schedule, $arguments, %options) = @_;
    return $self->sql("SELECT pagila_schedule('$name', '$schedule', $arguments)", %options);
}

sub sql {
    my ($self, $sql, %options) = @_;
    my ($out, $err, $code) = run_sql($self->{target}, $sql, %options);
    BAIL_OUT("$sql: $err") if $code != 0 && !$options{may_fail};
    return $options{may_fail} ? ($out, $err) : $out;
}

sub change_source {
    my ($self) = @_;
    $self->{source}->safe_psql('pagila', "INSERT INTO shop.item SELECT max(id) + 1, 'new' FROM shop.item");
    return;
}

# A fault that holds runs at a place, such as "copy:1", until let_go; whoever is held waits for being cancelled too.
# Databases: pagila, or those given, then also to let_go.
sub hold_at {
    my ($self, $point, @databases) = @_;
    write_file($self->{gate}, '');
    $self->{target}->safe_psql($_, "LOAD 'pagila_repl'; ALTER DATABASE $_ SET pagila_repl.fault = '$point:wait:$self->{gate}'")
      for @databases ? @databases : 'pagila';
    return;
}

# Process ids of those that are held.
sub held {
    my ($self) = @_;
    return grep { kill(0, $_) } map { m{\.(\d+)$} } glob("$self->{gate}.*");
}

sub is_held {
    my ($self, $what) = @_;
    return ok(wait_until(sub { $self->held }, $kPatience), "$what: a run is held");
}

# Waits until so many are.
sub are_held {
    my ($self, $count, $what) = @_;
    my $found = '';
    wait_until(sub { $found = () = $self->held; $found == $count }, $kPatience);
    return is($found, $count, $what);
}

sub let_go {
    my ($self, @databases) = @_;
    $self->{target}->safe_psql($_, "LOAD 'pagila_repl'; ALTER DATABASE $_ RESET pagila_repl.fault") for @databases ? @databases : 'pagila';
    unlink $self->{gate}, glob("$self->{gate}.*");
    return;
}

# One process of the server is killed, and all the others with it, until it is back.
sub kill_one {
    my ($self, $what, $pid) = @_;
    kill 'KILL', $pid;
    $self->{killed}++;
    unlink glob("$self->{gate}*");
    return ok(wait_until(sub { !kill(0, $pid) && (run_sql($self->{target}, 'SELECT 1'))[0] eq '1' }, $kPatience), "$what: the server is back");
}

sub time_passes {
    my ($self, $seconds) = @_;
    $self->{passed} += $seconds;
    return $self->set("pagila_repl.time_passed = $self->{passed}");
}

sub set_clock {
    my ($self, $seconds) = @_;
    $self->{offset} += $seconds;
    return $self->set("pagila_repl.clock_offset = $self->{offset}");
}

# Seconds from the clock that the launcher goes by to a timestamp.
sub seconds_until {
    my ($self, $timestamp) = @_;
    my $shift = $self->{passed} + $self->{offset};
    return $self->sql("SELECT round(extract(epoch FROM '$timestamp'::timestamptz - now()) - $shift)");
}

# A setting of the server, for everyone, at once.
sub set {
    my ($self, $assignment) = @_;
    $self->{target}->safe_psql('postgres', "ALTER SYSTEM SET $assignment");
    $self->{target}->safe_psql('postgres', 'SELECT pg_reload_conf()');
    return;
}

sub job {
    my ($self, $name, $columns, %options) = @_;
    return $self->sql("SELECT $columns FROM pagila_repl.job_status WHERE job_name = '$name'", %options);
}

# Waits until the job looks so.
sub job_is {
    my ($self, $name, $columns, $expected, $what, %options) = @_;
    my $found = '';
    wait_until(sub { $found = $self->job($name, $columns, %options); $found eq $expected }, $kPatience);
    return is($found, $expected, $what);
}

# The statuses of all runs of the job, oldest first.
sub statuses {
    my ($self, $name, %options) = @_;
    return $self->sql("SELECT string_agg(status, ' ' ORDER BY run_id) FROM pagila_repl.run
      WHERE job_id = (SELECT job_id FROM pagila_repl.job WHERE job_name = '$name')", %options);
}

# Waits until that many runs of the job are taken note of, and the last of them has ended so.
sub runs {
    my ($self, $name, $count, $status, $what, %options) = @_;
    my $expected = "$count $status -";
    my $found = '';
    wait_until(
        sub {
            $found = $self->sql("SELECT (SELECT count(*) FROM pagila_repl.run r WHERE r.job_id = j.job_id) || ' ' || last_status
              || ' ' || COALESCE(current_run_id::text, '-') FROM pagila_repl.job_status j WHERE job_name = '$name'", %options);
            $found eq $expected;
        },
        $kPatience);
    return is($found, $expected, $what) || diag($self->sql(
        "SELECT run_id, status, sqlstate, error_message, error_detail FROM pagila_repl.run ORDER BY 1 DESC LIMIT 5", %options));
}

# What was due has been started, and has ended: a scheduler has looked at the jobs, if there are any, by the clock as it is now
# (look => 0: it cannot, so it is not waited for), and no process of ours but the launcher is there any more.
sub rests {
    my ($self, $what, %options) = @_;
    if (($options{look} // 1) && $self->sql('SELECT count(*) FROM pagila_repl.job') ne '0') {
        $self->is_looked_at("$what: the jobs");
    }
    my $rest = q{SELECT count(*) FROM pg_stat_activity WHERE backend_type ~ '^pagila_repl (scheduler|leader|worker)'};
    my $quiet = 0;
    wait_until(sub { $quiet = $self->sql($rest) eq '0' ? $quiet + 1 : 0; $quiet == 4 }, $kPatience);
    return ok($quiet == 4, "$what: at rest");
}

# Has a scheduler look at the jobs, by the clock and the settings as they are now, and waits for that. No place may be held, and
# there must be a job.
sub is_looked_at {
    my ($self, $what) = @_;
    # Whoever is forked from now on has them, and the launcher has them before it takes the next wake.
    my $clock = q{SELECT string_agg(setting, ' ' ORDER BY name) FROM pg_settings WHERE name IN ('pagila_repl.clock_offset', 'pagila_repl.time_passed')};
    wait_until(sub { $self->sql($clock) eq "$self->{offset} $self->{passed}" }, $kPatience);
    # The place where nobody waits, as the file is not there, but leaves a mark.
    my $mark = "$self->{gate}_looked";
    set_fault($self->{target}, "tick:1:wait:$mark");
    unlink glob("$mark.*");
    $self->sql('SELECT pagila_alter_job(min(job_name)) FROM pagila_repl.job');
    my $is_looked_at = wait_until(sub { scalar(() = glob("$mark.*")) }, $kPatience);
    clear_fault($self->{target});
    unlink glob("$mark.*");
    return ok($is_looked_at, "$what: looked at");
}

# Waits until nothing is left of runs that have ended, however they did.
sub cleared_up {
    my ($self, $what) = @_;
    my $found = '';
    my $clean = '0 schemas, 0 leftovers, 0 running, 0 processes, 0 locks';
    wait_until(
        sub {
            $found = $self->sql(q{SELECT (SELECT count(*) FROM pg_namespace WHERE nspname LIKE 'pagila\_repl\_%')
              || ' schemas, ' || (SELECT count(*) FROM pagila_repl.leftover)
              || ' leftovers, ' || (SELECT count(*) FROM pagila_repl.run WHERE status = 'running')
              || ' running, ' || (SELECT count(*) FROM pg_stat_activity WHERE backend_type ~ '^pagila_repl (leader|worker)')
              || ' processes, ' || (SELECT count(*) FROM pg_locks WHERE locktype = 'advisory') || ' locks'});
            $found eq $clean;
        },
        $kPatience);
    return is($found, $clean, "$what: the launcher has cleared up");
}

sub launchers {
    my ($self, $node) = @_;
    my ($pids) = run_sql($node // $self->{target}, q{SELECT pid FROM pg_stat_activity WHERE backend_type = 'pagila_repl launcher'});
    return split /\n/, $pids;
}

# I5: no process of the server has died, but those that the test has killed.
sub stays_up {
    my ($self) = @_;
    my $log = slurp_file($self->{target}->logfile);
    my @deaths = $log =~ /^.*(?:PANIC:|TRAP:|was terminated by (?:signal|exception)).*$/mg;
    return is(scalar @deaths, $self->{killed} // 0, 'the server stays up') || diag join "\n", @deaths;
}

sub done {
    my ($self) = @_;
    $self->stays_up;
    no_source_residue($self->{source}, 'at the end');
    no_secret($self->{source}, $self->{target});
    $self->{proxy}->stop if $self->{proxy};
    return done_testing();
}

1;
