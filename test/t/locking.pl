# Runs beside runs, other sessions, locks, dependents and hand-made changes: the target is whole, and what is in the way is named.
use strict;
use warnings;
use lib 'test/t';
use IPC::Run qw(start);
use PagilaTest;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = new_node('locking', faults => 1, conf => "wal_level = logical\n");
$node->safe_psql('postgres', 'CREATE DATABASE other');
$node->safe_psql('other', 'CREATE EXTENSION pagila_repl');
my $dir = PostgreSQL::Test::Utils::tempdir;
my $gate = "$dir/gate";

# A dump of two tables in a schema of its own: what => the text of its rows.
sub shop_dump {
    my ($schema, $what, $more) = @_;
    $more //= '';
    return write_file("$dir/$schema.$what.sql", <<"END");
CREATE SCHEMA $schema;
CREATE TABLE $schema.item (id integer NOT NULL, name text);
CREATE TABLE $schema.sale (id integer NOT NULL, item integer);
CREATE VIEW $schema.items AS SELECT item.id, item.name FROM $schema.item;
CREATE FUNCTION $schema.twice(integer) RETURNS integer LANGUAGE sql IMMUTABLE AS \$\$SELECT \$1 * 2\$\$;
CREATE FUNCTION $schema.touch() RETURNS trigger LANGUAGE plpgsql AS \$\$BEGIN RETURN NEW; END\$\$;
$more
COPY $schema.item (id, name) FROM stdin;
1	$what
2	$what
\\.
COPY $schema.sale (id, item) FROM stdin;
1	1
\\.
ALTER TABLE ONLY $schema.item ADD CONSTRAINT item_pkey PRIMARY KEY (id);
CREATE INDEX item_name ON $schema.item USING btree (name);
ALTER TABLE ONLY $schema.sale ADD CONSTRAINT sale_item_fkey FOREIGN KEY (item) REFERENCES $schema.item(id);
END
}

sub loads {
    my ($what, $dump, %options) = @_;
    my ($out, $err) = run_sql($node, load_sql($dump, undef, %options));
    return is($out, 'succeeded', $what) || diag $err;
}

# The SQLSTATE a load fails with, and what psql says of it.
sub fails {
    my ($dump, %options) = @_;
    my ($out, $err) = run_sql($node, load_sql($dump, undef, %options));
    return (sqlstate_of($err), $err);
}

# A run that is held at a site until let_go; its number.
sub hold {
    my ($site, $dump, %options) = @_;
    write_file($gate, '');
    set_fault($node, "$site:1:wait:$gate");
    my $sql = load_sql($dump, undef, force => 'true', wait => 'false', %options) =~ s/SELECT status/SELECT run_id/r;
    my ($run, $err) = run_sql($node, $sql);
    clear_fault($node);
    ok(wait_until(sub { is_stalled($node) }, 20), "a run is held at $site") or diag $err;
    return $run;
}

# How a held run ends.
sub let_go {
    my ($run) = @_;
    unlink $gate;
    run_sql($node, "SELECT pagila_wait($run)");
    return outcome($run);
}

sub outcome {
    my ($run) = @_;
    return (run_sql($node, "SELECT concat_ws(' ', status, sqlstate) FROM pagila_repl.run WHERE run_id = $run"))[0];
}

sub value { return $node->safe_psql('pagila', $_[0]) }

my $old = shop_dump('shop', 'old');
my $new = shop_dump('shop', 'new');
loads('a first copy', $old);

