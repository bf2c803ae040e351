# The real Pagila, loaded into one server and pulled into another: shape, rows and sequences are equal, indexes hold what
# the tables hold, nothing is done twice, and readers see the old copy or the new one.
use strict;
use warnings;
use lib 'test/t';
use IPC::Run qw(start);
use PagilaTest;
use PostgreSQL::Test::Utils;
use Test::More;

my $kPulls = is_long() ? 6 : 2;
my $kReads = is_long() ? 500 : 100;

my $pagila = pagila_dir();
plan skip_all => 'the real Pagila is not beside the project' unless $pagila;

my ($source, $target) = new_pair('pagila');
is((run_sql($source, load_sql("$pagila/schema.sql", "$pagila/data.sql")))[0], 'succeeded', 'the source is loaded');

sub pulls {
    my ($expected, $what, %options) = @_;
    my ($out, $err) = run_sql($target, pull_sql('source', workers => 2, %options));
    return is($out, $expected, "$what: $expected") || diag $err;
}

# What pg_dump prints of the target, less the way to the source.
sub dump_of_copy {
    my $dump = dump_text($target, 'pagila', '--schema-only');
    $dump =~ s/^--\n-- Name: [^\n]*; Type: (SERVER|USER MAPPING); .*?(?=^--\n-- )//msg;
    return $dump;
}

# For each table its rows, for each materialized view whether it has any, for each sequence its state: as lines.
sub rows_of {
    my ($node) = @_;
    return $node->safe_psql('pagila', q{
        SELECT format('SELECT %L, count(*), md5(string_agg(t::text, E''\n'' ORDER BY t::text)) FROM ONLY %s t', oid::regclass, oid::regclass)
          FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'm') AND relispopulated
         ORDER BY oid::regclass::text \gexec
        SELECT oid::regclass, relispopulated FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relkind = 'm' ORDER BY 1;
        SELECT format('SELECT %L, last_value, is_called FROM %s', oid::regclass, oid::regclass)
          FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relkind = 'S' ORDER BY oid::regclass::text \gexec});
}

# is() for long texts: says only how they differ.
sub is_same {
    my ($got, $expected, $what) = @_;
    return if ok($got eq $expected, $what);
    my $dir = PostgreSQL::Test::Utils::tempdir;
    my ($diff) = run_command([ 'diff', '-u', write_file("$dir/expected", $expected), write_file("$dir/got", $got) ]);
    diag substr($diff, 0, 4000);
    return;
}

sub same_as_source {
    my ($what) = @_;
    is_same(dump_of_copy(), dump_text($source, 'pagila', '--schema-only'), "$what: pg_dump --schema-only prints the same text");
    is_same(rows_of($target), rows_of($source), "$what: same rows and sequences");
    return;
}

#
# One pull
#

pulls('succeeded', 'first pull');
same_as_source('first pull');
my $lines = () = rows_of($target) =~ /^/mg;
cmp_ok($lines, '>', 30, 'that compares all tables and sequences');
is($target->safe_psql('pagila', 'SELECT count(*) FROM payment'), $source->safe_psql('pagila', 'SELECT count(*) FROM payment'),
    'partitions are found through their parent');
is(last_run($target, "kind || ' ' || status || ' ' || phase"), 'replicate succeeded done', 'the run is recorded');
is($target->safe_psql('pagila', q{SELECT sum(rows) FROM pagila_repl.run_step WHERE kind = 'table'}),
    $source->safe_psql('pagila', q{SELECT sum(rows) FROM pagila_repl.run_step WHERE kind = 'table'}),
    'as many rows were copied as were loaded');

pulls('skipped', 'nothing changed');
my $film = $target->safe_psql('pagila', q{SELECT 'public.film'::regclass::oid});
pulls('succeeded', 'forced', force => 'true');
isnt($target->safe_psql('pagila', q{SELECT 'public.film'::regclass::oid}), $film, 'a forced run makes a new copy');

