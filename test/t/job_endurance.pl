# Scheduled runs, one after the other, under readers: each brings a new copy, no read fails or sees a mixed or empty one, and
# nothing grows from run to run: no memory, descriptor, connection, row of a catalog, file or shared memory.
#
# PR_JOB_RUNS says how many runs, 12 if nobody does, 25 in a long test.
use strict;
use warnings;
use lib 'test/t';
use JobTest;
use PagilaTest;
use PostgreSQL::Test::Utils;
use PullTest;
use Test::More;

leave_to_long_tests();

my $runs = $ENV{PR_JOB_RUNS} // (is_long() ? 25 : 12);
my $warm_up = $runs >= 100 ? 20 : 7;
# Between two measurements.
my $stride = $runs >= 100 ? 10 : 2;

# What may grow in all, from the first measurement to the last, by less than which nothing can leak with every run. Memory
# comes in pages and arenas, WAL in segments.
my @measured = (
    [ 'launcher, private kB' => 200, \&launcher_memory ],
    [ 'launcher, resident kB' => 400, sub { status_of(launcher(), 'VmRSS') } ],
    [ 'launcher, descriptors' => 3, sub { descriptors(launcher()) } ],
    [ 'postmaster, private kB' => 200, sub { status_of(postmaster(), 'RssAnon') } ],
    [ 'postmaster, descriptors' => 3, sub { descriptors(postmaster()) } ],
    [ 'sessions on the target' => 3, sub { sql($_[0]{target}, 'SELECT count(*) FROM pg_stat_activity') } ],
    [ 'sessions on the source' => 3,
        sub { sql($_[0]{source}, q{SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'client backend'}) } ],
    (map { my $table = $_; [ $table => 5, sub { sql($_[0]{target}, "SELECT count(*) FROM $table") } ] }
          qw(pg_class pg_attribute pg_depend pg_namespace pagila_repl.run pagila_repl.run_step pagila_repl.managed_object
          pagila_repl.managed_content pagila_repl.leftover)),
    [ 'database, kB' => 600, sub { sql($_[0]{target}, 'SELECT pg_database_size(current_database()) / 1024') } ],
    [ 'pg_wal, MB' => 32, sub { sql($_[0]{target}, 'SELECT sum(size) / 1048576 FROM pg_ls_waldir()') } ],
    [ 'temporary files' => 1, sub { sql($_[0]{target}, 'SELECT count(*) FROM pg_ls_tmpdir()') } ],
    # The server's tables of locks grow by parts.
    [ 'allocated shared memory, kB' => 64,
        sub { sql($_[0]{target}, 'SELECT sum(allocated_size) / 1024 FROM pg_shmem_allocations WHERE name IS NOT NULL') } ],
    [ 'shared memory segments' => 1, sub { sql($_[0]{target}, q{SELECT count(*) FROM pg_ls_dir('pg_dynshmem')}) } ],
);

# Dynamic shared memory in files, so that its segments can be counted; little of what the server keeps for later, so that it is
# full soon.
my $pull = PullTest->new(
    'job_endurance',
    rows => 2000,
    conf => "shared_preload_libraries = 'pagila_repl'\nautovacuum = off\ndynamic_shared_memory_type = mmap\nshared_buffers = 16MB\n"
      . "min_wal_size = 32MB\nmax_wal_size = 48MB\npagila_repl.history_runs = 5");
my $jobs = JobTest->of($pull);
my %states;
$pull->start_readers;
$jobs->schedule('copy', '1 hour', "'source', workers => 2");
ok(wait_until(sub { $jobs->job('copy', 'last_status') eq 'skipped' }, 60), 'the job starts with what is there');
run_and_measure();
$pull->readers_saw_only_whole_copies;
ok(copy_of($pull->{target}) eq copy_of($pull->{source}), 'the last copy is exact');
nothing_grows();
no_source_residue($pull->{source}, 'after all runs');
$pull->done;

sub run_and_measure {
    my (@measurements, $launcher);
    for my $number (1 .. $warm_up + $runs) {
        $pull->change_source;
        $states{ run_of_job() }++;
        next if $number < $warm_up || ($number - $warm_up) % $stride != 0;
        come_to_rest();
        push @measurements, [ $number, map { $_->[2]->($pull) } @measured ];
        $launcher //= launcher();
        BAIL_OUT('the launcher is another') if $launcher != launcher();
    }
    is_deeply(\%states, { succeeded => $warm_up + $runs }, 'every run brings a new copy');
    $pull->{measurements} = \@measurements;
    return;
}

