# Every kind of object that pg_dump knows, under names and with rows that break what is careless, comes through a load and a
# pull just as it is, the second copy like the first. What cannot come is refused by its name, what is of the database is
# left out, and both are told. The objects are in test/torture.
use strict;
use warnings;
use lib 'test/t';
use PagilaTest;
use PostgreSQL::Test::Utils;
use Test::More;

leave_to_long_tests();

my @themes = map { s{.*/|\.sql$}{}gr } grep { !/prepare_|left_out/ } sort glob('test/torture/*.sql');
my ($source, $target) = new_pair('torture', conf => "autovacuum = off\n", source => { conf => "wal_level = logical\n" });
my $dir = PostgreSQL::Test::Utils::tempdir_short();

# What databases may be set to, and what a run must not mind; and what tests see instead.
my %settings = (DateStyle => 'SQL, DMY', IntervalStyle => 'sql_standard', extra_float_digits => '-3', bytea_output => 'escape', TimeZone => 'Asia/Tokyo',
    xmlbinary => 'hex', xmloption => 'document', array_nulls => 'off', transform_null_equals => 'on', client_encoding => 'latin1',
    standard_conforming_strings => 'off', quote_all_identifiers => 'on', search_path => 'nowhere', row_security => 'off',
    default_toast_compression => 'lz4', session_replication_role => 'replica', default_transaction_isolation => 'serializable',
    default_tablespace => 'torture "space"', check_function_bodies => 'off');
my $usual = '';

sub set_up_badly {
    my ($node, $db) = @_;
    return $node->safe_psql('postgres', join('', map { "ALTER DATABASE $db SET $_ TO '$settings{$_}';\n" } sort keys %settings));
}

sub run_file {
    my ($node, $db, $name) = @_;
    my ($out, $err) = run_command([ 'psql', '-Xqo', '/dev/null', '-v', 'ON_ERROR_STOP=1', '-d', $node->connstr($db), '-f', "test/torture/$name.sql" ]);
    return ok($err !~ /ERROR|FATAL/, "$name.sql is as it should be") || diag $err;
}

# What pg_dump prints, less the way to the source; rows in any order, and those of a partition tree that is dumped through
# its root all together.
sub text_of {
    my ($node, $db) = @_;
    local $ENV{PGOPTIONS} = $usual;
    my $dump = dump_text($node, $db);
    $dump =~ s/^--\n-- Name: [^\n]*\bsource; Type: (SERVER|USER MAPPING); .*?\n\n\n(ALTER SERVER source OWNER TO \w+;\n\n)?//msg;
    my %rows;
    $dump =~ s{^(COPY .*? FROM stdin;\n)(.*?)^\\\.\n}{ push @{ $rows{$1} }, split /^/m, $2; $1 }gmse;
    return $dump . join('', map { ($_, sort @{ $rows{$_} }) } sort keys %rows);
}

# Rows of materialized views, which pg_dump does not tell.
sub views_of {
    my ($node, $db) = @_;
    local $ENV{PGOPTIONS} = $usual;
    return $node->safe_psql($db, q{
        SELECT format('SELECT %L, count(*), md5(string_agg(v::text, E''\n'' ORDER BY v::text COLLATE "C")) FROM %s v', c.oid::regclass, c.oid::regclass)
          FROM pg_class c WHERE relkind = 'm' AND relispopulated ORDER BY c.oid::regclass::text COLLATE "C" \gexec});
}

my %expected;

# Texts of thousands of lines: shows the first that differ instead of all.
sub is_copy {
    my ($node, $db, $what) = @_;
    is(views_of($node, $db), $expected{views}, "$what: materialized views hold the same rows");
    my $found = text_of($node, $db);
    return pass("$what: pg_dump prints the same") if $found eq $expected{text};
    fail("$what: pg_dump prints the same");
    my @files = (write_file("$dir/expected", $expected{text}), write_file("$dir/found", $found));
    my ($difference) = run_command([ 'diff', '-u', @files ]);
    return diag join("\n", (split /\n/, $difference)[ 0 .. 60 ]);
}

sub pulls {
    my ($what, $status, %options) = @_;
    my ($out, $err) = run_sql($target, pull_sql('source', %options));
    return is($out, $status, "$what: $status") || diag $err;
}

#
# The source, and what a copy needs first
#

