# A leader, or the whole server, killed at any point of a load leaves the old copy or the new one, whole and undamaged,
# and the record agrees with it. The next load marks the dead run, removes what it left and succeeds by itself.
# fsync is off here, as everywhere in these tests: a process that is killed takes nothing with it that it has written,
# so this shows the order of writes, not what survives a power failure.
use strict;
use warnings;
use lib 'test/t';
use PagilaTest;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = new_node(
    'crashes',
    faults => 1,
    initdb => ['--data-checksums'],
    conf   => "restart_after_crash = on\nautovacuum = off\nshared_buffers = 16MB\nmax_wal_size = 64MB");
$node->safe_psql('pagila', 'CREATE EXTENSION amcheck SCHEMA pg_catalog');

# Two copies that can be told apart: which of them is visible alternates, so that every load has something to replace.
my @copies = map { { load => load_sql(make_sample($_)) } } 1, 2;
for my $copy (@copies) {
    is((run_sql($node, $copy->{load}))[0], 'succeeded', 'a copy loads');
    $copy->{content} = content($node);
}
my ($new, $old) = @copies;
isnt($new->{content}, $old->{content}, 'the copies differ');

# Every fault point, and late passings of those that a load comes by more than once.
my @points = qw(connect:1 fingerprint:1 lock:1 plan:1 shape:1 shaped:1 copy:17 rows:9 index:30 constraint:11 sequence:4 refresh:1
  analyze:12 verify:13 outward:1 audit:1 compared:1 publish:1 published:1 clean:1 dropped:1);

for my $point (some_of(6, 'published:1', grep { !/^published/ } @points)) {
    set_fault($node, "$point:sigkill");
    my ($out, $err, $code) = run_sql($node, $new->{load});
    isnt($code, 0, "leader killed at $point: the caller is told");
    heals("leader killed at $point", $point);
}

for my $point (some_of(8, @points)) {
    set_fault($node, "$point:stall");
    my ($run) = run_sql($node, $new->{load} =~ s/\)$/, wait => false)/r);
    is($run, 'running', "load under way to $point");
    ok(wait_until(sub { is_stalled($node) }, 60), "it has come to $point");
    kill_server($node);
    $node->start;
    heals("server killed at $point", $point);
}

# Who removes the remains may be killed too.
set_fault($node, 'publish:1:sigkill');
run_sql($node, $new->{load});
ok(wait_until(sub { is_up() }, 60), 'server is up again');
set_fault($node, 'clean:1:sigkill');
run_sql($node, $new->{load});
heals('leader killed while it removed the remains of another', 'sweep');

$node->stop;
command_ok([ 'pg_checksums', '--check', '-D', $node->data_dir ], 'every page has its checksum');
done_testing();

# What must hold after a crash, and that the next load puts everything right.
sub heals {
    my ($what, $point) = @_;
    ok(wait_until(sub { is_up() }, 60), "$what: server is up again");
    my ($run, $status) = split /\|/, last_run($node, 'run_id, status');
    my $published = $point =~ /^(published|clean|dropped)/;
    is($status, $published ? 'succeeded' : 'running', "$what: the run is recorded as it was");
    my $recorded_copy = $status eq 'succeeded' ? $new : $old;
    ok(content($node, undef, own => 'pagila_repl*') eq $recorded_copy->{content}, "$what: the copy is the one recorded, whole");

    # Tables and indexes agree with each other, those of the catalog and of what the dead run left too.
    $node->command_ok([ 'pg_amcheck', '--heapallindexed', '--parent-check', '-d', 'pagila' ], "$what: amcheck finds nothing");

    clear_fault($node);
    my ($out, $err) = run_sql($node, $new->{load});
    is($out, $published ? 'skipped' : 'succeeded', "$what: the next load needs no help") or diag $err;
    ok(content($node) eq $new->{content}, "$what: the next load's copy is there");
    no_residue($node, $what);
    my ($recorded) = run_sql($node, "SELECT status, sqlstate, finished_at IS NOT NULL FROM pagila_repl.run WHERE run_id = $run");
    is($recorded, $published ? 'succeeded||t' : 'crashed|57P02|t', "$what: the dead run is recorded as what became of it");
    my ($unfinished) = run_sql($node, "SELECT count(*) FROM pagila_repl.run WHERE status = 'running'");
    is($unfinished, 0, "$what: no run is left open");
    ($new, $old) = ($old, $new);
    return;
}

sub is_up {
    my ($out) = run_sql($node, 'SELECT 1');
    return $out eq '1';
}
