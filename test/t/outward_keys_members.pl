# Foreign keys of a copy to tables that are not copied with it: to members of extensions in the replaced schema, which stay, and to tables in
# schemas of extensions. Their rows are the target's own, so what holds on the source proves nothing.
use strict;
use warnings;
use lib 'test/t';
use AttackTest;
use PagilaTest;
use PostgreSQL::Test::Utils;
use Test::More;

leave_to_long_tests();

my ($source, $target) = new_pair('outward_keys_members');
plan skip_all => 'hstore is not installed'
  unless $target->safe_psql('pagila', q{SELECT count(*) FROM pg_available_extensions WHERE name = 'hstore'});
my $dir = PostgreSQL::Test::Utils::tempdir;
my $disabled = q{SELECT count(*) FROM pg_trigger WHERE tgenabled <> 'O'};
my $orphans = 'SELECT count(*) FROM live.sale s WHERE NOT EXISTS (SELECT FROM TABLE_ r WHERE r.id = s.ref)';
my $left = q{SELECT count(*) FROM pg_namespace WHERE nspname LIKE 'pagila\_repl\_%'};

for my $schema ('live', 'ext') {
    my $ref = "$schema.ref";
    for my $node ($source, $target) {
        $node->safe_psql('pagila', qq{DROP EXTENSION IF EXISTS hstore CASCADE; DROP SCHEMA IF EXISTS ext CASCADE; DROP SCHEMA IF EXISTS live CASCADE; CREATE SCHEMA ext; CREATE SCHEMA live; CREATE EXTENSION hstore SCHEMA ext;
            CREATE TABLE $ref (id integer PRIMARY KEY, number integer); CREATE INDEX ON $ref (number); ALTER EXTENSION hstore ADD TABLE $ref; INSERT INTO $ref VALUES (1, 1), (2, 2)});
    }
    $target->safe_psql('pagila', 'DELETE FROM pagila_repl.copy');
    $source->safe_psql('pagila', "CREATE TABLE live.sale (id integer PRIMARY KEY, ref integer CONSTRAINT of_ref REFERENCES $ref); INSERT INTO live.sale VALUES (1, 1), (2, 2)");
    my $pull = pull_sql('source', schemas => q{'{live}'}, force => 'true');
    for my $how ('the first copy', 'a refresh', 'a refresh by the leader alone', 'one whose keys are checked') {
        my $what = "a key to member $ref, $how";
        my %more = ($how =~ /leader/ ? (workers => 1) : (), $how =~ /checked/ ? (foreign_keys => q{'check'}) : ());
        my ($out, $err) = run_sql($target, pull_sql('source', schemas => q{'{live}'}, force => 'true', %more));
        is($out, 'succeeded', "$what: succeeded, with nothing in the way") or diag $err;
        unlike(last_run($target, 'message'), qr/dropped/, "$what: nothing is said to be dropped");
        is($target->safe_psql('pagila', $disabled), 0, "$what: no trigger is off");
        is((sqlstates($target, ["DELETE FROM $ref WHERE id = 2"]))[0], '23503', "$what: the key holds for deletions");
        is((sqlstates($target, ['INSERT INTO live.sale VALUES (3, 3)']))[0], '23503', "$what: and for new rows");
        is($target->safe_psql('pagila', "SELECT count(*) FROM $ref"), 2, "$what: the member is as it was");
        is($target->safe_psql('pagila', $left), 0, "$what: nothing is left");
    }
    # Rows that the source has and the target lacks.
    $target->safe_psql('pagila', "DELETE FROM live.sale; DELETE FROM $ref WHERE id = 2");
    my ($out, $err) = run_sql($target, pull_sql('source', schemas => q{'{live}'}, force => 'true', on_modified => q{'overwrite'}));
    like($err, qr/ERROR:  23503: .*"of_ref"/, "a key to member $ref, a row is not there: the run fails") or diag $out;
    is($target->safe_psql('pagila', $orphans =~ s/TABLE_/$ref/r), 0, 'no row refers to nothing');
    is($target->safe_psql('pagila', $disabled), 0, 'no trigger is off');
}

# A dump refers to the member.
$target->safe_psql('pagila', 'DROP SCHEMA live CASCADE; DELETE FROM pagila_repl.copy; CREATE SCHEMA live; CREATE TABLE live.ref (id integer PRIMARY KEY, number serial); ALTER EXTENSION hstore ADD TABLE live.ref; INSERT INTO live.ref VALUES (1), (2)');
for my $code ('', 'CREATE FUNCTION live.fine(integer) RETURNS boolean LANGUAGE plpgsql IMMUTABLE AS $$BEGIN RETURN true; END$$; ALTER TABLE live.sale ADD CHECK (live.fine(id));') {
    my $file = write_file("$dir/live.sql", "CREATE SCHEMA live; CREATE TABLE live.sale (id integer, ref integer); $code\nCOPY live.sale FROM stdin;\n1\t1\n2\t2\n\\.\nALTER TABLE live.sale ADD CONSTRAINT of_ref FOREIGN KEY (ref) REFERENCES live.ref;\n");
    for my $how ('once', 'again') {
        my $what = 'a dump' . ($code ? ' with code of its own' : '') . ", $how";
        my ($out, $err) = run_sql($target, load_sql($file, undef, force => 'true'));
        is($out, 'succeeded', "$what: succeeded") or diag $err;
        is($target->safe_psql('pagila', $disabled), 0, "$what: no trigger is off");
        is((sqlstates($target, ['DELETE FROM live.ref WHERE id = 2']))[0], '23503', "$what: the key holds");
        is($target->safe_psql('pagila', $left), 0, "$what: nothing is left");
    }
}
done_testing();
