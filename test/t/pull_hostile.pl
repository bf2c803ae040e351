# A source whose superuser wishes the target ill: functions of the server that lie, or do more than they are for.
# What it says is checked, what it makes our session there do cannot write nor read what it has not been asked for.
use strict;
use warnings;
use lib 'test/t';
use PagilaTest;
use PullTest;
use PostgreSQL::Test::Utils;
use Test::More;

my $test = PullTest->new('hostile', faults => 0);
my ($source, $target) = @$test{ 'source', 'target' };

functions_that_lie();
functions_that_do_more();
$test->done;

sub functions_that_lie {
    my $snapshot = 'pg_export_snapshot()';
    my @lies = (
        [ 'a snapshot that is a statement', $snapshot, q{'00000003-0000001B-1''; DROP SCHEMA bank CASCADE; --'}, '08P01' ],
        [ 'a snapshot with an option', $snapshot, q{'--file=/tmp/x'}, '08P01' ],
        [ 'a snapshot of another line', $snapshot, q{E'00000003-0000001B-1\n'}, '08P01' ],
        [ 'a snapshot too long', $snapshot, q{repeat('0', 1000)}, '08P01' ],
        [ 'a snapshot that is empty', $snapshot, q{''}, '08P01' ],
        [ 'a snapshot that is null', $snapshot, 'NULL', '08P01' ],
        [ 'a snapshot that does not exist', $snapshot, q{'00000003-0000001B-1'}, undef ],
        [ 'an encoding that is none', 'pg_encoding_to_char(integer)', q{'; DROP SCHEMA bank CASCADE'}, undef ],
        [ 'sizes below zero', 'pg_relation_size(regclass)', '-1', undef ],
        [ 'sizes beyond all', 'pg_relation_size(regclass)', '9223372036854775807', undef ],
        [ 'a version that is no number', 'current_setting(text)', q{'150000; DROP SCHEMA bank CASCADE'}, '08P01' ],
        [ 'a version beyond all', 'current_setting(text)', q{'99999999999999999999'}, '08P01' ]);
    for my $lie (some_of(2, @lies)) {
        my ($what, $function, $answer, $sqlstate) = @$lie;
        my $honest = $source->safe_psql('pagila', "SELECT pg_get_functiondef('pg_catalog.$function'::regprocedure)");
        # Only the body is another.
        my ($head) = $honest =~ /\A(.*?)\n LANGUAGE/s;
        $test->change_source;
        $source->safe_psql('pagila', "$head\n LANGUAGE sql VOLATILE AS \$lie\$ SELECT $answer \$lie\$");
        $test->start;
        $test->is_over_within($what, 60);
        $source->safe_psql('pagila', $honest);
        $sqlstate ? $test->fails($what, $sqlstate) : $test->is_whole($what);
    }
    $test->heals('honest again');
    return;
}

# They run in our session, which may only read, and no view.
sub functions_that_do_more {
    my $honest = $source->safe_psql('pagila', q{SELECT pg_get_functiondef('pg_catalog.pg_export_snapshot()'::regprocedure)});
    $source->safe_psql('pagila', q{CREATE TABLE bank.caught (who text); CREATE VIEW bank.peephole AS SELECT owner FROM bank.account;
      CREATE FUNCTION pg_catalog.pg_honest_snapshot() RETURNS text LANGUAGE internal AS 'pg_export_snapshot'});
    $test->heals('a function that does what it is for');
    my %traps = (
        'writes' => [ '25006', 'INSERT INTO bank.caught VALUES (current_user)' ],
        'advances a sequence' => [ '25006', q{PERFORM nextval('bank.ticket')} ],
        'wants to be able to write' => [ '25001', 'SET transaction_read_only = off' ],
        'reads a view' => [ '55000', 'PERFORM FROM bank.peephole' ],
        'changes role and settings' => [ undef, 'SET ROLE NONE; SET row_security = on; SET default_transaction_read_only = off; SET DateStyle = SQL' ]);
    for my $does (sort keys %traps) {
        my ($sqlstate, $statement) = @{ $traps{$does} };
        my $what = "a function that $does";
        $test->change_source;
        # Only SQL that becomes part of the query is executed in place of a function of the server.
        $source->safe_psql('pagila', qq{CREATE OR REPLACE FUNCTION pg_catalog.pg_trap() RETURNS text LANGUAGE plpgsql
            AS 'BEGIN @{[ $statement =~ s/'/''/gr ]}; RETURN pg_catalog.pg_honest_snapshot(); END';
          CREATE OR REPLACE FUNCTION pg_catalog.pg_export_snapshot() RETURNS text LANGUAGE sql AS 'SELECT pg_catalog.pg_trap()'});
        $test->start;
        $test->is_over_within($what, 60);
        $source->safe_psql('pagila', $honest);
        $sqlstate ? $test->fails($what, $sqlstate) : $test->is_whole($what);
        is($source->safe_psql('pagila', 'SELECT count(*) FROM bank.caught'), 0, "$what: nothing is written");
    }
    $source->safe_psql('pagila', 'DROP FUNCTION pg_catalog.pg_honest_snapshot(), pg_catalog.pg_trap(); DROP TABLE bank.caught; DROP VIEW bank.peephole');
    $test->heals('no more traps');
    return;
}
