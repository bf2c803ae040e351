# A disk that fills up while a load builds its copy ends the load with 53100; nothing of the new copy stays on it, the
# old one is untouched, and the next load succeeds as soon as there is room.
# Needs a file system of its own of some 50 MB: PR_SMALL_DISK is a folder on it.
use strict;
use warnings;
use lib 'test/t';
use PagilaTest;
use PostgreSQL::Test::Utils;
use Test::More;

my $disk = small_disk();
plan skip_all => 'PR_SMALL_DISK is not set: a small file system could not be mounted' unless $disk;

my $node = new_node('disk_full', faults => 1, conf => 'autovacuum = off');
my $tablespace = "$disk/tablespace";
mkdir $tablespace or die "$tablespace: $!";
$node->safe_psql('postgres', "CREATE TABLESPACE small LOCATION '$tablespace'");

# Large enough for the rows to take more room than what the shape takes for a while, its empty indexes.
my @samples = map { [ make_sample($_, '--scale', 4) ] } 1, 2;

tables_on_the_disk();
database_on_the_disk();

$node->safe_psql('postgres', 'DROP DATABASE pagila');
$node->safe_psql('postgres', 'DROP TABLESPACE small');
rmdir $tablespace or die "$tablespace: $!";
done_testing();

# Only what the dump creates is there, so that every byte on the disk is known.
sub tables_on_the_disk {
    my ($old, $new) = map { load_sql(on_disk($_->[0]), $_->[1]) } @samples;
    is((run_sql($node, $old))[0], 'succeeded', 'a copy loads onto the small disk');
    my $before = content($node);
    my $used = used();
    cmp_ok($used, '>', 1e6, 'its tables are there');

    # What a load has taken when it comes to a point: with just that much room it fails right after.
    my %shortages = (
        shape => 0,
        rows => taken($new, 'rows:15'),
        indexes => taken($new, 'index:1'),
        'materialized view' => taken($new, 'sequence:1'));
    is(used(), $used, 'loads that were cancelled leave nothing on the disk');
    for my $phase (sort keys %shortages) {
        leave_free($shortages{$phase});
        my ($out, $err) = run_sql($node, $new);
        is(sqlstate_of($err), '53100', "disk full in $phase") or diag $err;
        my $recorded = $phase eq 'materialized view' ? 'sequences' : $phase;
        is(last_run($node, 'status, sqlstate, phase'), "failed|53100|$recorded", "disk full in $phase: recorded");
        is(last_run($node, "(SELECT kind FROM pagila_repl.run_step s WHERE s.run_id = run.run_id AND sqlstate = '53100')"),
            { rows => 'table', indexes => 'index', 'materialized view' => $phase, shape => '' }->{$phase},
            "disk full in $phase: the step that failed is recorded");
        unlink ballast();
        no_residue($node, "disk full in $phase");
        is(used(), $used, "disk full in $phase: nothing new is left on the disk");
        is_unchanged($node, $before, "disk full in $phase");
    }

    # The points that need no room of their own.
    for my $point (some_of(4, qw(shape:1 copy:9 rows:9 index:9 constraint:9 sequence:1 refresh:1 verify:9 audit:1 publish:1))) {
        set_fault($node, "$point:enospc");
        my ($out, $err) = run_sql($node, $new);
        is(sqlstate_of($err), '53100', "no space at $point") or diag $err;
        is(last_run($node, 'status, sqlstate'), 'failed|53100', "no space at $point: recorded");
        no_residue($node, "no space at $point");
        is(used(), $used, "no space at $point: nothing new is left on the disk");
    }
    clear_fault($node);
    is_unchanged($node, $before, 'no space at any point');
    is((run_sql($node, $new))[0], 'succeeded', 'with room on the disk the next load succeeds');
    return;
}

# The catalog and the record of runs are there too.
sub database_on_the_disk {
    $node->safe_psql('postgres', 'DROP DATABASE pagila');
    $node->safe_psql('postgres', 'CREATE DATABASE pagila TABLESPACE small');
    $node->safe_psql('pagila', 'CREATE EXTENSION pagila_repl');
    my ($old, $new) = map { load_sql(@$_) } @samples;
    is((run_sql($node, $old))[0], 'succeeded', 'a copy loads into a database on the small disk');
    my $before = content($node);
    my %phases;
    for (my $free = 2**19;; $free += is_long() ? 2**19 : 2**20) {
        leave_free($free);
        my ($out, $err) = run_sql($node, $new);
        unlink ballast();
        last if $out eq 'succeeded';
        is(sqlstate_of($err), '53100', "$free bytes left") or diag $err;
        my $phase = last_run($node, 'phase');
        $phases{$phase} = 1;
        is(last_run($node, 'status, sqlstate'), 'failed|53100', "$free bytes left: recorded, in phase $phase");
        no_residue($node, "$free bytes left");
        is_unchanged($node, $before, "$free bytes left");
    }
    ok($phases{shape} && $phases{indexes}, 'the disk was full in several phases: ' . join(', ', sort keys %phases));
    no_residue($node, 'a load that has room');
    return;
}

# The schema file, made to create everything on the small disk.
sub on_disk {
    my ($schema) = @_;
    my $text = slurp_file($schema);
    $text =~ s/SET default_tablespace = '';/SET default_tablespace = small;/ or die 'no default_tablespace in the sample';
    return write_file("$schema.on_disk.sql", $text);
}

# Bytes that a load has taken on the disk when it comes to a point; it is then cancelled.
sub taken {
    my ($load, $point) = @_;
    my $before = used();
    set_fault($node, "$point:stall");
    run_sql($node, $load =~ s/\)$/, wait => false)/r);
    ok(wait_until(sub { is_stalled($node) }, 60), "a load has come to $point");
    my $taken = used() - $before;
    clear_fault($node);
    run_sql($node, 'SELECT pagila_cancel(max(run_id)) FROM pagila_repl.run');
    no_residue($node, "cancelled at $point");
    return $taken;
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
        syswrite($file, "\0" x $part) == $part or die ballast() . ": $!";
        $size -= $part;
    }
    close $file or die ballast() . ": $!";
    return;
}
