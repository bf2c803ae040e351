# A source behind a connection pooler. One that shares server connections between transactions or statements is told by what it does
# and refused before anything is set in a session that others use; one that keeps sessions apart is fine if it lets pg_dump set
# parameters.
use strict;
use warnings;
use lib 'test/t';
use PagilaTest;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my ($pgbouncer) = grep { $_ && -x } $ENV{PR_PGBOUNCER}, '/usr/sbin/pgbouncer', map { "$_/pgbouncer" } split /:/, $ENV{PATH};
plan skip_all => 'no pgbouncer here (Debian: apt-get install pgbouncer, or name it in PR_PGBOUNCER)' unless $pgbouncer;

my ($source, $target) = new_pair('poolers');
$source->safe_psql('pagila', q{CREATE TABLE public.t (id int PRIMARY KEY, note text); INSERT INTO t SELECT g, 'x' FROM generate_series(1, 100) g;
    CREATE TABLE public.u (a int); INSERT INTO u VALUES (1); CREATE SEQUENCE s; SELECT nextval('s')});
my $user = getpwuid($<);
my @pids;
my $dir = PostgreSQL::Test::Utils::tempdir;

# Starts a pgbouncer before the source and makes a foreign server of that name lead to it. Lines of its settings follow.
sub pooler {
    my ($name, @settings) = @_;
    my $port = PostgreSQL::Test::Cluster::get_free_port();
    my $config = write_file("$dir/$name.ini", join("\n", '[databases]', 'pagila = host=127.0.0.1 port=' . $source->port . " user=$user", '[pgbouncer]',
            'listen_addr = 127.0.0.1', "listen_port = $port", 'unix_socket_dir =', 'auth_type = any', "logfile = $dir/$name.log",
            "pidfile = $dir/$name.pid", @settings) . "\n");
    system_or_bail($pgbouncer, '-q', '-d', $config);
    ok(wait_until(sub { -s "$dir/$name.pid" }, 10), "$name: there is a pgbouncer");
    push @pids, 0 + slurp_file("$dir/$name.pid");
    add_source($target, $name, port => $port, server => { connect_timeout => 5 });
    return $port;
}

# Another pgbouncer with the settings and the port of one.
sub one_more {
    my ($name) = @_;
    my $number = @pids;
    my $config = write_file("$dir/$name-$number.ini", slurp_file("$dir/$name.ini") =~ s/\Q$name\E\.(pid|log)/$name-$number.$1/gr);
    system_or_bail($pgbouncer, '-q', '-d', $config);
    ok(wait_until(sub { -s "$dir/$name-$number.pid" }, 10), "$name: there is another pgbouncer");
    push @pids, 0 + slurp_file("$dir/$name-$number.pid");
    return;
}

