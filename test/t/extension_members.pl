# Members of extensions in a replaced schema stay, whatever schema is the home of their extension: neither they nor the
# extension go with the replaced copy.
use strict;
use warnings;
use lib 'test/t';
use PagilaTest;
use PostgreSQL::Test::Utils;
use Test::More;

my ($source, $target) = new_pair('extension_members');
my $members = q{SELECT string_agg(pg_describe_object(classid, objid, 0), ', ' ORDER BY 1) FROM pg_depend
    WHERE deptype = 'e' AND refobjid = (SELECT oid FROM pg_extension WHERE extname = 'hstore')};

plan skip_all => 'hstore is not installed'
  unless $target->safe_psql('pagila', q{SELECT count(*) FROM pg_available_extensions WHERE name = 'hstore'});

$source->safe_psql('pagila', q{CREATE SCHEMA shop; CREATE TABLE shop.item (id integer PRIMARY KEY); INSERT INTO shop.item VALUES (1)});
is((pull())[0], 'succeeded', 'a first copy');
$target->safe_psql('pagila', q{
    CREATE SCHEMA ext; CREATE EXTENSION hstore SCHEMA ext;
    CREATE VIEW shop.ext_view AS SELECT 1 AS one;
    CREATE FUNCTION shop.ext_function() RETURNS integer LANGUAGE sql AS 'SELECT 2';
    CREATE TABLE shop.ext_table (id serial, name text); INSERT INTO shop.ext_table (name) VALUES ('kept');
    ALTER EXTENSION hstore ADD VIEW shop.ext_view; ALTER EXTENSION hstore ADD FUNCTION shop.ext_function();
    ALTER EXTENSION hstore ADD TABLE shop.ext_table; ALTER EXTENSION hstore ADD SEQUENCE shop.ext_table_id_seq;
    CREATE SCHEMA keep; CREATE TABLE keep.bag (h ext.hstore); INSERT INTO keep.bag VALUES ('a => 1')});
my $before = $target->safe_psql('pagila', $members);

for my $refresh (1, 2) {
    $source->safe_psql('pagila', 'INSERT INTO shop.item SELECT max(id) + 1 FROM shop.item');
    is((pull())[0], 'succeeded', "refresh $refresh with members of an extension that lives elsewhere");
    is($target->safe_psql('pagila', 'SELECT count(*) FROM shop.item'), 1 + $refresh, 'it is the new copy');
    is($target->safe_psql('pagila', $members), $before, 'the extension has all its members, in the schema of that name');
    is($target->safe_psql('pagila', 'SELECT one + shop.ext_function() FROM shop.ext_view'), 3, 'which work');
    is($target->safe_psql('pagila', 'SELECT name FROM shop.ext_table'), 'kept', 'and hold their rows');
    is($target->safe_psql('pagila', 'SELECT h FROM keep.bag'), '"a"=>"1"', 'columns of its types elsewhere are there');
    is($target->safe_psql('pagila', q{SELECT count(*) FROM pg_namespace WHERE nspname LIKE 'pagila_repl_%'}), 0, 'nothing is left');
}
done_testing();

sub pull {
    return run_sql($target, pull_sql('source', schemas => q{'{shop}'}));
}
