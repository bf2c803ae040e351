# Small inputs made from public bug reports, pulled and loaded: each comes whole or is named. PR_CASES_DIR has the files, as its README
# says; left out where it is not set. Prints a line for each, with PR_CASES_SHOW=1 also those that pass.
use strict;
use warnings;
use lib 'test/t';
use PagilaTest;
use PostgreSQL::Test::Utils;
use Test::More;

my $cases = $ENV{PR_CASES_DIR};
plan skip_all => 'PR_CASES_DIR is not set: no cases to try' unless $cases;
my ($source, $target) = new_pair('cases', conf => "max_connections = 60\nmax_locks_per_transaction = 128\n");
my $dir = PostgreSQL::Test::Utils::tempdir;
$_->safe_psql('postgres', 'CREATE ROLE reader; CREATE ROLE etl') for $source, $target;

# What a case needs beside its files.
my %missing_here = ('provider_only_extension', 'h7fake');
my %arguments = (inheritance_child_elsewhere => { schemas => q{'{public}'} });
my %database = (latin1_target => q{ENCODING 'LATIN1' LOCALE 'C' TEMPLATE template0});

my $only = $ENV{PR_CASES_ONLY} // '.';
for my $file (sort glob("$cases/*.source.sql")) {
    my ($name) = $file =~ m{([^/]*)\.source\.sql$};
    try_case($name) if $name =~ /$only/;
}
done_testing();

sub text_of { return -e "$cases/$_[0]" ? slurp_file("$cases/$_[0]") : undef }

sub try_case {
    my ($name) = @_;
    my $sql = text_of("$name.source.sql");
    if (my $extension = $missing_here{$name}) {
        $sql =~ s/CREATE EXTENSION \Q$extension\E;/CREATE EXTENSION tcn; SET allow_system_table_mods = on; UPDATE pg_extension SET extname = '$extension' WHERE extname = 'tcn';/;
    }
    $source->safe_psql('postgres', qq{CREATE DATABASE "$name"});
    my (undef, $err) = run_command([ 'psql', '-Xqt', '-v', 'ON_ERROR_STOP=1', '-d', $source->connstr($name), '-f', write_file("$dir/source.sql", $sql) ]);
    my ($failed) = $err =~ /(?:ERROR|FATAL): +(.*)/;
    # Such as for want of an extension.
    return diag("$name: left out, since its source cannot be made here: $failed") if $failed;
    my $of_source = whole_text($source, $name);
    for my $way (qw(pull load)) {
        my $db = "${name}_$way";
        my $missing = prepare($name, $db, 'CREATE EXTENSION pagila_repl');
        return diag("$name: left out, since its target cannot be made here: $missing") if $missing;
        my %here = map { $_ => 1 } split /\n/, whole_text($target, $db);
        my ($run, @said, $wanted);
        if ($way eq 'pull') {
            $wanted = $of_source;
            add_source($target, 'source', port => $source->port, db => $db, server => { dbname => $name });
            $run = pull_sql('source', %{ $arguments{$name} // {} });
            @said = split /\n/, (run_sql($target, q{SELECT status || ' ' || subject || ': ' || message FROM pagila_check('source') WHERE status <> 'ok' AND subject NOT IN ('libpq', 'privileges')}, db => $db))[0];
        } else {
            my $dump = text_of("$name.dump.sql") // (run_command([ 'pg_dump', '--no-sync', $source->connstr($name) ]))[0];
            $run = load_sql(write_file("$dir/$name.sql", $dump));
            prepare($name, "${name}_psql", '');
            my (undef, $complaints) = run_command([ 'psql', '-Xqt', '-o', '/dev/null', '-d', $target->connstr("${name}_psql"), '-f', "$dir/$name.sql" ]);
            @said = map { "psql: $_" } $complaints =~ /((?:ERROR|FATAL): .*)/g;
            $wanted = whole_text($target, "${name}_psql");
            $target->safe_psql('postgres', qq{DROP DATABASE "${name}_psql" WITH (FORCE)});
        }
        my ($first, $error) = run_sql($target, $run, db => $db);
        my ($message) = run_sql($target, q{SELECT message FROM pagila_repl.run ORDER BY run_id DESC LIMIT 1}, db => $db);
        # What was there before, the run has left alone.
        my @differing = $first eq 'succeeded' ? grep { !/^\+ (.*)/ || !$here{$1} } differing($wanted, whole_text($target, $db)) : ();
        my $equal = $first eq 'succeeded' && !@differing;
        my ($second, $second_error) = $first eq 'succeeded' ? run_sql($target, $run, db => $db) : ('-', '');
        my ($refusal) = $error =~ /ERROR: +(.*)/;
        my $outcome = $first eq 'succeeded' ? ($equal ? 'equal' : 'differs') . ", second $second" : 'refused: ' . ($refusal // '?');
        my $named = $equal || @said || (($message // '') =~ /left out|skipped|not populated|passed over/) ;
        ok($named && ($first ne 'succeeded' || $second eq 'skipped'), "$name, $way: $outcome")
          or diag(join("\n", @differing, "first: $error", "second: $second_error"));
        $ENV{PR_CASES_SHOW} ? diag(join("\n   ", "$name, $way: $outcome", ($message ? "message: $message" : ()), @said)) : note(join("\n   ", $message // '', @said));
        $target->safe_psql('postgres', qq{DROP DATABASE "$db" WITH (FORCE)});
    }
    return $source->safe_psql('postgres', qq{DROP DATABASE "$name" WITH (FORCE)});
}

# A database of the target with what the case wants there. Returns the error if that is not to be had.
sub prepare {
    my ($name, $db, $between) = @_;
    $target->safe_psql('postgres', qq{CREATE DATABASE "$db" } . ($database{$name} // ''));
    for my $sql (text_of("$name.target_pre.sql"), $between, text_of("$name.target.sql")) {
        my (undef, $err) = $sql ? run_sql($target, $sql, db => $db) : ();
        return $1 if ($err // '') =~ /ERROR: +(.*)/;
    }
    return '';
}

# What pg_dump prints of a database in an order of its own, less this extension and the foreign server of the pull.
sub whole_text {
    my ($node, $db) = @_;
    my $text = dump_text($node, $db) =~ s/^--\n-- Name: (?:source; Type: SERVER|USER MAPPING \S+ SERVER source).*?(?=^--\n-- (?:Name|Data for|PostgreSQL))//gmsr;
    return join('', map { "$_\n" } grep { !/^SET |^SELECT pg_catalog.set_config|^(?:--)?$|^-- (?:Dumped|Started|Completed)/ } sort split /\n/, $text);
}

sub differing {
    my ($wanted, $found) = @_;
    my %wanted = map { $_ => 1 } split /\n/, $wanted;
    my %found = map { $_ => 1 } split /\n/, $found;
    return ((map { "- $_" } grep { !$found{$_} } sort keys %wanted), map { "+ $_" } grep { !$wanted{$_} } sort keys %found);
}
