# Code of an unprivileged role that SQL of a run could resolve to, or that types, casts and functions of the copy lead to: domains and
# enums that a run leaves as they are, casts, operators and functions named like the server's, the stage itself, what depends on
# the copy elsewhere, and the options that let a run go on over changes.
use strict;
use warnings;
use lib 'test/t';
use AttackTest;
use PagilaTest;
use RightsAttack;
use Test::More;

leave_to_long_tests();

my $touch = 'UPDATE shop.item SET name = name';
my %allowed = (on_modified => q{'overwrite'}, on_unmanaged => q{'drop'}, on_dependents => q{'drop'});
my @types = ([ 'before', 'load', 'postgres' ], [ 'start', 'load', 'postgres' ], [ 'plan', 'load', 'postgres' ], [ 'plan', 'replicate', 'postgres' ], [ 'plan!', 'job', 'puller' ],
    [ 'plan!', 'load', 'postgres' ], [ 'shape!', 'load', 'postgres' ], [ 'rows!', 'load', 'postgres' ], [ 'rows!', 'replicate', 'postgres' ], [ 'shape', 'load', 'postgres' ], [ 'rows', 'replicate', 'postgres' ], [ 'rows', 'load', 'postgres' ]);
my @paths = map { my $what = $_; map { [ 'before', $what, $_ ] } 'postgres', 'puller' } qw(load replicate job check plan);
my @stage = ([ 'shape', 'load', 'postgres' ], [ 'rows', 'load', 'postgres' ], [ 'rows!', 'load', 'postgres' ], [ 'rows!', 'replicate', 'postgres' ], [ 'verify!', 'load', 'puller' ], [ 'publish', 'load', 'postgres' ]);
my @go_on = ([ 'before', 'load', 'postgres' ], [ 'before', 'replicate', 'puller' ], [ 'plan!', 'job', 'postgres' ], [ 'plan', 'job', 'postgres' ], [ 'verify', 'load', 'postgres' ], [ 'verify!', 'load', 'postgres' ], [ 'publish', 'load', 'postgres' ]);

# Operators and functions that shadow the server's.
sub shadows {
    my ($schema) = @_;
    my ($sql, $n) = ('', 0);
    my $function = sub {
        my ($name, $arguments, $result, $value) = @_;
        $sql .= "CREATE FUNCTION $schema.$name($arguments) RETURNS $result LANGUAGE plpgsql AS \$\$BEGIN PERFORM att.strike(); RETURN $value; END\$\$;\n";
    };
    for my $type (map { "pg_catalog.$_" } qw(text name oid int8 int4 int2 bool regclass timestamptz jsonb "char")) {
        for my $operator (qw(= <> < > <= >=)) {
            $n++;
            $function->("op$n", "$type, $type", 'pg_catalog.bool', 'true');
            $sql .= "CREATE OPERATOR $schema.$operator (LEFTARG = $type, RIGHTARG = $type, FUNCTION = $schema.op$n);\n";
        }
    }
    for my $of ([ '||', 'text', 'text', 'text', 'NULL' ], [ '~', 'text', 'text', 'bool', 'true' ], [ '~', 'name', 'text', 'bool', 'true' ], [ '!~', 'name', 'text', 'bool', 'true' ],
        [ '=', 'name', 'text', 'bool', 'true' ], [ '<>', 'name', 'text', 'bool', 'true' ], [ '-', 'jsonb', '_text', 'jsonb', 'NULL' ], [ '+', 'int8', 'int8', 'int8', '1' ], [ '/', 'numeric', 'numeric', 'numeric', '1' ]) {
        my ($operator, $left, $right, $result, $value) = @$of;
        $n++;
        $function->("op$n", "pg_catalog.$left, pg_catalog.$right", "pg_catalog.$result", $value);
        $sql .= "CREATE OPERATOR $schema.$operator (LEFTARG = pg_catalog.$left, RIGHTARG = pg_catalog.$right, FUNCTION = $schema.op$n);\n";
    }
    $function->(@$_) for [ 'now', '', 'timestamptz', 'NULL' ], [ 'clock_timestamp', '', 'timestamptz', 'NULL' ], [ 'pg_backend_pid', '', 'int4', '1' ],
      [ 'current_database', '', 'name', q{'x'} ], [ 'format', 'text, VARIADIC text[]', 'text', q{'SELECT'} ], [ 'concat', 'VARIADIC text[]', 'text', q{'x'} ], [ 'md5', 'text', 'text', q{'x'} ],
      [ 'nextval', 'regclass', 'int8', '1' ], [ 'set_config', 'text, text, bool', 'text', q{'x'} ], [ 'pg_has_role', 'name, name, text', 'bool', 'true' ],
      [ 'pg_has_role', 'oid, text', 'bool', 'true' ], [ 'quote_ident', 'text', 'text', q{'x'} ], [ 'lower', 'text', 'text', q{'x'} ], [ 'replace', 'text, text, text', 'text', q{'x'} ],
      [ 'pg_describe_object', 'oid, oid, int4', 'text', q{'x'} ], [ 'version', '', 'text', q{'x'} ], [ 'current_setting', 'text', 'text', q{'x'} ], [ 'num_nulls', 'text', 'int4', '1' ],
      [ 'hash_record_extended', 'record, int8', 'int8', '1' ], [ 'obj_description', 'oid, name', 'text', q{'x'} ], [ 'array_to_string', 'text[], text', 'text', q{'x'} ];
    $sql .= "CREATE DOMAIN $schema.$_ AS pg_catalog.$_ CHECK (att.evil_true(1));\n" for qw(text oid name int4 int8);
    return $sql;
}

