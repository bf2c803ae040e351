# A disk that fills up while a pull builds its copy ends the pull with 53100; nothing of the new copy stays on it. On the
# volume of the write-ahead log, which the server cannot do without, a pull stops while there is room left.
# Needs a file system of its own of some 50 MB: PR_SMALL_DISK is a folder on it.
use strict;
use warnings;
use lib 'test/t';
use PagilaTest;
use PullTest;
use PostgreSQL::Test::Utils;
use Test::More;

leave_to_long_tests();

my $disk = small_disk();
plan skip_all => 'PR_SMALL_DISK is not set: a small file system could not be mounted' unless $disk;

tablespace_full();
write_ahead_log_nearly_full();
done_testing();

# The shape names the tablespace, so the copy is on the small disk and all else is not.
sub tablespace_full {
    my $test = PullTest->new('tablespace', tablespace => "$disk/tablespace", conf => "autovacuum = off\n");
    my $used = used();
    cmp_ok($used, '>', 1e6, 'the copy is on the small disk');
    for my $point (some_of(3, qw(shape:1 copy:1 copy:4 index:1 index:6))) {
        my $what = "no space left at $point";
        $test->hold($what, $point);
        leave_free(0);
        $test->fails($what, '53100');
        unlink ballast();
        ok(wait_until(sub { used() == $used }, 10), "$what: nothing new is left on the disk") or diag used() - $used;
    }
    for my $point (some_of(4, qw(lock:1 plan:1 shape:1 rows:1 index:1 sequence:1 verify:1 audit:1 publish:1))) {
        my $what = "no space at $point";
        $test->change_source;
        set_fault($test->{target}, "$point:enospc");
        $test->start;
        $test->is_over_within($what, 60);
        $test->fails($what, '53100');
        is(used(), $used, "$what: nothing new is left on the disk");
    }
    $test->heals('space again');
    $test->{target}->stop;
    $test->{source}->stop;
    system_or_bail('rm', '-r', "$disk/tablespace");
    return;
}

# Segments are kept until they are archived, which here they cannot be.
sub write_ahead_log_nearly_full {
    my $reserve = 20;
    my $test = PullTest->new('wal', initdb => [ '--waldir', "$disk/wal", '--wal-segsize=1' ], conf => "autovacuum = off\n"
          . "wal_level = replica\nmax_wal_size = 4MB\nmin_wal_size = 2MB\ncheckpoint_timeout = 1h\narchive_mode = on\n"
          . "archive_command = 'true'\npagila_repl.disk_reserve = '${reserve}MB'\n");
    my ($source, $target) = @$test{ 'source', 'target' };
    my %full = (
        'copy:1' => 'rows',
        'index:1' => 'rows',
        'sequence:1' => 'publish');
    for my $point (some_of(2, sort keys %full)) {
        my $what = "room for the write-ahead log gets scarce at $point";
        $test->hold($what, $point);
        leave_free(($reserve - 2) * 2**20);
        $test->fails($what, '53100', phase => $full{$point});
        like(last_run($target, 'error_message'), qr/write-ahead log/, "$what: it is said");
        unlink ballast();
    }
    $test->heals('room again');

    my $what = 'a pull that writes more than there is room for';
    $source->safe_psql('pagila', join ';', map { "CREATE TABLE bank.big_$_ AS SELECT n, repeat(md5(n::text), 20) AS t
      FROM generate_series(1, 2000) n" } 1 .. 40);
    $target->safe_psql('postgres', q{ALTER SYSTEM SET archive_command = 'false'});
    $target->safe_psql('postgres', 'SELECT pg_reload_conf()');
    $test->start;
    $test->fails($what, '53100');
    like(last_run($target, 'error_message'), qr/write-ahead log/, "$what: it is said");
    # Cleaning up took some of it.
    note "$what: " . (df('avail') >> 20) . ' MB are left';
    cmp_ok(df('avail'), '>', 2**20, "$what: the server has room to go on");
    $target->safe_psql('postgres', 'ALTER SYSTEM RESET ALL');
    $target->safe_psql('postgres', 'SELECT pg_reload_conf()');
    ok(wait_until(sub { $target->safe_psql('postgres', 'CHECKPOINT'); df('avail') > 40 * 2**20 }, 60), "$what: then there is room again");
    $source->safe_psql('pagila', join ';', map { "DROP TABLE bank.big_$_" } 3 .. 40);
    $test->heals($what);
    $target->stop;
    system_or_bail('rm', '-r', "$disk/wal");
    return;
}

sub used { return df('used') }

sub df {
    my ($column) = @_;
    my ($out) = run_command([ 'df', '--block-size=1', "--output=$column", $disk ]);
    $out =~ /(\d+)\s*$/ or die "df: $out";
    return $1;
}

sub ballast { return "$disk/ballast" }

sub leave_free {
    my ($bytes) = @_;
    my $size = df('avail') - $bytes;
    die 'the disk is too small for this test' if $size < 0;
    open(my $file, '>', ballast()) or die ballast() . ": $!";
    while ($size > 0) {
        my $part = $size < 2**20 ? $size : 2**20;
        # Somebody else may have taken the rest.
        $size -= syswrite($file, "\0" x $part) // last;
    }
    close $file;
    return;
}
