# What the TAP tests share: servers with the extension, dumps to load, and the invariants every case is checked for.
package PagilaTest;
use strict;
use warnings;
use Exporter 'import';
use FaultProxy;
use Fcntl qw(LOCK_EX);
use File::Copy qw(copy);
use POSIX ();
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(sleep time);

our @EXPORT = qw(is_long leave_to_long_tests some_of figures new_node sample_dir make_sample pagila_dir load_sql run_sql sqlstates sqlstate_of content dump_text is_unchanged no_residue last_run
  write_file set_fault clear_fault is_stalled wait_until leader_pid new_pair add_source pull_sql pull_refused pull_exact copy_of no_source_residue
  no_secret own_rows run_processes small_disk kill_server
  shows_no_more_to_functions unlocking);

# script/test --long tries every case. Otherwise cases that differ only in their place, moment or repetition are sampled.
sub is_long { return $ENV{PR_LONG} ? 1 : 0 }

# For a file whose subject has been tried once by others: it runs with --long, or when it is named.
sub leave_to_long_tests {
    plan(skip_all => 'left to script/test --long') if !is_long() && !$ENV{PR_NAMED};
    return;
}

# How many cases a test has tried, and what they gave: shown where all were asked for, else only in the log.
sub figures {
    my ($text) = @_;
    return grep({ $ENV{$_} } qw(PR_ATTACK_ALL PR_READS PR_RELOADS)) ? diag($text) : note($text);
}

