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
my %beforehand = ('a body' => 'the name, comment or definition of function public.shown() has the character U+0131, which LATIN1 lacks',
    'rows' => 'column "x" of table "public.shown" has the character U+0131, which LATIN1 lacks');
for my $case (
    [ 'a domain', qq{CREATE DOMAIN "$turkish" AS bigint; CREATE TABLE shown (id "$turkish")}, qr/DOMAIN public\.b\\\+000131g|type public\."b\\\+000131g/ ],
    [ 'a table', qq{CREATE TABLE "$turkish" (x int)}, qr/b\\\+000131g\\\+000131nt/ ],
    [ 'a column', qq{CREATE TABLE shown (x int, "$turkish" int)}, qr/column b\\\+000131g\\\+000131nt of table public\.shown|TABLE public\.shown/ ],
    [ 'a comment', qq{CREATE TABLE shown (x int); COMMENT ON TABLE shown IS '$turkish'}, qr/table public\.shown/ ],
    [ 'a body', qq{CREATE FUNCTION shown() RETURNS text LANGUAGE sql AS 'SELECT ''$turkish''::text'}, qr/function public\.shown/ ],
    [ 'a default', qq{CREATE TABLE shown (x text DEFAULT '$turkish')}, qr/shown/ ],
    [ 'a view', qq{CREATE VIEW shown AS SELECT '$turkish'::text AS t}, qr/view public\.shown/ ],
    [ 'an enum', qq{CREATE TYPE shown AS ENUM ('$turkish')}, qr/type public\.shown/ ],
    [ 'an index', qq{CREATE TABLE shown (x text); CREATE INDEX ON shown (x) WHERE x <> '$turkish'}, qr/shown/ ],
    [ 'rows', qq{CREATE TABLE shown (n int, x text, z text); INSERT INTO shown VALUES (1, 'a', 'b'), (2, '$turkish', 'c')},
        qr/DETAIL:  Column "x" has the character U\+0131, which LATIN1 lacks\..*table "?shown/si ],
) {
    my ($what, $statements, $names) = @$case;
    my $db = 'turkish_' . $what =~ s/\W/_/gr;
    new_databases($db, 'UTF8', 'LATIN1');
    $source->safe_psql($db, $statements);
    my ($found, $failure) = run_sql($target, q{SELECT status, sqlstate, message FROM pagila_check('source') WHERE subject = 'encoding'
        AND message NOT LIKE 'the encoding is%' ORDER BY 3}, db => $db);
    is($failure, '', "$what that cannot be converted: pagila_check tells");
    my ($status, $sqlstate) = $what eq 'rows' ? ('warning', '') : ('error', '22P05');
    my $message = $beforehand{$what} // qr/the name(, comment or definition| or comment) of .* (has the character U\+0131, which|has characters that) LATIN1 lacks/;
    like($found, ref $message ? qr/^\Q$status|$sqlstate|\E$message$/m : qr/^\Q$status|$sqlstate|$message\E$/m, "$what that cannot be converted: it is named beforehand");
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
no_source_residue($source, 'at the end');
no_secret($source, $target);
done_testing();
