# A standby of the target runs no job and refuses to change any. Once it is promoted, its launcher starts, makes up once for
# what was missed, and clears up after a run that went with the old primary, which does nothing more.
use strict;
use warnings;
use lib 'test/t';
use JobTest;
use PagilaTest;
use PostgreSQL::Test::Cluster;
use Test::More;

my $test = JobTest->new('standby', streaming => 1, conf => "max_connections = 30\n");
my $old = $test->{target};
my $new;

standby_only_looks();
standby_is_promoted();
primary_is_lost_in_a_run();
$test->done;

sub standby_of {
    my ($node, $name) = @_;
    $node->backup($name);
    my $standby = PostgreSQL::Test::Cluster->new($name);
    $standby->init_from_backup($node, $name, has_streaming => 1);
    $standby->start;
    return $standby;
}

sub standby_only_looks {
    $new = standby_of($old, 'standby_of_target');
    $test->schedule('copy', '1 hour', "'source'");
    $test->runs('copy', 1, 'succeeded', 'the primary runs a job');
    $test->time_passes(3600);
    $test->runs('copy', 2, 'skipped', 'and again');
    $test->rests('the primary');
    $old->wait_for_catchup($new);
    is(launchers($new), '0', 'there is no launcher on the standby');
    is($new->safe_psql('pagila', q{SELECT last_status, status FROM pagila_repl.job_status}), 'skipped|scheduled', 'it shows the job');
    is_deeply([ sqlstates($new, [ q{SELECT pagila_schedule('more', '1 hour', 'source')}, q{SELECT pagila_alter_job('copy', enabled => false)},
                q{SELECT pagila_run_job('copy')}, q{SELECT pagila_unschedule('copy')} ]) ], [ ('25006') x 4 ], 'it changes none');
    return;
}

sub launchers {
    my ($node) = @_;
    return (run_sql($node, q{SELECT count(*) FROM pg_stat_activity WHERE backend_type LIKE 'pagila\_repl %'}))[0];
}

# From here on the test looks at that server.
sub turn_to {
    my ($node) = @_;
    $test->{target} = $node;
    $node->append_conf('postgresql.auto.conf', "pagila_repl.time_passed = $test->{passed}");
    $node->reload;
    $node->promote;
    return;
}

sub standby_is_promoted {
    my $due = $test->job('copy', 'next_run_at');
    $test->change_source;
    $old->stop;
    $test->{passed} += 5 * 3600 + 600;
    turn_to($new);
    $test->runs('copy', 3, 'succeeded', 'promoted, it makes up for what was missed');
    $test->rests('promoted');
    is($test->statuses('copy'), 'succeeded skipped succeeded', 'once');
    is(scalar $test->launchers, 1, 'there is one launcher');
    is($test->sql("SELECT next_run_at - '$due' FROM pagila_repl.job"), '05:00:00', 'the times of day stay');

    $old->enable_streaming($new);
    $old->set_standby_mode;
    $old->append_conf('postgresql.auto.conf', "pagila_repl.time_passed = $test->{passed}");
    $old->start;
    $new->wait_for_catchup($old);
    is(launchers($old), '0', 'the old primary, now a standby, has no launcher');
    $test->time_passes(3600);
    $test->runs('copy', 4, 'skipped', 'jobs go on at the new one');
    $new->wait_for_catchup($old);
    is((run_sql($old, 'SELECT string_agg(status, $$ $$ ORDER BY run_id) FROM pagila_repl.run'))[0], 'succeeded skipped succeeded skipped',
        'and at the old one nothing else has run');
    return;
}

sub primary_is_lost_in_a_run {
    my $before = content($new);
    $test->change_source;
    $test->hold_at('copy:1');
    $test->time_passes(3600);
    $test->is_held('the primary is lost');
    clear_fault($new);
    $new->wait_for_catchup($old);
    $new->stop('immediate');
    unlink $test->{gate}, glob("$test->{gate}.*");
    turn_to($old);
    $test->runs('copy', 5, 'crashed', 'the new primary takes note that the run died with the old one');
    $test->cleared_up('the new primary');
    ok(content($old) eq $before, 'its copy is whole');
    $test->time_passes(20);
    $test->runs('copy', 6, 'succeeded', 'it is tried again');
    $test->rests('after that');
    is($test->statuses('copy'), 'succeeded skipped succeeded skipped crashed succeeded', 'once');
    is(copy_of($old), copy_of($test->{source}), 'and the copy is exact');
    return;
}
