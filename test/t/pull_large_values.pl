# A value that the source cannot write as text fails the run by name: side, table and limit.
use strict;
use warnings;
use lib 'test/t';
use PagilaTest;
use PostgreSQL::Test::Utils;
use Test::More;

leave_to_long_tests();

my ($source, $target) = new_pair('large_values');
# OIDs stand for something of the source, so the table is sent as text, where bytea takes twice its size.
$source->safe_psql('pagila', q{CREATE TABLE large (o oid, b bytea);
  INSERT INTO large VALUES (1, convert_to(repeat('x', 540000000), 'UTF8'))});
my ($out, $err) = run_sql($target, pull_sql('source'));
is(sqlstate_of($err), '54000', 'bytea of more than half a GB, as text') or diag $err;
like($err, qr/source: a value, or a row as text, is too large/, 'the message names the side');
like($err, qr/1 GB/, 'the limit');
like($err, qr/"large" in schema "public"/, 'and the table');
like($err, qr/HINT:.*trusted/, 'there is a hint');
no_residue($target, 'a value that is too large');
no_source_residue($source, 'a value that is too large');

done_testing();
