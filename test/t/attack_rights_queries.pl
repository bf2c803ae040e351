# Code that is no function: what a role has defined of the server's own functions (views, policies, defaults, checks, rules, operators,
# aggregates, domains, foreign tables), met by a function or materialized view of the copy while a run of others goes on. Some of
# these functions execute SQL that is given as text, or write files.
use strict;
use warnings;
use lib 'test/t';
use AttackTest;
use PagilaTest;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = new_node('rights_queries', faults => 1);
my $dir = PostgreSQL::Test::Utils::tempdir;
my $written = $node->data_dir . '/written';
my $number = 0;
$node->safe_psql('pagila', q{CREATE SEQUENCE public.numbers; CREATE ROLE attacker LOGIN; CREATE ROLE puller LOGIN IN ROLE pagila_repl_operator, pg_read_server_files});

# A file written by the server, or the runner's row read by a channel.
my $write = "query_to_xml('SELECT lo_export(4242424, ''$written'')', true, true, '')";
my $tell = q{query_to_xml('SELECT pg_notify(''leak'', (SELECT word FROM secret.s))', true, true, '')};
my $reset = q{SET client_min_messages = error; DROP OWNED BY attacker, puller CASCADE; DROP SCHEMA IF EXISTS live, att, secret CASCADE;
    DELETE FROM pagila_repl.copy; GRANT CREATE ON DATABASE pagila TO puller; CREATE SCHEMA att AUTHORIZATION attacker; CREATE SCHEMA secret AUTHORIZATION puller;
    CREATE TABLE secret.s AS SELECT 'hidden'::text AS word; ALTER TABLE secret.s OWNER TO puller; GRANT USAGE ON SCHEMA att TO PUBLIC};

# The dump's function or view meets what the attacker has made, on a table of the runner's ($body) or of the attacker's own.
sub load {
    my ($attack, $dump, $as) = @_;
    unlink $written;
    my $file = write_file("$dir/" . $number++ . '.sql', "CREATE SCHEMA live;\n$dump");
    $node->safe_psql('pagila', "$reset");
    $node->safe_psql('pagila', "SELECT lo_unlink(oid) FROM pg_largeobject_metadata; SET SESSION AUTHORIZATION attacker; SELECT lo_from_bytea(4242424, 'any bytes'); $attack");
    run_sql($node, load_sql($file, undef), $as ? (psql => { extra_params => [ '-U', $as ] }) : ());
    return $node->safe_psql('pagila', q{SELECT status, sqlstate, coalesce(message, '') FROM pagila_repl.run ORDER BY run_id DESC LIMIT 1});
}

sub function_of { return "CREATE FUNCTION live.fine(integer) RETURNS boolean LANGUAGE $_[1] AS \$f\$$_[0]\$f\$;\n" }
my $table = "CREATE TABLE live.item (id integer CHECK (live.fine(id)));\n";
my $rows = "COPY live.item FROM stdin;\n1\n\\.\n";

