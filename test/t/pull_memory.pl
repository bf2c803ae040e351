# Processes of a pull stay small, however much comes: tables of any size, and rows up to what one row needs.
# PR_GIANT_MB is the size of the largest value, 40 if unset, 150 in a long test.
use strict;
use warnings;
use lib 'test/t';
use PagilaTest;
use PostgreSQL::Test::Utils;
use Test::More;

leave_to_long_tests();

my $giant = $ENV{PR_GIANT_MB} || (is_long() ? 150 : 40);
my $limit = 64 * 1024;  # kB

# What a process has touched of the shared buffers counts for it too, so there are few.
my $few = "shared_buffers = 8MB\nautovacuum = off\nmax_wal_size = 512MB\nwal_level = minimal\nmax_wal_senders = 0\n";
my ($source, $target) = new_pair('pull_memory', faults => 1, conf => $few, source => { conf => $few });
my ($postmaster) = split /\n/, slurp_file($target->data_dir . '/postmaster.pid');

$source->safe_psql('pagila', q{CREATE TABLE public.small AS SELECT n AS id, 'row ' || n AS t FROM generate_series(1, 1000) n});
watched('a small table', $limit);
my $rows = is_long() ? 1_000_000 : 800_000;
$source->safe_psql('pagila', qq{CREATE TABLE public.long AS SELECT n AS id, repeat('row ' || n, 5) AS t, now() + n * interval '1 s' AS at
  FROM generate_series(1, $rows) n; ALTER TABLE public.long ADD PRIMARY KEY (id); CREATE INDEX ON public.long (t)});
watched("a table of $rows rows, larger than the limit", $limit);
cmp_ok($target->safe_psql('pagila', q{SELECT pg_table_size('public.long')}), '>', $limit * 1024, 'which it is');
my $wide = is_long() ? 60 : 20;
$source->safe_psql('pagila', qq{DROP TABLE public.long; CREATE TABLE public.wide AS SELECT n AS id, repeat('x', 5 * 1024 * 1024) AS t
  FROM generate_series(1, $wide) n});
watched('rows of 5 MB', $limit + 5 * 5 * 1024);

# Not compressible, so that it is as large on disk; a row is held several times on its way in.
$source->safe_psql('pagila', qq{DROP TABLE public.wide; CREATE TABLE public.giant (id integer, b bytea);
  ALTER TABLE public.giant ALTER b SET STORAGE EXTERNAL;
  INSERT INTO public.giant SELECT 1, decode(repeat(md5('x'), $giant * 1024 * 1024 / 16), 'hex')});
watched("a value of $giant MB", $limit + 5 * $giant * 1024);
errors();
limited();
done_testing();

# A pull, and the most memory that any of its processes had.
sub watched {
    my ($what, $most) = @_;
    my ($run, $err) = run_sql($target, pull_sql('source', workers => 2, wait => 'false'));
    is($run, 'running', "$what: a run is under way") or diag $err;
    my %peak;
    my $ended = wait_until(sub {
        my $alive = 0;
        for my $pid (split ' ', read_all("/proc/$postmaster/task/$postmaster/children")) {
            my ($kind) = read_all("/proc/$pid/cmdline") =~ /(pagila_repl (?:leader|worker))/ or next;
            $alive = 1;
            my ($resident) = read_all("/proc/$pid/status") =~ /^VmHWM:\s+(\d+)/m or next;
            $peak{$kind} = $resident if $resident > ($peak{$kind} // 0);
        }
        return !$alive;
    }, 300);
    ok($ended, "$what: it ends");
    is(last_run($target, 'status'), 'succeeded', "$what: and succeeds")
      or diag last_run($target, 'sqlstate, error_message, error_detail, error_context');
    # A worker may have come and gone between two looks, but not where much is to be copied.
    for my $kind (sort keys %peak) {
        note "$what: $kind had at most $peak{$kind} kB";
        cmp_ok($peak{$kind}, '<', $most, "$what: the $kind stays small");
    }
    my $sum = q{SELECT count(*), sum(hashtextextended(md5(t::text), 0)) FROM %s t};
    for my $table (split /\n/, $source->safe_psql('pagila', q{SELECT relname FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relkind = 'r'})) {
        my $columns = $source->safe_psql('pagila', "SELECT string_agg(format('md5(%I::text)', attname), '|| ') FROM pg_attribute
          WHERE attrelid = 'public.$table'::regclass AND attnum > 0 AND NOT attisdropped AND atttypid <> 'bytea'::regtype");
        my $bytes = $table eq 'giant' ? ', max(md5(b))' : '';
        my $query = "SELECT count(*), sum(hashtextextended($columns, 0))$bytes FROM public.$table";
        is($target->safe_psql('pagila', $query), $source->safe_psql('pagila', $query), "$what: $table is the same");
    }
    no_residue($target, $what);
    no_source_residue($source, $what);
    return;
}

# Where there is no memory any more.
sub errors {
    $source->safe_psql('pagila', 'DROP TABLE public.giant; INSERT INTO public.small VALUES (0, NULL); ALTER TABLE public.small ADD PRIMARY KEY (id)');
    my $before = copy_of($target);
    for my $point (some_of(4, qw(connect:1 snapshot:1 shape:1 copy:1 rows:1 index:1 verify:1 publish:1))) {
        my $what = "no memory at $point";
        set_fault($target, "$point:bad_alloc");
        my ($out, $err) = run_sql($target, pull_sql('source', workers => 2));
        is(sqlstate_of($err), '53200', "$what: the caller is told") or diag $out . $err;
        is(last_run($target, 'status, sqlstate'), 'failed|53200', "$what: recorded");
        no_residue($target, $what);
        no_source_residue($source, $what);
    }
    clear_fault($target);
    ok(copy_of($target) eq $before, 'no memory: target unchanged');
    watched('after that', $limit);
    return;
}

# Where the operating system gives no more.
sub limited {
    my $what = 'a limit on the address space';
    $source->safe_psql('pagila', q{CREATE TABLE public.large AS SELECT 1 AS id, repeat('x', 50 * 1024 * 1024) AS t});
    my $before = copy_of($target);
    my $gate = write_file(PostgreSQL::Test::Utils::tempdir . '/gate', '');
    set_fault($target, "copy:1:wait:$gate");
    my ($run, $err) = run_sql($target, pull_sql('source', workers => 2, wait => 'false'));
    is($run, 'running', "$what: a run is under way") or diag $err;
    ok(wait_until(sub { scalar(my @held = glob("$gate.*")) }, 60), "$what: it is about to copy");
    for my $pid (run_processes($target)) {
        my ($size) = read_all("/proc/$pid/status") =~ /^VmSize:\s+(\d+)/m or next;
        system_or_bail('prlimit', '--pid', $pid, '--as=' . ($size + 8 * 1024) * 1024);
    }
    unlink $gate, glob("$gate.*");
    ok(wait_until(sub { last_run($target, 'status') ne 'running' }, 60), "$what: it ends");
    is(last_run($target, 'status, sqlstate'), 'failed|53200', "$what: recorded")
      or diag last_run($target, 'error_message, error_detail, error_context');
    no_residue($target, $what);
    no_source_residue($source, $what);
    clear_fault($target);
    ok(copy_of($target) eq $before, "$what: target unchanged");
    watched("$what, next run", $limit + 5 * 50 * 1024);
    return;
}

# A file of a process; empty if the process is gone.
sub read_all {
    my ($path) = @_;
    open(my $file, '<', $path) or return '';
    local $/;
    return <$file> // '';
}
