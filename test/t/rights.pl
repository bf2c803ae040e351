# Who may call, see and write what; whose code runs with whose rights; which files may be read.
use strict;
use warnings;
use lib 'test/t';
use PagilaTest;
use POSIX ();
use PostgreSQL::Test::Utils;
use Test::More;

my $node = new_node('rights', faults => 1);
my $dir = PostgreSQL::Test::Utils::tempdir;
my $sample = sample_dir();

# A dump of one table with one row, in a schema of its own.
sub tiny_dump {
    my ($schema, $more) = @_;
    $more //= '';
    return write_file("$dir/$schema.sql",
        "CREATE SCHEMA $schema;\n${more}CREATE TABLE $schema.t (a text);\nCOPY $schema.t (a) FROM stdin;\nrow\n\\.\n");
}

sub as { my ($user) = @_; return (psql => { extra_params => [ '-U', $user ] }) }

sub log_position { return -s $node->logfile }

sub log_since { my ($position) = @_; return slurp_file($node->logfile, $position) }

$node->safe_psql('pagila', q{
    CREATE ROLE ann LOGIN; CREATE ROLE bob LOGIN; CREATE ROLE mona LOGIN; CREATE ROLE nobody LOGIN; CREATE ROLE blind LOGIN;
    CREATE ROLE owning LOGIN; CREATE ROLE loginless NOLOGIN;
    GRANT pagila_repl_operator TO ann, bob, blind, owning, loginless;
    GRANT pg_read_server_files TO ann, bob, nobody, mona, owning, loginless;
    GRANT pagila_repl_monitor TO mona;
    GRANT CREATE ON DATABASE pagila TO ann, bob, loginless, nobody});

# What is called and by whom.
{
    my $dump = tiny_dump('calls');
    my @calls = ("SELECT * FROM pagila_load('$dump')", 'SELECT * FROM pagila_wait(1)', 'SELECT pagila_cancel(1)');
    my @denied = ('42501') x @calls;
    is_deeply([ sqlstates($node, \@calls, as('nobody')) ], \@denied, 'who is not an operator may call nothing');
    is_deeply([ sqlstates($node, \@calls, as('mona')) ], \@denied, 'a monitor may call nothing');

    $node->safe_psql('pagila', 'GRANT EXECUTE ON FUNCTION pagila_load, pagila_wait, pagila_cancel TO PUBLIC');
    is_deeply([ sqlstates($node, \@calls, as('nobody')) ], \@denied, 'EXECUTE alone does not make an operator');
    my (undef, $err) = run_sql($node, $calls[0], as('nobody'));
    like($err, qr/Only members of the role "pagila_repl_operator"/, 'the refusal names the role');
    $node->safe_psql('pagila', 'REVOKE EXECUTE ON FUNCTION pagila_load, pagila_wait, pagila_cancel FROM PUBLIC');

    is($node->safe_psql('pagila', q{
        SELECT count(*) FROM pg_depend d JOIN pg_proc p ON d.classid = 'pg_proc'::regclass AND p.oid = d.objid,
               aclexplode(COALESCE(p.proacl, acldefault('f', p.proowner))) a
         WHERE d.refobjid = (SELECT oid FROM pg_extension WHERE extname = 'pagila_repl') AND a.grantee = 0}),
        0, 'no function is open to PUBLIC');
    is($node->safe_psql('pagila', 'SELECT count(*) FROM pagila_repl.run'), 0, 'a refused call leaves no run');

    is((sqlstates($node, [ "SELECT * FROM pagila_load('$dump')" ], as('blind')))[0], '42501',
        'an operator who may not read server files loads nothing');
    is((sqlstates($node, [ 'SET ROLE loginless', $calls[0] ]))[1], '28000', 'a role that may not log in loads nothing');
}