$source->safe_psql('pagila', q{UPDATE actor SET last_name = 'SMITH' WHERE actor_id = 1});
pulls('succeeded', 'a row changed');
same_as_source('a row changed');
like(rows_of($source), qr/^rental_by_category\|f$/m, 'the materialized view is as empty as in the dump');
$source->safe_psql('pagila', 'REFRESH MATERIALIZED VIEW rental_by_category');
pulls('succeeded', 'a materialized view filled');
same_as_source('a materialized view filled');
$source->safe_psql('pagila', q{SELECT nextval('film_film_id_seq')});
pulls('succeeded', 'a sequence changed');
same_as_source('a sequence changed');
$source->safe_psql('pagila', 'ALTER TABLE film ADD COLUMN subtitle text; CREATE INDEX film_by_length ON film (length)');
pulls('succeeded', 'the shape changed');
same_as_source('the shape changed');
pulls('skipped', 'nothing changed since');

$target->safe_psql('pagila', q{UPDATE actor SET last_name = 'JONES' WHERE actor_id = 1});
my ($out, $err) = run_sql($target, pull_sql('source'));
is(sqlstate_of($err), '55000', 'a target changed by hand is not overwritten');
is($target->safe_psql('pagila', 'SELECT last_name FROM actor WHERE actor_id = 1'), 'JONES', 'it is left as it was');
pulls('succeeded', 'unless asked for', on_modified => q{'overwrite'});
same_as_source('overwritten');

#
# Readers during pulls
#

# Two states of the source, each made by one transaction over several tables.
my %change = (
    a => q{UPDATE film SET title = upper(title); UPDATE payment SET amount = amount + 1 WHERE payment_id % 2 = 0;
           INSERT INTO category (category_id, name) VALUES (99, 'Silent')},
    b => q{UPDATE film SET title = lower(title); UPDATE payment SET amount = amount - 1 WHERE payment_id % 2 = 0;
           DELETE FROM category WHERE category_id = 99});
my %question = (
    film => q{(SELECT sum(hashtext(title)) FROM film) + (SELECT sum(hashtext(name)) FROM category)},
    payment => q{(SELECT hashtext(concat_ws(' ', count(*), sum(amount))) FROM payment)});
my %answer;
for my $state ('b', 'a') {
    $source->safe_psql('pagila', "BEGIN; $change{$state}; COMMIT");
    $answer{$state} = $source->safe_psql('pagila', "SELECT concat_ws(' ', $question{film}, $question{payment})");
}
isnt($answer{a}, $answer{b}, 'the questions tell the states apart');
pulls('succeeded', 'state a');

# Each reader asks twice within a snapshot. On a busy machine both are seldom between two transactions at once.
$target->safe_psql('pagila', q{LOAD 'pagila_repl'; ALTER DATABASE pagila SET pagila_repl.swap_budget = '5min'});
$target->safe_psql('pagila', 'CREATE SCHEMA watch; CREATE TABLE watch.seen (reader bigint, question text, answer bigint)');
my $script = write_file(PostgreSQL::Test::Utils::tempdir . '/read.sql', "BEGIN ISOLATION LEVEL REPEATABLE READ;\n"
      . join('', map { "INSERT INTO watch.seen SELECT txid_current(), '$_', $question{$_};\n" } sort keys %question) . "END;\n");
my $reader_err = '';
my $readers = start([ 'pgbench', '-n', '-c', 2, '-T', 3600, '-f', $script, $target->connstr('pagila') ],
    '>', \my $reader_out, '2>', \$reader_err);
for my $i (1 .. $kPulls) {
    my $state = $i % 2 ? 'b' : 'a';
    $source->safe_psql('pagila', "BEGIN; $change{$state}; COMMIT");
    pulls('succeeded', "state $state, while there are readers");
}
my $reads = sub { $target->safe_psql('pagila', 'SELECT count(*) FROM watch.seen') };
ok(wait_until(sub { $reads->() >= $kReads }, 120), 'there were reads enough');
# pgbench takes the alarm for the end of its time.
$readers->signal('ALRM');
$readers->finish;
unlike($reader_err, qr/error|fatal|aborted/i, 'no reader got an error');
my $seen = $target->safe_psql('pagila', q{SELECT DISTINCT string_agg(answer::text, ' ' ORDER BY question) FROM watch.seen GROUP BY reader});
is_deeply([ sort split /\n/, $seen ], [ sort values %answer ], 'readers saw the old copy and the new one, and nothing else');

$target->command_ok([ 'pg_amcheck', '--host', $target->host, '--port', $target->port, '--install-missing', '--heapallindexed', 'pagila' ],
    'indexes hold what the tables hold');
no_residue($target, 'after all pulls');
no_source_residue($source, 'after all pulls');
no_secret($source, $target);
done_testing();