my $succeeded_whole = q{SELECT (SELECT status <> 'succeeded' FROM pagila_repl.run ORDER BY run_id DESC LIMIT 1)
    OR (to_regclass('shop.item') IS NOT NULL AND to_regclass('shop.felt') IS NOT NULL AND to_regtype('shop.small') IS NOT NULL)};
my $into_stage = q{DO $do$DECLARE s text; BEGIN
    FOR s IN SELECT nspname FROM pg_namespace WHERE nspname LIKE 'pagila\_repl\_%' LOOP
      BEGIN EXECUTE format('CREATE OR REPLACE FUNCTION %I.fine(integer) RETURNS boolean LANGUAGE sql IMMUTABLE AS $$SELECT att.evil_true(1)$$', s); EXCEPTION WHEN OTHERS THEN NULL; END;
      BEGIN EXECUTE format('ALTER TABLE %I.item ADD CHECK (att.evil_true(1)) NOT VALID', s); EXCEPTION WHEN OTHERS THEN NULL; END;
      BEGIN EXECUTE format('CREATE INDEX trap ON %I.item (id) WHERE att.evil_true(1)', s); EXCEPTION WHEN OTHERS THEN NULL; END;
      BEGIN EXECUTE format('ALTER DOMAIN %I.small ADD CHECK (att.evil_true(1)) NOT VALID', s); EXCEPTION WHEN OTHERS THEN NULL; END;
      BEGIN EXECUTE format('ALTER SCHEMA %I RENAME TO mine', s); EXCEPTION WHEN OTHERS THEN NULL; END;
      BEGIN EXECUTE format('GRANT ALL ON SCHEMA %I TO PUBLIC', s); EXCEPTION WHEN OTHERS THEN NULL; END;
      BEGIN EXECUTE format('DROP SCHEMA %I CASCADE', s); EXCEPTION WHEN OTHERS THEN NULL; END;
    END LOOP; END$do$};

