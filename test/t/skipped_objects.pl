# on_object_error => 'skip': objects that cannot be made here are left out and listed, with what needs them. Rows, and whatever protects
# them, are not: without these the run fails as it does without the option.
use strict;
use warnings;
use lib 'test/t';
use PagilaTest;
use PostgreSQL::Test::Utils;
use Test::More;

my ($source, $target) = new_pair('skipped');
my $dir = PostgreSQL::Test::Utils::tempdir_short();
my $skip = q{'skip'};

for my $node ($source, $target) {
    $node->safe_psql('pagila', q{CREATE ROLE reader; CREATE ROLE etl LOGIN IN ROLE pagila_repl_operator;
        CREATE EXTENSION postgres_fdw; CREATE SCHEMA extras; CREATE EXTENSION pgcrypto SCHEMA extras});
}
# A server that does not answer, and a setting that decides whether a function of an index works.
my $far = q{CREATE SERVER far FOREIGN DATA WRAPPER postgres_fdw OPTIONS (host '/nonexistent', dbname 'far');
    CREATE USER MAPPING FOR PUBLIC SERVER far};
$target->safe_psql('pagila', $far);
$source->safe_psql('pagila', "$far; CREATE LANGUAGE tongue HANDLER plpgsql_call_handler; ALTER DATABASE pagila SET bird.sings = 'yes'");
$source->safe_psql('pagila', q{
    CREATE TABLE public.item (id integer PRIMARY KEY, name text, price integer);
    INSERT INTO public.item SELECT n, 'item ' || n, n FROM generate_series(1, 100) n;
    ALTER TABLE public.item ENABLE ROW LEVEL SECURITY;
    CREATE POLICY cheap ON public.item USING (price < 50);
    CREATE TABLE public."Sale" (id integer, day date, price integer) PARTITION BY RANGE (day);
    CREATE TABLE public.sale_1 PARTITION OF public."Sale" FOR VALUES FROM ('2024-01-01') TO ('2025-01-01');
    CREATE TABLE public.sale_2 PARTITION OF public."Sale" FOR VALUES FROM ('2025-01-01') TO ('2026-01-01');
    INSERT INTO public."Sale" SELECT n, date '2024-12-01' + n, n FROM generate_series(1, 60) n;

    CREATE FUNCTION public.sing() RETURNS text LANGUAGE tongue AS 'BEGIN RETURN 1; END';
    GRANT EXECUTE ON FUNCTION public.sing() TO reader;
    COMMENT ON FUNCTION public.sing() IS 'of a bird';
    CREATE VIEW public.song AS SELECT public.sing() AS song;
    CREATE VIEW public.song_twice AS SELECT s.song, t.song AS again FROM public.song s, public.song t;
    CREATE RULE no_song AS ON INSERT TO public.song_twice DO INSTEAD NOTHING;
    COMMENT ON COLUMN public.song.song IS 'what it sings';
    GRANT SELECT ON public.song, public.song_twice TO reader;
    ALTER VIEW public.song OWNER TO reader;
    CREATE MATERIALIZED VIEW public.song_kept AS SELECT song FROM public.song_twice WITH NO DATA;
    CREATE UNIQUE INDEX song_kept_key ON public.song_kept (song);
    COMMENT ON INDEX public.song_kept_key IS 'one each';

    CREATE FUNCTION public.if_it_sings(integer) RETURNS integer LANGUAGE plpgsql IMMUTABLE AS
      $$BEGIN IF current_setting('bird.sings', true) = 'yes' THEN RETURN $1; END IF; RAISE 'it does not sing'; END$$;
    CREATE INDEX item_sung ON public.item (public.if_it_sings(price));
    COMMENT ON INDEX public.item_sung IS 'what was sung';
    ALTER TABLE public.item CLUSTER ON item_sung;
    CREATE INDEX sale_sung ON public."Sale" (public.if_it_sings(price));
    CREATE INDEX item_name ON public.item (name);

    CREATE FOREIGN TABLE public.far_away (a integer) SERVER far;
    CREATE MATERIALIZED VIEW public.from_far AS SELECT a FROM public.far_away WITH NO DATA;
    CREATE MATERIALIZED VIEW public.from_from_far AS SELECT a FROM public.from_far WITH NO DATA;
    CREATE MATERIALIZED VIEW public.near AS SELECT sum(price) FROM public.item;
    SET allow_system_table_mods = on;
    UPDATE pg_class SET relispopulated = true WHERE relname IN ('from_far', 'from_from_far');
    INSERT INTO pg_seclabel VALUES ('public.item'::regclass, 'pg_class'::regclass, 2, 'anon', 'MASKED WITH VALUE NULL')});

