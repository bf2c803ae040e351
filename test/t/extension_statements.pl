# What a dump says about objects of extensions, and extensions that are here in another version or not at all.
use strict;
use warnings;
use lib 'test/t';
use PagilaTest;
use PostgreSQL::Test::Utils;
use Test::More;

my ($source, $target) = new_pair('extension_statements');
my @needed = qw(hstore unaccent pg_stat_statements xml2);
plan skip_all => "not all of these are installed: @needed"
  unless $target->safe_psql('pagila', q{SELECT count(*) FROM pg_available_extensions WHERE name = ANY ('} . '{' . join(',', @needed) . "}')") == @needed;
my $dir = PostgreSQL::Test::Utils::tempdir;
$target->safe_psql('pagila', 'CREATE ROLE reader');
$source->safe_psql('pagila', 'CREATE ROLE reader');

sub load {
    my ($text, %options) = @_;
    write_file("$dir/dump.sql", $text);
    my ($status, $error) = run_sql($target, load_sql("$dir/dump.sql", undef, force => 'true', on_unmanaged => q{'drop'}, on_modified => q{'overwrite'}, on_other_source => q{'replace'}));
    return $status eq '' ? $error : $status;
}
sub on_target { return $target->safe_psql('pagila', shift) }
sub message { return last_run($target, 'message') }
my $acl = q{SELECT coalesce(relacl::text, '') FROM pg_class WHERE oid = 'public.pg_stat_statements'::regclass};

#
# Objects of an extension in a schema that is not replaced
#

on_target('CREATE EXTENSION pg_stat_statements');
my $before = on_target($acl);
my $of_app = q{CREATE SCHEMA app;
CREATE EXTENSION IF NOT EXISTS pg_stat_statements WITH SCHEMA public;
CREATE TABLE app.t (a int);
REVOKE ALL ON FUNCTION public.pg_stat_statements_reset() FROM PUBLIC;
GRANT ALL ON FUNCTION public.pg_stat_statements_reset(oid, oid, bigint) TO reader;
GRANT SELECT ON TABLE public.pg_stat_statements TO reader;
COPY app.t (a) FROM stdin;
1
\.
};
is(load($of_app), 'succeeded', 'a dump that grants on objects of an extension elsewhere');
is(on_target('SELECT a FROM app.t'), 1, 'its rows are there');
like(message(), qr/; 3 statements about objects of extensions left out(;|$)/, 'the statements are counted');
is(on_target($acl), $before, 'nothing is granted in a schema that is not replaced');
like(load("CREATE SCHEMA app;\nCREATE TABLE app.t (a int);\nGRANT SELECT ON TABLE public.nowhere_at_all TO reader;\nALTER TABLE pg_temp.x ENABLE ROW LEVEL SECURITY;\n"),
    qr/0A000/, 'other objects elsewhere are refused');
on_target(q{CREATE SCHEMA other; CREATE EXTENSION dict_int SCHEMA other; CREATE TABLE other.member (id integer); ALTER EXTENSION dict_int ADD TABLE other.member;
    CREATE FUNCTION other.f() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NULL; END'});
my $elsewhere = sub { return $target->safe_psql('pagila', q{SELECT c.*, (SELECT count(*) FROM pg_attribute a WHERE attrelid = c.oid), (SELECT count(*) FROM pg_depend d WHERE refobjid = c.oid)
    FROM pg_class c WHERE oid = 'other.member'::regclass}) };
my $member = $elsewhere->();
for my $statement ('CREATE TRIGGER g BEFORE UPDATE ON member FOR EACH ROW EXECUTE FUNCTION other.f()', 'CREATE INDEX ON member (id)', 'CREATE POLICY p ON member USING (true)',
    'ALTER TABLE member ADD z integer', 'ALTER TABLE member ADD CHECK (id > 0)', 'CREATE RULE r AS ON DELETE TO member DO INSTEAD NOTHING') {
    is(load("CREATE SCHEMA app;\nCREATE TABLE app.t (a int);\nSET search_path = other, app;\n$statement;\n"), 'succeeded', "$statement: the rest is loaded");
    like(message(), qr/; 1 statements? about objects of extensions left out(;|$)/, "$statement: counted");
    is($elsewhere->(), $member, "$statement: the table of the extension is as it was");
}
on_target('DROP SCHEMA other CASCADE; CREATE TABLE public.mine (i int)');
like(load("CREATE SCHEMA app;\nCREATE TABLE app.t (a int);\nGRANT SELECT ON TABLE public.mine TO reader;\n"), qr/0A000: .*is about schema "public"/, 'so is one that no extension has');
like(load("CREATE SCHEMA app;\nCREATE TABLE app.t (a int);\nCREATE POLICY p ON public.mine USING (true);\n"), qr/0A000: .*is about schema "public"/, 'a policy of it, too');
is(on_target('SELECT count(*) FROM public.mine'), 0, 'it is there');
on_target('DROP TABLE public.mine');

#
# In one that is replaced
#

on_target(q{CREATE TABLE public.conf (id integer); CREATE EXTENSION hstore; ALTER EXTENSION hstore ADD TABLE public.conf});
my $in_public = q{CREATE EXTENSION IF NOT EXISTS hstore WITH SCHEMA public;
COMMENT ON EXTENSION hstore IS 'our ''hstore''';
CREATE EXTENSION IF NOT EXISTS pg_stat_statements WITH SCHEMA public;
CREATE TABLE public.t (a int);
CREATE POLICY p ON public.conf USING (true);
ALTER TABLE public.conf ENABLE ROW LEVEL SECURITY;
GRANT SELECT ON TABLE public.pg_stat_statements TO reader;
GRANT SELECT(nothing) ON TABLE public.pg_stat_statements TO reader;
GRANT ALL ON FUNCTION public.pg_stat_statements_reset(integer) TO reader;
GRANT ALL ON FUNCTION public.hstore(text, text) TO reader, nobody_here;
};
write_file("$dir/dump.sql", $in_public . "COPY public.t (a) FROM stdin;\nx\n\\.\n");
isnt((run_sql($target, load_sql("$dir/dump.sql")))[0], 'succeeded', 'a run that fails');
is(on_target($acl), $before, 'has granted nothing');
is(load($in_public), 'succeeded', 'a dump that says things of objects that stay');
like(on_target($acl), qr/reader=r/, 'what it grants is granted');
is(on_target(q{SELECT obj_description(oid, 'pg_extension') FROM pg_extension WHERE extname = 'hstore'}), q{our 'hstore'}, 'the comment is set');
is(on_target('SELECT relrowsecurity FROM pg_class WHERE oid = $$public.conf$$::regclass'), 'f', 'row security is not switched');
is(on_target('SELECT count(*) FROM pg_policy WHERE polrelid = $$public.conf$$::regclass'), 0, 'no policy is made');
my $said = message();
like($said, qr/; 2 statements about objects of extensions left out(;|$)/, 'which is counted');
like($said, qr/; 1 grant to or by roles that do not exist skipped(;|$)/, 'so are grants to others');
like($said, qr/1 statement about what the extensions here do not have left out.*1 statement about what the extensions here do not have left out/, 'and what this version lacks');
is((run_sql($target, load_sql("$dir/dump.sql")))[0], 'skipped', 'the same again is skipped');
on_target('DROP EXTENSION pg_stat_statements');

# As pg_dump --clean --inserts and people write it: drops before it, names without a schema, rows as INSERT.
on_target(q{UPDATE pg_extension SET extconfig = ARRAY['public.conf'::regclass], extcondition = ARRAY[''] WHERE extname = 'hstore'});
my $loose = "DROP POLICY IF EXISTS p ON public.conf;\nDROP EXTENSION IF EXISTS hstore;\nDROP TABLE IF EXISTS public.t;\n"
  . "CREATE EXTENSION IF NOT EXISTS hstore WITH SCHEMA public;\nSET search_path = public;\nCREATE TABLE t (a int);\n"
  . "CREATE POLICY p ON conf USING (true);\nGRANT SELECT ON TABLE conf TO reader;\nINSERT INTO conf VALUES (7), (8);\nCOPY conf (id) FROM stdin;\n9\n\\.\n";
is(load($loose), 'succeeded', 'a dump that drops first and names no schema');
is(on_target(q{SELECT string_agg(id::text, ',' ORDER BY id) FROM public.conf}), '7,8,9', 'its rows for the table of the extension are there');
is(on_target(q{SELECT has_table_privilege('reader', 'public.conf', 'SELECT')}), 't', 'so is the grant');
is(on_target('SELECT count(*) FROM pg_policy WHERE polrelid = $$public.conf$$::regclass'), 0, 'but no policy');
like(load("${loose}INSERT INTO conf VALUES (5 + 5);\n"), qr/0A000: .*only constants into tables of extensions/, 'an expression is refused');
like(load("${loose}INSERT INTO conf VALUES (1.5);\n"), qr/0A000: .*only constants into tables of extensions/, 'so is a number that the server would convert');
like(load("${loose}GRANT INSERT ON TABLE t, conf TO reader;\n"), qr/0A000: .*on objects of an extension and on others/, 'and a grant on both kinds');
is(on_target(q{SELECT has_table_privilege('reader', 'public.conf', 'INSERT')}), 'f', 'which grants nothing');
is(on_target(q{SELECT string_agg(id::text, ',' ORDER BY id) FROM public.conf}), '7,8,9', 'the rows are as they were');
on_target('DROP EXTENSION hstore');

# Made by the run, it is the run's.
is(load("CREATE EXTENSION IF NOT EXISTS xml2 WITH SCHEMA public;\nCOMMENT ON EXTENSION xml2 IS 'ours';\nCREATE TABLE public.t (a int);\n"
            . "GRANT ALL ON FUNCTION public.xml_valid(text) TO reader;\nGRANT ALL ON FUNCTION public.xml_valid(text, text) TO reader;\n"), 'succeeded', 'one that the run makes');
is(on_target(q{SELECT obj_description(oid, 'pg_extension') FROM pg_extension WHERE extname = 'xml2'}), 'ours', 'has the comment');
like(on_target(q{SELECT proacl FROM pg_proc WHERE oid = 'public.xml_valid(text)'::regprocedure}), qr/reader=X/, 'and the privileges');
like(message(), qr/; 1 statement about what the extensions here do not have left out/, 'what it lacks is counted');

# One that cannot be made.
my $missing = "CREATE EXTENSION IF NOT EXISTS never_made WITH SCHEMA public;\nCOMMENT ON EXTENSION never_made IS 'x';\nCREATE TABLE public.t (a int);\nCOPY public.never_made (i) FROM stdin;\n1\n2\n\\.\n";
is(load($missing), 'succeeded', 'an extension whose files are not here and that nothing needs');
like(message(), qr/; extension "never_made" left out: its files are not installed(;|$)/, 'is named');
like(message(), qr/; 2 rows of table public\.never_made of an extension left out, since it is not here(;|$)/, 'so are its rows');
like(load("$missing;CREATE TABLE public.u (a public.never_made_type);\n"), qr/42704: type "public\.never_made_type" does not exist\nHINT:  It may need what is not here: extension "never_made" left out/,
    'one that is needed is named, too');
like(load("CREATE EXTENSION IF NOT EXISTS hstore WITH SCHEMA elsewhere;\nCREATE TABLE public.t (a int);\n") . message(),
    qr/^succeeded.*; extension "hstore" left out: create it with CREATE EXTENSION "hstore" SCHEMA "elsewhere"/, 'one that would be made elsewhere');
on_target('DROP EXTENSION IF EXISTS xml2');

#
# What pagila_check says
#

sub found {
    return (run_sql($target, q{SELECT coalesce(string_agg(concat_ws(' ', status, sqlstate, message, hint), E'\n' ORDER BY message), '') FROM pagila_check('source') WHERE subject = 'extension'}))[0];
}
sub pull {
    my ($status, $error) = run_sql($target, pull_sql('source', on_other_source => q{'replace'}, on_unmanaged => q{'drop'}, on_modified => q{'overwrite'}));
    return $status eq '' ? $error : $status;
}
sub anew { my ($sql) = @_; return $source->safe_psql('pagila', "DROP SCHEMA public CASCADE; CREATE SCHEMA public; $sql"); }

# A function that somebody has altered.
anew(q{CREATE EXTENSION unaccent SCHEMA public; ALTER FUNCTION public.unaccent(text) IMMUTABLE;
    CREATE TABLE public.partner (id int PRIMARY KEY, name text); CREATE INDEX "By name" ON public.partner (public.unaccent(name)); INSERT INTO partner VALUES (1, 'e')});
like(found(), qr/warning function public\.unaccent\(text\) of extension "unaccent" seems to have been altered on the source.*"By name".*ALTER FUNCTION public\.unaccent\(text\) IMMUTABLE here first/,
    'an altered function of an extension that is missing here');
is(pull(), 'succeeded', 'which the run makes like the source');
is(on_target(q{SELECT provolatile FROM pg_proc WHERE oid = 'public.unaccent(text)'::regprocedure}), 'i', 'it is altered here');
on_target('ALTER FUNCTION public.unaccent(text) STABLE');
like(found(), qr/error 42P17 function public\.unaccent\(text\) of extension "unaccent" is immutable on the source and stable here; needed so by index public\."By name" Run ALTER FUNCTION public\.unaccent\(text\) IMMUTABLE here first\./,
    'one of an extension that is here');
like(pull(), qr/42P17: .*ALTER FUNCTION public\.unaccent\(text\) IMMUTABLE/s, 'the run is refused for it');
on_target('ALTER FUNCTION public.unaccent(text) IMMUTABLE');
unlike(found(), qr/error/, 'once it is altered, too, it may go');
is(pull(), 'skipped', 'it does, and nothing has changed');
on_target('DROP EXTENSION unaccent CASCADE');

# Another version.
anew(q{CREATE EXTENSION pg_stat_statements VERSION '1.8'; CREATE VIEW public.pss AS SELECT * FROM pg_stat_statements(true); CREATE TABLE public.t (a int); INSERT INTO t VALUES (1)});
like(found(), qr/warning extension "pg_stat_statements" does not exist here; the run creates it in schema "public", in version 1\.8 as on the source, while 1\.10 is the default here; used by view public\.pss/,
    'an extension of which the source has another version');
is(pull(), 'succeeded', 'is made in that version');
is(on_target(q{SELECT extversion FROM pg_extension WHERE extname = 'pg_stat_statements'}), '1.8', 'it has it');
is(on_target(q{SELECT pg_get_viewdef('public.pss'::regclass)}), $source->safe_psql('pagila', q{SELECT pg_get_viewdef('public.pss'::regclass)}), 'the view is the same');
on_target(q{DROP VIEW public.pss; ALTER EXTENSION pg_stat_statements UPDATE TO '1.10'});
like(found(), qr/error 55000 function public\.pg_stat_statements\(boolean\) of extension "pg_stat_statements" returns something else here \(version 1\.8 on the source, 1\.10 here\); used by view public\.pss/,
    'a function that is another one here');
like(pull(), qr/55000: .*pg_stat_statements\(boolean\).*view public\.pss/, 'the run is refused for it');
anew(q{CREATE EXTENSION pg_stat_statements VERSION '1.8'; CREATE VIEW public.pss AS SELECT userid, calls, min_plan_time FROM pg_stat_statements});
unlike(found(), qr/error/, 'columns that both versions have may be used');
is(pull(), 'succeeded', 'they are');
anew(q{CREATE EXTENSION pg_stat_statements VERSION '1.10'; CREATE VIEW public.pss AS SELECT userid, toplevel FROM pg_stat_statements});
on_target(q{DROP VIEW public.pss; DROP EXTENSION pg_stat_statements; CREATE EXTENSION pg_stat_statements VERSION '1.8'});
like(found(), qr/error 55000 view public\.pg_stat_statements of extension "pg_stat_statements" lacks columns here .*: toplevel boolean; used by view public\.pss/, 'others may not');
anew(q{CREATE EXTENSION pg_stat_statements VERSION '1.10'; CREATE VIEW public.pss AS SELECT * FROM pg_stat_statements_info});
like(found(), qr/error 42704 view public\.pg_stat_statements_info of extension "pg_stat_statements" does not exist here .*; needed by view public\.pss/, 'nor what is missing here');
on_target('DROP EXTENSION pg_stat_statements');

# One that is only there, which is not installed here.
my $rename = q{UPDATE pg_extension SET extname = 'never_made' WHERE extname = 'hstore'};
anew("CREATE TABLE public.t (a int); CREATE EXTENSION hstore SCHEMA public; $rename");
like(found(), qr/warning extension "never_made" does not exist here and is not installed; nothing needs it, and it is left out/, 'an extension that is not installed and not needed');
is(pull(), 'succeeded', 'the run goes on');
like(message(), qr/; extension "never_made" left out: its files are not installed/, 'and names it');
$source->safe_psql('pagila', 'CREATE VIEW public.bag AS SELECT public.hstore($$a$$, $$b$$) AS h');
like(found(), qr/error 42704 extension "never_made" does not exist here and is not installed; needed by view public\.bag/, 'one that is needed');
like(pull(), qr/42704: extension "never_made" does not exist here and is not installed; needed by view public\.bag/, 'refuses the run');
no_residue($target, 'at the end');
done_testing();
