# What an unprivileged role does in its own sessions: temporary objects and settings that functions of the extension could trip over while
# they work as its owner, every function on runs and jobs of others, tables and views of the extension, and what could be hung
# onto them for the scheduler to evaluate.
use strict;
use warnings;
use lib 'test/t';
use AttackTest;
use PagilaTest;
use RightsAttack;
use Test::More;

leave_to_long_tests();

my $test = RightsAttack->new('rights_sessions');
my $node = $test->{target};
my $file = $test->{file};
my $cases = 0;

# Names that SQL of the extension uses, as temporary objects; types and relations are looked for there.
sub temporary_sql {
    my $sql = 'SET search_path = pg_temp, att, pg_catalog;';
    for my $type (qw(text oid name int4 int8 regclass regprocedure regrole timestamptz jsonb)) {
        $sql .= "CREATE DOMAIN pg_temp.$type AS pg_catalog.$type CHECK (att.evil_true(1));";
    }
    for my $relation (qw(run job copy leftover managed_object managed_content pg_class pg_namespace pg_roles pg_extension pg_stat_activity pg_locks pg_database pg_depend pg_proc)) {
        $sql .= "CREATE VIEW pg_temp.$relation AS SELECT att.evil() AS oid, att.evil() AS run_id;";
    }
    for my $function ([ 'now', '', 'pg_catalog.timestamptz', 'NULL' ], [ 'clock_timestamp', '', 'pg_catalog.timestamptz', 'NULL' ], [ 'has_database_privilege', 'pg_catalog.name, pg_catalog.text', 'pg_catalog.bool', 'true' ],
        [ 'pg_has_role', 'pg_catalog.name, pg_catalog.text', 'pg_catalog.bool', 'true' ], [ 'current_database', '', 'pg_catalog.name', q{'x'} ], [ 'nextval', 'pg_catalog.regclass', 'pg_catalog.int8', '1' ]) {
        my ($name, $arguments, $result, $value) = @$function;
        $sql .= "CREATE FUNCTION pg_temp.$name($arguments) RETURNS $result LANGUAGE plpgsql AS \$\$BEGIN PERFORM att.strike(); RETURN $value; END\$\$;";
    }
    return $sql . 'CREATE FUNCTION pg_temp.same(pg_catalog.text, pg_catalog.text) RETURNS pg_catalog.bool LANGUAGE plpgsql AS $$BEGIN PERFORM att.strike(); RETURN true; END$$;'
      . 'CREATE OPERATOR pg_temp.= (LEFTARG = pg_catalog.text, RIGHTARG = pg_catalog.text, FUNCTION = pg_temp.same);';
}

my @calls = map { (my $call = $_) =~ s/FILE/$file/g; $call } (
    q{SELECT * FROM pg_catalog.pagila_load('FILE', force => true)}, q{SELECT * FROM pg_catalog.pagila_replicate_from('source', schemas => '{shop}', force => true)},
    q{SELECT * FROM pg_catalog.pagila_check('source')}, q{SELECT * FROM pg_catalog.pagila_plan('source')}, q{SELECT * FROM pg_catalog.pagila_identify()}, q{SELECT * FROM pg_catalog.pagila_identify('source')},
    q{SELECT * FROM pg_catalog.pagila_replicate_to('source')}, q{SELECT pg_catalog.pagila_schedule('mine', '1 day', source => 'source')}, q{SELECT pg_catalog.pagila_alter_job('mine', enabled => false)},
    q{SELECT pg_catalog.pagila_alter_job('mine', enabled => true, schedule => '2 days')}, q{SELECT * FROM pg_catalog.pagila_run_job('mine')}, q{SELECT * FROM pg_catalog.pagila_wait(1)}, q{SELECT pg_catalog.pagila_cancel(1)},
    q{SELECT pg_catalog.pagila_unschedule('mine')}, q{SELECT * FROM pagila_repl.run}, q{SELECT * FROM pagila_repl.run_step}, q{SELECT * FROM pagila_repl.progress}, q{SELECT * FROM pagila_repl.pagila_load_audit},
    q{SELECT * FROM pagila_repl.job}, q{SELECT * FROM pagila_repl.job_status});