sub check {
    my ($subject) = @_;
    my ($out) = run_sql($target, "SELECT status, sqlstate, message, hint FROM pagila_check('source') WHERE subject = '$subject' ORDER BY message");
    return $out;
}

# Kind and name of what a run has skipped.
sub skipped {
    my ($sqlstates) = @_;
    my ($out) = run_sql($target, q{SELECT DISTINCT kind, concat_ws('.', schema_name, object_name)} . ($sqlstates ? ', sqlstate' : '') . q{
        FROM pagila_repl.run_step WHERE status = 'skipped' AND run_id = (SELECT max(run_id) FROM pagila_repl.run) ORDER BY 1, 2});
    return $out;
}

#
# What is known beforehand
#

my $remark = qr/With on_object_error => 'skip' a run leaves out what needs it, unless that is a table, or protects one/;
like(check('language'), qr/^error\|42704\|language "tongue" of .*sing\(\) does not exist here\|.*$remark/, 'check: a language');
like(check('materialized view'), qr/^warning\|\|materialized view "public.from_far" reads foreign server "far".*on_object_error => 'skip'/m,
    'check: a view of a foreign table');
like(check('materialized view'), qr/"public.from_from_far" reads foreign server "far"/, 'check: a view of that');
unlike(check('materialized view'), qr/"public.near"/, 'check: others are not named');
like(check('security label'), qr/^warning\|\|1 security label of provider "anon" left out, since it is not loaded here/, 'check: a label');

my $before = content($target);
my ($out, $err) = run_sql($target, pull_sql('source'));
is(sqlstate_of($err), '42704', 'without the option the run fails');
like($err, $remark, 'and says what could be done');
is_unchanged($target, $before, 'without the option');

#
# A replication
#

my $all = join "\n", 'function|public.sing', 'index|public.item_sung', 'index|public.sale_1_if_it_sings_idx', 'index|public.sale_2_if_it_sings_idx',
    'materialized view|public.from_far', 'materialized view|public.from_from_far', 'materialized view|public.song_kept',
    'view|public.song', 'view|public.song_twice';
for my $workers (1, 3) {
    ($out, $err) = run_sql($target, pull_sql('source', on_object_error => $skip, force => 'true', workers => $workers));
    is($out, 'succeeded', "$workers workers: skipped objects do not end the run") or diag $err;
    is(skipped(), $all, "$workers workers: each is listed");
    no_residue($target, "$workers workers");
}
my ($steps) = run_sql($target, q{SELECT object_name, sqlstate, error, finished_at IS NULL FROM pagila_repl.run_step
    WHERE status = 'skipped' AND object_name IN ('sing', 'from_from_far', 'item_sung') AND run_id = (SELECT max(run_id) FROM pagila_repl.run) ORDER BY 1});
is($steps, join("\n", 'from_from_far|55000|materialized view "from_far" has not been populated|f', 'item_sung|P0001|it does not sing|f',
    'sing|42704|language "tongue" does not exist|f'), 'with the reason');