# Inside a transaction the caller could hold locks the run needs.
{
    my $call = "pagila_load('$new')";
    is_deeply([ (sqlstates($node, [ 'BEGIN', "SELECT $call", 'ROLLBACK' ]))[1] ], ['25001'], 'not in a transaction block');
    my %body = (
        'a DO block after work' => "LOCK TABLE shop.item; PERFORM $call;",
        'a DO block after writing' => "CREATE TEMP TABLE x (); PERFORM $call;",
        'a DO block after reading' => "PERFORM * FROM shop.item; PERFORM $call;",
        'a block with an exception handler' => "BEGIN PERFORM $call; EXCEPTION WHEN division_by_zero THEN NULL; END;");
    for my $what (sort keys %body) {
        is((sqlstates($node, [ "DO \$\$BEGIN $body{$what} END\$\$" ]))[0], '25001', "not in $what");
    }
    value("CREATE FUNCTION public.calls() RETURNS text LANGUAGE plpgsql AS \$\$BEGIN PERFORM $call; RETURN 'no'; "
          . "EXCEPTION WHEN division_by_zero THEN RETURN 'caught'; END\$\$");
    is((sqlstates($node, ['SELECT public.calls()']))[0], '25001', 'not in a function with an exception handler');
    value('DROP FUNCTION public.calls()');
    is(value('SELECT count(*) FROM pagila_repl.run'), 1, 'nothing of it became a run');
    is((sqlstates($node, [ 'BEGIN', 'SELECT pagila_wait(1)', 'ROLLBACK' ]))[1], '25001', 'nor may one wait in a transaction');
}

