# Rights that are taken away while a pull is under way, on either side: it fails with 42501 or has not needed them any more, it
# goes on as nobody else, and once they are given back the next one succeeds.
use strict;
use warnings;
use lib 'test/t';
use PagilaTest;
use PullTest;
use PostgreSQL::Test::Utils;
use Test::More;

my $test = PullTest->new('pull_rights');
my ($source, $target) = @$test{ 'source', 'target' };

# On either side the bank belongs to a role of which the one that pulls is a member, so that copies are equal to the last word.
my $give_to_banker = q{CREATE ROLE banker; ALTER SCHEMA bank OWNER TO banker;
  SELECT format('ALTER %s %s OWNER TO banker', CASE relkind WHEN 'v' THEN 'VIEW' WHEN 'm' THEN 'MATERIALIZED VIEW' WHEN 'S' THEN 'SEQUENCE'
           ELSE 'TABLE' END, oid::regclass)
    FROM pg_class c WHERE relnamespace = 'bank'::regnamespace AND relkind IN ('r', 'p', 'v', 'm', 'S')
     AND NOT EXISTS (SELECT FROM pg_depend WHERE classid = 'pg_class'::regclass AND objid = c.oid AND deptype IN ('a', 'i') AND relkind = 'S') \gexec
  ALTER TYPE bank.kind OWNER TO banker; ALTER FUNCTION bank.next_version() OWNER TO banker;};
for my $node ($source, $target) {
    my ($out, $err) = run_sql($node, $give_to_banker);
    is($err, '', $node->name . ': the bank is given away');
}
$source->safe_psql('pagila', q{CREATE ROLE reader LOGIN; GRANT USAGE ON SCHEMA bank TO reader;
  GRANT SELECT ON ALL TABLES IN SCHEMA bank TO reader; GRANT SELECT ON ALL SEQUENCES IN SCHEMA bank TO reader});
$target->safe_psql('pagila', q{CREATE ROLE reader; CREATE ROLE puller LOGIN IN ROLE pagila_repl_operator, banker;
  GRANT CREATE ON DATABASE pagila TO puller; GRANT USAGE ON FOREIGN SERVER source TO puller;
  CREATE USER MAPPING FOR puller SERVER source OPTIONS (user 'reader', password_required 'false')});
my %as_puller = (schemas => q{'{bank}'}, before => ['SET ROLE puller']);
$test->heals('as somebody who is no superuser', %as_puller, on_modified => q{'overwrite'});

on_the_source();
on_the_target();
$test->done;

sub on_the_source {
    for my $point (some_of(2, qw(snapshot:1 copy:1 rows:1))) {
        my $what = "SELECT on a table of the source is revoked at $point";
        $test->hold($what, $point, %as_puller);
        $source->safe_psql('pagila', 'REVOKE SELECT ON bank.transfer FROM reader');
        my $status = $test->is_whole($what, '42501');
        # What has been copied is still to be compared, unless that is done already.
        is($status, 'failed', "$what: it is needed") if $point !~ /rows/;
        $source->safe_psql('pagila', 'GRANT SELECT ON bank.transfer TO reader');
    }
    $test->heals('the source may be read again', %as_puller);
    return;
}

sub on_the_target {
    my %taken = (
        'CREATE on the database' => [ 'REVOKE CREATE ON DATABASE pagila FROM puller', 'GRANT CREATE ON DATABASE pagila TO puller' ],
        'the schema' => [ 'REVOKE banker FROM puller', 'GRANT banker TO puller' ],
        'USAGE on the server' => [ 'REVOKE USAGE ON FOREIGN SERVER source FROM puller', 'GRANT USAGE ON FOREIGN SERVER source TO puller' ],
        'the right to log in' => [ 'ALTER ROLE puller NOLOGIN', 'ALTER ROLE puller LOGIN' ],
        'the right to run' => [ 'REVOKE pagila_repl_operator FROM puller', 'GRANT pagila_repl_operator TO puller' ]);
    my @points = qw(shape:1 rows:1);
    my %is_tried = map { $_ => 1 } some_of(2, sort keys %taken);
    for my $right (sort keys %taken) {
        my ($take, $give) = @{ $taken{$right} };
        # In turn, if not at both.
        push @points, shift @points;
        for my $point (is_long() ? @points : $points[0]) {
            my $what = "$right is taken away at $point";
            $test->hold($what, $point, %as_puller);
            $target->safe_psql('pagila', $take);
            # Without being allowed to log in a worker cannot tell its leader why it is gone.
            my $status = $test->is_whole($what, [ '42501', '57P01' ]);
            is($status, 'failed', "$what: to publish, it is needed") if $right =~ /schema|CREATE/;
            is(last_run($target, 'owner'), 'puller', "$what: nobody else goes on");
            $target->safe_psql('pagila', $give);
        }
        next if !$is_tried{$right};
        my $what = "without $right";
        $target->safe_psql('pagila', $take);
        $test->change_source;
        $test->start(%as_puller);
        $test->is_over_within($what, 60);
        is(sqlstate_of($test->{run}{err}), $right =~ /log in/ ? '28000' : '42501', "$what: refused") or diag $test->{run}{err};
        $test->is_old($what);
        is($target->safe_psql('pagila', q{SELECT count(*) FROM pagila_repl.run WHERE owner <> 'puller'}), 1, "$what: nobody else has run it");
        $target->safe_psql('pagila', $give);
        $test->heals("with $right again", %as_puller);
    }
    return;
}