my %settings = (
    'temporary objects' => temporary_sql(),
    'a row security setting' => 'SET row_security = off',
    'another role' => 'SET ROLE attacker',
    'settings of the parser' => q{SET quote_all_identifiers = on; SET transform_null_equals = on; SET standard_conforming_strings = off; SET backslash_quote = on; SET DateStyle = 'German'; SET IntervalStyle = 'sql_standard'},
    'read-only transactions' => 'SET default_transaction_read_only = on',
    'serializable transactions' => q{SET default_transaction_isolation = 'serializable'},
);
my @scenarios;
for my $name (sort keys %settings) {
    push @scenarios, "every function is called with $name" => sub {
        my ($db, $maker) = @_;
        my $own = Session->new($node, $db, 'operator');
        $own->run($settings{$name});
        # What may log no one in is refused, which is no matter here; nothing may be evaluated as somebody else, or end in a bug.
        my @bugs;
        my $answered = 0;
        for my $call (@calls) {
            $own->run($call, 60);
            push @bugs, "$call: $own->{out}" if $own->{state} =~ /^(XX|08006|57P)/;
            $answered++ if $own->{state} eq '00000';
        }
        $own->close;
        push @bugs, "only $answered calls were answered" if $answered < 5 && $name ne 'another role';
        return join("\n", @bugs) || undef;
    };
}

# Runs and jobs of others.
push @scenarios, 'runs and jobs of others' => sub {
    my ($db, $maker) = @_;
    my ($super, $own) = (Session->new($node, $db), Session->new($node, $db, 'operator'));
    $super->run(q{SELECT pagila_schedule('theirs', '30 days', source => 'source', schemas => '{shop}')});
    wait_until(sub { $super->run(q{SELECT count(*) FROM pagila_repl.job_status WHERE status = 'scheduled'}) eq '1' }, 40) or return "the job does not run: $super->{out}";
    my $run = $super->run('SELECT max(run_id) FROM pagila_repl.run');
    my $before = $super->run('SELECT string_agg(j::text, chr(10)) FROM pagila_repl.job j');
    my @wrong;
    for my $sql ("SELECT * FROM pagila_wait($run)", "SELECT pagila_cancel($run)", q{SELECT pagila_alter_job('theirs', enabled => false)}, q{SELECT pagila_alter_job('theirs', options => '{"force": true}')},
        q{SELECT pagila_alter_job('theirs', source => 'other')}, q{SELECT pagila_unschedule('theirs')}, q{SELECT * FROM pagila_run_job('theirs')}, q{SELECT * FROM pagila_run_job('theirs', wait => false)}) {
        $own->run($sql);
        push @wrong, "$sql: $own->{state}" if $own->{state} !~ /^(42704|42501)$/;
    }
    my $created = $own->run(q{SELECT pagila_schedule('theirs', '1 day', source => 'source')});
    push @wrong, "a job of that name: $own->{state}" if $own->{state} ne '42710';
    for my $table (qw(run run_step job progress pagila_load_audit job_status)) {
        my $rows = $own->run("SELECT count(*) FROM pagila_repl.$table");
        push @wrong, "$table shows $rows rows" if $rows ne '0';
    }
    for my $table (qw(copy managed_object managed_content leftover)) {
        $own->run("SELECT * FROM pagila_repl.$table");
        push @wrong, "$table: $own->{state}" if $own->{state} ne '42501';
    }
    push @wrong, 'the job was changed' if $super->run('SELECT string_agg(j::text, chr(10)) FROM pagila_repl.job j') ne $before;
    $_->close for $super, $own;
    return join('; ', @wrong) || undef;
};