sub attack {
    my ($name, $met, $attack, $code, %case) = @_;
    my $function = function_of($code, $case{language} // 'plpgsql');
    my $refused = $met eq 'the call' ? qr/^failed\|42501\|function pg_catalog\.query_to_xml\(.*\) may not be called by a domain/
      : qr/^failed\|42501\|\Q$met\E of role "attacker" would be evaluated as role "(postgres|puller)"/;
    like(load($attack, $function . $table . $rows, $case{as}), $refused, "$name: refused, by name");
    ok(!-e $written, "$name: nothing is written");
    # As the attacker it is their own affair, and fails by lo_export; a plan made as them is none for others.
    return if $case{only};
    like(load("GRANT USAGE ON SCHEMA att TO PUBLIC; $attack", $function . $table . "ALTER TABLE live.item OWNER TO attacker;\n" . $rows), qr/^failed\|42501\|permission denied for function lo_export/,
        "$name: for the attacker's table it runs as the attacker");
    my $both = $function =~ s/AS \$f\$/AS \$f\$/r;
    (my $quiet = $attack) =~ s/\Q$write\E/(CASE current_user WHEN 'attacker' THEN 'x' ELSE $write END)/g;
    like(load($quiet, $both . "CREATE TABLE live.a (id integer CHECK (live.fine(id)));\nALTER TABLE live.a OWNER TO attacker;\n$table" . $rows =~ s/item/a/r . $rows),
        $case{again} // $refused, "$name: a plan made for the attacker is looked at again for others");
    ok(!-e $written, "$name: nothing is written then");
    return;
}

attack('a view', 'view att.v', "CREATE VIEW att.v AS SELECT $write\::text AS word; GRANT SELECT ON att.v TO PUBLIC", 'BEGIN PERFORM word FROM att.v; RETURN true; END');
attack('a view, in SQL', 'view att.v', "CREATE VIEW att.v AS SELECT $write\::text AS word", 'SELECT count(word) >= 0 FROM att.v', language => 'sql');
attack('a view in a view in a subquery', 'view att.v', "CREATE VIEW att.v AS SELECT $write\::text AS word; CREATE VIEW att.w AS SELECT * FROM att.v",
    'BEGIN RETURN (WITH a AS (SELECT (SELECT word FROM att.v) AS word) SELECT count(*) > 0 FROM a); END');
attack('a view that a query in text reads', 'view att.v', "CREATE VIEW att.v AS SELECT $write\::text AS word",
    q{BEGIN RETURN query_to_xml('SELECT word FROM att.v', true, true, '') IS NOT NULL; END});
attack('a domain', 'type att.d', "CREATE DOMAIN att.d AS integer CHECK ($write IS NOT NULL)", 'BEGIN RETURN 1::att.d = 1; END', only => 1);
attack('a domain of a variable', 'the call', "CREATE DOMAIN att.d AS integer CHECK ($write IS NOT NULL)", 'DECLARE x att.d := 1; BEGIN RETURN x = 1; END', only => 1);
attack('a domain in a row of a variable', 'the call', "CREATE DOMAIN att.d AS integer CHECK ($write IS NOT NULL); CREATE TABLE att.t (a integer, b att.d[])",
    q{DECLARE x att.t; BEGIN x.b := '{1}'; RETURN true; END}, only => 1);
attack('a domain in SQL that could be inlined', 'type att.d', "CREATE DOMAIN att.d AS integer CHECK ($write IS NOT NULL)", 'SELECT $1::att.d = 1', language => 'sql', only => 1);
attack('a domain by JSON', 'type att.d', "CREATE DOMAIN att.d AS integer CHECK ($write IS NOT NULL); CREATE TYPE att.c AS (a att.d)",
    q{BEGIN RETURN (json_populate_record(NULL::att.c, '{"a": 1}')).a = 1; END}, only => 1);
attack('a domain of a function of the server', 'type att.d', "CREATE DOMAIN att.d AS integer CHECK ($write IS NOT NULL)",
    q{BEGIN RETURN count(*) > 0 FROM json_to_recordset('[{"a": 1}]') AS t (a att.d); END}, only => 1);
attack('a domain in the text of an array, while a query is parsed', 'the call', "CREATE DOMAIN att.d AS integer CHECK ($write IS NOT NULL)",
    q{BEGIN PERFORM '{1}'::att.d[]; RETURN true; END}, only => 1);
attack('a domain in the text of a row, while a query is parsed', 'the call', "CREATE DOMAIN att.d AS integer CHECK ($write IS NOT NULL); CREATE TYPE att.c AS (a att.d)",
    q{BEGIN PERFORM '(1)'::att.c; RETURN true; END}, only => 1);
attack('an operator', 'operator att.@@@(tsquery,text)', 'CREATE OPERATOR att.@@@ (LEFTARG = tsquery, RIGHTARG = text, FUNCTION = ts_rewrite)',
    "BEGIN RETURN 'a'::tsquery OPERATOR(att.@@@) 'SELECT ''a''::tsquery, lo_export(4242424, ''$written'')::text::tsquery'::text IS NOT NULL; END", only => 1);
attack('an aggregate', 'function att.agg(text)', q{CREATE AGGREGATE att.agg(text) (SFUNC = ts_rewrite, STYPE = tsquery, INITCOND = 'a')},
    "BEGIN RETURN att.agg(w) IS NOT NULL FROM (VALUES ('SELECT ''a''::tsquery, lo_export(4242424, ''$written'')::text::tsquery')) v (w); END", only => 1);
attack('the default of a parameter', 'function att.f(integer,text)', "CREATE FUNCTION att.f(integer, text DEFAULT $write\::text) RETURNS boolean LANGUAGE sql SECURITY DEFINER AS 'SELECT true'",
    'BEGIN RETURN att.f($1); END', only => 1);
attack('the default of a parameter of a procedure', 'function att.p(integer,text)', "CREATE PROCEDURE att.p(integer, text DEFAULT $write\::text) LANGUAGE sql SECURITY DEFINER AS 'SELECT 1'",
    'BEGIN CALL att.p($1); RETURN true; END', only => 1);

# A table that is written to.
for my $case ([ 'a default', "ALTER TABLE att.log ALTER word SET DEFAULT $write\::text" ], [ 'a check', "ALTER TABLE att.log ADD CHECK ($write IS NOT NULL)" ],
    [ 'a rule', "CREATE RULE r AS ON INSERT TO att.log DO ALSO SELECT $write" ],
    [ 'the condition of a trigger', "CREATE FUNCTION att.tf() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END';
        CREATE TRIGGER w BEFORE INSERT ON att.log FOR EACH ROW WHEN ($write IS NOT NULL) EXECUTE FUNCTION att.tf()" ],
    [ 'a check of a partition', "DROP TABLE att.log; CREATE TABLE att.log (id integer, word text) PARTITION BY LIST (id); CREATE TABLE att.p PARTITION OF att.log DEFAULT;
        ALTER TABLE att.p ADD CHECK ($write IS NOT NULL)" ]) {
    my ($name, $sql) = @$case;
    attack($name, 'table att.log', "CREATE TABLE att.log (id integer, word text); $sql; GRANT ALL ON ALL TABLES IN SCHEMA att TO PUBLIC",
        'BEGIN INSERT INTO att.log (id) VALUES (1); RETURN true; END', only => 1);
}

# Whoever is no superuser is subject to policies.
attack('a policy', 'table att.log', "CREATE TABLE att.log (id integer); INSERT INTO att.log VALUES (1); GRANT SELECT ON att.log TO PUBLIC; ALTER TABLE att.log ENABLE ROW LEVEL SECURITY;
    CREATE POLICY p ON att.log USING ($tell IS NOT NULL)", 'BEGIN PERFORM 1 FROM att.log; RETURN true; END', as => 'puller', only => 1);

# What PL/pgSQL would evaluate without a query is evaluated by one, and defaults of the copy are its own.
is(load('SELECT 1', function_of(q{DECLARE x text := query_to_xml('SELECT 1 AS a', true, true, '')::text; BEGIN PERFORM set_config('a.b', 'c', true); RETURN x <> ''; END}, 'plpgsql')
      . $table . $rows) =~ s/\|.*//r, 'succeeded', 'a function of the copy calls what executes SQL');
is(load('SELECT 1', "CREATE TABLE live.item (id integer, word text DEFAULT query_to_xml('SELECT 1 AS a', true, true, '')::text, n bigint DEFAULT nextval('public.numbers'));
COPY live.item (id) FROM stdin;\n1\n\\.\n") =~ s/\|.*//r, 'succeeded', 'a default of the copy calls what executes SQL');

# What is read as a table is no matter, whoever owns it.
is(load('CREATE TABLE att.t (id integer); GRANT SELECT ON att.t TO PUBLIC; INSERT INTO att.t VALUES (1)', function_of('BEGIN RETURN count(*) = 1 FROM att.t; END', 'plpgsql') . $table . $rows) =~ s/\|.*//r,
    'succeeded', 'a table of another role is read');
is(load("CREATE VIEW att.v AS SELECT 1 AS id", function_of('BEGIN RETURN count(*) = 1 FROM att.v; END', 'plpgsql') . $table . "ALTER TABLE live.item OWNER TO attacker;\n$rows") =~ s/\|.*//r,
    'succeeded', 'a view of the role that owns the table is read');

# A table that becomes a view while rows are loaded, after what definitions refer to was looked at.
my $file = write_file("$dir/matview.sql", "CREATE SCHEMA live;\nCREATE TABLE live.item (id integer);
CREATE MATERIALIZED VIEW live.m AS SELECT t.id, t.word FROM att.t WITH NO DATA;\n${rows}REFRESH MATERIALIZED VIEW live.m;\n");
unlink $written;
$node->safe_psql('pagila', $reset);
$node->safe_psql('pagila', "SELECT lo_unlink(oid) FROM pg_largeobject_metadata; SET SESSION AUTHORIZATION attacker; SELECT lo_from_bytea(4242424, 'any bytes'); CREATE TABLE att.t (id integer, word text)");
my ($maker, $run) = map { Session->new($node, 'pagila') } 1 .. 2;
my $gate = hold_run_at($maker, 'pagila', 'rows:1');
$run->send(load_sql($file, undef));
wait_until(sub { is_run_held($gate) }, 60);
$node->safe_psql('pagila', qq{SET SESSION AUTHORIZATION attacker; CREATE RULE "_RETURN" AS ON SELECT TO att.t DO INSTEAD SELECT 1 AS id, $write\::text AS word});
let_run_go($gate);
$run->wait(60);
$_->close for $run, $maker;
clear_fault($node);
like($node->safe_psql('pagila', q{SELECT status, sqlstate, message FROM pagila_repl.run ORDER BY run_id DESC LIMIT 1}),
    qr/^failed\|42501\|view att\.t of role "attacker" would be evaluated as role "postgres"/, 'a table that becomes a view: refused, by name');
ok(!-e $written, 'a table that becomes a view: nothing is written');

# A foreign table leads wherever the owner of its server says, as whom they say.
SKIP: {
    my ($status) = $node->psql('pagila', 'CREATE EXTENSION postgres_fdw SCHEMA public');
    skip 'no postgres_fdw', 6 if $status != 0;
    my ($host, $port) = ($node->host, $node->port);
    my $back = "RESET SESSION AUTHORIZATION; GRANT USAGE ON FOREIGN DATA WRAPPER postgres_fdw TO attacker; SET SESSION AUTHORIZATION attacker;
      CREATE SERVER back FOREIGN DATA WRAPPER postgres_fdw OPTIONS (host '$host', port '$port', dbname 'pagila'); CREATE USER MAPPING FOR PUBLIC SERVER back OPTIONS (user 'postgres');
      CREATE VIEW att.v AS SELECT 1 AS id, $write\::text AS word; CREATE FOREIGN TABLE att.ft (id integer, word text) SERVER back OPTIONS (schema_name 'att', table_name 'v');
      GRANT ALL ON ALL TABLES IN SCHEMA att TO PUBLIC";
    attack('a foreign table', 'foreign table att.ft', $back, 'BEGIN PERFORM word FROM att.ft; RETURN true; END', only => 1);
    attack('a foreign table that inherits', 'foreign table att.ft', "$back; CREATE TABLE att.parent (id integer, word text); ALTER FOREIGN TABLE att.ft INHERIT att.parent",
        'BEGIN PERFORM word FROM att.parent; RETURN true; END', only => 1);
    like(load($back, "CREATE TABLE live.item (id integer);\nCREATE MATERIALIZED VIEW live.m AS SELECT t.word FROM att.ft t WITH NO DATA;\n${rows}REFRESH MATERIALIZED VIEW live.m;\n"),
        qr/^failed\|42501\|the copy depends on functions, views/, 'a foreign table that a materialized view reads: refused beforehand');
    ok(!-e $written, 'a foreign table that a materialized view reads: nothing is written');
}
done_testing();
