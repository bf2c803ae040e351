# What tests of loads share: a file is loaded by psql into one database and by pagila_load into another, and both are compared.
package DumpTest;
use strict;
use warnings;
use Exporter 'import';
use PagilaTest;
use PostgreSQL::Test::Utils;
use Test::More;

our @EXPORT = qw(dumps_of by_psql fresh loads_into same_text dump_to_file as_psql message_of);

my ($node, $dir);
my ($databases, $dumps) = (0, 0);

# Which server's databases all others are about. Returns a folder for files.
sub dumps_of {
    ($node) = @_;
    return $dir = PostgreSQL::Test::Utils::tempdir_short();
}

# A database made by psql from files.
sub by_psql {
    my @files = @_;
    my $db = 'by_psql_' . ++$databases;
    $node->safe_psql('postgres', "CREATE DATABASE $db");
    $node->command_ok([ 'psql', '-Xq', '-o', '/dev/null', '-v', 'ON_ERROR_STOP=1', '-d', $node->connstr($db),
        map { ('-f', $_) } @files ],
        "psql loads $files[-1]");
    return $db;
}

# An empty database to load into.
sub fresh {
    my $db = 'fresh_' . ++$databases;
    $node->safe_psql('postgres', "CREATE DATABASE $db");
    $node->safe_psql($db, 'CREATE EXTENSION pagila_repl');
    return $db;
}

sub loads_into {
    my ($db, $what, $files, %options) = @_;
    my ($out, $err) = run_sql($node, load_sql(@$files[0, 1], %options), db => $db);
    is($out, 'succeeded', "$what loads") or diag $err;
    no_residue($node, $what, db => $db);
    return;
}

# Texts of thousands of lines: shows the first that differ instead of all.
sub same_text {
    my ($found, $expected, $what) = @_;
    return pass($what) if $found eq $expected;
    fail($what);
    my ($file_found, $file_expected) = (write_file("$dir/found", $found), write_file("$dir/expected", $expected));
    my ($difference) = run_command([ 'diff', '-u', $file_expected, $file_found ]);
    diag join("\n", map { substr($_, 0, 500) } grep { defined } (split /\n/, $difference)[ 0 .. 40 ]);
    return;
}

# Dumps a database to a file of its own; options as for pg_dump. program => another pg_dump.
sub dump_to_file {
    my ($db, @options) = @_;
    my $program = ref $options[0] ? ${ shift @options } : 'pg_dump';
    my $file = "$dir/dump_" . ++$dumps . '.sql';
    run_command([ $program, '--no-sync', '-f', $file, @options, $node->connstr($db) ]);
    die "$program @options wrote nothing" unless -s $file;
    return $file;
}

# A text as a dump is loaded as psql does it: pg_dump of both is the same. database => where both are already called so; psql => what
# psql is given instead. Returns the database that was loaded into.
sub as_psql {
    my ($what, $text, %options) = @_;
    my $file = write_file("$dir/text_" . ++$dumps . '.sql', $text);
    my $reference = by_psql($options{psql} ? write_file("$dir/reference_$dumps.sql", $options{psql}) : $file);
    my $db = fresh();
    $node->safe_psql($_, $options{before}) for grep { $options{before} } $db;
    loads_into($db, $what, [$file], %{ $options{options} // {} });
    same_text(dump_text($node, $db), dump_text($node, $reference), "$what: the result is what psql makes of it");
    return $db;
}

sub message_of {
    my ($db) = @_;
    return (run_sql($node, 'SELECT message FROM pagila_repl.run ORDER BY run_id DESC LIMIT 1', db => $db))[0];
}

1;
