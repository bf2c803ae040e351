# The real Pagila, loaded by pagila_load, is what psql makes of the same files, and takes about as long.
use strict;
use warnings;
use lib 'test/t';
use PagilaTest;
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(time);

my $pagila = pagila_dir();
plan skip_all => 'the real Pagila is not beside the project' unless $pagila;

my $node = new_node('pagila');
my ($schema, $data) = ("$pagila/schema.sql", "$pagila/data.sql");
$node->safe_psql('postgres', 'CREATE DATABASE by_psql');

my $start = time;
$node->command_ok([ 'psql', '-Xq', '-v', 'ON_ERROR_STOP=1', '-d', $node->connstr('by_psql'), '-f', $schema, '-f', $data ],
    'psql loads Pagila');
my $by_psql = time - $start;

$start = time;
my ($out, $err) = run_sql($node, load_sql($schema, $data));
my $by_us = time - $start;
is($out, 'succeeded', 'pagila_load loads Pagila') or diag $err;
note sprintf('psql %.2f s, pagila_load %.2f s: ratio %.2f', $by_psql, $by_us, $by_us / $by_psql);

is(dump_text($node, 'pagila', '--schema-only'), dump_text($node, 'by_psql', '--schema-only'),
    'pg_dump --schema-only prints the same text');

my $tables = $node->safe_psql('pagila', "SELECT relname FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relkind = 'r' ORDER BY 1");
for my $table (split /\n/, $tables) {
    my $sql = "SELECT count(*), md5(string_agg(t::text, E'\\n' ORDER BY t::text)) FROM public.\"$table\" t";
    is($node->safe_psql('pagila', $sql), $node->safe_psql('by_psql', $sql), "same rows in $table");
}
my $sequences = q{SELECT sequencename, last_value FROM pg_sequences WHERE schemaname = 'public' ORDER BY 1};
is($node->safe_psql('pagila', $sequences), $node->safe_psql('by_psql', $sequences), 'same sequences');

is((run_sql($node, load_sql($schema, $data)))[0], 'skipped', 'the same files again are skipped');
no_residue($node, 'after loading and skipping');
done_testing();
