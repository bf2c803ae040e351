# A pull that needs more temporary space than temp_file_limit allows fails with 53400, on either server; without the limit it
# succeeds.
use strict;
use warnings;
use lib 'test/t';
use PagilaTest;
use PullTest;
use PostgreSQL::Test::Utils;
use Test::More;

leave_to_long_tests();

my $test = PullTest->new('temp_files', faults => 0, rows => 60000);
my ($source, $target) = @$test{ 'source', 'target' };

my %limited = (
    'building an index' => "ALTER DATABASE pagila SET maintenance_work_mem = '1MB'",
    'filling a materialized view' => "ALTER DATABASE pagila SET work_mem = '1MB'");
$source->safe_psql('pagila', q{CREATE MATERIALIZED VIEW bank.by_note AS SELECT note, count(*) AS transfers FROM bank.transfer
  GROUP BY note ORDER BY md5(note)});
$test->change_source;
$test->start;
$test->succeeds('without a limit');
for my $what (sort keys %limited) {
    $target->safe_psql('pagila', "ALTER DATABASE pagila SET temp_file_limit = '1MB'; $limited{$what}");
    $test->change_source;
    $test->start;
    $test->fails($what, '53400');
    is($target->safe_psql('pagila', q{SELECT count(*) FROM pg_ls_tmpdir()}), 0, "$what: no temporary file is left");
    $target->safe_psql('pagila', 'ALTER DATABASE pagila RESET ALL');
    $test->heals($what);
}
$test->done;