$usual = join(' ', map { "-c $_=" . $source->safe_psql('pagila', "SHOW $_") =~ s/([ "\\])/\\$1/gr } sort keys %settings);
run_file($_, 'postgres', 'prepare_cluster') for $source, $target;
run_file($_, 'pagila', 'prepare_database') for $source, $target;
run_file($source, 'pagila', $_) for @themes;
%expected = (text => text_of($source, 'pagila'), views => views_of($source, 'pagila'));
set_up_badly($_, 'pagila') for $source, $target;
cmp_ok(scalar(() = $expected{views} =~ /^/mg), '>', 30, 'there are materialized views');
my %kinds = map { $_ => 1 } $expected{text} =~ /; Type: ([A-Z ]+); Schema: /g;
# Those of pg_dump 15, but for security labels and what belongs to the database.
for my $kind ('ACL', 'AGGREGATE', 'CAST', 'CHECK CONSTRAINT', 'COLLATION', 'COMMENT', 'CONSTRAINT', 'CONVERSION', 'DEFAULT', 'DEFAULT ACL',
    'DOMAIN', 'EXTENSION', 'FK CONSTRAINT', 'FOREIGN TABLE', 'FUNCTION', 'INDEX', 'INDEX ATTACH', 'MATERIALIZED VIEW',
    'MATERIALIZED VIEW DATA', 'OPERATOR', 'OPERATOR CLASS', 'OPERATOR FAMILY', 'POLICY', 'PROCEDURE', 'ROW SECURITY', 'RULE', 'SCHEMA',
    'SEQUENCE', 'SEQUENCE OWNED BY', 'SEQUENCE SET', 'SHELL TYPE', 'STATISTICS', 'TABLE', 'TABLE ATTACH', 'TABLE DATA',
    'TEXT SEARCH CONFIGURATION', 'TEXT SEARCH DICTIONARY', 'TEXT SEARCH PARSER', 'TEXT SEARCH TEMPLATE', 'TRANSFORM', 'TRIGGER', 'TYPE', 'VIEW') {
    ok($kinds{$kind}, "there is a $kind");
}

#
# Through a dump
#

$target->safe_psql('postgres', 'CREATE DATABASE loaded');
$target->safe_psql('loaded', 'CREATE EXTENSION pagila_repl');
run_file($target, 'loaded', 'prepare_database');
set_up_badly($target, 'loaded');
# From here on the source has what a copy goes without.
run_file($source, 'pagila', 'left_out');
for my $form (some_of(2, [ '--column-inserts', '--rows-per-insert=7' ], [])) {
    my $what = join(' ', 'load of pg_dump', @$form);
    system_or_bail('pg_dump', '--no-sync', '--encoding=UTF8', '--exclude-schema=pagila_repl', '-f', "$dir/dump.sql", @$form, $source->connstr('pagila'));
    my ($out, $err) = run_sql($target, load_sql("$dir/dump.sql", undef, force => 'true'), db => 'loaded');
    is($out, 'succeeded', "$what: succeeded") or diag $err;
    is_copy($target, 'loaded', $what);
}
my ($message) = run_sql($target, 'SELECT message FROM pagila_repl.run ORDER BY run_id DESC LIMIT 1', db => 'loaded');
like($message, qr/$_/, "it says what is left out: $_")
  for qr/\d+ statements? about objects of the database, not of a schema, left out/, qr/2 grants on the server's own objects left out/;
$target->safe_psql('postgres', 'DROP DATABASE loaded');

#
# From server to server
#

pulls('pull', 'succeeded');
is_copy($target, 'pagila', 'pull');
# Another text, although its collation takes both for equal.
$source->safe_psql('pagila', q{UPDATE routines.collated SET a = 'B' WHERE a = 'b'});
is($expected{text} =~ s/^(Stra\S+\ta10\tx\n)b\ta9\tX\n/B\ta9\tX\n$1/m, 1, 'a row of the source is changed');
pulls('pull over the first', 'succeeded');
is_copy($target, 'pagila', 'pull over the first');
like(last_run($target, 'message'), qr/$_/, "it says what is left out: $_")
  for qr/3 publications left out: of 'all', of a schema, of some/, qr/2 event triggers left out: on 'all', on_rewrite/,
  qr/subscription left out: a "subscription"/, qr/default privileges of roles left out: \w+ on functions, torture_owner on tables/,
  qr/statements? about objects of the database, not of a schema, left out/, qr/done by one process/;
pulls('nothing has changed', 'skipped');
$target->safe_psql('pagila', q{UPDATE routines.collated SET a = 'b' WHERE a = 'B'});
is(sqlstate_of((run_sql($target, pull_sql('source')))[1]), '55000', 'a row of the target is changed: refused');
$target->safe_psql('pagila', q{UPDATE routines.collated SET a = 'B' WHERE a = 'b'});
# No function of these schemas is called while rows are copied, and no cast of other types comes, so that workers can share the work.
pulls('part of it, by two workers', 'succeeded', workers => 2, force => 'true', schemas => q{ARRAY['names*', 'tables*', 'views*', 'grant*', 'empty']});
is(last_run($target, 'cardinality(worker_pids)'), '2', 'there were two workers');
is_copy($target, 'pagila', 'part of it, by two workers');
no_residue($target, 'after the pulls');
no_source_residue($source, 'after the pulls');

$ENV{PGOPTIONS} = $usual;
$target->safe_psql('pagila', 'CREATE EXTENSION amcheck');
$target->command_ok([ 'pg_amcheck', '--host', $target->host, '--port', $target->port, '--heapallindexed', 'pagila' ],
    'indexes hold what the tables hold');

#
# What cannot come
#

my $before = text_of($target, 'pagila');
$source->safe_psql('pagila', q{DROP EVENT TRIGGER "on 'all'"});

# Pulls while the source holds what $make makes: everything, or these schemas.
sub refuses {
    my ($what, $schemas, $make, $undo, $sqlstate, @patterns) = @_;
    $source->safe_psql('pagila', $make);
    my ($out, $err) = run_sql($target, pull_sql('source', force => 'true', $schemas ? (schemas => "ARRAY['$schemas']") : ()));
    is(sqlstate_of($err), $sqlstate, "$what: refused with $sqlstate") or diag $err;
    like($err, $_, "$what: the message has $_") for @patterns;
    $source->safe_psql('pagila', $undo);
    return;
}

refuses('a language whose handler is in a schema', undef, q{
      CREATE FUNCTION views.handler() RETURNS language_handler LANGUAGE c AS '$libdir/plpgsql', 'plpgsql_call_handler';
      CREATE LANGUAGE "own ""tongue""" HANDLER views.handler;
      CREATE FUNCTION views.in_it() RETURNS int LANGUAGE "own ""tongue""" AS 'BEGIN RETURN 1; END'},
    'DROP LANGUAGE "own ""tongue""" CASCADE; DROP FUNCTION views.handler()', '42704', qr/language "own "tongue""/, qr/views\.in_it/);
# An index is there only after the rows. Nor would psql take the dump.
refuses('rows that name an index', 'views*', q{CREATE TABLE views.names (name regclass); CREATE INDEX "the 'index'" ON views.names (name);
      INSERT INTO views.names VALUES (to_regclass('views."the ''index''"'))}, 'DROP TABLE views.names', '42P01', qr/the 'index'/);
ok(text_of($target, 'pagila') eq $before, 'the target is unchanged after all of them');
no_residue($target, 'after all of them');

# A database where nothing is that is not in a schema.
$target->safe_psql('postgres', 'CREATE DATABASE bare');
$target->safe_psql('bare', 'CREATE EXTENSION pagila_repl');
add_source($target, 'source', port => $source->port, db => 'bare');
my ($out, $err) = run_sql($target, pull_sql('source'), db => 'bare');
is(sqlstate_of($err), '42704', 'into a bare database: refused');
like($err, qr/$_ .*does not exist here/, "into a bare database: the message names $_")
  for 'access method "torture_gist"', 'access method "torture_heap"', 'server "torture "server""', 'server "torture_files"',
  'server "torture_remote"', 'language "torture language"';
is($target->safe_psql('bare', q{SELECT count(*) FROM pg_namespace WHERE nspname !~ '^(pg_|public$|information_schema$|pagila_repl$)'}),
    '0', 'into a bare database: nothing has been made there');

# There can be only one default for a type of the server: the new one takes the place of the old one when it is published.
$source->safe_psql('pagila', q{CREATE OPERATOR CLASS "empty"."default of box" DEFAULT FOR TYPE box USING torture_gist AS OPERATOR 3 &&,
    FUNCTION 1 gist_box_consistent(internal, box, smallint, oid, internal), FUNCTION 2 gist_box_union(internal, internal),
    FUNCTION 5 gist_box_penalty(internal, internal, internal), FUNCTION 6 gist_box_picksplit(internal, internal),
    FUNCTION 7 gist_box_same(box, box, internal)});
pulls("a default operator class, $_", 'succeeded', schemas => q{ARRAY['empty']}, force => 'true') for 'first', 'second';
is($target->safe_psql('pagila', q{SELECT string_agg(opcdefault::text, ' ') FROM pg_opclass WHERE opcname = 'default of box'}), 'true',
    'a default operator class: the only one, and the default');
done_testing();
