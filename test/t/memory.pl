# A load takes as much memory for a large file as for a small one: below 64 MB in every process of it.
# PR_BIG_BYTES is the size of the generated data file, 300M if unset.
use strict;
use warnings;
use lib 'test/t';
use PagilaTest;
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(time);

my $size = $ENV{PR_BIG_BYTES} || '300M';
my $limit = 64 * 1024;  # kB

my $dir = PostgreSQL::Test::Utils::tempdir;
system_or_bail($^X, 'test/sample/generate', '--dir', $dir, '--rows-bytes', $size);
my $bytes = -s "$dir/data.sql";

# What a process has touched of the shared buffers counts for it too, so there are few.
my $node = new_node('memory', conf => join("\n", 'autovacuum = off', 'shared_buffers = 8MB', 'maintenance_work_mem = 16MB',
    'max_wal_size = 512MB', 'wal_level = minimal'));

my $small_peak = peak_of_load(load_sql(sample_dir() . '/schema.sql', sample_dir() . '/data.sql'));
my $start = time;
my $peak = peak_of_load(load_sql("$dir/schema.sql", "$dir/data.sql"));
my $seconds = time - $start;
note sprintf('%d MB in %.1f s: %.1f MB/s', $bytes >> 20, $seconds, $bytes / $seconds / 2**20);
unlink "$dir/data.sql";

for my $process (sort keys %$peak) {
    my ($own, $resident) = @{ $peak->{$process} };
    note "$process: at most $own kB of its own, $resident kB with what it shares";
    cmp_ok($resident, '<', $limit, "$process stays below the limit");
}
ok($peak->{leader}, 'the leader was watched');
note "leader with the small sample: $small_peak->{leader}[0] kB of its own";
my ($read) = run_sql($node, 'SELECT sum(rows) FROM pagila_repl.run WHERE run_id = 2');
cmp_ok($read, '>', $bytes / 200, 'the large file was loaded');
done_testing();

# Loads, and watches the leader and its parallel workers: the largest amount of private memory and of resident memory
# seen in each kind of process, in kB. The kernel keeps the peak of the second itself.
sub peak_of_load {
    my ($load) = @_;
    my %peak;
    my ($run) = run_sql($node, $load =~ s/\)$/, wait => false)/r);
    is($run, 'running', 'a load is under way');
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
    ok(wait_until($watch, 1800), 'it has ended');
    is(last_run($node, 'status'), 'succeeded', 'and succeeded') or diag last_run($node, 'error_message, error_context');
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