# Runs of others.
{
    for my $who ('ann', 'bob') {
        my ($out, $err) = run_sql($node, load_sql(tiny_dump($who), undef), as($who));
        is($out, 'succeeded', "$who loads a schema of their own") or diag $err;
    }
    my $number = "(SELECT run_id FROM pagila_repl.run WHERE owner = 'ann')";
    my $anns = $node->safe_psql('pagila', "SELECT $number");
    my $seen = q{SELECT (SELECT string_agg(owner, ' ' ORDER BY owner) FROM pagila_repl.run)
        || ', ' || (SELECT string_agg(DISTINCT schema_name, ' ') FROM pagila_repl.run_step)
        || ', ' || (SELECT count(*) FROM pagila_repl.pagila_load_audit)
        || ', ' || (SELECT count(*) FROM pagila_repl.progress)};
    is((run_sql($node, $seen, as('ann')))[0], 'ann, ann, 1, 0', 'an operator sees the own runs');
    is((run_sql($node, $seen, as('bob')))[0], 'bob, bob, 1, 0', 'another operator sees other runs');
    is((run_sql($node, $seen, as('mona')))[0], 'ann bob, ann bob, 2, 0', 'a monitor sees all runs');
    is_deeply([ sqlstates($node, [ "SELECT pagila_wait($anns)", "SELECT pagila_cancel($anns)" ], as('bob')) ],
        [ '42704', '42704' ], 'a run of another operator does not exist');
    shows_no_more_to_functions($node, 'pagila_load_audit', 'id', as('bob'));
    is_deeply([ sqlstates($node, [ map { "SELECT * FROM pagila_repl.$_" } qw(run run_step progress pagila_load_audit copy) ],
                as('nobody')) ], [ ('42501') x 5 ], 'others may read nothing');
    is_deeply([ sqlstates($node, [ map { "SELECT * FROM pagila_repl.$_" }
                qw(run run_step progress pagila_load_audit copy managed_object managed_content leftover) ], as('mona')) ],
        [ ('00000') x 8 ], 'a monitor may read everything');

    set_fault($node, 'rows:1:stall');
    my ($run) = run_sql($node, "SELECT run_id FROM pagila_load('" . tiny_dump('ann') . "', force => true, wait => false)", as('ann'));
    ok(wait_until(sub { is_stalled($node) }, 20), 'a run is held');
    my $progress = 'SELECT run_id FROM pagila_repl.progress';
    is((run_sql($node, $progress, as('ann')))[0], $run, 'an operator sees how far the own run is');
    is((run_sql($node, $progress, as('bob')))[0], '', 'not how far that of another is');
    is((run_sql($node, $progress, as('mona')))[0], $run, 'a monitor sees both');
    shows_no_more_to_functions($node, 'progress', 'run_id', as('bob'));
    is((sqlstates($node, [ "SELECT pagila_cancel($run)" ], as('bob')))[0], '42704', 'nobody else stops it');
    is((sqlstates($node, [ "SELECT pagila_cancel($run)" ], as('mona')))[0], '42501', 'who may only watch does not');
    $node->safe_psql('pagila', 'CREATE ROLE sally LOGIN; GRANT pagila_repl_operator TO sally; CREATE ROLE nina LOGIN NOINHERIT;
        GRANT pagila_repl_operator TO nina; GRANT ann TO nina');
    is((sqlstates($node, [ "SELECT pagila_cancel($run)" ], as('sally')))[0], '42704', 'a third operator does not know of it');
    is_deeply([ sqlstates($node, [ "SELECT pagila_cancel($run)", "SET ROLE pagila_repl_operator; SELECT pagila_cancel($run)" ], as('nina')) ],
        [ '42501', '42704' ], 'who is a member of its owner without its rights only sees it');
    ok(is_stalled($node), 'and it still runs');
    $node->safe_psql('pagila', 'GRANT pg_signal_backend TO sally');
    is((sqlstates($node, [ "SELECT pagila_wait($run)" ], as('sally')))[0], '42704', 'who may end processes does not see the result');
    is((run_sql($node, "SELECT pagila_cancel($run)", as('sally')))[0], 't', 'but stops it');
    is((run_sql($node, "SELECT status FROM pagila_wait($run)", as('ann')))[0], 'cancelled', 'it ends cancelled');
    clear_fault($node);
    no_residue($node, 'after a run was stopped by its owner');
}

# The records cannot be written.
{
    my @tables = split /\n/, $node->safe_psql('pagila',
        "SELECT relname FROM pg_class WHERE relnamespace = 'pagila_repl'::regnamespace AND relkind IN ('r', 'p')");
    cmp_ok(scalar @tables, '>=', 6, 'the extension has tables');
    my @columns = map { $node->safe_psql('pagila',
        "SELECT attname FROM pg_attribute WHERE attrelid = 'pagila_repl.$_'::regclass AND attnum = 1") } @tables;
    my @writes = (
        (map { ("INSERT INTO pagila_repl.$tables[$_] DEFAULT VALUES", "DELETE FROM pagila_repl.$tables[$_]",
                "UPDATE pagila_repl.$tables[$_] SET $columns[$_] = NULL", "TRUNCATE pagila_repl.$tables[$_] CASCADE",
                "ALTER TABLE pagila_repl.$tables[$_] DISABLE ROW LEVEL SECURITY") } 0 .. $#tables),
        "SELECT nextval('pagila_repl.run_id_seq')", "SELECT setval('pagila_repl.run_id_seq', 1)",
        'SELECT last_value FROM pagila_repl.run_id_seq', 'CREATE TABLE pagila_repl.mine ()',
        "UPDATE pagila_repl.pagila_load_audit SET id = 1", "DELETE FROM pagila_repl.progress",
        'DROP SCHEMA pagila_repl CASCADE', 'DROP EXTENSION pagila_repl');
    for my $who ('ann', 'mona', 'nobody') {
        my @states = sqlstates($node, \@writes, as($who));
        # Views that join or count cannot be written by anyone, which the server may say first.
        my @allowed = grep { $states[$_] !~ /^(42501|55000)$/ } 0 .. $#writes;
        is_deeply([ map { "$writes[$_]: $states[$_]" } @allowed ], [], "$who writes nothing of the extension");
    }
}

# What is in the way of the extension is not taken over.
{
    $node->safe_psql('postgres', 'CREATE DATABASE prepared; GRANT CREATE ON DATABASE prepared TO ann');
    my %db = (db => 'prepared');
    is((sqlstates($node, ['CREATE EXTENSION pagila_repl'], %db, as('ann')))[0], '42501', 'only a superuser creates it');
    is_deeply([ sqlstates($node, [ 'CREATE SCHEMA pagila_repl' ], %db, as('ann')) ], ['00000'], 'anyone may make a schema');
    is((sqlstates($node, ['CREATE EXTENSION pagila_repl'], %db))[0], '42P06', 'a schema of that name is in the way');
    $node->safe_psql('prepared', q{DROP SCHEMA pagila_repl;
        CREATE FUNCTION pg_catalog.pagila_load(text, text, boolean, boolean, text, text, text, text, text, boolean, text, text, boolean, text[])
        RETURNS text LANGUAGE sql AS $$ SELECT 'trap' $$});
    is((sqlstates($node, ['CREATE EXTENSION pagila_repl'], %db))[0], '42723', 'a function of that name is in the way');
    $node->safe_psql('prepared',
        'DROP FUNCTION pg_catalog.pagila_load(text, text, boolean, boolean, text, text, text, text, text, boolean, text, text, boolean, text[])');
    is((sqlstates($node, ['CREATE EXTENSION pagila_repl'], %db))[0], '00000', 'without them it is created');
    $node->safe_psql('postgres', 'DROP DATABASE prepared');
}

# Functions, operators and types that shadow the server's. Each counts who called it; counts outlive a rollback.
sub hostile_sql {
    my ($schema) = @_;
    my $body = q{$$BEGIN PERFORM pg_catalog.nextval(CASE WHEN (SELECT rolsuper FROM pg_catalog.pg_roles
        WHERE rolname OPERATOR(pg_catalog.=) current_user) THEN 'witness.as_superuser' ELSE 'witness.as_other' END);};
    my $sql = '';
    my $n = 0;
    my $function = sub {
        my ($name, $arguments, $result, $value) = @_;
        $sql .= "CREATE FUNCTION $schema.$name($arguments) RETURNS $result LANGUAGE plpgsql AS $body RETURN $value; END\$\$;\n";
    };
    for my $type (map { "pg_catalog.$_" } qw(text name oid int8 int4 bool regclass timestamptz regproc "char")) {
        for my $other ($type, $type eq 'pg_catalog.text' ? 'pg_catalog.name' : $type eq 'pg_catalog.name' ? 'pg_catalog.text' : ()) {
            for my $operator ('=', '<>', '<', '>') {
                $n++;
                $function->("op$n", "$type, $other", 'bool', 'true');
                $sql .= "CREATE OPERATOR $schema.$operator (LEFTARG = $type, RIGHTARG = $other, FUNCTION = $schema.op$n);\n";
            }
        }
    }
    for my $pair ([ '||', 'text', 'text', 'text', 'NULL' ], [ '-', 'timestamptz', 'timestamptz', 'interval', 'NULL' ],
        [ '-', 'jsonb', 'text[]', 'jsonb', 'NULL' ], [ '+', 'int8', 'int8', 'int8', '1' ], [ '~~', 'name', 'text', 'bool', 'true' ],
        [ '~~', 'text', 'text', 'bool', 'true' ]) {
        my ($operator, $left, $right, $result, $value) = @$pair;
        $n++;
        $function->("op$n", "pg_catalog.$left, pg_catalog.$right", $result, $value);
        $sql .= "CREATE OPERATOR $schema.$operator (LEFTARG = pg_catalog.$left, RIGHTARG = pg_catalog.$right, FUNCTION = $schema.op$n);\n";
    }
    $function->('now', '', 'timestamptz', 'NULL');
    $function->('clock_timestamp', '', 'timestamptz', 'NULL');
    $function->('pg_backend_pid', '', 'int4', '1');
    $function->('current_database', '', 'name', "'x'");
    $function->('format', 'text, VARIADIC text[]', 'text', "'SELECT'");
    $function->('concat_ws', 'text, VARIADIC text[]', 'text', "'x'");
    $function->('md5', 'text', 'text', "'x'");
    $function->('nextval', 'regclass', 'int8', '1');
    $function->('set_config', 'text, text, bool', 'text', "'x'");
    $function->('pg_has_role', 'name, name, text', 'bool', 'true');
    $function->('pg_has_role', 'oid, text', 'bool', 'true');
    $function->('has_database_privilege', 'name, name, text', 'bool', 'true');
    $function->('pg_describe_object', 'oid, oid, int4', 'text', "'x'");
    $function->('replace', 'text, text, text', 'text', "'x'");
    $function->('to_jsonb', 'anyelement', 'jsonb', "'{}'");
    $function->('quote_ident', 'text', 'text', "'x'");
    $function->('lower', 'text', 'text', "'x'");
    $function->('step', 'int8, anyelement', 'int8', '1');
    $function->('first_step', 'int8', 'int8', '1');
    $sql .= "CREATE AGGREGATE $schema.count(*) (SFUNC = $schema.first_step, STYPE = int8, INITCOND = '0');\n";
    $sql .= "CREATE AGGREGATE $schema.$_(pg_catalog.int8) (SFUNC = $schema.step, STYPE = int8, INITCOND = '0');\n"
      for qw(count sum min max);
    $sql .= "CREATE AGGREGATE $schema.$_(pg_catalog.text) (SFUNC = $schema.step, STYPE = int8, INITCOND = '0');\n"
      for qw(count array_agg min max);
    return $sql;
}

sub calls_by {
    my ($whom) = @_;
    # Unqualified names and operators would call the hostile ones themselves.
    return (run_sql($node, "SELECT CASE WHEN is_called THEN last_value ELSE 0::pg_catalog.int8 END FROM witness.as_$whom"))[0];
}

{
    $node->safe_psql('pagila', 'CREATE SCHEMA witness; CREATE SEQUENCE witness.as_superuser; CREATE SEQUENCE witness.as_other;
        GRANT USAGE ON SCHEMA witness TO PUBLIC; GRANT USAGE, SELECT ON ALL SEQUENCES IN SCHEMA witness TO PUBLIC;
        CREATE SCHEMA hostile; GRANT USAGE ON SCHEMA hostile TO PUBLIC');
    # Domains in the place of types that SQL often names without a schema.
    $node->safe_psql('pagila', hostile_sql('hostile') . q{
        CREATE FUNCTION hostile.any_value(pg_catalog.text) RETURNS bool LANGUAGE plpgsql AS $$BEGIN
          PERFORM pg_catalog.nextval('witness.as_superuser'); RETURN true; END$$;
        CREATE DOMAIN hostile.text AS pg_catalog.text CHECK (hostile.any_value(VALUE));
        CREATE DOMAIN hostile.oid AS pg_catalog.oid CHECK (hostile.any_value(VALUE::pg_catalog.text));
        CREATE DOMAIN hostile.name AS pg_catalog.name CHECK (hostile.any_value(VALUE::pg_catalog.text));});
    my $path = 'hostile, public, pg_catalog';
    $node->safe_psql('pagila', "SET search_path = $path; SELECT 'a'::pg_catalog.text = 'b'::pg_catalog.text");
    cmp_ok(calls_by('superuser'), '>', 0, 'with the hostile schema first its functions are called');
    $node->safe_psql('pagila', 'ALTER SEQUENCE witness.as_superuser RESTART');
    is(calls_by('superuser'), 0, 'and counted anew');

    $node->safe_psql('pagila', "ALTER DATABASE pagila SET search_path = $path; ALTER ROLE ann SET search_path = $path");
    my $dump = tiny_dump('ann');
    my @statements = (
        "SELECT * FROM pg_catalog.pagila_load('$dump', force => true)", "SELECT * FROM pg_catalog.pagila_load('$dump')",
        'SELECT * FROM pg_catalog.pagila_wait(1)', 'SELECT pg_catalog.pagila_cancel(1)',
        'SELECT * FROM pagila_repl.run', 'SELECT * FROM pagila_repl.run_step', 'SELECT * FROM pagila_repl.progress',
        'SELECT * FROM pagila_repl.pagila_load_audit');
    for my $who ('postgres', 'ann') {
        is_deeply([ sqlstates($node, \@statements, $who eq 'ann' ? as('ann') : ()) ], [ ('00000') x @statements ],
            "$who works with a hostile search_path");
        is(calls_by($_), 0, "as $who: no hostile call by the $_") for 'superuser', 'other';
    }
    is((run_sql($node, "SELECT status FROM pg_catalog.pagila_load('/nonexistent')", as('ann')))[0], '', 'a run fails');
    is(calls_by('superuser'), 0, 'a failing run: no hostile call');
    is_deeply([ sqlstates($node, [ 'DROP EXTENSION pagila_repl', 'CREATE EXTENSION pagila_repl' ]) ], [ '00000', '00000' ],
        'the extension is dropped and created with a hostile search_path');
    is(calls_by('superuser'), 0, 'doing so: no hostile call');
    $node->safe_psql('pagila', 'ALTER DATABASE pagila RESET search_path; ALTER ROLE ann RESET search_path;
        DROP SCHEMA hostile CASCADE; DROP SCHEMA ann CASCADE; DROP SCHEMA bob CASCADE');
}

# A dump that brings the same and changes search_path from within the run.
{
    my $dump = write_file("$dir/hostile.sql", "CREATE SCHEMA h;\n" . hostile_sql('h') . q{
CREATE FUNCTION h.takes_over(a pg_catalog.text) RETURNS pg_catalog.bool LANGUAGE plpgsql AS $$BEGIN
  PERFORM pg_catalog.set_config('search_path', 'h, public, pg_catalog', false);
  PERFORM pg_catalog.nextval('witness.as_other');
  RETURN true;
END$$;
CREATE TABLE h.t (a pg_catalog.text CHECK (h.takes_over(a)), b pg_catalog.int4);
CREATE TABLE h.u (a pg_catalog.text CHECK (h.takes_over(a)));
COPY h.t (a, b) FROM stdin;
x	1
y	2
\.
COPY h.u (a) FROM stdin;
x
\.
CREATE INDEX i ON h.t USING btree (b);
});
    # The function that counts as other is called by the table; whatever else is called would be called by the run itself.
    for my $who ('ann', 'ann', 'postgres') {
        $node->safe_psql('pagila', 'ALTER SEQUENCE witness.as_other RESTART');
        my ($out, $err) = run_sql($node, load_sql($dump, undef, force => 'true'), as($who));
        is($out, 'succeeded', "$who loads a hostile dump") or diag $err;
        is(calls_by('other'), 3, 'its constraints are checked once per row, its operators never used');
        is(calls_by('superuser'), 0, 'nor by the owner of the extension');
    }
    no_residue($node, 'after a hostile dump');
    $node->safe_psql('pagila', 'DROP SCHEMA IF EXISTS h CASCADE; DROP SCHEMA witness CASCADE');
}

# A run within a run.
{
    my $before = content($node);
    my $inner = tiny_dump('inner_one');
    my %carrier = (
        rows => 'CREATE DOMAIN r.loading AS text CHECK (r.loads(VALUE)); ALTER TABLE r.t ALTER a TYPE r.loading;',
        constraints => 'ALTER TABLE r.t ADD CHECK (r.loads(a));',
        indexes => 'CREATE INDEX i ON r.t USING btree (r.loads(a));');
    for my $phase (sort keys %carrier) {
        my $dump = write_file("$dir/recursive.sql", "CREATE SCHEMA r;
CREATE FUNCTION r.loads(a text) RETURNS boolean LANGUAGE plpgsql IMMUTABLE AS \$\$BEGIN
  PERFORM pg_catalog.pagila_load('$inner');
  RETURN true;
END\$\$;
CREATE TABLE r.t (a text);\n$carrier{$phase}\nCOPY r.t (a) FROM stdin;\nx\n\\.\n");
        for my $user ('postgres', 'ann') {
            is((sqlstates($node, [ load_sql($dump, undef) ], as($user)))[0], '55006', "$user cannot load from within a run: $phase");
            is(last_run($node, 'status, sqlstate, phase'), "failed|55006|$phase", "$phase: the run failed for it");
        }
    }
    is_unchanged($node, $before, 'recursion');
    no_residue($node, 'recursion');
}

# Files that are no dumps say nothing of what is in them.
{
    my $secret = 'hunter2xyzzy';
    my $hba = $node->data_dir . '/pg_hba.conf';
    append_to_file($hba, "host $secret $secret 127.0.0.1/32 scram-sha-256\n");
    my $before = content($node);
    my %files = (
        '/etc/passwd' => qr/root:|nologin|daemon/, $hba => qr/$secret|scram/,
        write_file("$dir/first.txt", "$secret\n") => qr/$secret/,
        write_file("$dir/word.txt", "SET client_encoding = 'UTF8';\nCREATE TABLE t ($secret $secret $secret);\n") => qr/$secret/,
        write_file("$dir/quote.txt", "SET client_encoding = 'UTF8';\n$secret 'open\n") => qr/$secret/);
    my $schema = tiny_dump('files');
    for my $file (sort keys %files) {
        for my $arguments ([ $file, undef ], [ $schema, $file ]) {
            my $what = (defined $arguments->[1] ? 'data file ' : 'schema file ') . $file =~ s{.*/}{}r;
            my $position = log_position();
            my ($out, $err) = run_sql($node, load_sql(@$arguments), as('ann'));
            like(sqlstate_of($err), qr/^(42601|0A000|22P04|22021|42809)$/, "$what is refused") or diag $err;
            unlike($err, $files{$file}, "$what: nothing of it in the message");
            unlike(log_since($position), $files{$file}, "$what: nothing of it in the server's log");
            my ($run) = run_sql($node, 'SELECT r::text FROM pagila_repl.run r ORDER BY run_id DESC LIMIT 1');
            like($run, qr/failed/, "$what: the run is recorded");
            unlike($run, $files{$file}, "$what: nothing of it in the record");
        }
    }
    is_unchanged($node, $before, 'files that are no dumps');
    no_residue($node, 'files that are no dumps');
}

# A process that does something again and again until it is ended.
sub swapping {
    my ($swap) = @_;
    my $tester = $$;
    my $swapper = fork() // die $!;
    return $swapper if $swapper != 0;
    $swap->() while getppid() == $tester;
    POSIX::_exit(0);
}

sub end_swapping {
    my ($swapper) = @_;
    kill 'KILL', $swapper;
    waitpid($swapper, 0);
    return;
}

# How often loading a path ended how while it is swapped: until it was both loaded and refused, and at least
# PR_SWAP_TRIES times.
sub load_while_swapped {
    my ($path, $refusal) = @_;
    my $least = $ENV{PR_SWAP_TRIES} || 0;
    my %count;
    for my $batch (1 .. 100 + $least / 40) {
        $count{$_}++ for sqlstates($node, [ (load_sql($path, undef)) x 40 ]);
        last if $count{'00000'} && $count{$refusal} && $batch * 40 >= $least;
    }
    note join ', ', map { "$_: $count{$_}" } sort keys %count;
    return %count;
}

# Links.
{
    my $good = tiny_dump('good');
    my $forbidden = tiny_dump('stolen');
    symlink($forbidden, "$dir/link.sql") or die $!;
    is((sqlstates($node, [ load_sql("$dir/link.sql", undef) ]))[0], '42809', 'a link is not followed');

    # Another process swaps the path between a link and a file while it is loaded again and again.
    my $path = write_file("$dir/swapped.sql", slurp_file($good));
    my $swapper = swapping(sub {
        symlink($forbidden, "$path.new");
        rename("$path.new", $path);
        link($good, "$path.new");
        rename("$path.new", $path);
    });
    my %count = load_while_swapped($path, '42809');
    end_swapping($swapper);
    is_deeply([ sort keys %count ], [ '00000', '42809' ], 'a path swapped for a link is loaded or refused, nothing else');
    is($node->safe_psql('pagila', "SELECT count(*) FROM pg_namespace WHERE nspname = 'stolen'"), 0,
        'the file behind the link was never loaded');
    no_residue($node, 'after swapping');
    $node->safe_psql('pagila', 'DROP SCHEMA good CASCADE');
}

# Directories.
{
    my ($allowed, $outside) = ("$dir/allowed", "$dir/outside");
    mkdir $_ or die $! for $allowed, $outside, "$allowed/below", "${allowed}_not";
    my $text = slurp_file(tiny_dump('dirs'));
    write_file("$_/dump.sql", $text) for $allowed, $outside, "$allowed/below", "${allowed}_not";
    symlink($outside, "$allowed/out") or die $!;
    symlink($allowed, "$dir/in") or die $!;
    # The last line of a setting counts.
    my $set = sub { my ($name, $value) = @_; $node->append_conf('postgresql.conf', "$name = '$value'"); return };
    my $setting = 'pagila_repl.load_directories';
    my $directories = "/nonexistent, $allowed";
    $set->($setting, $directories);
    $node->reload;
    # Sessions that begin now must see it.
    ok(wait_until(sub { (run_sql($node, "SELECT current_setting('$setting', true)"))[0] eq $directories }, 10),
        'load_directories is set');
    my %state = ("$allowed/dump.sql" => '00000', "$allowed/below/dump.sql" => '00000', "$dir/in/dump.sql" => '00000',
        "$outside/dump.sql" => '42501', "$allowed/out/dump.sql" => '42501', "${allowed}_not/dump.sql" => '42501',
        "$allowed/../outside/dump.sql" => '42501', "$allowed/no/dump.sql" => '42501', '/etc/passwd' => '42501');
    my @paths = sort keys %state;
    my @found = sqlstates($node, [ map { load_sql($_, undef) } @paths ]);
    is($found[$_], $state{ $paths[$_] }, "load_directories: $paths[$_]" =~ s/\Q$dir\E//r) for 0 .. $#paths;
    # A directory of the path is swapped for a link while the file is loaded.
    write_file("$outside/dump.sql", slurp_file(tiny_dump('smuggled')));
    my $swapper = swapping(sub {
        for my $target ($outside, $allowed) {
            symlink($target, "$dir/swapped.new");
            rename("$dir/swapped.new", "$dir/swapped");
        }
    });
    my %count = load_while_swapped("$dir/swapped/dump.sql", '42501');
    end_swapping($swapper);
    is_deeply([ sort keys %count ], [ '00000', '42501' ], 'load_directories: swapped on the way, loaded or refused');
    is($node->safe_psql('pagila', "SELECT count(*) FROM pg_namespace WHERE nspname = 'smuggled'"), 0,
        'load_directories: nothing from outside was loaded');
    write_file("$outside/dump.sql", $text);
    is((sqlstates($node, [ load_sql("$allowed/dump.sql", "$outside/dump.sql") ]))[0], '42501', 'load_directories: the second file');
    is((sqlstates($node, [ "LOAD 'pagila_repl'", "SET $setting = '/'" ]))[1], '55P02', 'load_directories: no session changes it');
    # Before the module is loaded the server takes any value for it.
    is_deeply([ sqlstates($node, [ "SET $setting = '/'", load_sql("$outside/dump.sql", undef) ], as('ann')) ],
        [ '00000', '42501' ], 'load_directories: nor by setting it early');

    $set->($setting, 'relative');
    $set->('shared_preload_libraries', 'pagila_repl');
    my $position = log_position();
    $node->stop;
    ok(!$node->start(fail_ok => 1), 'a relative directory keeps the server from starting');
    like(log_since($position), qr/"relative" is not an absolute path/, 'and the log says why');
    $set->($setting, $allowed);
    $node->start;
    $position = log_position();
    $set->($setting, 'relative');
    $node->reload;
    ok(wait_until(sub { log_since($position) =~ /"relative" is not an absolute path/ }, 10), 'a reload refuses it');
    is((run_sql($node, 'SHOW pagila_repl.load_directories'))[0], $allowed, 'and the setting stays as it was');

    # A server that does not preload the module learns of the mistake late; it must not mean "any directory" then.
    $set->('shared_preload_libraries', '');
    $node->restart;
    is_deeply([ sqlstates($node, [ map { load_sql("$_/dump.sql", undef) } $allowed, $outside ]) ], [ '42501', '42501' ],
        'a directory that cannot be understood allows nothing');
    $set->($setting, '');
    $node->restart;
    $node->safe_psql('pagila', 'DROP SCHEMA dirs CASCADE');
}

# An operator who owns the database but is no superuser.
{
    $node->safe_psql('pagila', 'ALTER DATABASE pagila OWNER TO owning');
    my $roles = sub { $node->safe_psql('pagila', 'SELECT r::text FROM pg_roles r ORDER BY 1') };
    my $before = $roles->();
    my @files = ("$sample/schema.sql", "$sample/data.sql");
    my (undef, $refusal) = run_sql($node, load_sql(@files), as('ann'));
    is(sqlstate_of($refusal), '42501', 'who does not own the schema does not replace it');
    like($refusal, qr/must be owner of schema "public"/, 'and is told so');

    my ($out, $err) = run_sql($node, load_sql(@files), as('owning'));
    is($out, 'succeeded', 'the owner of the database loads the sample') or diag $err;
    my $owners = () = slurp_file($files[0]) =~ /^ALTER .* OWNER TO /mg;
    like(last_run($node, 'message'), qr/\b$owners owners skipped, the caller may not set them/, 'owners that were skipped are counted');
    is($roles->(), $before, 'no role was created or changed');
    for my $catalog ([ 'pg_class', 'rel' ], [ 'pg_proc', 'pro' ], [ 'pg_type', 'typ' ]) {
        my ($table, $prefix) = @$catalog;
        is($node->safe_psql('pagila', "SELECT string_agg(DISTINCT ${prefix}owner::regrole::text, ' ') FROM $table
              WHERE ${prefix}namespace = 'public'::regnamespace"), 'owning', "he owns what is in $table");
    }
    is($node->safe_psql('pagila', "SELECT nspowner::regrole FROM pg_namespace WHERE nspname = 'public'"), 'pg_database_owner',
        'the schema keeps its owner');
    is((run_sql($node, load_sql(@files), as('owning')))[0], 'skipped', 'and it is skipped the next time');

    my $absent = write_file("$dir/absent.sql", slurp_file(tiny_dump('absent')) . "ALTER TABLE absent.t OWNER TO no_such_role;\n");
    is((run_sql($node, load_sql($absent, undef), as('owning')))[0], 'succeeded', 'a dump that names an unknown role loads');
    like(last_run($node, 'message'), qr/\b1 owner skipped, its role does not exist/, 'and the message says so');
    is($roles->(), $before, 'and the role still does not exist');
    no_residue($node, 'after loading without rights over owners');
}

# Where no function may be called from, whoever calls it.
{
    my @calls = ("pagila_load('/x')", "pagila_replicate_from('s')", "pagila_replicate_to('s')", "pagila_check('s')", "pagila_plan('s')",
        'pagila_identify()', "pagila_schedule('j', '1 hour', 's')", "pagila_alter_job('j')", "pagila_unschedule('j')", "pagila_run_job('j')",
        'pagila_wait(1)', 'pagila_cancel(1)');
    is($node->safe_psql('pagila', q{SELECT count(DISTINCT proname) FROM pg_proc p JOIN pg_depend d ON d.classid = 'pg_proc'::regclass AND d.objid = p.oid
        WHERE d.refobjid = (SELECT oid FROM pg_extension WHERE extname = 'pagila_repl') AND proname <> 'pagila_repl_validator'}), scalar @calls,
        'these are all functions');
    # The server runs such a query so.
    for my $call (@calls) {
        my (undef, $err) = run_sql($node, "CREATE MATERIALIZED VIEW seen AS SELECT count(c) FROM (SELECT $call OFFSET 0) AS c");
        like($err, qr/ERROR: +42501: .* within a security-restricted operation/, "$call: not in a security-restricted operation");
    }
    my $tries = join(', ', map { "'" . s/'/''/gr . "'" } @calls);
    my $dump = tiny_dump('within', qq{CREATE FUNCTION within.tried(text) RETURNS boolean LANGUAGE plpgsql AS \$\$
DECLARE call text;
BEGIN
  FOREACH call IN ARRAY ARRAY[$tries] LOOP
    BEGIN
      EXECUTE 'SELECT ' || call;
      RAISE WARNING 'called: %', call;
    EXCEPTION WHEN OTHERS THEN
      RAISE WARNING '%: %', call, SQLSTATE;
    END;
  END LOOP;
  RETURN true;
END\$\$;
CREATE TABLE within.trying (a text CHECK (within.tried(a)));
COPY within.trying (a) FROM stdin;
row
\\.
});
    my ($out, $err) = run_sql($node, load_sql($dump, undef));
    is($out, 'succeeded', 'a dump whose functions call ours') or diag $err;
    like($err, qr/WARNING: .*\Q$_\E: 55006/, "$_: not from within a run") for @calls;
    unlike($err, qr/WARNING: .*called:/, 'none has been called');
    $node->safe_psql('pagila', 'DROP SCHEMA within CASCADE');
}

done_testing();
