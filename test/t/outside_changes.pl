# A load changes nothing in schemas that it does not replace, and shows nothing of its stage there.
use strict;
use warnings;
use lib 'test/t';
use PagilaTest;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = new_node('outside_changes');
my $dir = PostgreSQL::Test::Utils::tempdir;
$node->safe_psql('pagila', q{CREATE SCHEMA app; CREATE TABLE app.parent (a integer); CREATE TABLE app.parts (a integer) PARTITION BY LIST (a);
    CREATE OPERATOR FAMILY app.family USING btree});
my $number = 0;

sub load {
    my $file = write_file("$dir/" . $number++ . '.sql', "CREATE SCHEMA live; CREATE TABLE live.t (a integer); $_[0]");
    return run_sql($node, load_sql($file, undef));
}
my $before = dump_text($node, 'pagila');

for ([ 'a child of a table', 'CREATE TABLE live.c () INHERITS (app.parent);', 'table live.c is a child of table app.parent' ],
    [ 'a table that becomes a child', 'ALTER TABLE live.t INHERIT app.parent;', 'table live.t is a child of table app.parent' ],
    [ 'a partition', 'CREATE TABLE live.c PARTITION OF app.parts DEFAULT;', 'table live.c is a child of table app.parts' ],
    [ 'a multirange', 'CREATE TYPE live.span AS RANGE (subtype = integer, multirange_type_name = app.spans);', 'type live.span comes with type app.spans' ],
    [ 'a commutator', 'CREATE OPERATOR live.@+@ (LEFTARG = integer, RIGHTARG = integer, FUNCTION = pg_catalog.int4pl, COMMUTATOR = OPERATOR(app.@-@));',
        'operator live.@+@(integer,integer) is the commutator or negator of operator app.@-@(integer,integer)' ],
    [ 'a negator', 'CREATE OPERATOR live.@=@ (LEFTARG = integer, RIGHTARG = integer, FUNCTION = pg_catalog.int4eq, NEGATOR = OPERATOR(app.@!@));',
        'operator live.@=@(integer,integer) is the commutator or negator of operator app.@!@(integer,integer)' ],
    [ 'an operator class', 'CREATE OPERATOR CLASS live.class FOR TYPE integer USING btree FAMILY app.family AS OPERATOR 3 =, FUNCTION 1 pg_catalog.btint4cmp(integer, integer);',
        'operator class live.class for access method btree is in operator family app.family for access method btree' ]) {
    my ($what, $sql, $said) = @$_;
    my ($status, $error) = load($sql);
    like($error, qr/0A000: the copy would change what is in schemas that it does not replace\nDETAIL:  \Q$said\E$/m, "$what: refused by name") or diag $status;
    is(dump_text($node, 'pagila'), $before, "$what: nothing has changed");
}

# What is all in the dump comes whole.
my ($status, $error) = load(q{CREATE SCHEMA more; CREATE TABLE more.parent (a integer); CREATE TABLE live.c () INHERITS (more.parent);
    CREATE TYPE live.span AS RANGE (subtype = integer, multirange_type_name = more.spans);});
is($status, 'succeeded', 'the same within a dump') or diag $error;
is($node->safe_psql('pagila', q{SELECT 'more.spans'::regtype, inhparent::regclass FROM pg_inherits}), 'more.spans|more.parent', 'comes whole');
done_testing();
