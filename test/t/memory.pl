# A load takes as much memory for a large file as for a small one: below 64 MB in every process of it.
# PR_BIG_BYTES is the size of the generated data file, 100M if unset, 300M in a long test.
use strict;
use warnings;
use lib 'test/t';
use PagilaTest;
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(time);

my $size = $ENV{PR_BIG_BYTES} || (is_long() ? '300M' : '100M');
my $limit = 64 * 1024;  # kB

# What a process has touched of the shared buffers counts for it too, so there are few.
my $node = new_node('memory', conf => join("\n", 'autovacuum = off', 'shared_buffers = 8MB', 'max_wal_size = 512MB', 'wal_level = minimal'));
my $dir = PostgreSQL::Test::Utils::tempdir;

watch_load('the small sample', sample_dir() . '/schema.sql', sample_dir() . '/data.sql');

system_or_bail($^X, 'test/sample/generate', '--dir', $dir, '--rows-bytes', $size);
watch_load("a dump of $size", "$dir/schema.sql", "$dir/data.sql");
unlink "$dir/data.sql";

# Each row a statement of its own.
my $inserts = is_long() ? 300_000 : 60_000;
open(my $dump, '>', "$dir/inserts.sql") or die "$dir/inserts.sql: $!";
print $dump "CREATE SCHEMA many;\nCREATE TABLE many.rows (number integer, word text);\n";
print $dump "INSERT INTO many.rows (number, word) VALUES ($_, 'the word that comes with number $_');\n" for 1 .. $inserts;
close $dump or die "$dir/inserts.sql: $!";
watch_load("$inserts INSERTs", "$dir/inserts.sql");
is(last_run($node, 'rows'), $inserts, "each of the $inserts INSERTs is a row");
done_testing();

# Loads a dump and checks the memory of the leader and its parallel workers.
sub watch_load {
    my ($what, @files) = @_;
    my $bytes = -s $files[-1];
    my $start = time;
    my $peak = peak_of_load($what, load_sql(@files));
    my $seconds = time - $start;
    note sprintf('%s: %.0f MB in %.1f s, %.1f MB/s', $what, $bytes / 2**20, $seconds, $bytes / $seconds / 2**20);
    ok($peak->{leader}, "$what: the leader was watched");
    for my $process (sort keys %$peak) {
        my ($own, $resident) = @{ $peak->{$process} };
        note "$what: $process has at most $own kB of its own, $resident kB with what it shares";
        cmp_ok($resident, '<', $limit, "$what: the $process stays below the limit");
    }
    return;
}

# Loads, and watches the processes that do it: the largest amount of private memory and of resident memory seen in each
# kind of process, in kB. The kernel keeps the peak of the second itself.
sub peak_of_load {
    my ($what, $load) = @_;
    my %peak;
    my ($run) = run_sql($node, $load =~ s/\)$/, wait => false)/r);
    is($run, 'running', "$what: the load is under way");
    my ($postmaster) = split /\n/, slurp_file($node->data_dir . '/postmaster.pid');
    my $watch = sub {
        my $leader = 0;
        for my $pid (children_of($postmaster)) {
            my $name = read_all("/proc/$pid/cmdline");
            my $kind = $name =~ /pagila_repl leader/ ? 'leader' : $name =~ /parallel worker/ ? 'parallel worker' : next;
            $leader ||= $kind eq 'leader';
            my $status = read_all("/proc/$pid/status");
            my @now = map { $status =~ /^$_:\s+(\d+)/m ? $1 : 0 } qw(RssAnon VmHWM);
            for my $i (0, 1) {
                $peak{$kind}[$i] = $now[$i] if $now[$i] > ($peak{$kind}[$i] // 0);
            }
        }
        return !$leader;
    };
    ok(wait_until($watch, 1800), "$what: it has ended");
    is(last_run($node, 'status'), 'succeeded', "$what: and succeeded") or diag last_run($node, 'error_message, error_context');
    return \%peak;
}

sub children_of {
    my ($pid) = @_;
    return split ' ', read_all("/proc/$pid/task/$pid/children");
}

# A file of a process; empty if the process is gone.
sub read_all {
    my ($path) = @_;
    open(my $file, '<', $path) or return '';
    local $/;
    return <$file> // '';
}
