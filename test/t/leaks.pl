# Errors anywhere in a load, raised by the server, thrown by our code, or for want of memory, end it with its SQLSTATE and
# phase on record, and leak nothing: no descriptor, memory, shared segment or process, however many there are.
use strict;
use warnings;
use lib 'test/t';
use PagilaTest;
use PostgreSQL::Test::Utils;
use Test::More;

leave_to_long_tests();

# Dynamic shared memory in files, so that its segments can be counted.
my $node = new_node('leaks', faults => 1, conf => "autovacuum = off\ndynamic_shared_memory_type = mmap\nshared_buffers = 16MB");
my ($postmaster) = split /\n/, slurp_file($node->data_dir . '/postmaster.pid');

every_fault_is_recorded();
failing_calls_leak_nothing();
errors_within_a_run_leak_nothing();
done_testing();

sub every_fault_is_recorded {
    my ($new, $old) = map { { load => load_sql(make_sample($_)) } } 1, 2;
    for my $copy ($new, $old) {
        is((run_sql($node, $copy->{load}))[0], 'succeeded', 'a copy loads');
        $copy->{content} = content($node);
    }
    my %state_of_action = (error => 'XX000', throw => 'XX000', bad_alloc => '53200');
    my %phase_of_point = (
        'connect:1' => 'fingerprint', 'fingerprint:1' => 'fingerprint', 'lock:1' => 'lock', 'plan:1' => 'plan',
        'shape:1' => 'shape', 'copy:11' => 'rows', 'rows:8' => 'rows', 'index:20' => 'indexes',
        'constraint:7' => 'constraints', 'sequence:3' => 'sequences', 'refresh:1' => 'sequences',
        'analyze:5' => 'sequences', 'verify:6' => 'verify', 'audit:1' => 'publish', 'publish:1' => 'publish');
    my $each_action = sub { my @points = @_; map { my $action = $_; map { [ $action, $_ ] } @points } sort keys %state_of_action };
    for my $case (some_of(8, $each_action->(sort keys %phase_of_point))) {
        my ($action, $point) = @$case;
        my $what = "$action at $point";
        set_fault($node, "$point:$action");
        my ($out, $err) = run_sql($node, $new->{load});
        is(sqlstate_of($err), $state_of_action{$action}, "$what: the caller gets the error") or diag $err;
        is(last_run($node, 'status, sqlstate, phase, finished_at IS NOT NULL'),
            "failed|$state_of_action{$action}|$phase_of_point{$point}|t", "$what: recorded");
        no_residue($node, $what);
        is_unchanged($node, $old->{content}, $what);
    }
    # Past the commit of the success nothing can fail any more; what could not be removed the next run removes.
    for my $case (some_of(3, $each_action->('published:1', 'clean:1'))) {
        my ($action, $point) = @$case;
        my $what = "$action at $point";
        set_fault($node, "$point:$action");
        is((run_sql($node, $new->{load}))[0], 'succeeded', "$what: too late to fail");
        is(last_run($node, 'status, sqlstate, phase'), 'succeeded||done', "$what: recorded");
        clear_fault($node);
        is((run_sql($node, $new->{load}))[0], 'skipped', "$what: the copy is there");
        no_residue($node, "$what, then another run");
        is_unchanged($node, $new->{content}, "$what: after another run");
        ($new, $old) = ($old, $new);
    }
    clear_fault($node);
    is((run_sql($node, $new->{load}))[0], 'succeeded', 'without a fault the next load succeeds');
    return;
}

