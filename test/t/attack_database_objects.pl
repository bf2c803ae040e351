# Publications, event triggers, settings, the comment of the database and large objects are in no schema, so no lock of a schema
# protects them: what another session does to them at each step of a run, held open or committed, is not lost without a word, no run
# waits for it without bound, and who holds it is named.
use strict;
use warnings;
use lib 'test/t';
use AttackTest;
use PagilaTest;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = new_node('attack_database_objects', faults => 1, conf => "wal_level = logical\nmax_prepared_transactions = 20\n");
my $dir = PostgreSQL::Test::Utils::tempdir_short();
$node->safe_psql('postgres', 'CREATE ROLE changer SUPERUSER LOGIN; CREATE ROLE reader LOGIN; CREATE ROLE keeper; CREATE DATABASE base');
$node->safe_psql('base', 'CREATE EXTENSION pagila_repl; CREATE SCHEMA theirs CREATE TABLE t (id integer PRIMARY KEY)');

my $shape = q{
  CREATE SCHEMA app;
  CREATE TABLE app.item (id integer PRIMARY KEY);
  CREATE FUNCTION app.note() RETURNS event_trigger LANGUAGE plpgsql AS 'BEGIN END';
};
my $large = sub { my ($oid, $hex) = @_; "SELECT lo_create('$oid'); BEGIN; SELECT lo_open('$oid', 131072); SELECT lowrite(0, '\\x$hex'); SELECT lo_close(0); COMMIT;\n" };
# What both dumps have.
my $both = q{
  CREATE PUBLICATION aa FOR TABLE ONLY app.item;
  ALTER DATABASE here SET statement_timeout = '1h';
  CREATE EVENT TRIGGER ee ON sql_drop EXECUTE FUNCTION app.note();
};
my $first = $shape . $both . $large->(7001, '01') . $large->(7002, '0202') . $large->(7003, '0303');
my $second = $shape . $both . $large->(7001, '11') . $large->(7002, '1212');
my $new = q{
  CREATE PUBLICATION zz FOR TABLE ONLY app.item;
  ALTER DATABASE here SET work_mem = '5MB';
  ALTER ROLE reader IN DATABASE here SET work_mem = '6MB';
  COMMENT ON DATABASE here IS 'of the copy';
  CREATE EVENT TRIGGER xx ON ddl_command_end EXECUTE FUNCTION app.note();
};

