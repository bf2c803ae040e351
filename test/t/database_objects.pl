# What belongs to the source's database and not to a schema: it is no part of a copy, is no obstacle either, and is named,
# unless it is the extension's own. Extensions come with the schemas they are in.
use strict;
use warnings;
use lib 'test/t';
use PagilaTest;
use Test::More;

my ($source, $target) = new_pair('objects');
$_->safe_psql('pagila', 'CREATE ROLE reader') for $source, $target;
$source->safe_psql('pagila', q{
    CREATE SCHEMA shop;
    CREATE SCHEMA empty;
    CREATE SCHEMA extras;
    CREATE EXTENSION pg_trgm SCHEMA extras;
    CREATE TABLE shop.item (id integer PRIMARY KEY, name text);
    CREATE INDEX item_name ON shop.item USING gin (name extras.gin_trgm_ops);
    INSERT INTO shop.item VALUES (1, 'one');
    COMMENT ON SCHEMA shop IS 'where things are sold';
    CREATE TYPE shop.size AS ENUM ('small', 'large');
    CREATE CAST (varchar AS shop.size) WITH INOUT;
    COMMENT ON CAST (varchar AS shop.size) IS 'by its name';
    CREATE FUNCTION shop.to_number(tid) RETURNS integer LANGUAGE sql IMMUTABLE AS 'SELECT 1';
    CREATE FUNCTION shop.item_count() RETURNS bigint LANGUAGE sql AS 'SELECT count(*) FROM shop.item';
    ALTER FUNCTION shop.item_count() DEPENDS ON EXTENSION pg_trgm;
    GRANT EXECUTE ON FUNCTION shop.item_count() TO reader});

sub pulls {
    my ($what, %options) = @_;
    my ($out, $err) = run_sql($target, pull_sql('source', force => 'true', %options));
    return is($out, 'succeeded', "$what: succeeded") || diag $err;
}

# What the run says of that which it left out.
sub says {
    my ($what, $pattern) = @_;
    return like(last_run($target, 'message'), $pattern, "$what: the run says so");
}

sub is_exact {
    my ($what) = @_;
    # A language is of the database, but pg_dump tells of its privileges with any schema.
    my ($is, $expected) = map { join "\n", grep { !/^(--)?$|LANGUAGE (plpgsql|tongue)/ } split /\n/, copy_of($_) } $target, $source;
    my %seen = map { $_ => 1 } split /\n/, $is;
    return ok($is eq $expected, "$what: the copy is exact") || diag join "\n", grep { !$seen{$_} } split /\n/, $expected;
}

#
# The extension's own
#

$source->safe_psql('pagila', q{
    CREATE SERVER far FOREIGN DATA WRAPPER pagila_repl OPTIONS (host '127.0.0.1', dbname 'far');
    COMMENT ON SERVER far IS 'far away';
    GRANT USAGE ON FOREIGN SERVER far TO reader;
    CREATE USER MAPPING FOR reader SERVER far OPTIONS (user 'me', password 'far');
    GRANT SELECT ON pagila_repl.run TO reader});
pulls('own servers');
is_exact('own servers');
unlike(last_run($target, 'message'), qr/left out/, 'own servers: nothing is worth saying');
is($target->safe_psql('pagila', 'SELECT string_agg(srvname, $$,$$) FROM pg_foreign_server'), 'source', 'own servers: not copied');

#
# Others'
#