# Every nth of the cases, beginning with the first, or all of them in a long test. A list of all combinations of two properties
# keeps every value of both if n is no larger than either number of values, and has no divisor in common with the inner one.
sub some_of {
    my ($n, @cases) = @_;
    return is_long() ? @cases : @cases[ grep { $_ % $n == 0 } 0 .. $#cases ];
}

# A running server with a database "pagila" that has the extension. faults => 1: with the fault points compiled in.
# conf, hba => extra lines of postgresql.conf and pg_hba.conf; initdb => more options for initdb; streaming => 1: it can have a standby.
sub new_node {
    my ($name, %options) = @_;
    my $node = PostgreSQL::Test::Cluster->new($name);
    $node->init(allows_streaming => $options{streaming}, extra => ['--encoding', 'UTF8', '--locale', 'C.UTF-8', @{ $options{initdb} // [] }]);
    $node->append_conf('postgresql.conf', $options{conf}) if $options{conf};
    $node->append_conf('pg_hba.conf', $options{hba}) if $options{hba};
    if ($options{faults}) {
        plan skip_all => 'PR_FAULTS_DIR is not set' unless $ENV{PR_FAULTS_DIR};
        $node->append_conf('postgresql.conf', "dynamic_library_path = '$ENV{PR_FAULTS_DIR}:\$libdir'");
    }
    $node->start;
    $node->safe_psql('postgres', 'CREATE DATABASE pagila');
    $node->safe_psql('pagila', 'CREATE EXTENSION pagila_repl');
    return $node;
}

# Two servers: a source that listens on 127.0.0.1 and a target that knows it as the foreign server "source". Options as of
# new_node for the target; source => { ... }: those for the source; proxy => 1: the target reaches the source
# through a FaultProxy; server, mapping => more options of the foreign server and the user mapping.
# Returns (source, target, proxy).
sub new_pair {
    my ($name, %options) = @_;
    plan skip_all => 'PR_FAULTS_DIR is not set' if $options{faults} && !$ENV{PR_FAULTS_DIR};
    my %source = %{ $options{source} // {} };
    my $source = new_node("${name}_source", %source, conf => "listen_addresses = '127.0.0.1'\n" . ($source{conf} // ''));
    my $target = new_node("${name}_target", map { $_ => $options{$_} } grep { exists $options{$_} } qw(faults conf initdb streaming));
    my $proxy = $options{proxy} ? FaultProxy->start(to => '127.0.0.1:' . $source->port) : undef;
    add_source($target, 'source', port => ($proxy // $source)->port, %options);
    return ($source, $target, $proxy);
}

# A password that nothing but the user mapping may hold.
my $kSecret = 'the-bird-in-the-mine';

# A foreign server on the target: port => where the source is; server, mapping => more options of either; db => another
# database of the target than pagila.
sub add_source {
    my ($target, $name, %options) = @_;
    my %server = (host => '127.0.0.1', port => $options{port}, dbname => 'pagila', trusted => 'true', %{ $options{server} // {} });
    my %mapping = (user => scalar getpwuid($<), password => $kSecret, %{ $options{mapping} // {} });
    my ($server, $mapping) = map { my $o = $_; join(', ', map { "$_ '$o->{$_}'" } sort keys %$o) } \%server, \%mapping;
    # A statement with a password would be in the log.
    $target->safe_psql($options{db} // 'pagila', qq{SET log_statement = none; SET log_min_error_statement = panic;
        CREATE SERVER $name FOREIGN DATA WRAPPER pagila_repl OPTIONS ($server);
        CREATE USER MAPPING FOR CURRENT_USER SERVER $name OPTIONS ($mapping)});
    return;
}

# The generated sample: schema.sql, data.sql, combined.sql.
sub sample_dir {
    return $ENV{PR_SAMPLE_DIR} || die 'PR_SAMPLE_DIR is not set';
}

# A new sample in a folder of its own, with other rows for another seed; unlike the shared one it fills its
# materialized view. Returns (schema file, data file). Options are those of test/sample/generate.
sub make_sample {
    my ($seed, @options) = @_;
    my $dir = PostgreSQL::Test::Utils::tempdir;
    system_or_bail($^X, 'test/sample/generate', '--dir', $dir, '--seed', $seed, @options);
    my $data = slurp_file("$dir/data.sql");
    $data =~ s/(?=--\n-- PostgreSQL database dump complete)/REFRESH MATERIALIZED VIEW public.rental_by_category;\n\n/
      or die 'no place for the refresh';
    write_file("$dir/data.sql", $data);
    return ("$dir/schema.sql", "$dir/data.sql");
}

# The real Pagila, undef where the project has none.
sub pagila_dir {
    return $ENV{PAGILA_DIR};
}

# A folder on a file system that can be filled; undef where there is none. The test has it for itself until it ends.
my $disk_lock;
sub small_disk {
    my $disk = $ENV{PR_SMALL_DISK} or return;
    open($disk_lock, '>', "$disk/lock") or die "$disk/lock: $!";
    flock($disk_lock, LOCK_EX) or die "$disk/lock: $!";
    return $disk;
}

# SELECT ... FROM pagila_load(...); options as SQL: force => 'true'.
sub load_sql {
    my ($schema, $data, %options) = @_;
    my $arguments = join(', ', map { "'" . s/'/''/gr . "'" } grep { defined } $schema, $data);
    $arguments .= ", $_ => $options{$_}" for sort keys %options;
    return "SELECT status FROM pagila_load($arguments)";
}

# SELECT ... FROM pagila_replicate_from(...); options as SQL: workers => '2'.
sub pull_sql {
    my ($server, %options) = @_;
    my $arguments = join(', ', "'$server'", map { "$_ => $options{$_}" } sort keys %options);
    return "SELECT status FROM pagila_replicate_from($arguments)";
}

# A pull that is to be refused with an SQLSTATE, in a phase, and to leave nothing. Returns what the caller is told.
sub pull_refused {
    my ($target, $what, $sqlstate, $phase) = @_;
    my (undef, $err) = run_sql($target, pull_sql('source'));
    is(sqlstate_of($err), $sqlstate, "$what: the run is refused") or diag $err;
    is(last_run($target, 'phase'), $phase, "$what: in phase $phase");
    no_residue($target, $what);
    return $err;
}

# A pull that is to succeed; options as for pull_sql.
sub pull_exact {
    my ($source, $target, $what, %options) = @_;
    my ($out, $err) = run_sql($target, pull_sql('source', %options));
    is($out, 'succeeded', "$what: pulled") or diag $err;
    return ok(copy_of($target) eq copy_of($source), "$what: the copy is exact");
}

# (stdout, stderr, exit code) of psql with SQLSTATEs in its messages. Never dies. psql => { extra_params => [...],
# on_error_stop => 0 }, as of PostgreSQL::Test::Cluster::psql.
sub run_sql {
    my ($node, $sql, %options) = @_;
    my %psql = (on_error_stop => 1, extra_params => [], %{ $options{psql} // {} });
    my @command = ('psql', '-XAtq', '-d', $node->connstr($options{db} // 'pagila'), '-f', '-');
    push @command, '-v', 'ON_ERROR_STOP=1' if $psql{on_error_stop};
    my ($out, $err, $status) = run_program("\\set VERBOSITY verbose\n$sql", @command, @{ $psql{extra_params} });
    die "psql ended by signal " . ($status & 127) . ": $err" if $status & 127;
    $err = without_remark_on_libpq($err);
    chomp($out, $err);
    return ($out, $err, $status >> 8);
}

# What a run says once if the libpq here lacks fixes is no business of other tests than those of this.
our $tells_of_libpq = 0;
sub without_remark_on_libpq {
    my ($text) = @_;
    $text =~ s/^(?:psql:\S+ )?WARNING:  01000: libpq \S+ is older than .*\nLOCATION: .*(?:\n|\z)//mg unless $tells_of_libpq;
    return $text;
}

# (stdout, stderr, wait status) of a program that is given a text. As IPC::Run would, but for a fraction of the time, of which
# these tests spend much in asking again and again.
sub run_program {
    my ($input, @command) = @_;
    my ($in, $out, $err) = map { open(my $file, '+>:raw', undef) or die "no temporary file: $!"; $file } 1 .. 3;
    print $in $input;
    seek($in, 0, 0) or die "a temporary file: $!";
    my $pid = fork // die "fork: $!";
    if ($pid == 0) {
        # The handles of a test are tied.
        POSIX::dup2(fileno $in, 0);
        POSIX::dup2(fileno $out, 1);
        POSIX::dup2(fileno $err, 2);
        exec { $command[0] } @command or POSIX::_exit(127);
    }
    waitpid($pid, 0);
    my $status = $?;
    local $/;
    return ((map { seek($_, 0, 0) or die "a temporary file: $!"; <$_> // '' } $out, $err), $status);
}

# The SQLSTATE of each statement, run one after the other in one session whatever becomes of those before; 00000: success.
sub sqlstates {
    my ($node, $statements, %options) = @_;
    my $script = join('', map { "$_;\n\\echo state :SQLSTATE\n" } @$statements);
    my ($out) = run_sql($node, $script, %options, psql => { on_error_stop => 0, %{ $options{psql} // {} } });
    return $out =~ /^state (\w+)$/mg;
}

# The SQLSTATE in psql's messages, '' if there is none.
sub sqlstate_of {
    my ($err) = @_;
    return $err =~ /(?:ERROR|FATAL):\s+([0-9A-Z]{5}):/ ? $1 : '';
}

# Everything the schemas other than the extension's and the server's hold: shape and rows, as one digest-sized text.
# own => which schemas are the extension's, as a pattern, where a dead run has left some behind.
sub content {
    my ($node, $db, %options) = @_;
    $db //= 'pagila';
    my $own = $options{own} // 'pagila_repl';
    return sorted_dump("--exclude-schema=$own", $node->connstr($db));
}

# What pg_dump prints, in an order of its own: that of rows is not content. \restrict has a random token.
sub sorted_dump {
    my (@options) = @_;
    # Lines may be long, which in a pipe takes grep a time that grows with their square.
    my ($lines, $err) = run_program('', 'sh', '-c', q{pg_dump --no-sync "$@" | LC_ALL=C sed -E '/^\\\\(un)?restrict /d' | LC_ALL=C sort},
        'sh', @options);
    die "pg_dump failed: $err" if $err =~ /error/;
    return $lines;
}

# What pg_dump prints of a database, less the extension itself and the random token of \restrict.
sub dump_text {
    my ($node, $db, @options) = @_;
    my ($dump, $err) = run_command([ 'pg_dump', '--exclude-schema=pagila_repl', '--no-sync', @options, $node->connstr($db) ]);
    die "pg_dump failed: $err" if $err =~ /error/;
    $dump =~ s/^--\n-- Name: (EXTENSION )?pagila_repl; .*?\n\n\n//msg;
    $dump =~ s/^\\(un)?restrict .*\n//mg;
    return $dump;
}

# What the schemas of a database hold, less those of the extension and of this test: the same text for a source and its copy.
sub copy_of {
    my ($node, $db) = @_;
    $db //= 'pagila';
    my @schemas = split /\n/, $node->safe_psql($db,
        q{SELECT quote_ident(nspname) FROM pg_namespace WHERE nspname !~ '^(pg_|pagila_repl|information_schema$|watch$)' ORDER BY 1});
    return sorted_dump((map { "--schema=$_" } @schemas), $node->connstr($db));
}

# I1: nothing of the target differs from before.
sub is_unchanged {
    my ($node, $before, $what) = @_;
    return ok(content($node) eq $before, "$what: target unchanged");
}

# I3: no stage, no replaced copy, no leader or worker, no lock of a run.
sub no_residue {
    my ($node, $what, %options) = @_;
    my $sql = q{
      SELECT (SELECT count(*) FROM pg_namespace WHERE nspname LIKE 'pagila\_repl\_%')
          || ' schemas, ' || (SELECT count(*) FROM pagila_repl.leftover)
          || ' leftovers, ' || (SELECT count(*) FROM pg_stat_activity WHERE backend_type LIKE 'pagila\_repl %')
          || ' processes, ' || (SELECT count(*) FROM pg_locks WHERE locktype = 'advisory') || ' locks'};
    my $clean = '0 schemas, 0 leftovers, 0 processes, 0 locks';
    my $found = '';
    wait_until(sub { ($found) = run_sql($node, $sql, %options); $found eq $clean }, 10);
    return is($found, $clean, "$what: no residue");
}

# I3 on the source: no session but the test's own, no exported snapshot, no slot.
sub no_source_residue {
    my ($node, $what, $seconds) = @_;
    my $sql = q{
      SELECT (SELECT count(*) FROM pg_stat_activity WHERE datname = 'pagila' AND backend_type = 'client backend'
                 AND application_name <> current_setting('application_name'))
          || ' sessions, ' || (SELECT count(*) FROM pg_ls_dir('pg_snapshots'))
          || ' snapshots, ' || (SELECT count(*) FROM pg_replication_slots) || ' slots'};
    my $clean = '0 sessions, 0 snapshots, 0 slots';
    my $found = '';
    wait_until(sub { ($found) = run_sql($node, $sql); $found eq $clean }, $seconds // 10);
    return is($found, $clean, "$what: no residue on the source");
}

# I7: the password is in no log and in no row of the extension's.
sub no_secret {
    my (@nodes) = @_;
    for my $node (@nodes) {
        my $name = $node->name;
        ok(index(slurp_file($node->logfile), $kSecret) < 0, "$name: no password in the log");
        ok(index(own_rows($node), $kSecret) < 0, "$name: no password in a row");
    }
    return;
}

# Every row of the extension's tables and views, as text. pg_dump leaves out what belongs to an extension.
sub own_rows {
    my ($node) = @_;
    my ($rows, $err) = run_sql($node, q{SELECT format('SELECT %1$L, r::text FROM %1$s r;', oid::regclass) FROM pg_class
      WHERE relnamespace = 'pagila_repl'::regnamespace AND relkind IN ('r', 'v', 'm', 'p') ORDER BY oid \\gexec});
    die "the rows of the extension cannot be read: $err" if $err ne '';
    return $rows;
}

# Columns of the newest run, as psql prints them unaligned.
sub last_run {
    my ($node, $columns) = @_;
    my ($out) = run_sql($node, "SELECT $columns FROM pagila_repl.run ORDER BY run_id DESC LIMIT 1");
    return $out;
}

sub leader_pid {
    my ($node) = @_;
    my ($pid) = run_sql($node, "SELECT pid FROM pg_stat_activity WHERE backend_type = 'pagila_repl leader'");
    return $pid;
}

# Process ids of the leader and the workers of runs.
sub run_processes {
    my ($node) = @_;
    my ($pids) = run_sql($node, q{SELECT pid FROM pg_stat_activity WHERE backend_type LIKE 'pagila\_repl %' ORDER BY 1});
    return split /\n/, $pids;
}

sub write_file {
    my ($path, $text) = @_;
    open(my $file, '>:raw', $path) or die "$path: $!";
    print $file $text;
    close $file or die "$path: $!";
    return $path;
}

# Makes runs of this database fail at a fault point: "site:nth:action". Needs a node with faults.
sub set_fault {
    my ($node, $fault) = @_;
    $node->safe_psql('pagila', "LOAD 'pagila_repl'; ALTER DATABASE pagila SET pagila_repl.fault = '$fault'");
    return;
}

sub clear_fault {
    my ($node) = @_;
    $node->safe_psql('pagila', "LOAD 'pagila_repl'; ALTER DATABASE pagila RESET pagila_repl.fault");
    return;
}

# True once a leader has come to a fault point whose action is stall.
sub is_stalled {
    my ($node) = @_;
    my ($out) = run_sql($node,
        "SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'pagila_repl leader' AND wait_event_type = 'Extension'");
    return $out eq '1';
}

# All processes of the server at once: the postmaster is stopped first, so that it cannot react to its children's end.
sub kill_server {
    my ($node) = @_;
    my ($postmaster) = split /\n/, slurp_file($node->data_dir . '/postmaster.pid');
    kill 'STOP', $postmaster;
    wait_until(sub { state_of($postmaster) eq 'T' }, 10) or die 'the postmaster does not stop';
    my @children = grep { parent_of($_) == $postmaster } map { m{(\d+)} } glob('/proc/[0-9]*');
    kill 'KILL', @children;
    $node->kill9;
    # Even a zombie would keep the next server from starting.
    wait_until(sub { !grep { state_of($_) } $postmaster, @children }, 30) or die 'processes survive signal 9';
    return;
}

# The state and the parent of a process, as the kernel has them; empty and 0 if it is gone.
sub state_of { return (status_of(shift))[0] }
sub parent_of { return (status_of(shift))[1] }

sub status_of {
    my ($pid) = @_;
    open(my $file, '<', "/proc/$pid/stat") or return ('', 0);
    my ($state, $parent) = (<$file> // '') =~ /.*\) (\S) (\d+)/;
    return ($state // '', $parent // 0);
}

# A function of the reader's, so cheap that the planner would call it first, sees no row of the view but those that are shown.
sub shows_no_more_to_functions {
    my ($node, $view, $column, %options) = @_;
    my ($out, $err) = run_sql($node, "CREATE FUNCTION pg_temp.seen(bigint) RETURNS boolean LANGUAGE plpgsql COST 0.0000001
        AS \$\$ BEGIN RAISE NOTICE 'seen %', \$1; RETURN true; END \$\$;
        SELECT count(*) FROM pagila_repl.$view WHERE pg_temp.seen($column)", %options);
    my $seen = () = $err =~ /NOTICE:.*seen/g;
    return is($seen, $out, "$view: a function in WHERE sees no more rows than are shown");
}

# What a dump may say of a schema so that loading it lets go of all advisory locks that SQL can reach.
sub unlocking {
    my ($schema) = @_;
    return q{
CREATE FUNCTION %1$s.unlocks(integer) RETURNS boolean LANGUAGE plpgsql AS $$BEGIN
  PERFORM pg_catalog.pg_advisory_unlock_all();
  RETURN true;
END$$;
CREATE TABLE %1$s.freed (id integer CHECK (%1$s.unlocks(id)));
COPY %1$s.freed (id) FROM stdin;
1
\.
} =~ s/%1\$s/$schema/gr;
}

# Polls a condition, which may cost much, ever less often; false if it does not come true in time.
sub wait_until {
    my ($condition, $seconds) = @_;
    my $end = time + $seconds;
    my $pause = 0.05;
    while (time < $end) {
        return 1 if $condition->();
        sleep $pause;
        $pause *= 1.5 if $pause < 0.35;
    }
    return 0;
}

1;
