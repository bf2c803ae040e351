# Tables that Citus distributes, of the target or of the source, are refused by name. A table of the name of Citus's list stands in
# for it here; it is believed only where a superuser has made it.
use strict;
use warnings;
use lib 'test/t';
use PagilaTest;
use PostgreSQL::Test::Utils;
use Test::More;

leave_to_long_tests();

my ($source, $target) = new_pair('drift_distributed', conf => "autovacuum = off\n", source => { conf => "autovacuum = off\n" });
my $dir = PostgreSQL::Test::Utils::tempdir;
my $shop = slurp_file('test/dumps/shop.sql');
my $dump = write_file("$dir/shop.sql", $shop);
my $other = write_file("$dir/other.sql", $shop =~ s/10\.00/11.00/r);

sub on_target { return $target->safe_psql('pagila', 'SET allow_system_table_mods = on; ' . shift) }
sub on_source { return $source->safe_psql('pagila', 'SET allow_system_table_mods = on; ' . shift) }

# A list with a table in it, and how it is unmade.
sub list {
    my ($schema, $table, $type) = @_;
    return sprintf('CREATE TABLE %s.pg_dist_partition AS SELECT %s AS logicalrelid, %s AS partmethod', $schema, "'$table'::" . ($type // 'regclass'), q{'h'::"char"});
}

# What pagila_check says of it.
sub found {
    my (%options) = @_;
    my $arguments = join(', ', q{'source'}, $options{selection} // ());
    my ($out, $err) = run_sql($target, "SELECT status, sqlstate, message FROM pagila_check($arguments) WHERE subject = 'distributed table' ORDER BY 3");
    return $err eq '' ? $out : $err;
}

#
# The target
#

is((run_sql($target, load_sql($dump, undef)))[0], 'succeeded', 'a copy loads');
on_target('CREATE SCHEMA citus; CREATE ROLE mallory; CREATE SCHEMA mallory AUTHORIZATION mallory; GRANT USAGE ON SCHEMA shop TO mallory');
on_source('CREATE SCHEMA shop; CREATE TABLE shop.film (id integer PRIMARY KEY); CREATE TABLE shop.actor (id integer PRIMARY KEY)');
for my $schema ('pg_catalog', 'citus') {
    on_target(list($schema, 'shop.sale'));
    my $before = content($target);
    for my $case ([ 'other rows', $other ], [ 'the same rows', $dump ],
        [ 'whatever is allowed', $other, on_dependents => "'drop'", on_modified => "'overwrite'", on_unmanaged => "'drop'", force => 'true' ]) {
        my ($what, $file, %options) = @$case;
        my (undef, $err) = run_sql($target, load_sql($file, undef, %options));
        is(sqlstate_of($err), '0A000', "listed in $schema, $what: refused");
        like($err, qr/distributed tables cannot be replaced\nDETAIL:  shop\.sale\nHINT:  Undistribute/, "listed in $schema, $what: by name");
        is(last_run($target, 'phase'), 'plan', "listed in $schema, $what: before anything is done");
        is_unchanged($target, $before, "listed in $schema, $what");
    }
    is(found(), 'error|0A000|table "shop.sale", which is to be replaced, is distributed by Citus', "listed in $schema: pagila_check tells");
    my (undef, $err) = run_sql($target, pull_sql('source'));
    is(sqlstate_of($err), '0A000', "listed in $schema: a replication is refused");
    like($err, qr/"shop\.sale"/, "listed in $schema: by name, too");
    on_target("TRUNCATE $schema.pg_dist_partition; INSERT INTO $schema.pg_dist_partition VALUES (0), (NULL), ('pg_class'::regclass)");
    is((run_sql($target, load_sql($dump, undef)))[0], 'skipped', "of other tables in $schema: not refused");
    on_target("DROP TABLE $schema.pg_dist_partition") if $schema ne 'pg_catalog';
}

# Relations in pg_catalog that hooks of an extension open are no work of the statement's.
my ($status, $err) = run_sql($target, load_sql($dump, undef) . ' , pg_catalog.pg_dist_partition LIMIT 1');
is($status, 'skipped', 'a statement may read relations in pg_catalog that are not the server\'s own') or diag $err;
(undef, $err) = run_sql($target, load_sql($dump, undef) . ' , shop.sale LIMIT 1');
is(sqlstate_of($err), '25001', 'but no table of a user');

# Held by someone.
{
    my $locker = $target->background_psql('pagila');
    $locker->query_safe('BEGIN; LOCK TABLE pg_catalog.pg_dist_partition');
    (undef, $err) = run_sql($target, "LOAD 'pagila_repl'; SET pagila_repl.swap_budget = '2s'; " . load_sql($other, undef));
    is(sqlstate_of($err), '55P03', 'a list that is locked is not waited for without end');
    $locker->query_safe('ROLLBACK');
    $locker->quit;
}
on_target('DROP TABLE pg_catalog.pg_dist_partition');

# What is not believed, or not even looked at.
my $evil = q{CREATE FUNCTION mallory.evil() RETURNS regclass LANGUAGE plpgsql AS $$BEGIN RAISE LOG 'evaluated as %', current_user; RETURN 'shop.sale'::regclass; END$$};
my %fakes = (
    'of another role' => 'SET ROLE mallory; ' . list('mallory', 'shop.sale'),
    'a view of another role' => "SET ROLE mallory; $evil; CREATE VIEW mallory.pg_dist_partition AS SELECT mallory.evil() AS logicalrelid",
    'a view given to a superuser' => "SET ROLE mallory; $evil; CREATE VIEW mallory.pg_dist_partition AS SELECT mallory.evil() AS logicalrelid; RESET ROLE; ALTER VIEW mallory.pg_dist_partition OWNER TO CURRENT_USER",
    'without the column' => 'CREATE TABLE mallory.pg_dist_partition (other regclass); INSERT INTO mallory.pg_dist_partition VALUES (\'shop.sale\')',
    'of another type' => list('mallory', 'shop.sale', 'text'));
my @files = ($dump, $other);
for my $what (sort keys %fakes) {
    push @files, shift @files;
    on_target($fakes{$what});
    my ($out, $error) = run_sql($target, load_sql($files[0], undef));
    is($out, 'succeeded', "$what: not believed") or diag $error;
    is(found(), '', "$what: nor by pagila_check");
    on_target('DROP SCHEMA mallory CASCADE; CREATE SCHEMA mallory AUTHORIZATION mallory');
}
unlike(slurp_file($target->logfile), qr/LOG:  evaluated as/, 'no view is evaluated');
on_target('DROP SCHEMA shop CASCADE');

#
# The source
#

is(found(), '', 'nothing is distributed on the source');
for my $schema ('pg_catalog', 'citus') {
    on_source('CREATE SCHEMA IF NOT EXISTS citus; ' . list($schema, 'shop.film'));
    is(found(), 'error|0A000|table "shop.film" of the source is distributed by Citus', "listed in $schema: pagila_check tells");
    is(found(selection => q{exclude => '{shop.film}'}), '', "listed in $schema: unless it is left out");
    (undef, $err) = run_sql($target, pull_sql('source'));
    is(sqlstate_of($err), '0A000', "listed in $schema: refused");
    like($err, qr/table "shop\.film" of the source is distributed by Citus/, "listed in $schema: by name");
    is(last_run($target, 'phase'), 'connect', "listed in $schema: before anything is done");
    on_source('CREATE ROLE reader LOGIN; GRANT USAGE ON SCHEMA shop TO reader; GRANT SELECT ON ALL TABLES IN SCHEMA shop TO reader') if $schema eq 'pg_catalog';
    $target->safe_psql('pagila', q{ALTER USER MAPPING FOR CURRENT_USER SERVER source OPTIONS (SET user 'reader')});
    is(found(), qq{error|42501|"$schema.pg_dist_partition" cannot be read, in which Citus lists distributed tables}, "listed in $schema: if it can be read");
    $target->safe_psql('pagila', sprintf(q{ALTER USER MAPPING FOR CURRENT_USER SERVER source OPTIONS (SET user '%s')}, scalar getpwuid($<)));
    on_source("DROP TABLE $schema.pg_dist_partition");
}
on_source('CREATE ROLE mallory; CREATE SCHEMA mallory AUTHORIZATION mallory; GRANT USAGE ON SCHEMA shop TO mallory');
for my $what (sort keys %fakes) {
    on_source($fakes{$what} =~ s/shop\.sale/shop.film/gr);
    is(found(selection => q{'{shop}'}), '', "$what, on the source: not believed");
    on_source('DROP SCHEMA mallory CASCADE; CREATE SCHEMA mallory AUTHORIZATION mallory');
}
# Who owns the schema could put something else in its place.
on_source(list('mallory', 'shop.film'));
is(found(selection => q{'{shop}'}), '', 'in a schema of another role: not believed');
unlike(slurp_file($source->logfile), qr/LOG:  evaluated as/, 'no view of the source is evaluated');
is((run_sql($target, pull_sql('source', schemas => q{'{shop}'}, on_modified => q{'overwrite'})))[0], 'succeeded', 'and a run succeeds');
no_residue($target, 'after all');
done_testing();
