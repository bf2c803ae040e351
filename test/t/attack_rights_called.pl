# Code of another role that a run looked up, planned or let run as that role, and that would then be called as a role with more
# rights: by what plpgsql keeps, by plans that outlive a transaction, in parallel workers, at commit, or by changing what is trusted.
use strict;
use warnings;
use lib 'test/t';
use PagilaTest;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = new_node('rights_called');
my $dir = PostgreSQL::Test::Utils::tempdir;
my $written = $node->data_dir . '/written';
my $number = 0;
$node->safe_psql('pagila', q{ALTER DATABASE pagila SET maintenance_work_mem = '256MB'; CREATE ROLE attacker LOGIN;
    CREATE ROLE puller LOGIN IN ROLE pagila_repl_operator, pg_read_server_files});

# What calls as more than attacker leave: a number drawn, a role that is superuser, a privilege, a file.
sub struck {
    return join ' ', grep { $_ } split(/\|/, $node->safe_psql('pagila', q{SELECT
          (SELECT CASE WHEN is_called THEN 'number' END FROM public.struck), (SELECT CASE WHEN rolsuper THEN 'superuser' END FROM pg_roles WHERE rolname = 'attacker'),
          (SELECT CASE WHEN nspacl::text ~ 'attacker' THEN 'privilege' END FROM pg_namespace WHERE nspname = 'secret')}) =~ s/\n//r),
      -e $written ? 'file' : '';
}

sub attack {
    my ($name, $state, %case) = @_;
    $node->safe_psql('pagila', q{SET client_min_messages = error; ALTER ROLE attacker NOSUPERUSER; DROP OWNED BY attacker, puller CASCADE;
        DROP SCHEMA IF EXISTS live, att, tools, secret CASCADE; DROP SEQUENCE IF EXISTS public.struck; DELETE FROM pagila_repl.copy;
        GRANT CREATE ON DATABASE pagila TO puller; CREATE SCHEMA att AUTHORIZATION attacker; CREATE SCHEMA secret AUTHORIZATION puller;
        CREATE SCHEMA tools; GRANT USAGE ON SCHEMA tools, att TO PUBLIC; CREATE SEQUENCE public.struck; GRANT USAGE ON SEQUENCE public.struck TO PUBLIC; }
          . ($case{before} // ''));
    unlink $written;
    my ($attack, $dump) = map { s/WRITTEN/$written/gr } @case{ 'attack', 'dump' };
    $node->safe_psql('pagila', $attack, extra_params => [ '-U', 'attacker' ]);
    my $file = write_file("$dir/" . $number++ . '.sql', "CREATE SCHEMA live;\n$dump");
    my ($out, undef, $error) = run_sql($node, load_sql($file, undef), $case{as} ? (psql => { extra_params => [ '-U', $case{as} ] }) : ());
    my $run = $node->safe_psql('pagila', q{SELECT status, sqlstate, coalesce(message, '') FROM pagila_repl.run ORDER BY run_id DESC LIMIT 1});
    like($run, $state, "$name: what becomes of the run");
    is(struck(), '', "$name: nothing ran with more rights than its owner's");
    return;
}

# A row of each table, which is made by the superuser, the first then given away.
my $two_tables = "CREATE TABLE live.a (id integer CHECK (%s(id)));\nALTER TABLE live.a OWNER TO attacker;\nCREATE TABLE live.b (id integer CHECK (%s(id)));
COPY live.a FROM stdin;\n1\n\\.\nCOPY live.b FROM stdin;\n1\n\\.\n";

attack('an expression that plpgsql keeps', qr/^failed\|42501\|function att\.evil\(integer\) of role "attacker" would be called as role "postgres"/,
    attack => q{CREATE FUNCTION att.evil(integer) RETURNS boolean LANGUAGE plpgsql AS $$BEGIN
      IF current_user <> 'attacker' THEN PERFORM nextval('public.struck'); EXECUTE 'ALTER ROLE attacker SUPERUSER'; END IF; RETURN true; END$$},
    dump => q{CREATE FUNCTION live.fine(integer) RETURNS boolean LANGUAGE plpgsql IMMUTABLE AS $$BEGIN RETURN att.evil($1); END$$;
} . sprintf($two_tables, ('live.fine') x 2));

attack('a plan in which it is inlined', qr/^failed\|42501\|function att\.f\(integer\) of role "attacker"/,
    before => q{CREATE FUNCTION tools.fine(integer) RETURNS boolean LANGUAGE plpgsql AS $$BEGIN RETURN att.f($1); END$$},
    attack => q{SELECT lo_from_bytea(4242424, 'any bytes');
      CREATE FUNCTION att.f(integer) RETURNS boolean LANGUAGE sql AS $f$SELECT CASE WHEN current_user <> 'attacker'
        THEN query_to_xml('SELECT lo_export(4242424, ''WRITTEN'')', true, true, '') IS NOT NULL ELSE true END$f$},
    dump => sprintf($two_tables, ('tools.fine') x 2));

attack('a better match made in the copy', qr/^failed\|42501\|a function that a run calls may not execute CREATE FUNCTION/,
    attack => q{CREATE FUNCTION att.evil(integer) RETURNS boolean LANGUAGE plpgsql AS $f$BEGIN
      IF current_user = 'attacker' THEN
        EXECUTE $x$CREATE FUNCTION live.inner_one(integer) RETURNS boolean LANGUAGE plpgsql AS $y$BEGIN
          IF current_user <> 'attacker' THEN ALTER ROLE attacker SUPERUSER; END IF; RETURN true; END$y$$x$;
      END IF; RETURN true; END$f$},
    dump => q{GRANT USAGE, CREATE ON SCHEMA live TO attacker;
CREATE FUNCTION live.inner_one(numeric) RETURNS boolean LANGUAGE plpgsql IMMUTABLE AS $$BEGIN RETURN true; END$$;
CREATE FUNCTION live.fine(integer) RETURNS boolean LANGUAGE plpgsql IMMUTABLE AS $$BEGIN RETURN live.inner_one($1); END$$;
} . sprintf($two_tables, 'att.evil', 'live.fine'));

for my $way ([ 'EXECUTE $x$', '$x$;', 'plpgsql' ], [ 'PERFORM query_to_xml($x$', '$x$, true, true, \'\');', 'a query in text' ]) {
    my ($do, $done, $by) = @$way;
    attack("a view of the copy replaced by $by", $by eq 'plpgsql' ? qr/^failed\|42501\|a function that a run calls may not execute CREATE RULE/ : qr/^failed\|/,
        attack => qq{SELECT lo_from_bytea(4242424, 'any bytes');
          CREATE FUNCTION att.evil(integer) RETURNS integer LANGUAGE plpgsql AS \$f\$BEGIN
            IF session_user <> 'attacker' THEN ${do}CREATE OR REPLACE RULE "_RETURN" AS ON SELECT TO live.v DO INSTEAD
              SELECT (query_to_xml('SELECT lo_export(4242424, ''WRITTEN'')', true, true, '') IS NOT NULL)::integer AS id FROM live.t$done END IF;
            RETURN 1; END\$f\$},
        dump => q{GRANT USAGE ON SCHEMA live TO attacker;
CREATE TABLE live.t (id integer);
GRANT SELECT ON live.t TO attacker;
CREATE VIEW live.v AS SELECT id FROM live.t;
ALTER VIEW live.v OWNER TO attacker;
CREATE MATERIALIZED VIEW live.m1 AS SELECT att.evil(id) AS id FROM live.t WITH NO DATA;
ALTER MATERIALIZED VIEW live.m1 OWNER TO attacker;
CREATE MATERIALIZED VIEW live.m2 AS SELECT id FROM live.v WITH NO DATA;
COPY live.t FROM stdin;
1
\.
REFRESH MATERIALIZED VIEW live.m1;
REFRESH MATERIALIZED VIEW live.m2;
});
}

# Late rows, so that a worker meets them.
my $many = join '', map { "$_\t" . 'x' x 100 . "\n" } 1 .. 200_000;
for my $case ([ 'a parallel query', 'STABLE', 'CREATE MATERIALIZED VIEW live.m AS SELECT id FROM live.t WHERE live.fine(id) WITH DATA;' ],
    [ 'a parallel index build', 'IMMUTABLE', 'CREATE INDEX i ON live.t (live.fine(id));' ]) {
    my ($name, $volatility, $last) = @$case;
    attack($name, qr/^failed\|42501\|function att\.evil\(integer\)/,
        attack => q{CREATE FUNCTION att.evil(integer) RETURNS boolean LANGUAGE plpgsql PARALLEL SAFE AS $f$BEGIN
          IF current_user <> 'attacker' THEN COPY (SELECT 1) TO 'WRITTEN'; END IF; RETURN true; END$f$},
        dump => "CREATE TABLE live.t (id integer, filler text) WITH (parallel_workers = 2);
CREATE FUNCTION live.fine(integer) RETURNS boolean LANGUAGE plpgsql $volatility PARALLEL SAFE AS \$\$BEGIN
  IF \$1 > 150000 AND \$1 % 100 = 0 THEN RETURN att.evil(\$1); END IF; RETURN true; END\$\$;
COPY live.t FROM stdin;\n$many\\.\n\n$last\n");
}

# The check of a partition is folded while it is attached.
my $partition = q{CREATE FUNCTION live.highest() RETURNS integer LANGUAGE plpgsql IMMUTABLE AS $$BEGIN RETURN att.highest(); END$$;
CREATE TABLE live.t (id integer, n integer) PARTITION BY RANGE (id);
CREATE TABLE live.p (id integer, n integer, CONSTRAINT c CHECK (n < live.highest()));
ALTER TABLE ONLY live.t ATTACH PARTITION live.p FOR VALUES FROM (0) TO (1000);
};
attack('a cursor that is read at commit', qr/^failed\|42501\|a function that a run calls may not execute DECLARE CURSOR/,
    attack => q{CREATE FUNCTION att.evil() RETURNS integer LANGUAGE plpgsql AS $f$BEGIN
        IF current_user <> 'attacker' THEN EXECUTE 'ALTER ROLE attacker SUPERUSER'; END IF; RETURN 1; END$f$;
      CREATE FUNCTION att.highest() RETURNS integer LANGUAGE plpgsql SECURITY DEFINER AS $f$BEGIN
        EXECUTE 'DECLARE c CURSOR WITH HOLD FOR SELECT att.evil()'; RETURN 100; EXCEPTION WHEN duplicate_cursor THEN RETURN 100; END$f$},
    dump => "${partition}COPY live.p FROM stdin;\n1\t1\n\\.\n");

attack('a search_path left for the next statement', qr/^succeeded\|/,
    attack => q{CREATE FUNCTION att.lower(text) RETURNS text LANGUAGE plpgsql AS $f$BEGIN
        IF current_user <> 'attacker' THEN EXECUTE 'ALTER ROLE attacker SUPERUSER'; END IF; RETURN pg_catalog.lower($1); END$f$;
      CREATE FUNCTION att.highest() RETURNS integer LANGUAGE plpgsql SECURITY DEFINER AS $f$BEGIN
        PERFORM set_config('search_path', 'att, pg_catalog', false); RETURN 100; END$f$},
    dump => "SELECT pg_catalog.set_config('search_path', '', false);\n${partition}CREATE TABLE live.person (name text);
CREATE VIEW live.names AS SELECT lower(person.name) AS name FROM live.person;
COPY live.p FROM stdin;\n1\t1\n\\.\nCOPY live.person FROM stdin;\nAnna\n\\.\n");
is($node->safe_psql('pagila', q{SELECT name FROM live.names; SELECT pg_get_viewdef('live.names'::regclass) ~ 'att'}), "anna\nf", 'the view means what the dump says');
is(struck(), '', 'and calls nothing of the attacker');

# Index predicates of the table referred to are folded when its rows are looked up for the key.
my $sale = q{CREATE TABLE live.sale (id integer, card integer);
COPY live.sale FROM stdin;
1	1
2	2
\.
ALTER TABLE live.sale ADD CONSTRAINT of_card FOREIGN KEY (card) REFERENCES att.card;
};
my $card = q{CREATE TABLE att.card (id integer PRIMARY KEY, word text); INSERT INTO att.card VALUES (1, 'x'), (2, 'x');
  GRANT REFERENCES, SELECT ON att.card TO puller;
  CREATE FUNCTION att.evil() RETURNS integer LANGUAGE plpgsql AS $f$BEGIN
    IF current_user <> 'attacker' THEN PERFORM nextval('public.struck'); EXECUTE CASE session_user WHEN 'puller' THEN 'GRANT ALL ON SCHEMA secret TO attacker'
      ELSE 'ALTER ROLE attacker SUPERUSER' END; END IF; RETURN 1; END$f$;
  CREATE FUNCTION att.declare() RETURNS void LANGUAGE plpgsql AS $f$BEGIN
    IF current_user = 'attacker' THEN EXECUTE 'DECLARE c CURSOR WITH HOLD FOR SELECT att.evil()'; END IF; EXCEPTION WHEN duplicate_cursor THEN NULL; END$f$;
  CREATE FUNCTION att.ev(integer) RETURNS boolean LANGUAGE plpgsql IMMUTABLE %s AS $f$BEGIN
    IF session_user <> 'attacker' THEN PERFORM att.declare(); END IF; RETURN true; END$f$;
  CREATE INDEX trap ON att.card (word) WHERE att.ev(1);};
attack('a key to a table whose index declares a cursor', qr/^failed\|42501\|/, attack => sprintf($card, 'SECURITY DEFINER'), dump => $sale);
attack('a key that is checked row by row as that table\'s owner', qr/^failed\|42501\|/,
    as => 'puller', attack => sprintf($card, '') . 'ALTER TABLE att.card ENABLE ROW LEVEL SECURITY;', dump => $sale);

# What a superuser has made for every definition goes on.
$node->safe_psql('pagila', q{CREATE TABLE public.seen (tag text); CREATE FUNCTION public.note() RETURNS event_trigger LANGUAGE plpgsql AS $$BEGIN
    CREATE TABLE IF NOT EXISTS public.made (tag text); INSERT INTO public.made VALUES (tg_tag); END$$;
  CREATE EVENT TRIGGER noted ON ddl_command_end WHEN TAG IN ('CREATE VIEW') EXECUTE FUNCTION public.note()});
attack('an event trigger of a superuser that defines something', qr/^succeeded\|/, attack => 'SELECT 1', dump => "CREATE VIEW live.v AS SELECT 1 AS a;\n");
is($node->safe_psql('pagila', 'SELECT * FROM public.made'), 'CREATE VIEW', 'it has done so');
$node->safe_psql('pagila', 'DROP EVENT TRIGGER noted');

# The setting by which parallel workers learn of it is nobody's.
is((sqlstates($node, [ q{LOAD 'pagila_repl'}, 'SET SESSION AUTHORIZATION puller', q{SET pagila_repl.guarded = ''} ]))[2], '42501', 'no role sets what is guarded');
my $log = slurp_file($node->logfile);
unlike($log, qr/PANIC|was terminated by (signal|exception)|TRAP:/, 'the server stays up');
done_testing();
