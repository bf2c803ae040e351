# Copies databases with extensions as Debian installs them, both ways and back again.
package DebianExtensions;
use strict;
use warnings;
use Exporter 'import';
use PagilaTest;
use PostgreSQL::Test::Utils;
use Test::More;

our @EXPORT = qw(is_installed copies);

my $dir;

# Whether the files of an extension are here, by its name.
my %is_here;
sub is_installed {
    my ($name) = @_;
    if (!%is_here) {
        my $probe = new_node('debian_probe');
        %is_here = map { $_ => 1 } split /\n/, $probe->safe_psql('pagila', 'SELECT name FROM pg_available_extensions');
        $probe->stop;
    }
    return $is_here{$name};
}

# Two texts are the same, line by line; else the lines that are not are shown.
sub same {
    my ($is, $wanted, $what) = @_;
    return ok(1, $what) if $is eq $wanted;
    my %wanted = map { $_ => 1 } split /\n/, $wanted;
    my %is = map { $_ => 1 } split /\n/, $is;
    ok(0, $what);
    return diag(join("\n", (map { "+ $_" } grep { !$wanted{$_} } sort keys %is), (map { "- $_" } grep { !$is{$_} } sort keys %wanted)));
}

# Copies a source database both ways and back again. changes => SQL on the source between two copies; needs => SQL on the target
# before the first; differs => what of pg_dump's text is no difference, as a pattern of lines.
sub copies {
    my ($name, %options) = @_;
    $dir //= PostgreSQL::Test::Utils::tempdir;
    my $conf = $options{conf} // '';
    my ($source, $target) = new_pair("debian_$name", conf => $conf, source => { conf => $conf });
    $source->safe_psql('pagila', $options{source});
    # Less the foreign server of the target.
    my $server = qr/^--\n-- Name: (?:source; Type: SERVER|USER MAPPING).*?(?=^--\n-- (?:Name|Data for|PostgreSQL))/ms;
    my $dump = sub { return join('', grep { !$options{differs} || !/$options{differs}/ } map { "$_\n" } grep { !/^SET |^(?:--)?$/ } sort split /\n/, dump_text(@_) =~ s/$server//gr) };
    for my $way (qw(pull load)) {
        my $db = $way eq 'pull' || $options{one_database} ? 'pagila' : 'loaded';
        if ($way eq 'load' && $options{one_database}) {
            $target->safe_psql($db, "DROP EXTENSION pagila_repl CASCADE; DROP TABLE public.t; $options{one_database}; CREATE EXTENSION pagila_repl");
        } elsif ($way eq 'load') {
            $target->safe_psql('postgres', "DROP DATABASE IF EXISTS $db");
            $target->safe_psql('postgres', "CREATE DATABASE $db");
            $target->safe_psql($db, 'CREATE EXTENSION pagila_repl');
        }
        $target->safe_psql($db, $options{needs}) if $options{needs};
        my $sql = $way eq 'pull' ? pull_sql('source') : load_sql("$dir/$name.sql");
        my $copy = sub {
            write_file("$dir/$name.sql", dump_text($source, 'pagila')) if $way eq 'load';
            my ($status, $error) = run_sql($target, $sql, db => $db);
            return $status eq '' ? $error : $status;
        };
        is($copy->(), 'succeeded', "$name, $way: a first copy");
        note((run_sql($target, 'SELECT message FROM pagila_repl.run ORDER BY run_id DESC LIMIT 1', db => $db))[0]);
        same($dump->($target, $db), $dump->($source, 'pagila'), "$name, $way: pg_dump prints the same");
        is($copy->(), 'skipped', "$name, $way: the same again is skipped");
        $source->safe_psql('pagila', $options{changes});
        is($copy->(), 'succeeded', "$name, $way: another copy");
        same($dump->($target, $db), $dump->($source, 'pagila'), "$name, $way: pg_dump prints the same again");
        is($copy->(), 'skipped', "$name, $way: the same again is skipped");
        $options{then}->($target, $db, $way) if $options{then};
        no_residue($target, "$name, $way", db => $db);
    }
    $_->stop for $source, $target;
    return;
}

1;
