# The leader of a job, or the whole server, killed in each phase of a pull: the copy is the old one or the new one, whole and
# undamaged, and the record agrees with it. The launcher marks the dead run and removes what it left, and the next run succeeds,
# all of it by itself.
# fsync is off here, as everywhere in these tests: this shows the order of writes, not what survives a power failure.
use strict;
use warnings;
use lib 'test/t';
use JobTest;
use PagilaTest;
use PullTest;
use PostgreSQL::Test::Utils;
use Test::More;

leave_to_long_tests();

my $kHour = 3600;
my $kRetry = 600;

my $pull = PullTest->new(
    'job_crashes',
    rows   => 500,
    initdb => ['--data-checksums'],
    conf   => "shared_preload_libraries = 'pagila_repl'\nrestart_after_crash = on\nautovacuum = off\nshared_buffers = 16MB\n"
      . "max_wal_size = 64MB\npagila_repl.retry_delay = $kRetry\n");
my $test = JobTest->of($pull);
my ($source, $target) = @$pull{ 'source', 'target' };
my $runs = 1;
$target->safe_psql('pagila', 'CREATE EXTENSION amcheck SCHEMA pg_catalog');
# One process, so that it is the leader that comes to each point.
$test->schedule('copy', "$kHour seconds", "'source', workers => 1, verify => 'content'");
$test->runs('copy', $runs, 'skipped', 'a job runs');

my @points = qw(connect:1 fingerprint:1 lock:1 plan:1 shape:1 copy:3 index:2 index:7 sequence:1 refresh:1 verify:2 audit:1
  publish:1 published:1 clean:1);
crashes('leader', $_) for some_of(6, 'published:1', grep { !/^(plan|refresh|published|clean)/ } @points);
crashes('server', $_) for some_of(12, @points), 'schedule:1', 'tick:1';

$test->rests('at the end');
is($target->safe_psql('pagila', dangling()), '', 'no row of a catalog names one that is not there');
no_secret($source, $target);
$target->stop;
command_ok([ 'pg_checksums', '--check', '-D', $target->data_dir ], 'every page has its checksum');
done_testing();

# Who is killed, and where the run, or its scheduler, then is.
sub crashes {
    my ($who, $point) = @_;
    my $what = "$who killed at $point";
    my $is_published = $point =~ /^(published|clean|tick)/;
    $pull->change_source;
    my $old = $pull->{old};
    my $new = copy_of($source);
    $test->hold_at($point);
    $test->time_passes($kHour);
    $test->is_held($what);
    clear_fault($target);
    if ($point =~ /^tick/) {
        ok(wait_until(sub { last_run($target, 'status') eq 'succeeded' && leader_pid($target) eq '' }, 60), "$what: the run is over");
    }
    if ($who eq 'leader') { $test->kill_one($what, $test->held) }
    else {
        kill_server($target);
        unlink glob("$test->{gate}*");
        $target->start;
    }

    my $failed = $point =~ /^schedule/ ? 'failed' : 'crashed';
    $test->runs('copy', ++$runs, $is_published ? 'succeeded' : $failed, "$what: the run has ended");
    $test->cleared_up($what);
    my $recorded = last_run($target, 'status') eq 'succeeded' ? $new : $old;
    ok(copy_of($target) eq $recorded, "$what: the copy is the one recorded, whole");
    $test->rests($what);
    # A leader that dies takes the other processes with it, but what they have written stays in the kernel's hands.
    $target->command_ok([ 'pg_amcheck', '--heapallindexed', '--parent-check', '-d', 'pagila' ], "$what: amcheck finds nothing")
      if $who eq 'server';

    is($test->job('copy', 'failures'), $is_published ? '0' : '1', "$what: counted as it was");
    $test->time_passes($is_published ? $kHour : $kRetry);
    $test->runs('copy', ++$runs, $is_published ? 'skipped' : 'succeeded', "$what: the next run needs no help");
    ok(copy_of($target) eq $new, "$what: the new copy is there");
    $test->rests("$what, afterwards");
    is(scalar(split / /, $test->statuses('copy')), $runs, "$what: no run was doubled");
    $pull->{old} = $new;
    return;
}

# A query for each reference of one catalog to another, for a row that names one that is not there; 0 names none.
sub dangling {
    return q{SELECT format('SELECT %L FROM %s f%s WHERE %s AND NOT EXISTS (SELECT FROM %s p WHERE %s) LIMIT 1;',
        fktable || ' (' || array_to_string(fkcols, ', ') || ')', fktable,
        CASE WHEN is_array THEN format(', unnest(f.%I) AS element', fkcols[cardinality(fkcols)]) ELSE '' END,
        string_agg(format('%s::oid <> 0', part), ' AND '), pktable, string_agg(format('p.%I = %s', pk, part), ' AND '))
      FROM pg_get_catalog_foreign_keys(), LATERAL (
        SELECT CASE WHEN is_array AND n = cardinality(fkcols) THEN 'element' ELSE format('f.%I', fk) END AS part, pk
          FROM unnest(fkcols, pkcols) WITH ORDINALITY AS pair (fk, pk, n)) AS parts
      GROUP BY fktable, fkcols, pktable, pkcols, is_array \\gexec};
}