my $test = RightsAttack->new('rights_code');
# Its owner is whoever creates it.
my $has_citext = $test->{target}->safe_psql('postgres', q{SELECT name FROM pg_available_extensions WHERE name = 'citext'});
$test->attacks(
    { name => 'a check of a domain that a run leaves as it is', tries => \@types, plant => 'ALTER DOMAIN shop.small ADD CONSTRAINT trap CHECK (att.evil_true(VALUE)) NOT VALID' },
    { name => 'a default of a domain', tries => [ @types[ 0, 2, 5, 6 ] ], plant => 'ALTER DOMAIN shop.small SET DEFAULT att.evil()' },
    { name => 'a cast of an enum that a run leaves as it is', tries => \@types,
        first => 'CREATE FUNCTION att.mood_text(shop.mood) RETURNS text LANGUAGE plpgsql IMMUTABLE AS $$BEGIN PERFORM att.strike(); RETURN 1; END$$',
        plant => 'CREATE CAST (shop.mood AS text) WITH FUNCTION att.mood_text(shop.mood) AS ASSIGNMENT' },
    { name => 'an enum changes places with a domain', tries => \@types, whole => $succeeded_whole,
        plant => q{ALTER TYPE shop.mood RENAME TO gone; CREATE DOMAIN shop.mood AS text CHECK (att.evil_true(1))} },
    { name => 'a domain changes places with another', tries => \@types, whole => $succeeded_whole,
        plant => 'ALTER DOMAIN shop.small RENAME TO gone; CREATE DOMAIN shop.small AS integer DEFAULT att.evil() CHECK (att.evil_true(VALUE))' },
    (map { { name => 'an extension of the attacker in the schema', tries => \@go_on, options => \%allowed, may_be_refused => 1,
        first => "CREATE EXTENSION $_ SCHEMA shop; CREATE FUNCTION shop.trap() RETURNS integer LANGUAGE sql AS 'SELECT att.evil()'; ALTER EXTENSION $_ ADD FUNCTION shop.trap()",
        plant => 'CREATE TABLE shop.words (a shop.citext DEFAULT att.evil()::text)' } } grep { $_ } $has_citext),
    { name => 'operators and functions in the search_path of the database', tries => \@paths, before => 'ALTER DATABASE this SET search_path = att, public, pg_catalog', plant => shadows('att') },
    { name => 'settings of the role', tries => [ [ 'before', 'load', 'puller' ], [ 'before', 'job', 'puller' ], [ 'before', 'check', 'puller' ], [ 'before', 'replicate', 'puller' ] ],
        before => 'ALTER ROLE puller IN DATABASE this SET search_path = att, public, pg_catalog; ALTER ROLE puller IN DATABASE this SET row_security = off;
          ALTER ROLE puller IN DATABASE this SET quote_all_identifiers = on; ALTER ROLE puller IN DATABASE this SET transform_null_equals = on', plant => shadows('att') },
    { name => 'reaching into the stage', tries => \@stage, plant => $into_stage, whole => $succeeded_whole },
    { name => 'dropping all the own objects', tries => [ @stage[ 0, 2, 3, 4 ], [ 'shape!', 'load', 'postgres' ] ], plant => 'DROP OWNED BY attacker', may_fail => 1 },
    { name => 'a view elsewhere changes places', tries => \@go_on, options => \%allowed, first => 'CREATE VIEW att.v AS SELECT * FROM shop.item',
        plant => 'ALTER VIEW att.v RENAME TO w; CREATE VIEW att.v AS SELECT att.evil() AS a' },
    { name => 'a constraint elsewhere changes places', tries => \@go_on, options => \%allowed, first => 'CREATE TABLE att.t (a integer REFERENCES shop.item)',
        plant => 'ALTER TABLE att.t RENAME TO u; CREATE TABLE att.t (a integer CONSTRAINT t_a_fkey CHECK (att.evil_true(1)))' },
    { name => 'a function elsewhere changes places', tries => \@go_on, options => \%allowed,
        first => 'CREATE FUNCTION att.f() RETURNS bigint LANGUAGE sql BEGIN ATOMIC SELECT count(*) FROM shop.item; END',
        plant => 'ALTER FUNCTION att.f RENAME TO g; CREATE FUNCTION att.f() RETURNS integer LANGUAGE sql AS $$SELECT att.evil()$$' },
    { name => 'an evil default elsewhere', tries => \@go_on, options => \%allowed,
        plant => 'CREATE TABLE att.t (a integer DEFAULT att.evil(), b boolean DEFAULT shop.fine(1))' },
    (map { { %$_, name => "$_->{name}, loss allowed", tries => \@go_on, options => \%allowed } }
        { name => 'a table that becomes a view', plant => q{DELETE FROM shop.bag; CREATE RULE "_RETURN" AS ON SELECT TO shop.bag DO INSTEAD SELECT att.evil() AS id, 'x'::text AS name} },
        { name => 'a view in the place of a sequence', plant => 'ALTER SEQUENCE shop.ticket RENAME TO gone; CREATE VIEW shop.ticket AS SELECT att.evil()::bigint AS last_value, true AS is_called' },
        { name => 'the predicate of an index', plant => "CREATE INDEX trap ON shop.item (id) WHERE att.evil_true(1); $touch" },
        { name => 'the expression of statistics', plant => "CREATE STATISTICS shop.trap ON (att.evil_true(1)), name FROM shop.item; $touch" },
        { name => 'a policy', plant => "ALTER TABLE shop.item ENABLE ROW LEVEL SECURITY; ALTER TABLE shop.item FORCE ROW LEVEL SECURITY; CREATE POLICY trap ON shop.item USING (att.evil_true(id)); $touch" },
        { name => 'a check of a domain', plant => 'ALTER DOMAIN shop.small ADD CONSTRAINT trap CHECK (att.evil_true(VALUE)) NOT VALID' },
        { name => 'default privileges', plant => 'ALTER DEFAULT PRIVILEGES IN SCHEMA shop GRANT ALL ON TABLES TO attacker; ALTER DEFAULT PRIVILEGES IN SCHEMA shop GRANT ALL ON FUNCTIONS TO attacker' }),
    { name => 'everything at once', tries => [ [ 'before', 'check', 'postgres' ], [ 'before', 'plan', 'postgres' ], [ 'before', 'check', 'puller' ], [ 'before', 'load', 'postgres' ], [ 'before', 'job', 'postgres' ] ],
        plant => qq{CREATE INDEX trap ON shop.item (id) WHERE att.evil_true(1); CREATE STATISTICS shop.trap2 ON (att.evil_true(1)), name FROM shop.item; $touch;
          CREATE POLICY trap ON shop.item USING (att.evil_true(id)); ALTER SEQUENCE shop.ticket RENAME TO gone; CREATE VIEW shop.ticket AS SELECT att.evil()::bigint AS last_value, true AS is_called;
          CREATE RULE "_RETURN" AS ON SELECT TO shop.nothing DO INSTEAD SELECT att.evil() AS id, 'x'::text AS name} },
);

# Objects of the stage belong to the attacker already, and DROP OWNED needs no name of theirs.
for my $point (qw(rows verify)) {
    for my $what ('load', 'replicate') {
        $test->scenarios("all the own objects are dropped at $point, and the transaction stays open: $what" => sub {
            my ($db, $maker) = @_;
            my ($run, $attacker) = (Session->new($test->{target}, $db), Session->new($test->{target}, $db, 'attacker'));
            $maker->run("LOAD 'pagila_repl'; ALTER DATABASE $db SET pagila_repl.swap_budget = '1s'");
            my $gate = hold_run_at($maker, $db, $kPoints{$point});
            $run->run("SET pagila_repl.swap_budget = '1s'");
            $run->send($test->sql_of($what, {}));
            wait_until(sub { is_run_held($gate) || $run->wait(0.01) }, 30);
            $attacker->send('BEGIN; DROP OWNED BY attacker');
            $attacker->wait(0.5);
            let_run_go($gate);
            my $failure = $run->wait(25) ? undef : 'the run still waits: ' . $maker->run("SELECT string_agg(concat_ws(' ', query, wait_event_type, pg_blocking_pids(pid)::text), ', ')
              FROM pg_stat_activity WHERE datname = '$db' AND backend_type LIKE 'pagila%'");
            $_->close for $attacker, $run;
            return $failure;
        });
    }
}

# Where the shape calls functions of its own, all is done under the real names.
my $own = RightsAttack->new('rights_own_code', more => q{
  CREATE FUNCTION shop.inner_one(integer) RETURNS boolean LANGUAGE sql IMMUTABLE AS 'SELECT true';
  CREATE FUNCTION shop.outer_one(integer) RETURNS boolean LANGUAGE plpgsql IMMUTABLE AS 'BEGIN RETURN shop.inner_one($1); END';
  CREATE TABLE shop.checked (id integer CHECK (shop.outer_one(id))); INSERT INTO shop.checked VALUES (1);
  CREATE INDEX checked_id ON shop.checked (shop.outer_one(id));});
my $replace = q{CREATE OR REPLACE FUNCTION shop.inner_one(integer) RETURNS boolean LANGUAGE sql IMMUTABLE AS 'SELECT att.evil_true(1)'};
$own->attacks(
    { name => 'a function that a check calls is replaced', plant => $replace, tries => \@RightsAttack::kAllTries },
    { name => 'the same, loss allowed', plant => $replace, tries => \@go_on, options => \%allowed },
    { name => 'a better match for a function that a check calls', plant => q{CREATE FUNCTION shop.inner_one(VARIADIC integer[]) RETURNS boolean LANGUAGE sql IMMUTABLE AS 'SELECT att.evil_true(1)'}, tries => \@go_on },
    { name => 'a table with the check is touched', plant => 'UPDATE shop.checked SET id = id', tries => \@go_on },
    { name => 'a function of the check of a touched table is replaced', plant => "$replace; UPDATE shop.checked SET id = id", tries => \@RightsAttack::kAllTries },
    { name => 'reaching into the stage of such a shape', tries => \@stage, plant => $into_stage, whole => $succeeded_whole },
);
$test->stays_up;
$own->done;