like(last_run($target, 'message'), qr/; 9 objects skipped since they cannot be made: function "public.sing", /, 'the message names them');
like(last_run($target, 'message'), qr/1 security label left out, its provider is not loaded here/, 'and counts the label');
is(last_run($target, "options ->> 'on_object_error'"), 'skip', 'the option is recorded');
is($target->safe_psql('pagila', q{SELECT count(*), sum(price) FROM public.item}), '100|5050', 'all rows are there');
is($target->safe_psql('pagila', q{SELECT relname, relispopulated FROM pg_class WHERE relkind = 'm' ORDER BY 1}), "from_far|f\nfrom_from_far|f\nnear|t",
    'views that could not be filled are there without rows');
is($target->safe_psql('pagila', q{SELECT polname FROM pg_policy WHERE polrelid = 'public.item'::regclass}), 'cheap', 'the policy is there');
is($target->safe_psql('pagila', q{SELECT relrowsecurity FROM pg_class WHERE relname = 'item'}), 't', 'and row security on');
is($target->safe_psql('pagila', q{SELECT indexrelid::regclass::text, indisvalid FROM pg_index WHERE indrelid::regclass::text IN ('item', '"Sale"') ORDER BY 1}),
    "item_name|t\nitem_pkey|t\nsale_sung|f", 'the other indexes are there; that of the partitioned table lacks its parts');

my $run = last_run($target, 'run_id');
($out) = run_sql($target, pull_sql('source', on_object_error => $skip));
is($out, 'skipped', 'a second run has nothing to do');
like(last_run($target, 'message'), qr/^nothing changed since run $run, by which 9 objects skipped since they cannot be made/, 'and says what is missing');
$target->safe_psql('pagila', 'CREATE SCHEMA elsewhere');
is(sqlstate_of((run_sql($target, pull_sql('source')))[1]), '42704', 'without the option it does not take the copy for complete');
is($target->safe_psql('pagila', 'SELECT count(*) FROM public.item'), '100', 'and the copy stays');

# What was in the way is gone.
$target->safe_psql('pagila', q{CREATE LANGUAGE tongue HANDLER plpgsql_call_handler; ALTER DATABASE pagila SET bird.sings = 'yes'});
is((run_sql($target, pull_sql('source', on_object_error => $skip)))[0], 'skipped', 'nothing is tried again of itself');
is((run_sql($target, pull_sql('source', on_object_error => $skip, force => 'true')))[0], 'succeeded', 'with force it is');
is(skipped(), "materialized view|public.from_far\nmaterialized view|public.from_from_far", 'what works now is made');
$target->safe_psql('pagila', q{DROP LANGUAGE tongue CASCADE; ALTER DATABASE pagila RESET bird.sings});
is(sqlstate_of((run_sql($target, pull_sql('source', on_object_error => $skip)))[1]), '55000', 'what was made is missed if somebody drops it');
is((run_sql($target, pull_sql('source', on_object_error => $skip, on_modified => q{'overwrite'})))[0], 'succeeded', 'and made again, as far as it can be');

#
# A load of the same, as a superuser and as an ordinary role
#

