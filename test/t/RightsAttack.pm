# What an unprivileged role plants so that a run of somebody else evaluates it, and how it is told that one did: the function
# att.strike notes as whom it was called, in a way that outlives a rollback, and tries to gain something.
#
#   my $test = RightsAttack->new('name');
#   $test->attacks({ name => 'a view takes the place of a sequence', plant => 'SQL of the attacker', tries => [ ... ] }, ...);
#
# A try is [ where, what, as whom ]: where the planting begins, "before" the run, or in a transaction that is committed while the run
# waits, begun at its "start" or at one of AttackTest's points; with "!" after the point it is committed before the run goes on; what is asked for: load, replicate, job, check, plan; by
# postgres or by puller, who is no superuser and a member of the attacker's role.
package RightsAttack;
use strict;
use warnings;
use AttackTest;
use PagilaTest;
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(time);

our @kAllTries = ([ 'before', 'load', 'postgres' ], [ 'before', 'replicate', 'puller' ], [ 'start', 'load', 'postgres' ], [ 'plan', 'job', 'postgres' ],
    [ 'rows', 'replicate', 'postgres' ], [ 'verify!', 'load', 'postgres' ], [ 'verify', 'load', 'postgres' ], [ 'publish', 'load', 'puller' ]);

my $kPatience = 40;

my $kShop = q{
  CREATE SCHEMA shop;
  CREATE DOMAIN shop.small AS integer CHECK (VALUE < 1000);
  CREATE TYPE shop.mood AS ENUM ('sad', 'ok');
  CREATE TABLE shop.item (id integer PRIMARY KEY, name text, price integer);
  CREATE TABLE shop.bag (id integer, name text);
  CREATE TABLE shop.nothing (id integer, name text);
  CREATE TABLE shop.sized (id integer, n shop.small);
  CREATE TABLE shop.felt (id integer, how shop.mood, CHECK (how::text <> ''));
  CREATE SEQUENCE shop.ticket;
  CREATE FUNCTION shop.fine(integer) RETURNS boolean LANGUAGE sql IMMUTABLE AS 'SELECT true';
  CREATE VIEW shop.cheap AS SELECT id FROM shop.item WHERE price < 5;
  CREATE MATERIALIZED VIEW shop.summary AS SELECT count(*) AS moods, max(how::text) AS most FROM shop.felt;
  INSERT INTO shop.item SELECT n, 'item ' || n, n FROM generate_series(1, 20) n;
  INSERT INTO shop.bag VALUES (1, 'one');
  INSERT INTO shop.sized VALUES (1, 1);
  INSERT INTO shop.felt VALUES (1, 'ok');
  REFRESH MATERIALIZED VIEW shop.summary;};

# Everything of the shop is the attacker's. One privilege was granted by somebody else, which a run does as that role.
my $kGive = q{ALTER SCHEMA shop OWNER TO attacker;
  SELECT format('ALTER ROUTINE %s OWNER TO attacker', oid::regprocedure) FROM pg_proc WHERE pronamespace = 'shop'::regnamespace \gexec
  SELECT format('ALTER %s %s OWNER TO attacker', CASE relkind WHEN 'v' THEN 'VIEW' WHEN 'm' THEN 'MATERIALIZED VIEW' WHEN 'S' THEN 'SEQUENCE'
           ELSE 'TABLE' END, oid::regclass) FROM pg_class WHERE relnamespace = 'shop'::regnamespace AND relkind IN ('r', 'v', 'm', 'S') \gexec
  ALTER DOMAIN shop.small OWNER TO attacker; ALTER TYPE shop.mood OWNER TO attacker;
  GRANT USAGE ON SCHEMA shop TO clerk; GRANT SELECT ON shop.item TO clerk WITH GRANT OPTION; SET SESSION AUTHORIZATION clerk; GRANT SELECT ON shop.item TO clerks; RESET SESSION AUTHORIZATION;};