# The next run that is due, and how it ended.
sub run_of_job {
    my ($last, $wait) = split /\|/, $jobs->job('copy', 'last_run_id, ceil(extract(epoch FROM next_run_at - now()))');
    $jobs->time_passes($wait - $jobs->{passed} + 1);
    my $state = '';
    wait_until(
        sub {
            $state = $jobs->job('copy', "CASE WHEN last_run_id > $last AND current_run_id IS NULL THEN last_status END");
            $state ne '';
        },
        60);
    return $state;
}

# What is to be measured is what stays. A replaced copy that a reader has held is dropped by the launcher later; rows that
# are dead are counted as long as nobody has vacuumed, which the server would do some time; files of dropped tables are there
# until the next checkpoint, which also lets go of WAL.
sub come_to_rest {
    my $waiting = sub { sql($pull->{target}, 'SELECT count(*) FROM pagila_repl.leftover') };
    for (1 .. 20) {
        last if $waiting->() eq '0';
        $jobs->time_passes(31);
        wait_until(sub { $waiting->() eq '0' }, 3);
    }
    my $busy = q{SELECT count(*) FROM pg_stat_activity WHERE backend_type IN ('pagila_repl scheduler', 'pagila_repl leader',
      'pagila_repl worker')};
    wait_until(sub { sql($pull->{target}, $busy) eq '0' }, 30);
    sql($pull->{target}, 'VACUUM');
    sql($pull->{target}, 'CHECKPOINT');
    return;
}

sub nothing_grows {
    my @measurements = @{ $pull->{measurements} };
    cmp_ok(scalar @measurements, '>', 5, 'there are measurements');
    my @numbers = map { $_->[0] } @measurements;
    my $span = $numbers[-1] - $numbers[0];
    note sprintf '%d runs, measured %d times', $span, scalar @measurements;
    note sprintf '%-30s %12s %12s %12s %12s', 'what', 'first', 'last', 'per run', 'allowed';
    for my $column (1 .. @measured) {
        my ($what, $allowed) = @{ $measured[ $column - 1 ] };
        my @values = map { $_->[$column] } @measurements;
        my $slope = slope(\@numbers, \@values);
        my $most = $allowed / $span;
        note sprintf '%-30s %12d %12d %12.4f %12.4f', $what, $values[0], $values[-1], $slope, $most;
        cmp_ok($slope, '<', $most, "$what: does not grow with each run") or diag "@values";
    }
    return;
}

# Of the straight line that is nearest to all points, by least squares.
sub slope {
    my ($x, $y) = @_;
    my ($mean_x, $mean_y) = map { my $values = $_; my $sum = 0; $sum += $_ for @$values; $sum / @$values } $x, $y;
    my ($above, $below) = (0, 0);
    for my $i (0 .. $#$x) {
        $above += ($x->[$i] - $mean_x) * ($y->[$i] - $mean_y);
        $below += ($x->[$i] - $mean_x)**2;
    }
    return $above / $below;
}

sub sql {
    my ($node, $sql) = @_;
    my ($out, $err, $code) = run_sql($node, $sql);
    BAIL_OUT("$sql: $err") if $code != 0;
    return $out;
}

sub launcher {
    my ($pid) = $jobs->launchers;
    return $pid // BAIL_OUT('there is no launcher');
}

sub postmaster {
    my ($pid) = split /\n/, slurp_file($pull->{target}->data_dir . '/postmaster.pid');
    return $pid;
}

sub status_of {
    my ($pid, $field) = @_;
    my ($value) = slurp_file("/proc/$pid/status") =~ /^$field:\s+(\d+)/m;
    return $value;
}

# What would be free without it.
sub launcher_memory {
    my $rollup = slurp_file('/proc/' . launcher() . '/smaps_rollup');
    my ($clean, $dirty) = map { $rollup =~ /^Private_$_:\s+(\d+)/m } qw(Clean Dirty);
    return $clean + $dirty;
}

sub descriptors {
    my ($pid) = @_;
    my @descriptors = glob("/proc/$pid/fd/*");
    return scalar @descriptors;
}