my $dump = "$dir/dump.sql";
write_file($dump, dump_text($source, 'pagila', '--schema=public'));
write_file($dump, "CREATE SERVER farther FOREIGN DATA WRAPPER postgres_fdw;\nCREATE ACCESS METHOD pile TYPE INDEX HANDLER bthandler;\n" . slurp_file($dump));
for my $who (scalar getpwuid($<), 'etl') {
    my $db = "loaded_$who";
    $target->safe_psql('postgres', "CREATE DATABASE $db");
    $target->safe_psql($db, "CREATE EXTENSION pagila_repl; CREATE EXTENSION postgres_fdw; $far; GRANT USAGE ON FOREIGN SERVER far TO etl;"
        . "GRANT CREATE ON DATABASE $db TO etl; ALTER SCHEMA public OWNER TO etl; GRANT pg_read_server_files TO etl");
    my %as = (db => $db, psql => { extra_params => [ '-U', $who ] });
    my ($status, $error) = run_sql($target, load_sql($dump, undef, force => 'true', on_unmanaged => q{'drop'}), %as);
    is(sqlstate_of($error), '42704', "load as $who: fails without the option");
    ($status, $error) = run_sql($target, load_sql($dump, undef, force => 'true', on_object_error => $skip, on_modified => q{'overwrite'}), %as);
    is($status, 'succeeded', "load as $who: succeeds with it") or diag $error;
    is($target->safe_psql($db, q{SELECT count(*) FROM public.item}), '100', "load as $who: all rows");
    ($status) = run_sql($target, q{SELECT string_agg(DISTINCT kind || ' ' || object_name, ', ') FROM pagila_repl.run_step WHERE status = 'skipped'
        AND run_id = (SELECT max(run_id) FROM pagila_repl.run)}, db => $db);
    like($status, qr/access method pile, .*function sing.*index item_sung.*materialized view from_far.*server farther.*view song_twice/, "load as $who: all are listed");
    ($status) = run_sql($target, load_sql($dump, undef, on_object_error => $skip), %as);
    is($status, 'skipped', "load as $who: a second run has nothing to do");
}

#
# What is never skipped
#

my $head = q{CREATE TABLE public.t (id integer, note text); CREATE TABLE public.u (id integer PRIMARY KEY);
    INSERT INTO public.t VALUES (1, 'one'); INSERT INTO public.t VALUES (1, 'two'); };
my $lost = q{CREATE FUNCTION public.lost(integer) RETURNS boolean LANGUAGE nowhere AS ''; };
my $shut = q{ALTER TABLE public.t ENABLE ROW LEVEL SECURITY; CREATE POLICY p ON public.t };
my %refused = (
    'a policy' => "$head $shut USING (public.nothing(id));",
    'a policy that needs what is skipped' => "$head $lost $shut USING (public.lost(id));",
    'a policy for a role that is not here' => "$head $shut TO nobody_here USING (true);",
    'a policy that reads a view that is skipped' => "$head $lost CREATE VIEW public.v AS SELECT 1 AS id WHERE public.lost(1); $shut USING (id IN (SELECT id FROM public.v));",
    'a trigger' => "$head CREATE TRIGGER g BEFORE INSERT ON public.t FOR EACH ROW EXECUTE FUNCTION public.nothing();",
    'a trigger whose condition fails' => "$head CREATE FUNCTION public.f() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END';
        CREATE TRIGGER g AFTER UPDATE ON public.t FOR EACH ROW WHEN (public.nothing(OLD.id)) EXECUTE FUNCTION public.f();",
    'a rule' => "$head CREATE RULE r AS ON DELETE TO public.t DO INSTEAD SELECT public.nothing();",
    'a table' => "$head CREATE TABLE public.w (a public.nothing);",
    'a default' => "$head $lost ALTER TABLE public.t ALTER COLUMN note SET DEFAULT public.lost(1)::text;",
    'a generated column' => "$head $lost CREATE TABLE public.w (a integer, b boolean GENERATED ALWAYS AS (public.lost(a)) STORED);",
    'a check' => "$head $lost ALTER TABLE public.t ADD CHECK (public.lost(id));",
    'a domain' => "$head $lost CREATE DOMAIN public.d AS integer CHECK (public.lost(VALUE));",
    'a type' => "$head CREATE TYPE public.c AS (a public.nothing);",
    'a foreign key' => "$head ALTER TABLE public.t ADD CONSTRAINT t_u FOREIGN KEY (id) REFERENCES public.u;",
    'a primary key' => "$head ALTER TABLE public.t ADD PRIMARY KEY (id);",
    'a unique index' => "$head CREATE UNIQUE INDEX t_key ON public.t (id);",
    'an exclusion constraint' => "$head ALTER TABLE public.t ADD EXCLUDE USING btree (id WITH =);",
    'an operator' => "$head $lost CREATE OPERATOR public.~~~ (FUNCTION = public.lost, RIGHTARG = integer);",
    'a cast' => "$head $lost CREATE TYPE public.c AS ENUM ('a'); CREATE CAST (public.c AS integer) WITH FUNCTION public.nothing(public.c);",
    'a grant on what is there' => "$head GRANT SELECT (nothing) ON public.t TO reader;",
    'row security of a table that has the name of a skipped function' =>
        "$head CREATE FUNCTION public.t(integer) RETURNS boolean LANGUAGE nowhere AS ''; ALTER TABLE public.t ENABLE ROW LEVEL SECURITY;
         CREATE POLICY p ON public.t USING (public.nothing(id));",
    'a function of whose name there is another' => "$head CREATE FUNCTION public.lost(bigint) RETURNS boolean LANGUAGE sql AS 'SELECT true'; $lost $shut USING (public.lost(id));",
    'a function of whose name the server has one' => "$head CREATE FUNCTION public.pg_sleep(integer) RETURNS boolean LANGUAGE nowhere AS '';",
    'a view that takes the place of an empty one' => "$head CREATE VIEW public.v AS SELECT NULL::integer AS id; CREATE OR REPLACE VIEW public.v AS SELECT public.nothing() AS id;",
    'a view, where another is found by its name' => "CREATE SCHEMA a; CREATE SCHEMA b; SET search_path = b, a; CREATE TABLE a.v (id integer); CREATE VIEW b.v AS SELECT public.nothing() AS id;",
    'a foreign table that is a part of a table' => "$head CREATE FOREIGN TABLE public.f () INHERITS (public.t) SERVER nowhere;",
    'a statement that a dump may not contain' => "$head DO 'BEGIN END';");