# What another client of the pooler finds in its session, whichever it gets: the settings that a run would make.
sub settings_of_others {
    my ($port) = @_;
    my $sql = q{SELECT settings FROM (SELECT string_agg(current_setting(name), '|' ORDER BY name) FROM unnest('{search_path,row_security,default_transaction_read_only,TimeZone,jit,bytea_output,statement_timeout,default_transaction_isolation}'::text[]) name) s (settings), pg_sleep(0.3)};
    # Several that take their time, so that each of the pool's connections is seen.
    my (@clients, @answers, %seen);
    for my $i (0 .. 3) {
        push @clients, IPC::Run::start([ 'psql', '-XAtq', '-h', '127.0.0.1', '-p', $port, '-U', $user, '-d', 'pagila', '-c', $sql ],
            '>', \$answers[$i]);
    }
    $_->finish for @clients;
    $seen{ (split /\n/, $_)[0] // '' } = 1 for @answers;
    return join "\n", sort keys %seen;
}

my %shares = (
    transaction => [ 'pool_mode = transaction' ],
    statement => [ 'pool_mode = statement' ],
    round_robin => [ 'pool_mode = transaction', 'server_round_robin = 1' ],
    one_connection => [ 'pool_mode = transaction', 'default_pool_size = 1' ],
    parameters_ignored => [ 'pool_mode = transaction', 'ignore_startup_parameters = options', 'min_pool_size = 4' ]);
for my $name (sort keys %shares) {
    my $port = pooler($name, @{ $shares{$name} });
    my $others = settings_of_others($port);
    my @functions = ("SELECT * FROM pagila_check('$name')", "SELECT * FROM pagila_plan('$name')", pull_sql($name), "SELECT * FROM pagila_identify('$name')",
        "SELECT * FROM pagila_replicate_to('$name')");
    for my $sql (@functions) {
        my ($function) = $sql =~ /(pagila_\w+)/;
        my (undef, $err) = run_sql($target, $sql);
        is(sqlstate_of($err), '0A000', "$name: $function is refused") or diag $err;
        like($err, qr/reached through a connection pooler that shares server connections.*HINT:  Point the foreign server to the database server itself/s,
            "$name: $function says why");
        is(settings_of_others($port), $others, "$name: $function leaves others' settings alone");
    }
}

# Several behind one port, as of which the kernel gives a client any.
{
    my $port = pooler('several', 'pool_mode = transaction', 'so_reuseport = 1', 'ignore_startup_parameters = options');
    one_more('several') for 1 .. 3;
    for my $round (1 .. 5) {
        my (undef, $err) = run_sql($target, pull_sql('several'));
        is(sqlstate_of($err), '0A000', "several behind one port: refused, $round") or diag $err;
    }
}
{
    my $port = pooler('session', 'pool_mode = session');
    my $others = settings_of_others($port);
    like((run_sql($target, q{SELECT status, sqlstate, message FROM pagila_check('session') WHERE subject = 'pooler'}))[0],
        qr/^error\|08P01\|the connection pooler does not let pg_dump set parameters: source: .*unsupported startup parameter: options$/,
        'sessions kept apart, but parameters refused: pagila_check says so');
    like((run_sql($target, q{SELECT hint FROM pagila_check('session') WHERE subject = 'pooler'}))[0], qr/ignore_startup_parameters = options/, 'with what to do');
    my (undef, $err) = run_sql($target, pull_sql('session'));
    like($err, qr/08P01.*does not let pg_dump set parameters.*HINT:  Point the foreign server to the database server itself/s, 'a run is refused for it');
    is(settings_of_others($port), $others, 'settings of others are as they were');
}
{
    my $port = pooler('apart', 'pool_mode = session', 'ignore_startup_parameters = options');
    my $others = settings_of_others($port);
    is((run_sql($target, q{SELECT status, message FROM pagila_check('apart') WHERE subject = 'pooler' OR status = 'error'}))[0],
        'warning|the source is reached through a connection pooler, which keeps sessions apart', 'sessions kept apart, parameters taken: a warning');
    my ($out, $err) = run_sql($target, pull_sql('apart', workers => 2));
    is($out, 'succeeded', 'a run works') or diag $err;
    is(copy_of($target), copy_of($source), 'and its copy is exact');
    is((run_sql($target, pull_sql('apart')))[0], 'skipped', 'a second one is skipped');
    is(settings_of_others($port), $others, 'settings of others are as they were');
}
{
    pooler('crowded', 'pool_mode = session', 'ignore_startup_parameters = options', 'default_pool_size = 1');
    my (undef, $err) = run_sql($target, pull_sql('crowded'));
    like($err, qr/08001.*HINT:  The connection pooler must have a connection for each worker/s, 'a pool of one connection: it is said how many it takes');
}
is((run_sql($target, q{SELECT count(*) FROM pagila_check('source') WHERE subject = 'pooler'}))[0], 0, 'without a pooler nothing is said of poolers');
no_residue($target, 'after all');
done_testing();

END { local $?; kill 'INT', @pids if @pids }
