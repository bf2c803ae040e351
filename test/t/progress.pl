# What can be seen of a run while it is under way, and of a load afterwards.
use strict;
use warnings;
use lib 'test/t';
use PagilaTest;
use PullTest;
use PostgreSQL::Test::Utils;
use Test::More;

my $test = PullTest->new('progress', rows => 30000);
my ($source, $target) = @$test{ 'source', 'target' };

a_pull_in_each_phase();
as_many_workers_as_are_set();
a_load_and_its_audit();
$test->done;

sub progress { my ($columns) = @_; return (run_sql($target, "SELECT $columns FROM pagila_repl.progress"))[0] }

sub a_pull_in_each_phase {
    is(progress('count(*)'), '0', 'nothing is under way');
    my %phases = ('connect:1' => 'connect', 'shape:1' => 'shape', 'index:1' => 'rows', 'sequence:1' => 'sequences', 'publish:1' => 'publish');
    for my $point (some_of(2, sort keys %phases)) {
        $test->hold("progress at $point", $point, workers => 1, wait => 'false', force => 'true');
        is(progress("run_id = (SELECT max(run_id) FROM pagila_repl.run), owner = session_user, phase, leader_pid = (SELECT pid FROM pg_stat_activity
            WHERE backend_type = 'pagila_repl leader'), elapsed BETWEEN '0' AND '1 hour'"), "t|t|$phases{$point}|t|t", "$point: whose it is, and how far");
        $test->let_go;
        is((run_sql($target, 'SELECT status FROM pagila_wait((SELECT max(run_id) FROM pagila_repl.run))'))[0], 'succeeded', "$point: it ends well");
        is(progress('count(*)'), '0', "$point: and is no longer there");
    }

    # In the midst of a table, after others.
    $test->hold('rows', 'copy:6', workers => 1, wait => 'false', force => 'true');
    my ($table, $rows, $total_rows, $bytes, $total_bytes) = split /\|/, progress('current_table, rows, total_rows, bytes, total_bytes');
    my $all = $target->safe_psql('pagila', 'SELECT (SELECT count(*) FROM bank.transfer) + (SELECT count(*) FROM bank.account)');
    ok($rows > 0 && $total_rows >= $all && $bytes > 0 && $total_bytes > $bytes, 'rows and bytes so far, of how many')
      or diag "$rows of $total_rows rows, $bytes of $total_bytes bytes";
    like($table, qr/^(transfer|account|event_\d+|version)$/, 'and which table');
    is(progress("estimated_remaining >= '0'"), 't', 'with an estimate of how long it takes');
    $test->let_go;
    run_sql($target, 'SELECT pagila_wait((SELECT max(run_id) FROM pagila_repl.run))');
    is(last_run($target, "status, rows >= $all, total_bytes > 0"), 'succeeded|t|t', 'in the end it has them all');
    is(last_run($target, q{(SELECT count(*) FROM pagila_repl.run_step s WHERE s.run_id = run.run_id AND s.kind = 'table' AND finished_at IS NOT NULL)}),
        $target->safe_psql('pagila', q{SELECT count(*) FROM pg_class WHERE relnamespace = 'bank'::regnamespace AND relkind = 'r'}), 'table by table');
    return;
}

# Of the session, of the role, as an argument. They are counted while none has ended.
sub as_many_workers_as_are_set {
    has_workers(3, 'of a session', workers => 'NULL', before => ['SET pagila_repl.workers = 3']);
    my $me = getpwuid $<;
    $target->safe_psql('pagila', "ALTER ROLE $me SET pagila_repl.workers = 4");
    has_workers(4, 'of a role', workers => 'NULL');
    has_workers(2, 'as an argument, which counts more', workers => 2);
    $target->safe_psql('pagila', "ALTER ROLE $me RESET pagila_repl.workers");
    is_deeply([ sqlstates($target, [ "LOAD 'pagila_repl'", 'SET pagila_repl.workers = 0', 'SET pagila_repl.workers = 65' ]) ],
        [ '00000', '22023', '22023' ], 'not none, nor too many');
    return;
}

sub has_workers {
    my ($count, $what, %options) = @_;
    $test->hold("workers $what", 'copy:1', %options);
    my $found = '';
    wait_until(sub { $found = last_run($target, 'cardinality(worker_pids)'); $found eq $count }, 30);
    is($found, $count, "workers $what: $count");
    return $test->succeeds("workers $what");
}

sub a_load_and_its_audit {
    my ($schema, $data) = make_sample(7);
    run_sql($target, 'DROP SCHEMA public CASCADE; CREATE SCHEMA public');
    my ($status, $err) = run_sql($target, load_sql($schema, $data, on_other_source => q{'replace'}));
    is($status, 'succeeded', 'a load') or diag $err;
    my %sha;
    for my $file ($schema, $data) {
        my ($sum) = run_command([ 'sha256sum', $file ]);
        ($sha{$file}) = $sum =~ /^(\w{64})/;
    }
    is((run_sql($target, q{SELECT a.schema_sha256, a.data_sha256, a.succeeded, a.loaded_at = r.finished_at, a.actor_count = (SELECT count(*) FROM public.actor),
            a.film_count = (SELECT count(*) FROM public.film), a.customer_count = (SELECT count(*) FROM public.customer),
            a.rental_count = (SELECT count(*) FROM public.rental)
          FROM pagila_repl.pagila_load_audit a JOIN pagila_repl.run r ON run_id = id ORDER BY id DESC LIMIT 1}))[0],
        "$sha{$schema}|$sha{$data}|t|t|t|t|t|t", 'its audit row has the sums of the files and the rows of the tables');
    return;
}