$target->safe_psql('postgres', 'CREATE DATABASE refused');
$target->safe_psql('refused', 'CREATE EXTENSION pagila_repl');
for my $what (sort keys %refused) {
    my ($status, $error) = run_sql($target, load_sql(write_file("$dir/refused.sql", $refused{$what}), undef, on_object_error => $skip), db => 'refused');
    isnt(sqlstate_of($error), '', "$what: is not skipped") or diag $status;
    is($target->safe_psql('refused', q{SELECT count(*) FROM pg_class WHERE relnamespace IN ('public'::regnamespace)}), '0', "$what: nothing is there");
}
no_residue($target, 'what is never skipped', db => 'refused');

# Without rows that are alike the same is loaded, so that it is the named thing that fails.
($out, $err) = run_sql($target, load_sql(write_file("$dir/refused.sql", "$head $lost $shut USING (true);"), undef, on_object_error => $skip), db => 'refused');
is($out, 'succeeded', 'the function alone is skipped') or diag $err;
is($target->safe_psql('refused', 'SELECT count(*) FROM public.t'), '2', 'with all rows');

#
# Statements by the thousand, one of which fails
#

my $many = join '', map { "CREATE FUNCTION public.f$_() RETURNS integer LANGUAGE sql AS 'SELECT $_';\nCOMMENT ON FUNCTION public.f$_() IS 'f';\n" } 1 .. (is_long() ? 5000 : 500);
($out, $err) = run_sql($target, load_sql(write_file("$dir/many.sql", "CREATE TABLE public.t (id integer);\n$many$lost"), undef, on_object_error => $skip, on_modified => q{'overwrite'}), db => 'refused');
is($out, 'succeeded', 'many statements') or diag $err;

#
# Indexes that several processes build
#

