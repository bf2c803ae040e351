# A source with a small bank, a target that copies it, and the frame of every fault test of a pull: hold a run at a place,
# do something to it, and check what must hold whatever was done.
#
#   my $test = PullTest->new('name', proxy => 1);      # options as of PagilaTest::new_pair; rows => transfers in the bank, if their number matters;
#                                                      # tablespace => folder for the copy
#   $test->hold('what', 'copy:2');                     # changes the source; a pull is held at the second passing of "copy"
#   ... $test->{proxy}->rule('cut') ...
#   $test->fails('what', '08006');                     # lets it go; the run fails with this, and all is as it was
#   $test->heals('what');                              # the next run needs no help
package PullTest;
use strict;
use warnings;
use File::Temp ();
use IPC::Run ();
use PagilaTest;
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(time);

# A run may need that long for anything; it is only to end a test that hangs.
my $kPatience = 120;

sub new {
    my ($class, $name, %options) = @_;
    my $faults = $options{faults} // 1;
    my ($source, $target, $proxy) = new_pair($name, %options, faults => $faults);
    my $self = bless { name => $name, source => $source, target => $target, proxy => $proxy, faults => $faults,
        dir => PostgreSQL::Test::Utils::tempdir }, $class;
    $self->{gate} = "$self->{dir}/gate";
    $self->make_tablespace($options{tablespace}) if $options{tablespace};
    $source->safe_psql('pagila', bank($options{rows} // (is_long() ? 20000 : 2000)));
    my ($status, $err) = run_sql($target, pull_sql('source', workers => 2));
    $status eq 'succeeded' or die "the first copy failed: $err";
    $self->{old} = copy_of($target);
    ok($self->{old} eq copy_of($source), 'it is exact');
    return $self;
}

# The bank is in a tablespace, which on the target is the folder given.
sub make_tablespace {
    my ($self, $folder) = @_;
    my %folders = (source => "$self->{dir}/tablespace", target => $folder);
    for my $side (keys %folders) {
        mkdir $folders{$side} or die "$folders{$side}: $!";
        $self->{$side}->safe_psql('pagila', "CREATE TABLESPACE small LOCATION '$folders{$side}'");
    }
    $self->{source}->safe_psql('pagila', 'ALTER DATABASE pagila SET default_tablespace = small');
    return;
}

# Accounts whose balances always add up to nothing, and where every row tells of the same version.
sub bank {
    my ($transfers) = @_;
    return qq{
      CREATE SCHEMA bank;
      CREATE TABLE bank.version (version integer NOT NULL);
      INSERT INTO bank.version VALUES (1);
      CREATE TYPE bank.kind AS ENUM ('private', 'firm');
      CREATE TABLE bank.account (id serial PRIMARY KEY, owner text NOT NULL, kind bank.kind NOT NULL DEFAULT 'private',
        balance bigint NOT NULL DEFAULT 0, version integer NOT NULL, since timestamptz NOT NULL DEFAULT '2022-01-01 00:00+00');
      INSERT INTO bank.account (owner, version) SELECT 'owner ' || n, 1 FROM generate_series(1, 500) n;
      CREATE TABLE bank.transfer (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, sender integer NOT NULL,
        receiver integer NOT NULL, amount numeric(10,2) NOT NULL CHECK (amount > 0), note text, doubled numeric
        GENERATED ALWAYS AS (amount * 2) STORED);
      INSERT INTO bank.transfer (sender, receiver, amount, note)
        SELECT 1 + n % 500, 1 + (n + 7) % 500, 1 + n % 100, 'transfer number ' || n || repeat(' and so on', n % 10)
          FROM generate_series(1, $transfers) n;
      CREATE TABLE bank.event (at timestamptz NOT NULL, account integer NOT NULL, what jsonb) PARTITION BY RANGE (at);
      CREATE TABLE bank.event_2022 PARTITION OF bank.event FOR VALUES FROM ('2022-01-01') TO ('2023-01-01');
      CREATE TABLE bank.event_2023 PARTITION OF bank.event FOR VALUES FROM ('2023-01-01') TO ('2024-01-01');
      INSERT INTO bank.event SELECT '2022-01-01'::timestamptz + n * interval '6 hours', 1 + n % 500, jsonb_build_object('n', n)
        FROM generate_series(1, 2800) n;
      ALTER TABLE bank.transfer ADD FOREIGN KEY (sender) REFERENCES bank.account, ADD FOREIGN KEY (receiver) REFERENCES bank.account;
      ALTER TABLE bank.event ADD FOREIGN KEY (account) REFERENCES bank.account;
      CREATE INDEX transfer_note ON bank.transfer (note);
      CREATE INDEX event_at ON bank.event (at);
      CREATE VIEW bank.rich AS SELECT owner, balance FROM bank.account WHERE balance > 0;
      CREATE MATERIALIZED VIEW bank.summary AS SELECT count(*) AS accounts, sum(balance) AS balance, max(version) AS version
        FROM bank.account;
      CREATE FUNCTION bank.next_version() RETURNS void LANGUAGE sql BEGIN ATOMIC
        UPDATE bank.version SET version = version + 1;
        UPDATE bank.account SET version = version + 1, balance = balance + CASE WHEN id % 2 = 0 THEN id ELSE - id - 1 END;
      END;
      CREATE SEQUENCE bank.ticket INCREMENT BY -3 MAXVALUE 30 START 30 CYCLE;
      SELECT nextval('bank.ticket');
      ANALYZE;
      COMMENT ON TABLE bank.account IS 'who has how much';
      GRANT SELECT ON bank.account TO PUBLIC};
}

# The source holds something else than the target from now on.
sub change_source {
    my ($self) = @_;
    $self->{source}->safe_psql('pagila', q{SELECT bank.next_version();
      INSERT INTO bank.transfer (sender, receiver, amount, note) VALUES (1, 2, 3, 'one more');
      SELECT nextval('bank.ticket');
      REFRESH MATERIALIZED VIEW bank.summary});
    return;
}

# Starts a pull that is not waited for. Options are those of the function, as SQL; before => statements of its session;
# server => another foreign server.
sub start {
    my ($self, %options) = @_;
    my @before = map { ('-c', $_) } @{ delete $options{before} // [] };
    my $server = delete $options{server} // 'source';
    my %run = (out => '', err => '', since => log_size($self->{target}), began => time);
    ($run{known}) = run_sql($self->{target}, 'SELECT count(*) FROM pagila_repl.run');
    $run{harness} = IPC::Run::start(
        [ 'psql', '-XAtq', '-v', 'VERBOSITY=verbose', '-v', 'ON_ERROR_STOP=1', '-d', $self->{target}->connstr('pagila'), @before,
            '-c', pull_sql($server, workers => 2, %options) ],
        '<', \undef, '>', \$run{out}, '2>', \$run{err});
    $self->{run} = \%run;
    return;
}

# Changes the source, starts a pull and holds it where it comes by the fault point for the nth time: "copy:2". Returns the
# process ids of those that are held; more may come.
sub hold {
    my ($self, $what, $point, %options) = @_;
    $self->change_source;
    write_file($self->{gate}, '');
    set_fault($self->{target}, "$point:wait:$self->{gate}");
    $self->start(%options);
    # Who does not wait for the run is over soon.
    my $waits = ($options{wait} // '') ne 'false';
    ok(wait_until(sub { $self->held || ($waits && $self->is_over) }, 60) && $self->held, "$what: a run is held at $point")
      or diag $self->{run}{err};
    $self->{since} = time;
    return $self->held;
}

# Process ids of leader and workers that are held.
sub held {
    my ($self) = @_;
    return grep { kill(0, $_) } map { m{\.(\d+)$} } glob("$self->{gate}.*");
}

sub let_go {
    my ($self) = @_;
    unlink $self->{gate}, glob("$self->{gate}.*");
    clear_fault($self->{target}) if $self->{faults};
    return;
}

sub is_over {
    my ($self) = @_;
    $self->{run}{harness}->pump_nb if $self->{run}{harness}->pumpable;
    return !$self->{run}{harness}->pumpable;
}

# Waits for the end of the pull; false, and the pull is cancelled, if it does not come.
sub is_over_within {
    my ($self, $what, $seconds) = @_;
    return 1 if $self->{run}{ended}++;
    my $start = time;
    my $over = ok(wait_until(sub { $self->is_over }, $seconds), "$what: the run ends");
    note sprintf('%s: after %.2f s', $what, time - $start);
    if (!$over) {
        run_sql($self->{target}, 'SELECT pagila_cancel(max(run_id)) FROM pagila_repl.run');
        $self->{run}{harness}->signal('INT') if !wait_until(sub { $self->is_over }, 30);
    }
    $self->{run}{harness}->finish;
    return $over;
}

# Lets the pull go: it fails with that SQLSTATE, or one of several, and all that must hold does. Options: status, if it is
# not "failed"; phase; caller => SQLSTATE its client is told, '' if it cannot be told; within => seconds; crash => 1 if the
# server may have lost a process; source_gone => 1 if there is no source to look at.
sub fails {
    my ($self, $what, $sqlstate, %options) = @_;
    $self->let_go;
    $self->is_over_within($what, $options{within} // $kPatience);
    my %expected = map { $_ => 1 } ref $sqlstate ? @$sqlstate : $sqlstate;
    my ($status, $state, $phase) = split /\|/, last_run($self->{target}, 'status, sqlstate, phase, finished_at IS NOT NULL');
    is($status, $options{status} // 'failed', "$what: the run is recorded as such");
    ok($expected{$state}, "$what: SQLSTATE " . join(' or ', sort keys %expected))
      or diag "$state: " . last_run($self->{target}, 'error_message, error_detail, error_context');
    is($phase, $options{phase}, "$what: in phase $options{phase}") if $options{phase};
    my $told = sqlstate_of($self->{run}{err});
    is($told, $options{caller} // $state, "$what: the caller is told") or diag $self->{run}{err};
    my ($runs) = run_sql($self->{target}, 'SELECT count(*) FROM pagila_repl.run');
    is($runs, $self->{run}{known} + 1, "$what: one row records it");
    return $self->is_old($what, %options);
}

# The target is as it was, and nothing of the run is left.
sub is_old {
    my ($self, $what, %options) = @_;
    ok(copy_of($self->{target}) eq $self->{old}, "$what: target unchanged");
    no_residue($self->{target}, $what);
    no_source_residue($self->{source}, $what) unless $options{source_gone};
    return $self->stays_up($what, %options);
}

sub stays_up {
    my ($self, $what, %options) = @_;
    return 1 if $options{crash};
    my $log = slurp_file($self->{target}->logfile, $self->{run}{since});
    return ok($log !~ /PANIC|was terminated by (signal|exception)|TRAP:/, "$what: the server stays up");
}

# The pull that was held goes on and succeeds.
sub succeeds {
    my ($self, $what, %options) = @_;
    $self->let_go;
    $self->is_over_within($what, $options{within} // $kPatience);
    is($self->{run}{out}, "succeeded\n", "$what: the run succeeds") or diag $self->{run}{err};
    return $self->is_new($what, %options);
}

# Either is right, as long as the copy is whole: the run succeeds, or it fails with one of these SQLSTATEs, any if none is
# given. Returns the status.
sub is_whole {
    my ($self, $what, $sqlstates, %options) = @_;
    $self->let_go;
    $self->is_over_within($what, $options{within} // $kPatience);
    my ($status, $state, $message) = split /\|/, last_run($self->{target}, 'status, sqlstate, error_message');
    note "$what: $status" . ($state ? " $state $message" : '');
    if ($status eq 'succeeded') { $self->is_new($what, %options) }
    else { $self->fails($what, $sqlstates // $state, %options) }
    return $status;
}

# The target holds what the source holds, or one of the copies given, and nothing is left of the run.
sub is_new {
    my ($self, $what, %options) = @_;
    my $copy = $self->{old} = copy_of($self->{target});
    ok((grep { $copy eq $_ } @{ $options{copies} // [ copy_of($self->{source}) ] }), "$what: the copy is exact");
    no_residue($self->{target}, $what);
    no_source_residue($self->{source}, $what) unless $options{source_gone};
    return $self->stays_up($what, %options);
}

# I8.
sub heals {
    my ($self, $what, %options) = @_;
    $self->let_go;
    $self->change_source;
    $self->start(%options);
    return $self->succeeds("$what, next run");
}

sub log_size {
    my ($node) = @_;
    return -s $node->logfile // 0;
}

# I4: readers of the target for as long as a test takes. Each read looks at several tables at once.
sub start_readers {
    my ($self) = @_;
    $self->{target}->safe_psql('pagila', 'CREATE SCHEMA watch; CREATE TABLE watch.bad (answer text)');
    my $script = write_file("$self->{dir}/read.sql", q{SELECT count(*) || ' accounts, ' || count(DISTINCT a.version) || ' versions, '
        || sum(a.balance) || ' in all, ' || count(*) FILTER (WHERE s.version <> a.version OR v.version <> a.version) || ' of others, '
        || (SELECT count(*) > 100 FROM bank.transfer) AS answer,
        count(*) = 500 AND count(DISTINCT a.version) = 1 AND sum(a.balance) = 0
          AND bool_and(s.version = a.version AND v.version = a.version) AND (SELECT count(*) > 100 FROM bank.transfer) AS good
      FROM bank.account a, bank.summary s, bank.version v \gset
\if :good
\else
INSERT INTO watch.bad VALUES (:'answer');
\endif
});
    my $log = "$self->{dir}/read";
    $self->{readers} = IPC::Run::start(
        [ 'pgbench', '-n', '-c', 2, '-j', 1, '-R', 20, '-T', 3600, '-l', '--log-prefix', $log, '-f', $script,
            $self->{target}->connstr('pagila') ],
        '>', "$log.out", '2>', "$log.err");
    return;
}

sub readers_saw_only_whole_copies {
    my ($self) = @_;
    # pgbench takes the alarm for the end of its time.
    my $readers = delete $self->{readers};
    $readers->signal('ALRM');
    $readers->finish;
    my @reads = map { [ split / / ] } map { split /\n/, slurp_file($_) } glob("$self->{dir}/read.[0-9]*");
    my @errors = grep { /error|fatal|aborted/i } split /\n/, slurp_file("$self->{dir}/read.err");
    is(scalar @errors, 0, 'no read failed') or diag join "\n", @errors;
    cmp_ok(scalar @reads, '>', 10, 'there were reads');
    is($self->{target}->safe_psql('pagila', 'SELECT DISTINCT answer FROM watch.bad LIMIT 20'), '', 'none saw a mixed or empty copy');
    # The third column is the time from sending to the answer, in microseconds.
    my ($slowest) = sort { $b <=> $a } map { $_->[2] } @reads;
    note sprintf('%d reads, the slowest took %.0f ms', scalar @reads, $slowest / 1000);
    cmp_ok($slowest, '<', 5e6, 'none was held up for long');
    return;
}

# The end of a test file: what holds for all of it.
sub done {
    my ($self) = @_;
    $self->readers_saw_only_whole_copies if $self->{readers};
    no_secret($self->{source}, $self->{target});
    $self->{proxy}->stop if $self->{proxy};
    return done_testing();
}

1;