# The attacker's tools. Functions that say they are immutable are evaluated while a query is planned.
my $kTools = q{
  CREATE FUNCTION att.strike() RETURNS void LANGUAGE plpgsql AS $$BEGIN
    IF current_user OPERATOR(pg_catalog.=) 'attacker'::pg_catalog.name THEN PERFORM pg_catalog.nextval('witness.as_attacker'); RETURN; END IF;
    IF (SELECT rolsuper FROM pg_catalog.pg_roles WHERE rolname OPERATOR(pg_catalog.=) current_user)
      THEN PERFORM pg_catalog.nextval('witness.as_superuser'); ELSE PERFORM pg_catalog.nextval('witness.as_other'); END IF;
    BEGIN EXECUTE pg_catalog.format('ALTER ROLE %I SUPERUSER', pg_catalog.concat('puppet_', pg_catalog.current_database())); EXCEPTION WHEN OTHERS THEN NULL; END;
    BEGIN EXECUTE pg_catalog.format('COPY (SELECT 1) TO %L', pg_catalog.concat('DIR/owned.', pg_catalog.current_database())); EXCEPTION WHEN OTHERS THEN NULL; END;
  END$$;
  CREATE FUNCTION att.evil() RETURNS integer LANGUAGE plpgsql AS $$BEGIN PERFORM att.strike(); RETURN 1; END$$;
  CREATE FUNCTION att.evil_true(integer) RETURNS boolean LANGUAGE plpgsql IMMUTABLE COST 1 AS $$BEGIN PERFORM att.strike(); RETURN true; END$$;
  CREATE FUNCTION att.evil_trigger() RETURNS trigger LANGUAGE plpgsql AS $$BEGIN PERFORM att.strike(); RETURN NEW; END$$;
  CREATE TABLE att.precious (a integer); INSERT INTO att.precious VALUES (1);};

