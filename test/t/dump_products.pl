# Schemas and sample databases of products load as psql restores them. None of them is ours to give: PR_DUMPS_DIR names a folder of
# dumps that the servers' user can read, NAME.sql, and NAME.data.sql if the rows are in a file of their own.
use strict;
use warnings;
use lib 'test/t';
use DumpTest;
use PagilaTest;
use PostgreSQL::Test::Utils;
use Test::More;

my $from = $ENV{PR_DUMPS_DIR} // '';
my @files = grep { !/\.data\.sql$/ } glob("$from/*.sql");
plan skip_all => 'PR_DUMPS_DIR names no folder of dumps' if $from eq '' || !@files;

my $node = new_node('products');
my $dir = dumps_of($node);
$node->psql('postgres', 'CREATE ROLE postgres');

# One that psql cannot load is none that a load could be compared with: what it stumbles over is told.
sub psql_loads {
    my ($db, @parts) = @_;
    for my $part (@parts) {
        my ($out, $err, $status) = run_sql($node, for_psql($part), db => $db);
        next if $status == 0;
        note "psql does not load $part: $err";
        return 0;
    }
    return 1;
}

# The database is made already, and this server's psql knows no settings of servers of long ago.
sub for_psql {
    my ($part) = @_;
    return slurp_file($part) =~ s/^SET (default_with_oids|transaction_timeout)\b.*\n//mgr =~ s/^(CREATE|DROP) DATABASE\b.*;\n//mgr =~ s/^\\c(onnect)? .*\n//mgr;
}

for my $file (@files) {
    my ($name) = $file =~ m{([^/]+)\.sql$};
    my @parts = ($file, grep { -e } $file =~ s/\.sql$/.data.sql/r);
    SKIP: {
        my ($by_psql, $by_load) = ("psql_$name", slurp_file($file) =~ /^\\c(?:onnect)? "?(\w+)/m ? $1 : "load_$name");
        $node->safe_psql('postgres', "CREATE DATABASE \"$_\"") for $by_psql, $by_load;
        skip "$name: psql does not load it", 1 unless psql_loads($by_psql, @parts);
        $node->safe_psql($_, 'CREATE EXTENSION pagila_repl') for $by_psql, $by_load;
        # What lives in a schema of its own is made beforehand, as the load asks for.
        my $own = $node->safe_psql($by_psql, q{SELECT format('CREATE SCHEMA IF NOT EXISTS %I; CREATE EXTENSION %I SCHEMA %1$I;', nspname, extname)
            FROM pg_extension JOIN pg_namespace n ON n.oid = extnamespace WHERE nspname NOT IN ('pg_catalog', 'public')});
        $node->safe_psql($by_load, $own) if $own ne '';
        # Some are pg_dump's but for its last lines.
        my %options = slurp_file($file) =~ /^-- PostgreSQL database dump$(?!.*^-- PostgreSQL database dump complete$)/ms ? (strict => 'false') : ();
        loads_into($by_load, $name, \@parts, %options);
        note "$name: " . message_of($by_load);
        same_text(content($node, $by_load), content($node, $by_psql), "$name: the result is what psql makes of it");
        my ($again, $why) = run_sql($node, load_sql($file, $parts[1], %options), db => $by_load);
        is($again, 'skipped', "$name: the same again is skipped") or diag $why;
        loads_into($by_load, "$name by force", \@parts, %options, force => 'true');
        same_text(content($node, $by_load), content($node, $by_psql), "$name by force: the result is what psql makes of it");
    }
}
done_testing();
