# Sources and targets of different encodings: text and names are converted, what cannot be is an error, and bytes of no known
# encoding are taken only where that was asked for.
use strict;
use warnings;
use lib 'test/t';
use PagilaTest;
use PostgreSQL::Test::Utils;
use Test::More;

my ($source, $target) = new_pair('encodings');
# Whatever the database is in, psql and pg_dump speak UTF-8.
$ENV{PGCLIENTENCODING} = 'UTF8';

# Databases on the source and the target, the latter with the former as its server "source".
sub new_databases {
    my ($db, $there, $here, %server) = @_;
    $source->safe_psql('postgres', "CREATE DATABASE $db TEMPLATE template0 ENCODING '$there' LOCALE 'C'");
    $target->safe_psql('postgres', "CREATE DATABASE $db TEMPLATE template0 ENCODING '$here' LOCALE 'C'");
    $target->safe_psql($db, 'CREATE EXTENSION pagila_repl');
    add_source($target, 'source', port => $source->port, db => $db, server => { dbname => $db, %server });
    return;
}

sub pulls {
    my ($what, $db, $status) = @_;
    my ($out, $err) = run_sql($target, pull_sql('source'), db => $db);
    is($out, $status // 'succeeded', "$what: $out") or diag $err;
    ok(copy_of($target, $db) eq copy_of($source, $db), "$what: the copy is exact");
    return no_residue($target, $what, db => $db);
}

sub fails {
    my ($what, $db, $sqlstate) = @_;
    my $before = copy_of($target, $db);
    my ($out, $err) = run_sql($target, pull_sql('source'), db => $db);
    is(sqlstate_of($err), $sqlstate, "$what: $sqlstate") or diag $err;
    is((run_sql($target, 'SELECT status, sqlstate FROM pagila_repl.run ORDER BY run_id DESC LIMIT 1', db => $db))[0], "failed|$sqlstate",
        "$what: recorded");
    ok(copy_of($target, $db) eq $before, "$what: target unchanged");
    no_residue($target, $what, db => $db);
    return $err;
}

my $shape = q{CREATE SCHEMA "tr\u00e8s"; CREATE TABLE "tr\u00e8s"."fa\u00e7ade" ("\u00e9t\u00e9" text, n int, CHECK ("\u00e9t\u00e9" <> '\u00e0'));
  COMMENT ON TABLE "tr\u00e8s"."fa\u00e7ade" IS '\u00a7 1';
  INSERT INTO "tr\u00e8s"."fa\u00e7ade" VALUES ('d\u00e9j\u00e0', 1), ('', 2), (NULL, 3), ('\u00ff\u00a7', 4);
  CREATE INDEX ON "tr\u00e8s"."fa\u00e7ade" ("\u00e9t\u00e9")} =~ s/\\u00(..)/chr(0xc0 | hex($1) >> 6) . chr(0x80 | hex($1) & 0x3f)/ger;
my $insert = "INSERT INTO \"tr\xc3\xa8s\".\"fa\xc3\xa7ade\"";

for my $case (some_of(2, [ 'utf_to_latin', 'UTF8', 'LATIN1' ], [ 'latin_to_utf', 'LATIN1', 'UTF8' ], [ 'latin9_to_utf', 'LATIN9', 'UTF8' ])) {
    my ($db, $there, $here) = @$case;
    my $what = "$there to $here";
    new_databases($db, $there, $here);
    $source->safe_psql($db, $shape);
    pulls($what, $db);
    pulls("$what, again", $db, 'skipped');
    $source->safe_psql($db, "$insert VALUES ('\xc3\xa9\xc3\xa9', 5)");
    pulls("$what, another row", $db);
}
# The euro sign is not in LATIN1.
$source->safe_psql('utf_to_latin', "$insert VALUES ('\xe2\x82\xac', 6)");
my $err = fails('a character that has no counterpart', 'utf_to_latin', '22P05');
like($err, qr/UTF8.*LATIN1/, 'a character that has no counterpart: the encodings are named');
$source->safe_psql('utf_to_latin', "DELETE FROM \"tr\xc3\xa8s\".\"fa\xc3\xa7ade\" WHERE n = 6; COMMENT ON SCHEMA public IS '\xe2\x82\xac'");
fails('in the shape', 'utf_to_latin', '22P05');
$source->safe_psql('utf_to_latin', "COMMENT ON SCHEMA public IS 'standard'");
pulls('and without it', 'utf_to_latin');

# The Turkish letter is not in LATIN1. Whoever reads the message may lack it, too.
my $turkish = "b\xc4\xb1g\xc4\xb1nt";
for my $case (
    [ 'a domain', qq{CREATE DOMAIN "$turkish" AS bigint; CREATE TABLE shown (id "$turkish")}, qr/DOMAIN public\.b\\\+000131g|type b\\\+000131g/ ],
    [ 'a table', qq{CREATE TABLE "$turkish" (x int)}, qr/b\\\+000131g\\\+000131nt/ ],
    [ 'a column', qq{CREATE TABLE shown (x int, "$turkish" int)}, qr/column b\\\+000131g\\\+000131nt of table public\.shown|TABLE public\.shown/ ],
    [ 'a comment', qq{CREATE TABLE shown (x int); COMMENT ON TABLE shown IS '$turkish'}, qr/TABLE shown/ ],
    [ 'a body', qq{CREATE FUNCTION shown() RETURNS text LANGUAGE sql AS 'SELECT ''$turkish''::text'}, qr/FUNCTION public\.shown/ ],
    [ 'rows', qq{CREATE TABLE shown (x text); INSERT INTO shown VALUES ('$turkish')}, qr/table "?shown/i ],
) {
    my ($what, $statements, $names) = @$case;
    my $db = 'turkish_' . $what =~ s/\W/_/gr;
    new_databases($db, 'UTF8', 'LATIN1');
    $source->safe_psql($db, $statements);
    my $why = fails("$what that cannot be converted", $db, '22P05');
    like($why, $names, "$what that cannot be converted is named");
}

# Bytes are taken as they are.
for my $case ([ 'ascii_to_utf', 'SQL_ASCII', 'UTF8' ], [ 'utf_to_ascii', 'UTF8', 'SQL_ASCII' ]) {
    my ($db, $there, $here) = @$case;
    my $what = "$there to $here";
    local $ENV{PGCLIENTENCODING} = 'SQL_ASCII';
    new_databases($db, $there, $here);
    $source->safe_psql($db, "CREATE SCHEMA s; CREATE TABLE s.t (t text); INSERT INTO s.t VALUES ('d\xc3\xa9j\xc3\xa0')");
    fails($what, $db, '22P05');
    $target->safe_psql($db, q{ALTER SERVER source OPTIONS (ADD allow_sql_ascii 'true')});
    pulls("$what, allowed", $db);
    pulls("$what, allowed, again", $db, 'skipped');
}
{
    local $ENV{PGCLIENTENCODING} = 'SQL_ASCII';
    $source->safe_psql('ascii_to_utf', "INSERT INTO s.t VALUES (E'd\\xe9j\\xe0')");
    fails('bytes that are not of the encoding here', 'ascii_to_utf', '22021');
    $source->safe_psql('ascii_to_utf', "DELETE FROM s.t WHERE octet_length(t) = 4");
    pulls('and without them', 'ascii_to_utf', 'skipped');
}

# What is told to a client whose encoding lacks characters of names is told with question marks.
{
    my $name = "\xd7\xa9";
    
    new_databases('utf_to_utf', 'UTF8', 'UTF8');
    $target->safe_psql('utf_to_utf', qq{CREATE SCHEMA told; CREATE TABLE told."$name" (a int)});
    $source->safe_psql('utf_to_utf', q{CREATE SCHEMA told});
    local $ENV{PGCLIENTENCODING} = 'LATIN1';
    my ($out, $error) = run_sql($target, pull_sql('source'), db => 'utf_to_utf');
    is(sqlstate_of($error), '2BP01', 'a name that the client cannot be told: why the run failed is') or diag $error;
    like($error, qr/table told\."\?"/, 'with a question mark');
    local $ENV{PGCLIENTENCODING} = 'UTF8';
    my ($dump) = write_file(PostgreSQL::Test::Utils::tempdir() . '/slow.sql', qq{CREATE SCHEMA slow;
CREATE FUNCTION slow.is_slow(integer) RETURNS boolean LANGUAGE plpgsql AS \$\$BEGIN PERFORM pg_sleep(1.1); RETURN true; END\$\$;
CREATE DOMAIN slow.number AS integer CHECK (slow.is_slow(VALUE));
CREATE TABLE slow."$name" (a slow.number);
COPY slow."$name" (a) FROM stdin;
1
\\.
});
    $ENV{PGCLIENTENCODING} = 'LATIN1';
    ($out, $error) = run_sql($target, "SET client_min_messages = notice; " . load_sql($dump, undef), db => 'utf_to_utf');
    is($out, 'succeeded', 'nor does a notice end the caller') or diag $error;
    like($error, qr/NOTICE: .*loading "slow\.\?": /, 'which has a question mark');
}
no_source_residue($source, 'at the end');
no_secret($source, $target);
done_testing();