my $bytes = sub { my ($oid, $hex) = @_; "(SELECT lo_get(oid) = '\\x$hex' FROM pg_largeobject_metadata WHERE oid = $oid)" };
my $setting = sub { my ($text, $role) = @_; "(SELECT '$text' = ANY (setconfig) FROM pg_db_role_setting s WHERE setdatabase = (SELECT oid FROM pg_database WHERE datname = current_database()) AND setrole = " . ($role ? "'$role'::regrole" : '0') . ')' };
my @changes = (
    # What is to be made, and what another session makes of the same name.
    [ 'a new publication', 'CREATE PUBLICATION zz FOR TABLE theirs.t', q{EXISTS (SELECT FROM pg_publication_tables WHERE pubname = 'zz' AND schemaname = 'theirs')} ],
    [ 'a new event trigger', q{CREATE FUNCTION theirs.f() RETURNS event_trigger LANGUAGE plpgsql AS 'BEGIN END'; CREATE EVENT TRIGGER xx ON sql_drop EXECUTE FUNCTION theirs.f()}, q{EXISTS (SELECT FROM pg_event_trigger WHERE evtname = 'xx' AND evtevent = 'sql_drop')} ],
    [ 'a new setting', q{ALTER DATABASE %s SET work_mem = '1MB'}, $setting->('work_mem=1MB') ],
    [ 'a new setting of a role', q{ALTER ROLE reader IN DATABASE %s SET work_mem = '1MB'}, $setting->('work_mem=1MB', 'reader') ],
    [ 'a new comment', q{COMMENT ON DATABASE %s IS 'by hand'}, q{(SELECT shobj_description(oid, 'pg_database') = 'by hand' FROM pg_database WHERE datname = current_database())} ],
    # What earlier runs made.
    [ 'a table more', 'ALTER PUBLICATION aa ADD TABLE theirs.t', q{EXISTS (SELECT FROM pg_publication_tables WHERE pubname = 'aa' AND schemaname = 'theirs')} ],
    [ 'options of a publication', q{ALTER PUBLICATION aa SET (publish = 'insert')}, q{EXISTS (SELECT FROM pg_publication WHERE pubname = 'aa' AND NOT pubdelete)} ],
    [ 'an owner of a publication', 'ALTER PUBLICATION aa OWNER TO keeper', q{EXISTS (SELECT FROM pg_publication WHERE pubname = 'aa' AND pubowner = 'keeper'::regrole)}, q{GRANT CREATE ON DATABASE %s TO keeper} ],
    [ 'a comment on a publication', q{COMMENT ON PUBLICATION aa IS 'by hand'}, q{EXISTS (SELECT FROM pg_publication WHERE obj_description(oid, 'pg_publication') = 'by hand')} ],
    [ 'a publication renamed', 'ALTER PUBLICATION aa RENAME TO bb', q{EXISTS (SELECT FROM pg_publication WHERE pubname = 'bb')} ],
    [ 'a publication dropped', 'DROP PUBLICATION aa', q{NOT EXISTS (SELECT FROM pg_publication WHERE pubname = 'aa')} ],
    [ 'an event trigger disabled', 'ALTER EVENT TRIGGER ee DISABLE', q{EXISTS (SELECT FROM pg_event_trigger WHERE evtname = 'ee' AND evtenabled = 'D')} ],
    [ 'an owner of an event trigger', 'ALTER EVENT TRIGGER ee OWNER TO changer', q{EXISTS (SELECT FROM pg_event_trigger WHERE evtname = 'ee' AND evtowner = 'changer'::regrole)} ],
    [ 'a comment on an event trigger', q{COMMENT ON EVENT TRIGGER ee IS 'by hand'}, q{EXISTS (SELECT FROM pg_event_trigger WHERE obj_description(oid, 'pg_event_trigger') = 'by hand')} ],
    [ 'an event trigger dropped', 'DROP EVENT TRIGGER ee', q{NOT EXISTS (SELECT FROM pg_event_trigger WHERE evtname = 'ee')} ],
    [ 'a setting changed', q{ALTER DATABASE %s SET statement_timeout = '2h'}, $setting->('statement_timeout=2h') ],
    [ 'another setting', q{ALTER DATABASE %s SET lock_timeout = '2h'}, $setting->('lock_timeout=2h') ],
    [ 'another setting of a role', q{ALTER ROLE reader IN DATABASE %s SET lock_timeout = '2h'}, $setting->('lock_timeout=2h', 'reader') ],
    # Large objects: 7001 and 7002 are written again, 7003 is removed.
    [ 'bytes of a large object', q{SELECT lo_put(7002, 0, '\x99')}, $bytes->(7002, '9902') ],
    [ 'more bytes of a large object', q{SELECT lo_put(7002, 2, '\x99')}, $bytes->(7002, '020299') ],
    [ 'more pages of a large object', q{SELECT lo_put(7002, 4096, '\x99')}, q{(SELECT length(lo_get(oid)) = 4097 AND get_byte(lo_get(oid), 0) = 2 FROM pg_largeobject_metadata WHERE oid = 7002)} ],
    [ 'an owner of a large object', 'ALTER LARGE OBJECT 7002 OWNER TO keeper', q{EXISTS (SELECT FROM pg_largeobject_metadata WHERE oid = 7002 AND lomowner = 'keeper'::regrole)} ],
    [ 'a grant on a large object', 'GRANT SELECT ON LARGE OBJECT 7002 TO reader', q{EXISTS (SELECT FROM pg_largeobject_metadata WHERE oid = 7002 AND lomacl::text ~ 'reader')} ],
    [ 'a comment on a large object', q{COMMENT ON LARGE OBJECT 7002 IS 'by hand'}, q{(SELECT obj_description(7002, 'pg_largeobject') = 'by hand')} ],
    [ 'a large object dropped', 'SELECT lo_unlink(7002)', q{NOT EXISTS (SELECT FROM pg_largeobject_metadata WHERE oid = 7002)} ],
    [ 'a large object made again', q{SELECT lo_unlink(7002); SELECT lo_from_bytea(7002, '\x77')}, $bytes->(7002, '77') ],
    [ 'bytes of one that goes', q{SELECT lo_put(7003, 0, '\x99')}, $bytes->(7003, '9903') ],
    [ 'more pages of one that goes', q{SELECT lo_put(7003, 4096, '\x99')}, q{(SELECT length(lo_get(oid)) = 4097 FROM pg_largeobject_metadata WHERE oid = 7003)} ],
    [ 'a grant on one that goes', 'GRANT SELECT ON LARGE OBJECT 7003 TO reader', q{EXISTS (SELECT FROM pg_largeobject_metadata WHERE oid = 7003 AND lomacl::text ~ 'reader')} ],
    [ 'one that goes dropped', 'SELECT lo_unlink(7003)', q{NOT EXISTS (SELECT FROM pg_largeobject_metadata WHERE oid = 7003)} ],
);

