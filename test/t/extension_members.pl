# Members of extensions in a replaced schema stay, whatever schema is the home of their extension: neither they nor the
# extension go with the replaced copy.
use strict;
use warnings;
use lib 'test/t';
use AttackTest;
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

# A schema that the source no longer has takes nothing of an extension with it.
$source->safe_psql('pagila', 'CREATE SCHEMA gone; CREATE TABLE gone.item (id integer)');
is((run_sql($target, pull_sql('source')))[0], 'succeeded', 'a copy of everything');
$target->safe_psql('pagila', 'CREATE VIEW gone.ext_view AS SELECT 1 AS one; ALTER EXTENSION hstore ADD VIEW gone.ext_view');
$source->safe_psql('pagila', 'DROP SCHEMA gone CASCADE');
refused('a member of an extension', qr/view gone\.ext_view of extension "hstore" is in schema "gone"/);
is($target->safe_psql('pagila', 'SELECT one FROM gone.ext_view'), '1', 'it is there');
$target->safe_psql('pagila', 'ALTER EXTENSION hstore DROP VIEW gone.ext_view; DROP VIEW gone.ext_view;
    ALTER EXTENSION hstore DROP VIEW shop.ext_view; ALTER EXTENSION hstore DROP FUNCTION shop.ext_function(); ALTER EXTENSION hstore DROP TABLE shop.ext_table;
    ALTER EXTENSION hstore DROP SEQUENCE shop.ext_table_id_seq; DROP TABLE shop.ext_table; DROP VIEW shop.ext_view; DROP FUNCTION shop.ext_function();
    ALTER EXTENSION hstore SET SCHEMA gone');
refused('an extension', qr/extension "hstore" is in schema "gone"/);
is($target->safe_psql('pagila', 'SELECT h FROM keep.bag'), '"a"=>"1"', 'columns of its types are there');

# It comes while the schema is already being removed.
$target->safe_psql('pagila', 'ALTER EXTENSION hstore SET SCHEMA ext; CREATE VIEW gone.ext_view AS SELECT 1 AS one');
{
    my $maker = Session->new($target, 'pagila');
    $maker->run('BEGIN; LOCK TABLE shop.item IN ACCESS SHARE MODE');
    my $run = Session->new($target, 'pagila');
    $run->send(pull_sql('source', on_unmanaged => q{'drop'}));
    ok(wait_until(sub { $target->safe_psql('pagila', q{SELECT count(*) FROM pagila_repl.run WHERE status = 'running' AND phase = 'publish'}) eq '1' }, 60),
        'a run is about to remove the schema');
    $target->safe_psql('pagila', 'ALTER EXTENSION hstore ADD VIEW gone.ext_view');
    $maker->run('COMMIT');
    ok($run->wait(60), 'it ends');
    like($run->{out}, qr/2BP01.*an extension is in a schema that the source has no more/s, 'refused, once a view there is a member');
    $_->close for $maker, $run;
}
is($target->safe_psql('pagila', 'SELECT h FROM keep.bag'), '"a"=>"1"', 'columns of its types are there');
$target->safe_psql('pagila', 'ALTER EXTENSION hstore DROP VIEW gone.ext_view; DROP VIEW gone.ext_view');
is((run_sql($target, pull_sql('source')))[0], 'succeeded', 'without either it is removed');
is($target->safe_psql('pagila', q{SELECT count(*) FROM pg_namespace WHERE nspname = 'gone'}), '0', 'the schema is gone');
done_testing();

sub refused {
    my ($what, $said) = @_;
    my (undef, $error, undef) = run_sql($target, pull_sql('source'));
    like($error, qr/2BP01.*an extension is in a schema that the source has no more/s, "$what: refused") or diag $error;
    like($error, $said, "$what: by name") or diag $error;
    like($target->safe_psql('pagila', q{SELECT string_agg(status || ' ' || message, '; ') FROM pagila_check('source') WHERE subject = 'vanished schema'}),
        qr/error $said/, "$what: pagila_check says so");
    like($target->safe_psql('pagila', q{SELECT refused FROM pagila_plan('source') WHERE schema_name = 'gone'}), $said, "$what: pagila_plan, too");
    return;
}

sub pull {
    return run_sql($target, pull_sql('source', schemas => q{'{shop}'}));
}
