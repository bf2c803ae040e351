# Stages, targets and parts of them that somebody drops during a pull: the run fails and says so, and the next one succeeds.
use strict;
use warnings;
use lib 'test/t';
use PagilaTest;
use PullTest;
use PostgreSQL::Test::Utils;
use Test::More;

leave_to_long_tests();

my $test = PullTest->new('dropped');
my ($source, $target) = @$test{ 'source', 'target' };

dropped_by_someone();
$test->done;

sub dropped_by_someone {
    my @gone = qw(42P01 42703 3F000 42704 55000 XX000 2BP01);
    my %drops = (
        'the stage' => sub { 'DROP SCHEMA ' . join(', ', stages()) . ' CASCADE' },
        'a table of the stage' => sub { 'DROP TABLE ' . (stages())[0] . '.event CASCADE' },
        'a column of the stage' => sub { 'ALTER TABLE ' . (stages())[0] . '.event DROP COLUMN what CASCADE' },
        'the target' => sub { 'DROP SCHEMA bank CASCADE' },
        'a table of the target' => sub { 'DROP TABLE bank.event CASCADE' });
    # When the names are swapped but nothing is committed yet, only the target is out of reach.
    my @cases = ((map { [ 'rows:1', $_ ] } 'the stage', 'the target', 'a table of the stage', 'a table of the target', 'a column of the stage'),
        (map { [ 'sequence:1', $_ ] } 'the stage', 'the target', 'a table of the stage', 'a table of the target'),
        (map { [ 'publish:1', $_ ] } 'the target', 'a table of the target'));
    for my $case (some_of(2, @cases)) {
        my ($point, $victim) = @$case;
        my $what = "$victim dropped at $point";
        $test->hold($what, $point, workers => 1);
        my $sql = $drops{$victim}->();
        my $other = $target->background_psql('pagila', on_error_stop => 0);
        my (undef, $failed) = $other->query("SET client_min_messages = error; SET lock_timeout = '2s'; $sql");
        ok($failed || $point !~ /publish/, "$what: it is locked") or diag $other->{stderr};
        $other->quit;
        $test->{old} = copy_of($target) if $victim =~ /target/ && !$failed;
        $test->is_whole($what, \@gone);
        $test->heals($what, on_modified => "'overwrite'", force => 'true');
    }
    return;
}

sub stages {
    return split /\n/, $target->safe_psql('pagila', q{SELECT quote_ident(nspname) FROM pg_namespace
      WHERE nspname LIKE 'pagila\_repl\_%' ORDER BY 1});
}