my %points = (start => undef, plan => 'plan:1', large => 'large_object:1', compared => 'compared:1', made => 'database_object:1', still => 'held_still:1', publish => 'publish:1');
# before: committed while the run is held; during: while it waits; after: once it has given up; prepared: as after.
my @ends = qw(before during after prepared);
my @cases;
for my $change (@changes) {
    for my $point (qw(start plan large compared made still publish)) {
        for my $end (@ends) {
            next if $point eq 'start' && $end ne 'after' && $end ne 'during';
            next if $end eq 'prepared' && $point ne 'plan' && $point ne 'made';
            push @cases, { what => $change->[0], change => $change->[1], seen => $change->[2], given => $change->[3], point => $point, end => $end };
        }
    }
}
@cases = @cases[ grep { $_ % 7 == 0 } 0 .. $#cases ] if !$ENV{PR_ATTACK_ALL} && !is_long();
@cases = grep { "$_->{what}, $_->{point}, $_->{end}" =~ /$ENV{PR_ATTACK_ONLY}/ } @cases if $ENV{PR_ATTACK_ONLY};

my @files = (write_file("$dir/first.sql", $first), write_file("$dir/second.sql", $second . $new));
my %options = (database_objects => q{'{publications,settings,event_triggers}'});

sub try_case {
    my ($case, $number) = @_;
    my ($db, $role) = ("case_$number", "runner_$number");
    my $named = "$case->{what}, $case->{point}, $case->{end}";
    my $maker = Session->new($node, 'postgres');
    $maker->run("CREATE DATABASE $db TEMPLATE base; CREATE ROLE $role SUPERUSER LOGIN");
    my @here;
    for my $file (@files) { my $text = slurp_file($file); push @here, write_file("$file.$db", $text =~ s/\bhere\b/$db/gr) }
    my $run = Session->new($node, $db, $role);
    my ($holder, $watch) = map { Session->new($node, $db, $_) } 'changer', undef;
    my $told = $run->run(load_sql($here[0], undef, %options));
    return { name => $named, failure => "the first load: $told" } if $told ne 'succeeded';
    $holder->run(sprintf $case->{given}, $db) if $case->{given};
    my $budget = $case->{end} =~ /after|prepared/ ? 1 : 10;
    $run->run("SET pagila_repl.swap_budget = '${budget}s'");
    my $is_over = 0;
    my $over = sub { $is_over ||= $run->wait($_[0]) };
    my $start = sub { $run->send(load_sql($here[1], undef, %options)) };
    my (%result, $gate);
    $result{name} = $named;
    if (my $point = $points{ $case->{point} }) {
        $gate = "$dir/gate.$number";
        write_file($gate, '');
        $maker->run("LOAD 'pagila_repl'; ALTER ROLE $role SET pagila_repl.fault = '$point:wait:$gate'");
        $start->();
        wait_until(sub { is_run_held($gate) || $over->(0.01) }, 30);
        $result{failure} = "the run did not come to $case->{point}: $run->{out}" if !is_run_held($gate);
    }
    $holder->send('BEGIN; ' . sprintf $case->{change}, ($db) x 2);
    my $is_made = $holder->wait($gate ? 0.5 : 20);
    $result{waited} = !$is_made;
    my $commit = 'COMMIT';
    if ($is_made && $case->{end} eq 'prepared' && $holder->{state} eq '00000') {
        $holder->run("PREPARE TRANSACTION 'held_$number'");
        $commit = "COMMIT PREPARED 'held_$number'";
    }
    my $finish = sub {
        return if defined $result{made};
        $is_made ||= $holder->wait(30);
        $result{made} = $is_made ? $holder->{state} : 'stuck';
        $result{made_says} = $holder->{out} if $result{made} ne '00000';
        if ($result{made} eq q{00000}) { $holder->run($commit, 30); $result{made} = $holder->{state} }
        else { $holder->send('ROLLBACK') }
    };
    $finish->() if $case->{end} eq 'before' && $is_made;
    my $began = time;
    if ($gate) { let_run_go($gate) }
    else { $start->() }
    if ($case->{end} eq 'during' && !$result{waited}) {
        wait_until(sub { $over->(0.02) || $watch->run(q{SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND backend_type = 'pagila_repl leader' AND wait_event_type = 'Lock'}) ne '0' }, 3);
        $over->(0.05);
        $finish->();
    }
    my $bounded = $over->($budget + 20);
    $result{seconds} = time - $began;
    $result{failure} //= 'the run still waits, in phase ' . $watch->run('SELECT phase FROM pagila_repl.run ORDER BY run_id DESC LIMIT 1') if !$bounded;
    $finish->();
    $over->(30) if !$bounded;
    @result{qw(status state phase message error detail hint)} = split /\x{1}/, $watch->run(q{SELECT concat_ws(E'\x01', status, COALESCE(sqlstate, ''), phase, COALESCE(message, ''), COALESCE(error_message, ''), COALESCE(error_detail, ''),
        COALESCE(error_hint, '')) FROM pagila_repl.run ORDER BY run_id DESC LIMIT 1}), -1;
    $result{seen} = $watch->run("SELECT COALESCE(($case->{seen})::boolean, false)");
    my $stray = $watch->run(q{SELECT count(*) FROM (SELECT loid FROM pg_largeobject EXCEPT SELECT oid FROM pg_largeobject_metadata) x});
    my $content = $watch->run(q{SELECT string_agg(oid || encode(lo_get(oid), 'hex'), ' ' ORDER BY oid) FROM pg_largeobject_metadata});
    $result{failure} //= judge($case, \%result, $holder->{backend}, $number);
    $result{failure} //= "$stray pages of large objects that are gone" if $stray;
    $result{failure} //= "large objects are $content" if $result{status} eq 'succeeded' && $result{seen} ne 't' && $content ne '700111 70021212';
    # What a change that was not lost has become is told to the next run, or is as the dump wants it.
    $_->close for $run, $holder, $watch;
    $maker->run("DROP DATABASE $db WITH (FORCE); DROP ROLE $role");
    $maker->close;
    return \%result;
}

sub judge {
    my ($case, $result, $pid, $number) = @_;
    my $told = join "\n", @$result{qw(message error detail hint)};
    return 'a deadlock was told to whoever made the change' if $result->{made} eq '40P01';
    return 'the change never came through' if $result->{made} eq 'stuck';
    my $is_committed = $result->{made} eq '00000';
    if ($result->{status} eq 'succeeded') {
        return if !$is_committed || $result->{seen} eq 't' || $told =~ /was changed|overwritten|dropped: /;
        return 'lost in silence';
    }
    return "the run ended $result->{status}" if $result->{status} ne 'failed';
    return "the run failed with $result->{state}: $told" if $result->{state} !~ /^(55P03|55000|2BP01)$/;
    return 'the run failed and yet the change is gone' if $is_committed && $result->{seen} ne 't';
    if ($result->{state} eq '55P03') {
        return "the prepared transaction is not named: $told" if $case->{end} eq 'prepared' && $told !~ /held_$number\b/;
        return "who holds it is not named: $told" if $case->{end} ne 'prepared' && $told !~ /\b$pid\b/;
    }
    return;
}

my @results = side_by_side($ENV{PR_ATTACK_PROCESSES} || 3, \&try_case, @cases);
my %seen;
for my $result (@results) {
    my $name = $result->{name} // 'a case';
    ok(!$result->{failure}, $name) or diag "$name: $result->{failure}; the change: " . ($result->{made} // '') . ' ' . ($result->{made_says} // '');
    $seen{ ($result->{status} // '') . ' ' . ($result->{state} // '') . ($result->{waited} ? ', change waited' : '') . (($result->{made} // '') ne '00000' ? ", change refused $result->{made}" : '') }++;
}
figures(scalar(@results) . ' cases: ' . join('; ', map { "$seen{$_} $_" } sort keys %seen));
done_testing();