# What the scheduler, a run and the pruning of history would evaluate or obey.
push @scenarios, 'hanging something onto tables of the extension' => sub {
    my ($db, $maker) = @_;
    my @wrong;
    for my $who ('operator', 'attacker') {
        my $own = Session->new($node, $db, $who);
        for my $table (qw(run run_step copy managed_object managed_content leftover job)) {
            my ($column) = $table =~ /job/ ? 'job_id' : $table eq 'copy' ? 'schema_name' : 'run_id';
            for my $sql ("CREATE TRIGGER trap BEFORE DELETE ON pagila_repl.$table FOR EACH ROW EXECUTE FUNCTION att.evil_trigger()", "CREATE RULE trap AS ON DELETE TO pagila_repl.$table DO ALSO SELECT att.evil()",
                "CREATE POLICY trap ON pagila_repl.$table USING (att.evil_true(1))", "CREATE INDEX trap ON pagila_repl.$table ($column) WHERE att.evil_true(1)", "CREATE STATISTICS att.trap ON (att.evil_true(1)), $column FROM pagila_repl.$table",
                "ALTER TABLE pagila_repl.$table ADD CHECK (att.evil_true(1)) NOT VALID", "CREATE TABLE att.trap () INHERITS (pagila_repl.$table)", "CREATE TABLE att.trap ($column bigint REFERENCES pagila_repl.$table ON DELETE CASCADE)",
                "INSERT INTO pagila_repl.$table DEFAULT VALUES", "UPDATE pagila_repl.$table SET $column = NULL", "DELETE FROM pagila_repl.$table", "TRUNCATE pagila_repl.$table CASCADE", "ALTER TABLE pagila_repl.$table RENAME TO trap",
                "ALTER TABLE pagila_repl.$table OWNER TO CURRENT_USER", "LOCK TABLE pagila_repl.$table IN SHARE MODE", "COMMENT ON TABLE pagila_repl.$table IS 'x'", "DROP TABLE pagila_repl.$table") {
                $own->run("BEGIN; $sql; ROLLBACK");
                # A column may be of another type, which the server may say first.
                push @wrong, "$who: $sql: $own->{state}" if $own->{state} !~ /^(42501|428)/ && $own->{state} ne '3F000';
            }
        }
        for my $sql ('ALTER EXTENSION pagila_repl ADD FUNCTION att.evil()', 'ALTER EXTENSION pagila_repl UPDATE', 'CREATE FUNCTION pagila_repl.trap() RETURNS integer LANGUAGE sql AS $$SELECT 1$$', 'CREATE OR REPLACE VIEW pagila_repl.progress AS SELECT att.evil()',
            q{SELECT setval('pagila_repl.run_id_seq', 1)}, q{SELECT setval('pagila_repl.job_id_seq', 1)}, q{SET pagila_repl.fault = 'clean:1:error'}, 'ALTER SCHEMA pagila_repl RENAME TO trap', 'ALTER FUNCTION pagila_wait OWNER TO CURRENT_USER') {
            $own->run("BEGIN; $sql; ROLLBACK");
            push @wrong, "$who: $sql: $own->{state}" if $own->{state} ne '42501';
        }
        $own->close;
    }
    return join("\n", @wrong) || undef;
};

# A function of the attacker's in a view that a member of the monitors reads, and a job of the attacker's own.
push @scenarios, 'a job with names of others in it' => sub {
    my ($db, $maker) = @_;
    my ($super, $own) = (Session->new($node, $db), Session->new($node, $db, 'operator'));
    $super->run("GRANT CREATE ON DATABASE $db TO operator");
    my @wrong;
    for my $name (q{'||att.evil()||'}, q{x"; ALTER ROLE operator SUPERUSER; --}, q{%s%n%I}, q{$1}) {
        my $quoted = $name =~ s/'/''/gr;
        $own->run("SELECT pagila_schedule('$quoted', '1 day', schema_file => '$file', options => '{\"on_modified\": \"overwrite\"}')");
        push @wrong, "$name: $own->{out}" if $own->{state} ne '00000';
    }
    wait_until(sub { $super->run(q{SELECT count(*) FROM pagila_repl.run WHERE owner = 'operator' AND status <> 'running'}) >= 4 }, 40) or push @wrong, 'the jobs do not end';
    push @wrong, 'a job of an operator replaced the schema of another' if $super->run(q{SELECT count(*) FROM pagila_repl.run WHERE owner = 'operator' AND status = 'succeeded'}) ne '0';
    push @wrong, 'an operator became superuser' if $super->run(q{SELECT rolsuper FROM pg_roles WHERE rolname = 'operator'}) ne 'f';
    $_->close for $super, $own;
    return join('; ', @wrong) || undef;
};

$node->safe_psql('postgres', 'CREATE ROLE operator LOGIN IN ROLE pagila_repl_operator, pg_read_server_files');
$node->safe_psql('base', q{GRANT USAGE ON FOREIGN SERVER source TO operator; CREATE USER MAPPING FOR operator SERVER source OPTIONS (user 'puller', password_required 'false')});
$test->scenarios(@scenarios);
$test->done;