for my $node ($source, $target) {
    $node->safe_psql('postgres', 'CREATE DATABASE apart');
    $node->safe_psql('apart', 'CREATE EXTENSION pagila_repl; CREATE SCHEMA extras; CREATE EXTENSION pgcrypto SCHEMA extras');
}
$source->safe_psql('apart', q{CREATE TABLE public.t (id integer PRIMARY KEY, note text); INSERT INTO public.t SELECT n, n FROM generate_series(1, 100) n;
    CREATE INDEX t_digest ON public.t (extras.digest(note, 'md5'));
    COMMENT ON INDEX public.t_digest IS 'by its digest';
    CREATE INDEX t_note ON public.t (note);
    CREATE TABLE public.p (id integer, note text) PARTITION BY HASH (id);
    CREATE TABLE public.p_0 PARTITION OF public.p FOR VALUES WITH (MODULUS 2, REMAINDER 0);
    CREATE TABLE public.p_1 PARTITION OF public.p FOR VALUES WITH (MODULUS 2, REMAINDER 1);
    INSERT INTO public.p SELECT n, n FROM generate_series(1, 100) n;
    CREATE INDEX p_digest ON public.p (extras.digest(note, 'md5'))});
$target->safe_psql('apart', q{CREATE OR REPLACE FUNCTION extras.digest(text, text) RETURNS bytea LANGUAGE plpgsql IMMUTABLE AS
    $$BEGIN IF $1 = '50' THEN RAISE 'not this one'; END IF; RETURN $1::bytea; END$$});
add_source($target, 'source', port => $source->port, server => { dbname => 'apart' }, db => 'apart');
my %in = (workers => 3, schemas => q{'{public}'});
($out, $err) = run_sql($target, pull_sql('source', %in), db => 'apart');
is(sqlstate_of($err), 'P0001', 'several processes: without the option the run fails');
($out, $err) = run_sql($target, pull_sql('source', %in, on_object_error => $skip), db => 'apart');
is($out, 'succeeded', 'several processes: an index is skipped') or diag $err;
($out) = run_sql($target, q{SELECT DISTINCT kind, schema_name, object_name, error FROM pagila_repl.run_step WHERE status = 'skipped' AND sqlstate = 'P0001' ORDER BY 3}, db => 'apart');
like($out, qr/^index\|public\|p_[01]_digest_idx\|not this one\nindex\|public\|t_digest\|not this one$/, 'several processes: they are listed') or diag $out;
is($target->safe_psql('apart', q{SELECT count(*) FROM pg_index WHERE indisvalid AND indrelid IN ('t'::regclass, 'p_0'::regclass, 'p_1'::regclass)}), '3',
    'several processes: all others are there');
is((run_sql($target, pull_sql('source', %in, on_object_error => $skip), db => 'apart'))[0], 'skipped', 'several processes: a second run has nothing to do');
no_residue($target, 'several processes', db => 'apart');

#
# Views that were left without rows
#

$source->safe_psql('apart', 'CREATE MATERIALIZED VIEW public.m AS SELECT extras.digest(note, $$md5$$) FROM public.t');
($out, $err) = run_sql($target, pull_sql('source', %in, on_object_error => $skip), db => 'apart');
is($out, 'succeeded', 'a view is left without rows') or diag $err;
$target->safe_psql('apart', 'CREATE OR REPLACE FUNCTION extras.digest(text, text) RETURNS bytea LANGUAGE sql IMMUTABLE AS $$SELECT $1::bytea$$; REFRESH MATERIALIZED VIEW public.m');
is((run_sql($target, pull_sql('source', %in, on_object_error => $skip), db => 'apart'))[0], 'skipped', 'who fills it by hand has changed nothing');
$target->safe_psql('apart', 'COMMENT ON MATERIALIZED VIEW public.m IS $$mine$$');
is(sqlstate_of((run_sql($target, pull_sql('source', %in, on_object_error => $skip), db => 'apart'))[1]), '55000', 'who comments on it has');

#
# Misuse
#

for my $value (q{'perhaps'}, 'NULL') {
    for my $function ("pagila_load('/x.sql', on_object_error => $value)", "pagila_replicate_from('source', on_object_error => $value)",
        "pagila_replicate_to('source', on_object_error => $value)") {
        my ($state) = sqlstates($target, ["SELECT $function"]);
        is($state, $value eq 'NULL' ? '22004' : '22023', $function);
    }
}
done_testing();