$source->safe_psql('pagila', q{
    CREATE FOREIGN DATA WRAPPER other;
    COMMENT ON FOREIGN DATA WRAPPER other IS 'of another kind';
    GRANT USAGE ON FOREIGN DATA WRAPPER other TO reader;
    CREATE SERVER elsewhere FOREIGN DATA WRAPPER other;
    COMMENT ON SERVER elsewhere IS 'there';
    GRANT USAGE ON FOREIGN SERVER elsewhere TO reader;
    ALTER SERVER elsewhere OWNER TO CURRENT_USER;
    CREATE USER MAPPING FOR reader SERVER elsewhere;
    GRANT USAGE ON LANGUAGE plpgsql TO reader;
    CREATE LANGUAGE tongue HANDLER plpgsql_call_handler;
    COMMENT ON LANGUAGE tongue IS 'foreign';
    ALTER LANGUAGE tongue OWNER TO CURRENT_USER;
    CREATE ACCESS METHOD pile TYPE TABLE HANDLER heap_tableam_handler;
    COMMENT ON ACCESS METHOD pile IS 'of rows';
    CREATE PUBLICATION all_of_it FOR ALL TABLES;
    CREATE FUNCTION shop.noticed() RETURNS event_trigger LANGUAGE plpgsql AS 'BEGIN END';
    CREATE EVENT TRIGGER noticed ON ddl_command_end EXECUTE FUNCTION shop.noticed();
    COMMENT ON EVENT TRIGGER noticed IS 'nothing';
    ALTER DEFAULT PRIVILEGES GRANT SELECT ON TABLES TO reader;
    GRANT EXECUTE ON FUNCTION pg_catalog.pg_ls_waldir() TO reader;
    CREATE CAST (tid AS integer) WITH FUNCTION shop.to_number(tid);
    COMMENT ON CAST (tid AS integer) IS 'of system types';
    CREATE TRANSFORM FOR integer LANGUAGE sql (FROM SQL WITH FUNCTION prsd_lextype(internal), TO SQL WITH FUNCTION int4recv(internal));
    COMMENT ON TRANSFORM FOR integer LANGUAGE sql IS 'nonsense'});
pulls($_) for 'objects of others', 'objects of others, again';
is_exact('objects of others');
says("objects of others, $_", qr/; $_(;|$)/)
  for 'publication left out: all_of_it', 'event trigger left out: noticed', 'foreign-data wrapper left out: other', 'server left out: elsewhere',
  'user mapping left out: elsewhere for reader', 'language left out: tongue', 'access method left out: pile',
  'database-wide default privileges of role left out: \w+ on tables';
# The one grant is on a language that has not been made by anybody.
says('objects of others, of the server', qr/; 1 statement about objects of the database, not of a schema, left out;/);
says('objects on system objects', qr/1 statement about objects outside the copied schemas left out/);
is($target->safe_psql('pagila', q{SELECT count(*) FROM pg_cast WHERE castsource = 'varchar'::regtype AND casttarget = 'shop.size'::regtype}),
    '1', 'a cast to a copied type is copied');
is($target->safe_psql('pagila', q{SELECT obj_description(oid, 'pg_cast') FROM pg_cast WHERE castsource = 'tid'::regtype AND casttarget = 'integer'::regtype}),
    'of system types', 'a cast by a copied function is copied');
is($target->safe_psql('pagila', q{SELECT obj_description(oid, 'pg_transform') FROM pg_transform}), 'nonsense',
    'a transform of the database is copied with the whole of it');

#
# Extensions
#

$target->safe_psql('pagila', 'DROP SCHEMA shop, empty, extras CASCADE');
pulls('a schema with an extension', schemas => q{ARRAY['shop', 'extras', 'empty']}, on_modified => q{'overwrite'});
is($target->safe_psql('pagila', q{SELECT extnamespace::regnamespace FROM pg_extension WHERE extname = 'pg_trgm'}), 'extras',
    'a schema with an extension: it is there');

$source->safe_psql('pagila', q{DROP EXTENSION pg_trgm CASCADE; DROP EXTENSION pagila_repl CASCADE; DROP EVENT TRIGGER noticed;
    DROP EXTENSION plpgsql CASCADE});
pulls('no extension at all', schemas => q{ARRAY['shop', 'empty']});
my $copied = $target->safe_psql('pagila', q{SELECT string_agg(relname, ',' ORDER BY relname) FROM pg_class WHERE relnamespace = 'shop'::regnamespace});
is($copied, 'item,item_pkey', 'no extension at all: the tables are there');
pulls('no extension at all, everything', on_unmanaged => q{'drop'});
is_exact('no extension at all, everything');
no_residue($target, 'at the end');
no_secret($target);
done_testing();
