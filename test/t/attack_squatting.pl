# A role that may create schemas makes those that the next runs could want for themselves: the runs succeed all the same, and what
# is the role's stays.
use strict;
use warnings;
use lib 'test/t';
use AttackTest;
use PagilaTest;
use Test::More;

leave_to_long_tests();

my $node = new_node('squatting', faults => 1);
my $dir = PostgreSQL::Test::Utils::tempdir;
my $dump = write_file("$dir/shop.sql", "CREATE SCHEMA shop;\nCREATE SCHEMA depot;\nCREATE TABLE shop.item (id integer);\nCOPY shop.item (id) FROM stdin;\n1\n\\.\nCREATE TABLE depot.box (id integer);\n");
my $one = write_file("$dir/one.sql", "CREATE SCHEMA shop;\nCREATE TABLE shop.item (id integer);\nCOPY shop.item (id) FROM stdin;\n1\n\\.\n");
$node->safe_psql('pagila', 'CREATE ROLE squatter LOGIN; GRANT CREATE ON DATABASE pagila TO squatter');
my $squatter = Session->new($node, 'pagila', 'squatter');

# The names that the next runs would have if they went by numbers. Returns how many.
sub squat {
    my (@kinds) = @_;
    my $next = $node->safe_psql('pagila', 'SELECT COALESCE(max(run_id), 0) + 1 FROM pagila_repl.run');
    my $made = 0;
    for my $run ($next .. $next + 3) {
        for my $kind (@kinds) {
            for my $schema (1 .. 2) {
                $squatter->run("CREATE SCHEMA pagila_repl_${kind}_${run}_$schema; CREATE TABLE pagila_repl_${kind}_${run}_$schema.own AS SELECT 1 AS a");
                $made++ if $squatter->{state} eq '00000';
            }
        }
    }
    return $made;
}

sub own_schemas { return $node->safe_psql('pagila', q{SELECT count(*) FROM pg_namespace n JOIN pg_class c ON relnamespace = n.oid WHERE nspowner = 'squatter'::regrole AND relname = 'own'}) }

my $cases = 0;
for my $round (1, 2) {
    my $are = $round == 1 ? 'before there is a copy' : 'once there is one';
    for my $kinds ([ 'stage' ], [ 'old' ], [ 'stage', 'old' ]) {
        my $what = join ' and ', @$kinds;
        run_sql($node, load_sql($dump, undef, force => 'true')) if $round == 2;
        squat(@$kinds);
        my $before = own_schemas();
        my ($status, $err) = run_sql($node, load_sql($dump, undef, force => 'true'));
        is($status, 'succeeded', "$what names are taken $are: the run succeeds") or diag $err;
        is(own_schemas(), $before, "$what names are taken $are: the squatter's schemas stay");
        is($node->safe_psql('pagila', 'SELECT count(*) FROM pagila_repl.leftover'), 0, "$what names are taken $are: nothing is left over");
        $cases++;
        if ($round == 1) {
            $node->safe_psql('pagila', q{DROP SCHEMA IF EXISTS shop, depot CASCADE; DELETE FROM pagila_repl.copy});
        }
        $squatter->run(q{SELECT format('DROP SCHEMA %I CASCADE', nspname) FROM pg_namespace WHERE nspowner = 'squatter'::regrole \gexec});
    }
}

# While a run is under way its names can be seen, and those that it will need guessed.
for my $point (qw(plan rows verify)) {
    run_sql($node, load_sql($dump, undef, force => 'true'));
    my $maker = Session->new($node, 'postgres');
    my $gate = hold_run_at($maker, 'pagila', $kPoints{$point});
    my $run = Session->new($node, 'pagila');
    $run->send(load_sql($dump, undef, force => 'true'));
    ok(wait_until(sub { is_run_held($gate) }, 30), "a run is held at $point");
    my $made = 0;
    for my $name (split /\n/, $node->safe_psql('pagila', q{SELECT nspname FROM pg_namespace WHERE nspname LIKE 'pagila\_repl\_%'})) {
        (my $other = $name) =~ s/stage/old/ or next;
        $squatter->run("CREATE SCHEMA $other; CREATE TABLE $other.own AS SELECT 1 AS a");
        $made++ if $squatter->{state} eq '00000';
    }
    $node->safe_psql('pagila', 'SELECT 1');
    my $id = $node->safe_psql('pagila', 'SELECT max(run_id) FROM pagila_repl.run');
    $squatter->run("CREATE SCHEMA pagila_repl_old_${id}_$_; CREATE TABLE pagila_repl_old_${id}_$_.own AS SELECT 1 AS a"), $made++ for 1, 2;
    my $before = own_schemas();
    let_run_go($gate);
    $maker->run('ALTER DATABASE pagila RESET pagila_repl.fault');
    $run->wait(60);
    like($run->{out}, qr/^succeeded$/m, "$made names are taken at $point: the run succeeds");
    is(own_schemas(), $before, "names are taken at $point: the squatter's schemas stay");
    $cases++;
    $_->close for $run, $maker;
    $squatter->run(q{SELECT format('DROP SCHEMA %I CASCADE', nspname) FROM pg_namespace WHERE nspowner = 'squatter'::regrole \gexec});
}