# One run per target.
{
    set_fault($node, 'rows:1:stall');
    my ($first) = run_sql($node, load_sql($new, undef, wait => 'false') =~ s/SELECT status/SELECT run_id/r);
    ok(wait_until(sub { is_stalled($node) }, 20), 'a run is held');
    clear_fault($node);
    my ($state, $err) = fails($old);
    is($state, '55P03', 'a second one with the same target fails at once');
    like($err, qr/DETAIL:  Run $first of role "postgres" has held schema "shop" since .* \(process \d+\)/, 'and says who holds it');
    is(last_run($node, 'status, sqlstate'), 'failed|55P03', 'and is recorded');
    ok(is_stalled($node), 'the first does not mind');

    # Whatever advisory keys a session takes, also the very numbers of the run's locks.
    my @keys = map { [ split /\|/ ] } split /\n/, value("SELECT DISTINCT classid, objid FROM pg_locks l
        JOIN pg_stat_activity a USING (pid) WHERE l.locktype = 'advisory' AND a.backend_type = 'pagila_repl leader'");
    cmp_ok(scalar @keys, '>=', 2, 'the locks of the run are seen in pg_locks');
    my @takes = map {
        my ($class, $object) = @$_;
        my $key = "(${class}::bigint << 32 | ${object}::bigint)";
        my $pair = join ', ', map { "('x' || lpad(to_hex($_\::bigint), 8, '0'))::bit(32)::int" } $class, $object;
        map { ("SELECT pg_try_advisory_lock$_($key)", "SELECT pg_try_advisory_lock$_($pair)") } '', '_shared'
    } @keys;
    my $takes = join '; ', @takes;
    my ($taken) = run_sql($node, "$takes;");
    is($taken, join("\n", ('t') x @takes), 'they are free for SQL: the run uses others');

    my $stdin = "$takes; SELECT pg_advisory_lock(g) FROM generate_series(1, 500) g;\n\\echo taken\n";
    my $stdout = '';
    my $session = start([ 'psql', '-XAtq', '-d', $node->connstr('pagila') ], '<', \$stdin, '>', \$stdout, '2>', \my $stderr);
    $session->pump while $stdout !~ /taken/;
    is((run_sql($node, "SELECT pagila_cancel($first)"))[0], 't', 'the first is cancelled');
    run_sql($node, "SELECT pagila_wait($first)");
    is(outcome($first), 'cancelled 57014', 'and ends so');
    loads('beside a session with many advisory locks', $new);
    $session->finish;
    no_residue($node, 'after two runs with one target');
}

# Other targets.
{
    my $run = hold('rows', $old, on_modified => "'overwrite'");
    my ($out, $err) = run_sql($node, load_sql($new, undef), db => 'other');
    is($out, 'succeeded', 'a run in another database is not held up') or diag $err;
    loads('a run in another schema is not held up', shop_dump('depot', 'old'));
    ok(is_stalled($node), 'all the while the first was held');
    is(let_go($run), 'succeeded', 'which then succeeds too');
    is(value('SELECT name FROM shop.item WHERE id = 1') . value('SELECT name FROM depot.item WHERE id = 1'), 'oldold',
        'both are loaded');
    $node->safe_psql('other', 'DROP SCHEMA shop CASCADE');
    value('DROP SCHEMA depot CASCADE');
    no_residue($node, 'after runs side by side');
}

# A dump that lets go of all locks it can.
{
    my $dump = shop_dump('shop', 'unlocking', unlocking('shop'));
    for my $site ('index', 'verify') {
        my $run = hold($site, $dump);
        is((fails($old))[0], '55P03', "$site: after pg_advisory_unlock_all the run still keeps others out");
        is(value("SELECT status FROM pagila_repl.run WHERE run_id = $run"), 'running', "$site: nor is it taken for dead");
        is(let_go($run), 'succeeded', "$site: and it ends well");
    }
    # Not even if the run could not do something on its way, for which the server takes locks back.
    value("CREATE SCHEMA pagila_repl_old_0_1; CREATE TABLE pagila_repl_old_0_1.t ();
        INSERT INTO pagila_repl.leftover SELECT oid, nspname, 1 FROM pg_namespace WHERE nspname = 'pagila_repl_old_0_1'");
    my $reader = $node->background_psql('pagila');
    $reader->query_safe('BEGIN; SELECT FROM pagila_repl_old_0_1.t');
    my $run = hold('index', $dump);
    is(value("SELECT count(*) FROM pagila_repl.leftover WHERE run_id = 1"), 1, 'something an earlier run left could not be removed');
    is((fails($old))[0], '55P03', 'after that and pg_advisory_unlock_all the run still keeps others out');
    is(let_go($run), 'succeeded', 'and ends well');
    $reader->query_safe('COMMIT');
    $reader->quit;

    for my $statement ('DISCARD ALL', 'SELECT pg_advisory_unlock_all()', 'SELECT pg_catalog.pg_advisory_unlock_all()') {
        is((fails(shop_dump('shop', 'statement', "$statement;")))[0], '0A000', "$statement in a dump is refused");
    }
    loads('the former copy', $old);
    no_residue($node, 'after a dump that unlocks');
}

# The stage goes away.
for my $site (some_of(2, 'rows', 'index', 'constraint')) {
    my $before = content($node);
    my $run = hold($site, $new);
    my $stage = value('SELECT schema_name FROM pagila_repl.leftover');
    like($stage, qr/^pagila_repl_stage_/, "$site: there is a stage");
    value("DROP SCHEMA $stage CASCADE");
    is(let_go($run), 'failed 42P01', "$site: without its stage the run fails");
    like(last_run($node, 'error_message'), qr/^the stage of the run was dropped$/, "$site: and says why");
    is_unchanged($node, $before, "$site, without its stage");
    no_residue($node, "$site, without its stage");
}

# Something in the stage goes away.
for my $case (some_of(2, [ 'rows', 'TABLE %s.item CASCADE' ], [ 'index', 'TABLE %s.sale' ], [ 'constraint', 'TABLE %s.item CASCADE' ],
    [ 'analyze', 'VIEW %s.items' ], [ 'analyze', 'FUNCTION %s.twice' ])) {
    my ($site, $drop) = @$case;
    my $what = sprintf("%s: DROP $drop", $site, 'stage');
    my $before = content($node);
    my $run = hold($site, $new);
    value('DROP ' . sprintf($drop, value('SELECT schema_name FROM pagila_repl.leftover')));
    is(let_go($run), 'failed 42P01', "$what: the run fails");
    like(last_run($node, 'error_message'), qr/^part of the stage of the run was dropped$/, "$what: and says why");
    is_unchanged($node, $before, $what);
    no_residue($node, $what);
}

# The live schema goes away.
for my $change ('ALTER SCHEMA shop RENAME TO moved', 'ALTER SCHEMA shop RENAME TO moved; CREATE SCHEMA shop') {
    my $run = hold('verify', $new);
    value($change);
    my $before = content($node, 'pagila', own => 'pagila_repl*');
    is(let_go($run), 'failed 55000', "$change during a run: it fails");
    like(last_run($node, 'error_message'), qr/schema "shop" was created, dropped or replaced during the run/, 'and says why');
    is_unchanged($node, $before, $change);
    value('DROP SCHEMA IF EXISTS shop; ALTER SCHEMA moved RENAME TO shop');
    loads('with the schema back the next run succeeds', $new);
    no_residue($node, $change);
    loads('the former copy again', $old);
}

# What depends on the target from outside.
{
    value('CREATE SCHEMA outside; CREATE TABLE outside.kept (id integer, doubled integer)');
    my @cases = (
        [ 'view', 'CREATE VIEW outside.v AS SELECT * FROM shop.item', 'DROP VIEW outside.v', qr/view outside\.v/,
            qr/outside\.v\b/ ],
        [ 'view of a view', 'CREATE MATERIALIZED VIEW outside.m AS SELECT * FROM shop.items', 'DROP MATERIALIZED VIEW outside.m',
            qr/materialized view outside\.m/, qr/outside\.m\b/ ],
        [ 'foreign key', 'ALTER TABLE outside.kept ADD CONSTRAINT to_item FOREIGN KEY (id) REFERENCES shop.item',
            'ALTER TABLE outside.kept DROP CONSTRAINT to_item', qr/constraint to_item on table outside\.kept/, qr/to_item/ ],
        [ 'function', 'CREATE FUNCTION outside.f(shop.item) RETURNS integer LANGUAGE sql AS $$SELECT 1$$',
            'DROP FUNCTION outside.f(shop.item)', qr/function outside\.f\(shop\.item\)/, qr/outside\.f\(/ ],
        [ 'default', 'ALTER TABLE outside.kept ALTER doubled SET DEFAULT shop.twice(1)',
            'ALTER TABLE outside.kept ALTER doubled DROP DEFAULT', qr/default value for column doubled of table outside\.kept/,
            qr/doubled integer DEFAULT/ ],
        [ 'function with a body that was parsed',
            'CREATE FUNCTION outside.a() RETURNS bigint LANGUAGE sql BEGIN ATOMIC SELECT count(*) FROM shop.item; END',
            'DROP FUNCTION outside.a()', qr/function outside\.a\(\)/, qr/outside\.a\(/ ],
        [ 'check constraint', 'ALTER TABLE outside.kept ADD CONSTRAINT positive CHECK (shop.twice(id) > 0)',
            'ALTER TABLE outside.kept DROP CONSTRAINT positive', qr/constraint positive on table outside\.kept/, qr/positive/ ],
        [ 'trigger', 'CREATE TRIGGER touch BEFORE UPDATE ON outside.kept FOR EACH ROW EXECUTE FUNCTION shop.touch()',
            'DROP TRIGGER touch ON outside.kept', qr/trigger touch on table outside\.kept/, qr/CREATE TRIGGER touch/ ],
        [ 'policy', 'CREATE POLICY even ON outside.kept USING (shop.twice(id) > 0)', 'DROP POLICY even ON outside.kept',
            qr/policy even on table outside\.kept/, qr/CREATE POLICY even/ ],
        [ 'rule', 'CREATE RULE also AS ON DELETE TO outside.kept DO ALSO DELETE FROM shop.sale', 'DROP RULE also ON outside.kept',
            qr/rule also on table outside\.kept/ ],
        [ 'index', 'CREATE INDEX twice ON outside.kept (shop.twice(id))', 'DROP INDEX outside.twice', qr/index outside\.twice/,
            qr/CREATE INDEX twice / ],
        [ 'child', 'CREATE TABLE outside.child () INHERITS (shop.item)', 'DROP TABLE outside.child', qr/table outside\.child/ ],
        [ 'publication of a table', 'CREATE PUBLICATION p FOR TABLE shop.item', 'DROP PUBLICATION p',
            qr/publication of table shop\.item in publication p/ ],
        [ 'publication of the schema', 'CREATE PUBLICATION p FOR TABLES IN SCHEMA shop', 'DROP PUBLICATION p',
            qr/publication of schema shop in publication p/ ],
        [ 'column', 'ALTER TABLE outside.kept ADD item shop.item', 'ALTER TABLE outside.kept DROP item',
            qr/column item of table outside\.kept/ ]);
    my %is_compared = map { $_->[0] => 1 } some_of(3, @cases);
    for my $case (@cases) {
        my ($what, $make, $drop, $named, $dumped) = @$case;
        value($make);
        my $before = $is_compared{$what} ? content($node) : '';
        my ($state, $err) = fails($new);
        is($state, '2BP01', "$what: refused");
        like($err, $named, "$what: named");
        is_unchanged($node, $before, $what) if $before;
        if ($dumped) {
            loads("$what: dropped on request", $new, on_dependents => "'drop'");
            like(last_run($node, 'message'), qr/dropped: $named/, "$what: named in the message");
            if ($before) {
                like($before, $dumped, "$what: was there");
                unlike(content($node), $dumped, "$what: is gone");
            }
            loads("$what: the former copy again", $old);
        } else {
            ($state, $err) = fails($new, on_dependents => "'drop'");
            is($state, '2BP01', "$what: not dropped on request either");
            like($err, $named, "$what: named again");
            is_unchanged($node, $before, "$what, on request") if $before;
            value($drop);
        }
    }
    # One that cannot be dropped keeps those that can.
    value($_->[1]) for $cases[0], $cases[-1];
    my $before = content($node);
    my ($state, $err) = fails($new, on_dependents => "'drop'");
    is($state, '2BP01', 'with a column among them nothing is dropped');
    like($err, $cases[-1][3], 'the column is named');
    is_unchanged($node, $before, 'with a column among them');
    # It comes while the run is under way.
    value($_->[2]) for $cases[0], $cases[-1];
    my $run = hold('verify', $new);
    value($cases[0][1]);
    $before = content($node, 'pagila', own => 'pagila_repl*');
    is(let_go($run), 'failed 2BP01', 'a dependent made during the run is found');
    is_unchanged($node, $before, 'a dependent made during the run');
    value('DROP SCHEMA outside CASCADE');
    no_residue($node, 'after dependents');
}

# Without its success row no copy is published.
{
    value(q{CREATE FUNCTION public.no_success() RETURNS trigger LANGUAGE plpgsql AS $$BEGIN
        RAISE EXCEPTION 'the record is full' USING ERRCODE = '53100'; END$$;
        CREATE TRIGGER no_success BEFORE UPDATE ON pagila_repl.run FOR EACH ROW WHEN (NEW.status = 'succeeded')
        EXECUTE FUNCTION public.no_success()});
    my $before = content($node);
    my ($state, $err) = fails($new);
    is($state, '53100', 'a success that cannot be recorded is none');
    is(last_run($node, 'status, sqlstate'), 'failed|53100', 'the run has failed');
    is_unchanged($node, $before, 'without a record');
    value('DROP TRIGGER no_success ON pagila_repl.run; DROP FUNCTION public.no_success()');
    no_residue($node, 'without a record');
    loads('with a record the next run succeeds', $new);
}

# A reader that does not end.
{
    my $before = content($node);
    my $stdout = '';
    my $stdin = "BEGIN; SELECT name FROM shop.item WHERE id = 1;\n";
    my $reader = start([ 'psql', '-XAtq', '-v', 'ON_ERROR_STOP=1', '-d', $node->connstr('pagila') ],
        '<', \$stdin, '>', \$stdout, '2>', \my $stderr);
    $reader->pump while $stdout !~ /new/;
    my (undef, $err) = run_sql($node, "SET pagila_repl.swap_budget = '600ms';\n" . load_sql($old, undef));
    is(sqlstate_of($err), '55P03', 'a reader that outlasts the swap budget ends the run');
    like($err, qr/within the swap budget/, 'which says why');
    is(last_run($node, 'status, sqlstate'), 'failed|55P03', 'it is recorded');
    is_unchanged($node, $before, 'with a long reader');
    $stdin = "SELECT 'again ' || name FROM shop.item WHERE id = 1; COMMIT;\n\\echo over\n";
    $reader->pump while $stdout !~ /over/;
    $reader->finish;
    like($stdout, qr/^again new$/m, 'the reader reads on');
    no_residue($node, 'with a long reader');
    loads('once it is gone the next run succeeds', $old);
}

# What belongs to the schema and not to the copy.
{
    value(q{CREATE ROLE keeper; CREATE ROLE guest; ALTER SCHEMA shop OWNER TO keeper; COMMENT ON SCHEMA shop IS 'ours';
        GRANT USAGE ON SCHEMA shop TO guest WITH GRANT OPTION; GRANT CREATE ON SCHEMA shop TO PUBLIC;
        ALTER DEFAULT PRIVILEGES IN SCHEMA shop GRANT SELECT ON TABLES TO guest;
        ALTER DEFAULT PRIVILEGES FOR ROLE keeper IN SCHEMA shop GRANT EXECUTE ON FUNCTIONS TO guest WITH GRANT OPTION});
    my $schema = q{SELECT nspowner::regrole, nspacl, obj_description(oid, 'pg_namespace'),
        (SELECT string_agg(concat_ws(' ', defaclrole::regrole, defaclobjtype, defaclacl), ', ' ORDER BY defaclrole, defaclobjtype)
           FROM pg_default_acl d WHERE d.defaclnamespace = n.oid) FROM pg_namespace n WHERE nspname = 'shop'};
    my $before = value($schema);
    like($before, qr/keeper.*guest.*ours.*guest/, 'a schema with owner, grants, comment and default privileges');
    loads('it is loaded anew', $_) for $new, $old;
    is(value($schema), $before, 'and has them still');
    is(value("SELECT has_table_privilege('guest', 'shop.item', 'SELECT') AND has_table_privilege('guest', 'shop.sale', 'SELECT')"),
        't', 'new tables have the default privileges');
    is(value("SELECT count(*) FROM pg_default_acl WHERE defaclnamespace <> 'shop'::regnamespace"), 0, 'no others are left');
    no_residue($node, 'after carrying what belongs to the schema');
}

# Extensions that live in the schema which is replaced.
SKIP: {
    skip 'pg_trgm and citext are not installed', 1
      if value("SELECT count(*) FROM pg_available_extensions WHERE name IN ('pg_trgm', 'citext')") != 2;
    value('CREATE EXTENSION pg_trgm SCHEMA public; CREATE EXTENSION citext SCHEMA public');
    my $dump = sub {
        my ($what) = @_;
        return write_file("$dir/words.$what.sql", <<"END");
CREATE EXTENSION IF NOT EXISTS pg_trgm WITH SCHEMA public;
COMMENT ON EXTENSION pg_trgm IS 'trigrams';
CREATE TABLE public.word (word public.citext, n integer);
COPY public.word (word, n) FROM stdin;
Apple $what	1
apple pie	2
\\.
CREATE INDEX word_trgm ON public.word USING gin (((word)::text) public.gin_trgm_ops);
CREATE UNIQUE INDEX word_key ON public.word USING btree (word);
END
    };
    my $extensions = "SELECT string_agg(concat_ws(' ', oid, extname, extnamespace::regnamespace), ', ' ORDER BY extname)
        FROM pg_extension WHERE extname IN ('pg_trgm', 'citext')";
    my $members = "SELECT count(*) FROM pg_depend d JOIN pg_proc p ON p.oid = d.objid AND d.classid = 'pg_proc'::regclass
        WHERE d.deptype = 'e' AND p.pronamespace = 'public'::regnamespace";
    my ($before, $functions) = (value($extensions), value($members));
    cmp_ok($functions, '>', 50, 'public holds functions of extensions');
    for my $what ('one', 'two') {
        loads("a dump that uses extensions in public: $what", $dump->($what));
        is(value($extensions), $before, "$what: they are the same and in public still");
        is(value($members), $functions, "$what: with all their functions");
        is(value("SELECT n FROM public.word WHERE word = 'APPLE $what'"), 1, "$what: citext works");
        is(value("SET enable_seqscan = off; SELECT count(*) FROM public.word WHERE word::text LIKE '%pie%'"), 1, "$what: trigrams work");
        my $plan = value("SET enable_seqscan = off; SET enable_indexscan = off; SET enable_indexonlyscan = off; EXPLAIN SELECT FROM public.word WHERE word::text LIKE '%pie%'");
        like($plan, qr/word_trgm/, "$what: and their index is used");
    }
    is((run_sql($node, load_sql($dump->('two'), undef)))[0], 'skipped', 'the same again is skipped');
    no_residue($node, 'after loading with extensions');
}

# One that is not relocatable.
SKIP: {
    skip 'xml2 is not installed', 1 if value("SELECT count(*) FROM pg_available_extensions WHERE name = 'xml2'") == 0;
    value('CREATE EXTENSION xml2 SCHEMA shop');
    loads('an extension that is not relocatable is in the schema', $new, force => 'true');
    is(value("SELECT DISTINCT p.pronamespace::regnamespace FROM pg_depend d JOIN pg_proc p ON p.oid = d.objid
        WHERE d.deptype = 'e' AND d.refobjid = (SELECT oid FROM pg_extension WHERE extname = 'xml2')"), 'shop', 'it is there still');
    value('DROP EXTENSION xml2');
    no_residue($node, 'at the end');
}

# Catalogs that others change while they are read give internal errors. Others are not tried again.
{
    my $fail = q{CREATE OR REPLACE FUNCTION aside.fail() RETURNS event_trigger LANGUAGE plpgsql AS
        $$BEGIN IF nextval('aside.tries') <= %d THEN RAISE EXCEPTION 'cache lookup failed for type 7' USING ERRCODE = 'XX000'; END IF; END$$};
    value(sprintf("CREATE SCHEMA aside; CREATE SEQUENCE aside.tries; $fail", 2) . '; CREATE EVENT TRIGGER failing ON ddl_command_start WHEN TAG IN ($$ALTER SCHEMA$$) EXECUTE FUNCTION aside.fail()');
    loads('internal errors while it is published: tried again', $new, force => 'true');
    value('ALTER SEQUENCE aside.tries RESTART');
    value(sprintf($fail, 1000));
    my (undef, $err) = run_sql($node, load_sql($new, undef, force => 'true'));
    is(sqlstate_of($err), 'XX000', 'one that stays ends the run') or diag $err;
    is(value('SELECT last_value FROM aside.tries'), 4, 'after a few tries');
    value('ALTER SEQUENCE aside.tries RESTART');
    value(sprintf($fail, 1) =~ s/cache lookup failed for type 7/nobody knows why/r);
    (undef, $err) = run_sql($node, load_sql($new, undef, force => 'true'));
    is(sqlstate_of($err), 'XX000', 'an internal error of another kind ends it at once') or diag $err;
    value('DROP EVENT TRIGGER failing; DROP SCHEMA aside CASCADE');
    no_residue($node, 'after internal errors');
}
done_testing();
