# Tables of extensions that a role with fewer rights owns, or that a source names without right to: what is evaluated when rows go
# there has no more rights than that role, and rows go nowhere else. Large objects tell as whom something was evaluated: the server's own
# function makes them, which no guard of functions stops.
use strict;
use warnings;
use lib 'test/t';
use PagilaTest;
use PostgreSQL::Test::Utils;
use Test::More;

leave_to_long_tests();

my ($source, $target) = new_pair('member_attack');
plan skip_all => 'hstore is not installed'
  unless $target->safe_psql('pagila', q{SELECT count(*) FROM pg_available_extensions WHERE name = 'hstore'});
my $dir = PostgreSQL::Test::Utils::tempdir;

# %s: a table of the extension.
my $marked = q{ALTER EXTENSION hstore ADD TABLE %1$s; UPDATE pg_extension
    SET extconfig = array_append(extconfig, '%1$s'::regclass), extcondition = array_append(coalesce(extcondition, '{}'), '') WHERE extname = 'hstore';};
my $conf = "CREATE TABLE public.conf (id integer PRIMARY KEY, note text);" . sprintf($marked, 'public.conf');
$source->safe_psql('pagila', "CREATE EXTENSION hstore SCHEMA public; $conf INSERT INTO public.conf VALUES (1, 'a'), (2, 'b');
    CREATE TABLE public.t (i integer); INSERT INTO public.t VALUES (1)");
$target->safe_psql('pagila', 'CREATE ROLE attacker LOGIN; CREATE ROLE other LOGIN');

sub message { return last_run($target, 'message') }
# As whom large objects were made.
sub makers { return $target->safe_psql('pagila', q{SELECT coalesce(string_agg(DISTINCT lomowner::regrole::text, ' '), '') FROM pg_largeobject_metadata}) }

# Each attack is made by the owner of the table, or by a role that was granted something.
sub attack {
    my ($name, %case) = @_;
    $target->safe_psql('pagila', q{SET client_min_messages = error; DROP EXTENSION IF EXISTS hstore CASCADE; DROP TABLE IF EXISTS public.t, public.conf; DROP SCHEMA IF EXISTS att CASCADE;
        DELETE FROM pagila_repl.copy; SELECT lo_unlink(oid) FROM pg_largeobject_metadata; CREATE SCHEMA att AUTHORIZATION attacker; GRANT USAGE ON SCHEMA att TO PUBLIC; GRANT CREATE ON SCHEMA public TO attacker});
    $target->safe_psql('pagila', "CREATE EXTENSION hstore SCHEMA public; $conf ALTER TABLE public.conf OWNER TO attacker; " . ($case{before} // ''));
    $target->safe_psql('pagila', $case{attack}, extra_params => [ '-U', 'attacker' ]);
    for my $way (qw(pull load)) {
        my $sql = pull_sql('source', force => 'true', on_other_source => q{'replace'});
        $sql = load_sql(write_file("$dir/dump.sql", dump_text($source, 'pagila')), undef, force => 'true', on_other_source => q{'replace'}) if $way eq 'load';
        my ($status, $error) = run_sql($target, $sql);
        like($status . $error, $case{state} // qr/^succeeded/, "$name, $way: what becomes of the run");
        like(makers(), qr/^(?:attacker)?$/, "$name, $way: nothing was evaluated with more rights than its owner's");
        like(message(), $case{says}, "$name, $way: the run says what it left out") if $case{says};
        $case{then}->("$name, $way") if $case{then};
        no_residue($target, "$name, $way");
    }
    return;
}

my $is_written = sub {
    my ($what) = @_;
    is($target->safe_psql('pagila', q{SELECT string_agg(id || note, ' ' ORDER BY id) FROM public.conf}), '1a 2b', "$what: the rows are there");
    return;
};
# Since the server's own function may not be called without a query.
my $maker = 'CREATE FUNCTION att.makes() RETURNS boolean LANGUAGE plpgsql AS $$BEGIN PERFORM lo_create(0); RETURN true; END$$;';
attack('a check', attack => "$maker ALTER TABLE public.conf ADD CHECK (att.makes())", then => $is_written);
attack('a check by a function of the server', attack => 'ALTER TABLE public.conf ADD CHECK (lo_create(0) > 0)', state => qr/42501: function pg_catalog\.lo_create/);
attack('a default', attack => 'ALTER TABLE public.conf ADD x oid; ALTER TABLE public.conf ALTER x SET DEFAULT lo_create(0)', then => $is_written);
attack('a domain', attack => "$maker CREATE DOMAIN att.d AS text CHECK (att.makes()); ALTER TABLE public.conf ALTER note TYPE att.d", then => $is_written);
attack('an index', attack => 'CREATE FUNCTION att.f(text) RETURNS oid IMMUTABLE LANGUAGE sql AS $$SELECT lo_create(0)$$; CREATE INDEX ON public.conf (att.f(note))', then => $is_written);
attack('a trigger', attack => 'CREATE FUNCTION att.f() RETURNS trigger LANGUAGE plpgsql AS $$BEGIN PERFORM lo_create(0); RETURN new; END$$;
    CREATE TRIGGER t BEFORE INSERT ON public.conf FOR EACH ROW EXECUTE FUNCTION att.f()', then => $is_written);
my $nothing_written = sub {
    my ($what) = @_;
    is($target->safe_psql('pagila', 'SELECT count(*) FROM public.conf'), 0, "$what: it has no rows");
    return;
};
my $left_out = qr/; 2 rows of table public\.conf of an extension left out, which the role may not write to/;
attack('a rule', attack => 'CREATE RULE r AS ON INSERT TO public.conf DO ALSO SELECT lo_create(0)', says => $left_out, then => $nothing_written);
attack('the condition of a trigger of another role', before => 'ALTER TABLE public.conf OWNER TO postgres; GRANT TRIGGER ON public.conf TO attacker;',
    attack => 'CREATE TRIGGER t BEFORE UPDATE OR INSERT ON public.conf FOR EACH ROW WHEN (lo_create(0) > 0) EXECUTE FUNCTION suppress_redundant_updates_trigger()',
    says => $left_out, then => $nothing_written);

#
# A role that neither has the rights of the owner nor lends it its own
#

my $operator = q{GRANT pagila_repl_operator, pg_read_server_files TO other; GRANT CREATE ON DATABASE pagila TO other};
$target->safe_psql('pagila', qq{SET client_min_messages = error; DROP EXTENSION hstore CASCADE; DROP TABLE public.t; DELETE FROM pagila_repl.copy; SELECT lo_unlink(oid) FROM pg_largeobject_metadata;
    CREATE EXTENSION hstore SCHEMA public; $conf $operator; ALTER SCHEMA public OWNER TO other; ALTER TABLE public.conf OWNER TO attacker; GRANT ALL ON public.conf TO other;
    GRANT USAGE ON FOREIGN SERVER source TO other; CREATE USER MAPPING FOR other SERVER source OPTIONS (user 'puller', password_required 'false')});
$source->safe_psql('pagila', 'CREATE ROLE puller LOGIN; GRANT pg_read_all_data TO puller');
$target->safe_psql('pagila', "$maker ALTER TABLE public.conf ADD CHECK (att.makes())", extra_params => [ '-U', 'attacker' ]);
for my $granted ('', 'GRANT attacker TO other', 'REVOKE attacker FROM other; GRANT other TO attacker') {
    $target->safe_psql('pagila', $granted) if $granted;
    my ($status, $error) = run_sql($target, pull_sql('source', force => 'true', on_modified => q{'overwrite'}), psql => { extra_params => [ '-U', 'other' ] });
    is($status, 'succeeded', "as another role ($granted)") or diag $error;
    if ($granted) {
        $is_written->("as another role ($granted)");
        is(makers(), $granted =~ /^GRANT/ ? 'attacker' : 'attacker other', "as another role ($granted): as whom");
    } else {
        like(message(), qr/; 2 rows of table public\.conf of an extension left out, whose owner and the role have not each other's rights/, 'as another role: it is left out');
        is(makers(), '', 'as another role: nothing is evaluated');
    }
    $target->safe_psql('pagila', 'DELETE FROM public.conf');
}
$target->safe_psql('pagila', q{ALTER SCHEMA public OWNER TO postgres; DROP USER MAPPING FOR other SERVER source; SELECT lo_unlink(oid) FROM pg_largeobject_metadata; ALTER TABLE public.conf OWNER TO postgres});
$target->safe_psql('pagila', 'ALTER TABLE public.conf DROP CONSTRAINT conf_check; DELETE FROM pagila_repl.copy; DELETE FROM public.conf; DROP TABLE public.t');

#
# A source that names tables that are none for users' rows here
#

$source->safe_psql('pagila', q{DROP EXTENSION pagila_repl; CREATE SCHEMA pagila_repl; CREATE TABLE pagila_repl.leftover (LIKE public.conf); INSERT INTO pagila_repl.leftover VALUES (1, 'x');
    CREATE TABLE public.plain (i integer); INSERT INTO public.plain VALUES (1); }
    . sprintf($marked, 'pagila_repl.leftover') . sprintf($marked, 'public.plain'));
$target->safe_psql('pagila', 'CREATE TABLE public.plain (i integer); ALTER EXTENSION hstore ADD TABLE public.plain');
my ($status, $error) = run_sql($target, pull_sql('source', force => 'true', on_other_source => q{'replace'}, on_unmanaged => q{'drop'}));
is($status, 'succeeded', 'a source that names other tables') or diag $error;
like(message(), qr/; 1 row of table public\.plain of an extension left out, which is not made for rows of users here/, 'a table that the extension here has not marked');
like(message(), qr/; 1 row of table pagila_repl\.leftover of an extension left out, which is not made for rows of users here/, 'a table of pagila_repl');
is($target->safe_psql('pagila', 'SELECT count(*) FROM public.plain'), 0, 'it has no rows');
is($target->safe_psql('pagila', q{SELECT count(*) FROM pagila_repl.leftover WHERE schema_name = 'x'}), 0, 'nor has that one');
no_residue($target, 'at the end');
done_testing();