# An open transaction that makes one of the names must not hold up a run without bound.
{
    my $id = $node->safe_psql('pagila', 'SELECT max(run_id) + 1 FROM pagila_repl.run');
    $squatter->run('BEGIN; ' . join '; ', map { my $kind = $_; map { "CREATE SCHEMA pagila_repl_${kind}_${id}_$_" } 1, 2 } 'stage', 'old');
    my $run = Session->new($node, 'pagila');
    $run->send("SET pagila_repl.swap_budget = '2s'; " . load_sql($one, undef, force => 'true', on_dependents => q{'drop'}));
    my $ended = $run->wait(25);
    ok($ended, 'names are taken by an open transaction: the run ends');
    $squatter->run('ROLLBACK');
    $run->wait(30);
    like($run->{out}, qr/^succeeded$/m, 'names are taken by an open transaction: the run succeeds');
    $cases++;
    $run->close;
}
# What somebody has put into a schema of the search_path is not what the extension's views, policies and functions are made of.
{
    $node->safe_psql('postgres', 'CREATE DATABASE prepared');
    $node->safe_psql('prepared', 'GRANT CREATE ON SCHEMA public TO squatter');
    my $maker = Session->new($node, 'prepared', 'squatter');
    # Copies of the server's operators that know nothing, one that fits better than the server's, and types of the server's names.
    $maker->run(q{
      SET search_path = pg_catalog;
      SELECT format('CREATE FUNCTION public.trap_%s(%s, %s) RETURNS %s LANGUAGE sql AS %L', oid, oprleft::regtype, oprright::regtype, oprresult::regtype,
                    format('SELECT NULL::%s', oprresult::regtype)),
             format('CREATE OPERATOR public.%s (LEFTARG = %s, RIGHTARG = %s, FUNCTION = public.trap_%s)', oprname, oprleft::regtype, oprright::regtype, oid)
        FROM pg_operator
       WHERE oprname IN ('=', '<>', '<', '>', '<=', '>=', '+', '-', '*', '/', '||') AND oprkind = 'b'
         AND NOT EXISTS (SELECT FROM pg_type WHERE pg_type.oid IN (oprleft, oprright, oprresult) AND typtype = 'p')
      \gexec
      CREATE FUNCTION public.trap(integer, integer[]) RETURNS integer[] LANGUAGE sql AS 'SELECT $2';
      CREATE OPERATOR public.|| (LEFTARG = integer, RIGHTARG = integer[], FUNCTION = public.trap);
      CREATE DOMAIN public.float8 AS double precision; CREATE DOMAIN public.oid AS pg_catalog.oid; CREATE DOMAIN public.text AS pg_catalog.text;
      CREATE DOMAIN public.int8 AS bigint; CREATE DOMAIN public.regnamespace AS pg_catalog.regnamespace;});
    my $traps = $maker->run(q{SELECT pg_catalog.count(*) FROM pg_catalog.pg_operator WHERE oprowner OPERATOR(pg_catalog.=) 'squatter'::pg_catalog.regrole::pg_catalog.oid});
    cmp_ok($traps, '>', 100, "$traps operators of the squatter stand first in the search_path");
    my $installer = Session->new($node, 'prepared');
    $installer->run('SET search_path = public, pg_catalog; CREATE EXTENSION pagila_repl');
    is($installer->{state}, '00000', 'the extension is made') or diag $installer->{out};
    $installer->run('RESET search_path; DROP OWNED BY squatter');
    is($installer->{state}, '00000', 'and nothing of it depends on them') or diag $installer->{out};
    $cases++;
    $_->close for $maker, $installer;
}
figures "$cases cases";
$squatter->close;
no_residue($node, 'at the end');
done_testing();