sub new {
    my ($class, $name, %options) = @_;
    my ($source, $target) = new_pair($name, faults => 1, conf => "shared_preload_libraries = 'pagila_repl'\nmax_worker_processes = 60\nmax_connections = 150\nautovacuum = off\n"
        . "pagila_repl.max_concurrent_runs = 8\n", %options);
    my $self = bless { source => $source, target => $target, dir => PostgreSQL::Test::Utils::tempdir_short }, $class;
    chmod 0777, $self->{dir};
    for my $node ($source, $target) {
        $node->safe_psql('postgres', 'CREATE ROLE attacker LOGIN; CREATE ROLE clerk LOGIN; CREATE ROLE clerks; CREATE ROLE puller LOGIN IN ROLE pagila_repl_operator, attacker, pg_read_server_files');
    }
    (my $gift, my $error) = run_sql($source, "$kShop " . ($options{more} // '') . " $kGive");
    $error eq '' or BAIL_OUT($error);
    $self->{file} = "$self->{dir}/shop.sql";
    system_or_bail('pg_dump', '--no-sync', '--schema=shop', '-f', $self->{file}, $source->connstr('pagila'));
    chmod 0644, $self->{file};
    $target->safe_psql('postgres', 'CREATE DATABASE base');
    $target->safe_psql('base', q{CREATE EXTENSION pagila_repl; CREATE SCHEMA witness; CREATE SCHEMA victim; CREATE SCHEMA att AUTHORIZATION attacker;
      CREATE SEQUENCE witness.as_superuser; CREATE SEQUENCE witness.as_other; CREATE SEQUENCE witness.as_attacker;
      GRANT USAGE ON SCHEMA witness, att TO PUBLIC; GRANT USAGE, SELECT ON ALL SEQUENCES IN SCHEMA witness TO PUBLIC;
      CREATE TABLE victim.precious (a integer); INSERT INTO victim.precious VALUES (1), (2), (3); CREATE VIEW victim.shown AS SELECT * FROM victim.precious});
    add_source($target, 'source', port => $source->port, db => 'base');
    $target->safe_psql('base', q{GRANT USAGE ON FOREIGN SERVER source TO puller; GRANT CREATE ON DATABASE base TO attacker, puller;
      CREATE USER MAPPING FOR puller SERVER source OPTIONS (user 'puller', password_required 'false')});
    ($gift, $error) = run_sql($target, pull_sql('source', workers => 2, schemas => q{'{shop}'}), db => 'base');
    $gift eq 'succeeded' or BAIL_OUT("the first copy failed: $error");
    (my $tools = $kTools) =~ s/DIR/$self->{dir}/;
    # The attacker is to own the schema too.
    $target->safe_psql('base', 'ALTER SCHEMA shop OWNER TO attacker');
    (undef, $error) = run_sql($target, $tools, db => 'base', psql => { extra_params => [ '-U', 'attacker' ] });
    $error eq '' or BAIL_OUT($error);
    # So that the schema's owner is no change of the copy.
    ($gift, $error) = run_sql($target, pull_sql('source', workers => 2, schemas => q{'{shop}'}, force => 'true', on_modified => q{'overwrite'}), db => 'base');
    $gift eq 'succeeded' or BAIL_OUT("the second copy failed: $error");
    return $self;
}

# A database of the attack's own, as the base. Returns (name, session of its maker).
sub make_database {
    my ($self, $number) = @_;
    my $db = "case_$number";
    my $maker = Session->new($self->{target}, 'postgres');
    $maker->run("CREATE DATABASE $db TEMPLATE base");
    $maker->{state} eq '00000' or $maker->run("SELECT pg_sleep(1); CREATE DATABASE $db TEMPLATE base");
    $maker->run("GRANT CREATE ON DATABASE $db TO attacker, puller; CREATE ROLE puppet_$db; LOAD 'pagila_repl'; ALTER DATABASE $db SET pagila_repl.swap_budget = '8s'");
    return ($db, $maker);
}

# What was gained. Undef if nothing was.
sub gain {
    my ($self, $db) = @_;
    my $watch = Session->new($self->{target}, $db);
    # The search_path of the database may be hostile.
    my $count = sub { $watch->run("SELECT CASE WHEN is_called THEN last_value ELSE 0::pg_catalog.int8 END FROM witness.$_[0]") };
    my @gains;
    push @gains, 'code of the attacker ran as superuser' if $count->('as_superuser') ne '0';
    push @gains, 'code of the attacker ran as another role' if $count->('as_other') ne '0';
    push @gains, 'a role became superuser' if $watch->run("SELECT rolsuper FROM pg_catalog.pg_roles WHERE rolname OPERATOR(pg_catalog.=) 'puppet_$db'::pg_catalog.name") ne 'f';
    push @gains, 'a file was written as the server' if -e "$self->{dir}/owned.$db";
    push @gains, 'the attacker has gained an attribute or a membership' if $watch->run(q{SELECT rolsuper OR rolcreaterole OR rolcreatedb OR rolbypassrls
        OR rolreplication OR EXISTS (SELECT FROM pg_catalog.pg_auth_members m WHERE m.member OPERATOR(pg_catalog.=) r.oid) FROM pg_catalog.pg_roles r WHERE rolname OPERATOR(pg_catalog.=) 'attacker'::pg_catalog.name}) ne 'f';
    push @gains, 'what belongs to others is lost' if $watch->run('SELECT pg_catalog.int8out(pg_catalog.count(*))::pg_catalog.text FROM victim.shown') ne '3';
    my $was_called = $count->('as_attacker');
    $watch->close;
    return (join('; ', @gains), $was_called);
}

sub sql_of {
    my ($self, $what, $options) = @_;
    # Loads and replications take turns in the same schema.
    my %options = (force => 'true', on_other_source => q{'replace'}, %$options);
    return load_sql($self->{file}, undef, %options) if $what eq 'load';
    return pull_sql('source', workers => 2, schemas => q{'{shop}'}, %options) if $what eq 'replicate';
    return 'SELECT pagila_schedule(' . join(', ', q{'copy'}, q{'1 day'}, q{source => 'source'}, q{schemas => '{shop}'}, map { "$_ => $options{$_}" } sort keys %options) . ')'
      if $what eq 'job';
    return "SELECT * FROM pg_catalog.pagila_$what('source', schemas => '{shop}')";
}

sub try_attack {
    my ($self, $attack, $number) = @_;
    my ($where, $what, $who) = @{ $attack->{try} };
    my $at_once = $where =~ s/!$//;
    my ($db, $maker) = $self->make_database($number);
    my ($run, $attacker, $watch) = map { Session->new($self->{target}, $db, $_) } $who, 'attacker', undef;
    my %result = (failure => undef);
    my $complain = sub { $result{failure} //= $_[0] };
    if ($attack->{before}) {
        (my $sql = $attack->{before}) =~ s/\bDATABASE this\b/DATABASE $db/g;
        $watch->run($sql);
        $complain->("before: $watch->{out}") if $watch->{state} ne '00000';
        # Settings of the database count from the next session on.
        $_->close for $run, $attacker;
        ($run, $attacker) = map { Session->new($self->{target}, $db, $_) } $who, 'attacker';
    }
    if ($attack->{first}) {
        $attacker->run($attack->{first});
        $complain->("first: $attacker->{out}") if $attacker->{state} ne '00000';
    }
    $watch->run('SET search_path = pg_catalog');
    my $last = 'SELECT COALESCE((SELECT max(run_id) FROM pagila_repl.run), 0)';
    my $known = $watch->run($last);
    my $is_over = 0;
    my $over = sub {
        my ($seconds) = @_;
        return 1 if $is_over;
        return $is_over = $run->wait($seconds) if $what ne 'job';
        # The scheduler starts it.
        return $is_over = wait_until(sub { $watch->run("SELECT count(*) FROM pagila_repl.run WHERE run_id > $known AND status <> 'running'") ne '0' }, $seconds);
    };
    my $ask = $self->sql_of($what, $attack->{options} // {});
    my $start = sub { $run->send($ask); $run->wait(20) if $what eq 'job' };
    my $plant = "BEGIN; $attack->{plant}";
    if ($where eq 'before') {
        $attacker->run("$plant; COMMIT");
        $complain->("the attack could not be planted: $attacker->{out}") if $attacker->{state} ne '00000';
        $start->();
    } else {
        my $gate;
        if ($where ne 'start') {
            $gate = hold_run_at($maker, $db, $kPoints{$where});
            $start->();
            wait_until(sub { is_run_held($gate) || $over->(0.01) }, $kPatience);
            # What is planted first may have it refused before that.
            $complain->("the run did not come to $where") if !is_run_held($gate) && !$attack->{may_be_refused};
        }
        my $is_planted = $attacker->send($plant)->wait($gate ? 0.5 : 20);
        $complain->("the attack could not be planted: $attacker->{out}") if $is_planted && $attacker->{state} ne '00000' && !$attack->{may_fail};
        my $is_committed;
        $is_committed = $attacker->run('COMMIT') if $is_planted && $at_once;
        if ($gate) { let_run_go($gate) }
        else { $start->() }
        my $waits = q{SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND backend_type LIKE 'pagila%leader' AND wait_event_type = 'Lock'};
        wait_until(sub { $over->(0.02) || $watch->run($waits) ne '0' }, 6);
        $is_planted ||= $attacker->wait(20);
        $attacker->run('COMMIT') if $is_planted && !defined $is_committed;
    }
    $complain->('the run does not end: ' . $watch->run(q{SELECT string_agg(concat_ws(' ', pid, usename, backend_type, state, wait_event_type, wait_event,
        (SELECT concat_ws(' ', locktype, relation, classid, objid, mode) FROM pg_locks l WHERE l.pid = a.pid AND NOT granted LIMIT 1), pg_blocking_pids(pid)::text, left(query, 60)), E'\n    ')
        FROM pg_stat_activity a WHERE datname = current_database()})) if !$over->($kPatience);
    $result{told} = $run->{out};
    my ($gained, $calls) = $self->gain($db);
    $complain->($gained) if $gained;
    # What was swapped or turned into something else must not be called a copy.
    if ($attack->{whole}) {
        my $whole = $watch->run("SELECT ($attack->{whole})::boolean");
        $complain->("lost: $whole") if $whole ne 't';
    }
    $result{run} = $watch->run(q{SELECT concat_ws(' ', status, sqlstate, phase, error_message, error_detail, message) FROM pagila_repl.run ORDER BY run_id DESC LIMIT 1});
    $result{as_attacker} = $calls;
    $_->close for $run, $attacker, $watch;
    $maker->run("DROP DATABASE $db WITH (FORCE)");
    $maker->close;
    return \%result;
}

sub attacks {
    my ($self, @attacks) = @_;
    my $number = 0;
    my @tries = map {
        my $attack = $_;
        my @ways = @{ $attack->{tries} // \@kAllTries };
        # Each attack in one way, in turn.
        @ways = $ways[ $number % @ways ] if !is_long() && !$ENV{PR_ATTACK_ALL} && !$ENV{PR_ATTACK_ONLY};
        $number++;
        map { { %$attack, try => $_ } } @ways;
    } @attacks;
    # Each third, in turn, which is each way against each third attack at the least. PR_ATTACK_ALL=1: all.
    @tries = @tries[ grep { $_ % 3 == 0 } 0 .. $#tries ] if is_long() && !$ENV{PR_ATTACK_ALL} && !$ENV{PR_ATTACK_ONLY};
    @tries = grep { "$_->{name} @{ $_->{try} }" =~ /$ENV{PR_ATTACK_ONLY}/ } @tries if $ENV{PR_ATTACK_ONLY};
    my $first = $self->{tried} // 0;
    $self->{tried} = $first + @tries;
    my $began = time;
    my @results = side_by_side(8, sub { $self->try_attack($_[0], $first + $_[1]) }, @tries);
    for my $i (0 .. $#tries) {
        my ($try, $result) = ($tries[$i], $results[$i]);
        my ($where, $what, $who) = @{ $try->{try} };
        ok(!$result->{failure}, "$try->{name}: $what of $who, " . ($where eq 'before' ? 'before it' : "open at $where"))
          ? note "  called as the attacker: $result->{as_attacker}; $result->{run}"
          : diag join "\n  ", $result->{failure}, map { "$_: $result->{$_}" } grep { defined $result->{$_} } qw(run told);
    }
    figures sprintf '%d tries of %d attacks in %.0f s', scalar @tries, scalar @attacks, time - $began;
    return;
}

# Attacks that follow no pattern: each of name and body; the body gets a database of its own and returns what is wrong, if anything.
sub scenarios {
    my ($self, @scenarios) = @_;
    my @pairs;
    while (my ($name, $body) = splice @scenarios, 0, 2) { push @pairs, [ $name, $body ] if !$ENV{PR_ATTACK_ONLY} || $name =~ /$ENV{PR_ATTACK_ONLY}/ }
    my $first = $self->{tried} // 0;
    $self->{tried} = $first + @pairs;
    my $try = sub {
        my ($pair, $i) = @_;
        my ($db, $maker) = $self->make_database($first + $i);
        my $failure = eval { $pair->[1]->($db, $maker) };
        $failure = "died: $@" if $@;
        my ($gained, $calls) = $self->gain($db);
        $maker->run("DROP DATABASE $db WITH (FORCE)");
        $maker->close;
        return { failure => join('; ', grep { $_ } $gained, $failure) };
    };
    my @results = side_by_side(8, $try, @pairs);
    ok($results[$_]{failure} eq '', $pairs[$_][0]) or diag $results[$_]{failure} for 0 .. $#pairs;
    figures scalar(@pairs) . ' scenarios';
    return;
}

sub stays_up {
    my ($self) = @_;
    my $log = slurp_file($self->{target}->logfile);
    return ok($log !~ /PANIC|was terminated by (signal|exception)|TRAP:/, 'the server stays up');
}

sub done {
    my ($self) = @_;
    $self->stays_up;
    return done_testing();
}

1;