# One session, hundreds of loads that fail in five ways, each with a leader of its own but for the last.
sub failing_calls_leak_nothing {
    my $dir = PostgreSQL::Test::Utils::tempdir;
    my $table = "CREATE SCHEMA tiny;\nCREATE TABLE tiny.t (i integer);\n";
    my @ways = (
        [ '58P01', load_sql("$dir/missing.sql") ],
        [ '22P04', load_sql(write_file("$dir/truncated.sql", "${table}COPY tiny.t (i) FROM stdin;\n1\n")) ],
        [ '22P02', load_sql(write_file("$dir/bad_row.sql", "${table}COPY tiny.t (i) FROM stdin;\n1\nx\n\\.\n")) ],
        [ '42704', load_sql(write_file("$dir/bad_type.sql", "${table}CREATE TABLE tiny.u (i no_such_type);\n")) ],
        [ '22023', load_sql("$dir/missing.sql", undef, verify => "'hope'") ]);
    # Pages of the shared buffers count for a process once it has touched them, so they are left out.
    my $state = q{SELECT 'state', (SELECT count(*) FROM pg_ls_dir('/proc/self/fd')),
          rss[1]::integer - shared[1]::integer, anonymous[1], (SELECT count(*) FROM pg_ls_dir('pg_dynshmem')),
          (SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'pagila_repl leader')
        FROM pg_read_file('/proc/self/status') status, regexp_match(status, 'VmRSS:\s+(\d+)') rss,
          regexp_match(status, 'RssShmem:\s+(\d+)') shared, regexp_match(status, 'RssAnon:\s+(\d+)') anonymous;};
    my $loads = is_long() ? 1000 : 300;
    my @script = ($state, map { ($_ == $loads / 5 ? $state : (), "$ways[$_ % @ways][1];") } 0 .. $loads - 1);
    my @before = state_of_process($postmaster);
    my ($out, $err) = run_sql($node, join("\n", @script, $state), psql => { on_error_stop => 0 });
    my @after = state_of_process($postmaster);

    my %failures;
    $failures{$_}++ for $err =~ /ERROR:\s+([0-9A-Z]{5}):/g;
    is_deeply(\%failures, { map { $_->[0] => $loads / @ways } @ways }, "$loads loads fail in five ways");
    my @states = map { [ split /\|/ ] } $out =~ /^state\|(.*)$/mg;
    is(@states, 3, 'the session lives');
    my ($first, $early, $late) = @states;
    note 'descriptors, RSS, anonymous kB, segments, leaders: ' . join '; ', map { "@$_" } @states;
    # A file or two more of the catalog's may be open, which is no leak.
    cmp_ok($late->[0] - $early->[0], '<', 5, 'no descriptor leaks');
    cmp_ok($late->[1] - $early->[1], '<', 2048, 'the memory of the session stays as it is (kB)');
    cmp_ok($late->[2] - $early->[2], '<', 512, 'nor does its own part of it grow (kB)');
    is($late->[3], $early->[3], 'no shared memory segment is left');
    is($late->[4], 0, 'no leader is left');
    note "descriptors and anonymous kB of the postmaster: @before; @after";
    is($after[0], $before[0], 'the postmaster has as many descriptors as before');
    cmp_ok($after[1] - $before[1], '<', 512, 'and as much memory (kB)');
    no_residue($node, "$loads failures");
    is((run_sql($node, "SELECT count(*) FROM pagila_repl.run WHERE status = 'failed' AND schema_file LIKE '$dir/%'"))[0],
        $loads / @ways * (@ways - 1), 'every run that was started is recorded');
    return;
}

# Owners that may not be set are errors that a run handles by itself, each in a subtransaction.
sub errors_within_a_run_leak_nothing {
    $node->safe_psql('pagila', q{
        CREATE ROLE loader LOGIN IN ROLE pagila_repl_operator, pg_read_server_files;
        CREATE ROLE keeper ROLE loader;
        GRANT CREATE ON DATABASE pagila TO loader});
    my $none = with_owner('loader', 1000);
    my $few = with_owner('keeper', 100);
    my $many = with_owner('keeper', 1000);
    like(last_run($node, 'message'), qr/1000 owners skipped, the caller may not set them/, '1,000 errors are handled');
    note "descriptors and anonymous kB without an error: @$none, with 100: @$few, with 1,000: @$many";
    # Some more files of catalogs may be open.
    cmp_ok($many->[0] - $few->[0], '<', 20, 'hundreds more of them cost no more descriptors');
    cmp_ok($many->[1] - $none->[1], '<', 1024, 'nor memory (kB)');
    return;
}

# The state of a leader that has set an owner so many times, if it may; then the load is cancelled and done again.
sub with_owner {
    my ($owner, $count) = @_;
    my $dump = write_file(PostgreSQL::Test::Utils::tempdir . '/dump.sql',
        "CREATE SCHEMA owned;\nCREATE TABLE owned.t (i integer);\n"
        . "ALTER TABLE owned.t OWNER TO $owner;\n" x $count . "COPY owned.t (i) FROM stdin;\n1\n\\.\n");
    my %as_loader = (psql => { extra_params => [ '-U', 'loader' ] });
    my $what = "$count times owner $owner";
    set_fault($node, 'rows:1:stall');
    is((run_sql($node, load_sql($dump, undef, wait => 'false'), %as_loader))[0], 'running', "$what: a load is under way");
    ok(wait_until(sub { is_stalled($node) }, 60), "$what: it has made its shape");
    my @state = state_of_process(leader_pid($node));
    clear_fault($node);
    run_sql($node, 'SELECT pagila_cancel(max(run_id)) FROM pagila_repl.run');
    no_residue($node, "$what: cancelled");
    is((run_sql($node, load_sql($dump), %as_loader))[0], 'succeeded', "$what: loaded");
    return \@state;
}

# Open descriptors, and anonymous memory in kB.
sub state_of_process {
    my ($pid) = @_;
    my @descriptors = glob("/proc/$pid/fd/*");
    my ($anonymous) = slurp_file("/proc/$pid/status") =~ /RssAnon:\s+(\d+)/;
    return (scalar @descriptors, $anonymous);
}
