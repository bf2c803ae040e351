# What errors of runs say, and what they are told apart by: texts are whole characters, details are sentences, and what the
# other server says is never taken for what happens here.
use strict;
use warnings;
use lib 'test/t';
use PagilaTest;
use PullTest;
use PostgreSQL::Test::Utils;
use Test::More;

my $test = PullTest->new('error_texts', rows => 500, conf => "autovacuum = off\n");
my ($source, $target) = @$test{ 'source', 'target' };

cut_between_characters();
changed_while_locked();
conflict_of_the_source_or_ours();
cancelled_on_the_source();
$test->done;

# Longer than a worker has room for.
sub cut_between_characters {
    my $what = 'a long text of a worker';
    $test->change_source;
    set_fault($target, 'verify:1:long_error');
    $test->start;
    $test->is_over_within($what, 60);
    for my $field ('error_message', 'error_detail', 'error_hint', 'error_context') {
        my ($length, $err) = run_sql($target, "SELECT length(convert_from(convert_to($field, 'UTF8'), 'UTF8')) > 500
          FROM pagila_repl.run ORDER BY run_id DESC LIMIT 1");
        is($length, 't', "$what: $field has whole characters only") or diag $err;
        next if $field eq 'error_context';
        is(last_run($target, "right($field, 4)"), "\xc3\xa4...", "$what: $field tells that it is cut");
    }
    $test->fails($what, 'XX000');
    return;
}

sub changed_while_locked {
    my $what = 'tables change between reading and locking, twice';
    my $second = "$test->{dir}/second";
    write_file($second, '');
    $test->hold($what, "snapshot:2:wait:$second;snapshot:1");
    $source->safe_psql('pagila', 'CREATE TABLE bank.one AS SELECT 1 AS i');
    unlink $test->{gate}, glob("$test->{gate}.*");
    ok(wait_until(sub { scalar(my @held = glob("$second.*")) }, 60), "$what: held the second time");
    $source->safe_psql('pagila', 'CREATE TABLE bank.two AS SELECT 2 AS i');
    unlink $second, glob("$second.*");
    $test->fails($what, '55000');
    is(last_run($target, 'error_message'), 'the tables of the source were changed while they were being locked', "$what: the message");
    like(last_run($target, 'error_detail'), qr/^[A-Z][^_]*\.$/, "$what: the detail is a sentence");
    $test->heals($what);
    return;
}

# Only what a standby cancels begins anew.
sub conflict_of_the_source_or_ours {
    my $what = 'a function here raises 40001';
    $source->safe_psql('pagila', q{
      CREATE FUNCTION bank.serialized() RETURNS integer LANGUAGE plpgsql AS $$
      BEGIN
        IF (SELECT backend_type FROM pg_catalog.pg_stat_activity WHERE pid = pg_catalog.pg_backend_pid()) LIKE 'pagila\_repl%' THEN
          RAISE 'not now' USING ERRCODE = '40001';
        END IF;
        RETURN 1;
      END $$;
      CREATE MATERIALIZED VIEW bank.serial AS SELECT bank.serialized()});
    $test->start;
    $test->fails($what, '40001');
    unlike($test->{run}{err}, qr/the run starts again/, "$what: it is not tried again");
    $source->safe_psql('pagila', 'DROP MATERIALIZED VIEW bank.serial; DROP FUNCTION bank.serialized()');
    $test->heals($what);
    return;
}

# Which is no cancel of the run.
sub cancelled_on_the_source {
    my $what = 'an administrator of the source cancels what it does for the run';
    $source->safe_psql('pagila', 'CREATE TABLE bank.slow AS SELECT n, repeat(md5(n::text), 100) AS t FROM generate_series(1, 20000) n');
    $test->hold($what, 'copy:1', workers => 1);
    my $cancel = q{SELECT count(pg_cancel_backend(pid)) FROM pg_stat_activity WHERE application_name LIKE 'pagila_repl: %' AND state = 'active'};
    cmp_ok($source->safe_psql('postgres', $cancel), '>', 0, "$what: it does something");
    $test->fails($what, '57014', status => 'failed');
    like(last_run($target, 'error_message'), qr/^source: /, "$what: who says it");
    $source->safe_psql('pagila', 'DROP TABLE bank.slow');
    $test->heals($what);
    return;
}
