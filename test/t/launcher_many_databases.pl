# The launcher of a server with many databases: every job runs, wherever the extension is; when nothing is due nothing is
# started, and the launcher costs next to nothing.
#
# PR_DATABASES says how many databases, 12 if nobody does: 3 of them with the extension, 10 if there are 100 or more.
use strict;
use warnings;
use lib 'test/t';
use PagilaTest;
use POSIX ();
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(sleep time);

leave_to_long_tests();

my $databases = $ENV{PR_DATABASES} // 12;
my $with_extension = $databases >= 100 ? 10 : 3;
my $idle_seconds = $databases >= 100 ? 60 : 5;

# As it is shipped, without fault points. The log tells of each process that is started.
my $node = new_node('many', conf => "shared_preload_libraries = 'pagila_repl'\nautovacuum = off\nlog_min_messages = debug1\n"
      . "max_worker_processes = 16\npagila_repl.max_concurrent_runs = 4\nfsync = off");
my @copies = map { "copy_$_" } 1 .. $with_extension;
make_databases();
every_job_runs();
is_idle('after all runs');
starts_again();
is_idle('after a restart');
done_testing();

sub make_databases {
    my $start = time;
    # In files, as the log of so many pages would take longer.
    my @statements = map { "CREATE DATABASE $_ TEMPLATE template0 STRATEGY file_copy" }
      @copies, map { "other_$_" } 1 .. $databases - $with_extension;
    $node->safe_psql('postgres', join(";\n", @statements));
    $node->safe_psql($_, 'CREATE EXTENSION pagila_repl') for @copies;
    note sprintf '%d databases made in %.0f s', scalar @statements, time - $start;
    is($node->safe_psql('postgres', q{SELECT count(*) FROM pg_database WHERE datname ~ '^(copy|other)_'}), $databases,
        "there are $databases databases");
    return;
}

sub every_job_runs {
    my $rows = join '', map { "$_\titem $_\n" } 1 .. 1000;
    my $dump = write_file(PostgreSQL::Test::Utils::tempdir . '/shop.sql',
        "CREATE SCHEMA shop;\nCREATE TABLE shop.item (id integer PRIMARY KEY, name text);\n"
          . "COPY shop.item (id, name) FROM stdin;\n$rows\\.\n");
    my $start = time;
    $node->safe_psql($_, "SELECT pagila_schedule('load', '1 hour', schema_file => '$dump')") for @copies;
    my %ended;
    wait_until(sub { %ended = map { $_ => job_of($_) } @copies; !grep { $_ ne 'scheduled succeeded 1000' } values %ended }, 60);
    is_deeply(\%ended, { map { $_ => 'scheduled succeeded 1000' } @copies }, 'every job runs, as it is new');
    note sprintf 'all jobs have run after %.1f s', time - $start;
    return;
}

sub job_of {
    my ($database) = @_;
    my ($job) = run_sql($node, q{SELECT j.status || ' ' || last_status || ' ' || rows FROM pagila_repl.job_status j
      JOIN pagila_repl.run ON run_id = last_run_id}, db => $database);
    return $job;
}

# Every database is looked at again, once.
sub starts_again {
    my $since = -s $node->logfile;
    $node->restart;
    my $start = time;
    # The two of the server's that can be connected to, and that of every test.
    my $all = $databases + 3;
    ok(wait_until(sub { started($since) >= $all }, 120), 'a scheduler looks at each database');
    note sprintf '%d databases looked at in %.1f s', $all, time - $start;
    come_to_rest();
    is(started($since), $all, 'once');
    is(join(' ', map { job_of($_) } @copies), join(' ', ('scheduled succeeded 1000') x @copies), 'nothing is run again');
    return;
}

sub is_idle {
    my ($when) = @_;
    come_to_rest();
    my ($pid) = launcher();
    my $since = -s $node->logfile;
    my %before = state_of($pid);
    sleep $idle_seconds;
    my %after = state_of($pid);
    my $wakeups = $after{wakeups} - $before{wakeups};
    my $cpu = $after{cpu} - $before{cpu};
    note sprintf '%s: %d databases, %d with the extension, %d s idle: %d ms CPU, %d wake-ups; private %d kB, Pss %d kB, resident %d kB',
      $when, $databases, $with_extension, $idle_seconds, $cpu, $wakeups, @after{qw(private pss rss)};
    is((launcher())[0], $pid, "$when: the launcher is the same");
    is(started($since), 0, "$when: no scheduler is started");
    # It looks at the clock once a minute; a signal of someone else's may add one.
    cmp_ok($wakeups, '<=', 2 + $idle_seconds / 30, "$when: it sleeps");
    cmp_ok($cpu, '<=', 20, "$when: it takes no CPU (ms)");
    cmp_ok($after{private}, '<', 8192, "$when: it needs little memory of its own (kB)");
    return;
}

sub launcher {
    return split /\n/, $node->safe_psql('postgres', q{SELECT pid FROM pg_stat_activity WHERE backend_type = 'pagila_repl launcher'});
}

# Between two processes there may be none for a moment.
sub come_to_rest {
    my $busy = q{SELECT count(*) FROM pg_stat_activity WHERE backend_type IN ('pagila_repl scheduler', 'pagila_repl leader')};
    my $quiet = 0;
    wait_until(sub { $quiet = (run_sql($node, $busy, db => 'postgres'))[0] eq '0' ? $quiet + 1 : 0; $quiet == 10 }, 60);
    return;
}

# Schedulers started since the log was so long.
sub started {
    my ($since) = @_;
    my $log = slurp_file($node->logfile, $since);
    return scalar(() = $log =~ /starting background worker process "pagila_repl scheduler"/g);
}

# CPU in milliseconds, how often it went to sleep, and kB of memory: what would be free without it, with its part of what it
# shares, with all of that.
sub state_of {
    my ($pid) = @_;
    my $status = slurp_file("/proc/$pid/status");
    my $rollup = slurp_file("/proc/$pid/smaps_rollup");
    my ($wakeups) = $status =~ /^voluntary_ctxt_switches:\s+(\d+)/m;
    my ($rss, $pss, $clean, $dirty) = map { $rollup =~ /^$_:\s+(\d+)/m } qw(Rss Pss Private_Clean Private_Dirty);
    my ($fields) = slurp_file("/proc/$pid/stat") =~ /\) (.*)/;
    my ($user, $system) = (split / /, $fields)[ 11, 12 ];
    my $tick = 1000 / POSIX::sysconf(&POSIX::_SC_CLK_TCK);
    return (cpu => ($user + $system) * $tick, wakeups => $wakeups, rss => $rss, pss => $pss, private => $clean + $dirty);
}
