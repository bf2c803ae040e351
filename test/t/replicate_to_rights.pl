# pagila_replicate_to by roles that are no superusers: what each side demands of them, and that no credential of one side
# reaches the other.
use strict;
use warnings;
use lib 'test/t';
use FaultProxy;
use IPC::Run ();
use PagilaTest;
use PostgreSQL::Test::Utils;
use Test::More;

my $kSourcePassword = 'canary-known-to-the-target';
my $kTargetPassword = 'canary-known-to-the-source';
my $conf = "listen_addresses = '127.0.0.1'\npassword_encryption = 'scram-sha-256'\nlog_statement = all\nlog_min_messages = debug1\n";
my $dir = PostgreSQL::Test::Utils::tempdir;
my ($source, $target) = map { make_node($_) } 'to_rights_source', 'to_rights_target';
# Everything that goes from one server to the other is kept.
my %proxies = (
    to_source => FaultProxy->start(to => '127.0.0.1:' . $source->port, record => folder('to_source')),
    to_target => FaultProxy->start(to => '127.0.0.1:' . $target->port, record => folder('to_target')));

prepare_roles();
define($source, 'tgt', $proxies{to_target}->port, 'etl', 'puller', $kTargetPassword);
define($target, 'src', $proxies{to_source}->port, 'puller', 'reader', $kSourcePassword);
$source->safe_psql('pagila', 'CREATE TABLE bird (id integer PRIMARY KEY, song text); INSERT INTO bird VALUES (1, $$tweet$$); GRANT SELECT ON bird TO reader');

roles_that_may();
rights_here();
rights_there();
passwords_must_be_used();
runs_are_seen_by_their_owners();
passwords_stay_where_they_are();
$_->stop for values %proxies;
done_testing();

sub folder {
    my ($name) = @_;
    mkdir "$dir/$name" or die "$dir/$name: $!";
    return "$dir/$name";
}

sub make_node {
    my ($name) = @_;
    my $node = new_node($name, conf => $conf);
    write_file($node->data_dir . '/pg_hba.conf', join("\n", 'local all all trust', 'host all careless 127.0.0.1/32 trust',
        'host all all 127.0.0.1/32 scram-sha-256') . "\n");
    $node->reload;
    return $node;
}

# Statements with passwords stay out of the logs by themselves.
sub quietly {
    my ($node, $sql) = @_;
    return $node->safe_psql('pagila', "SET log_statement = none; SET log_min_error_statement = panic; SET client_min_messages = error; $sql");
}

sub prepare_roles {
    quietly($source, "CREATE ROLE etl LOGIN; GRANT pagila_repl_operator TO etl; CREATE ROLE reader LOGIN PASSWORD '$kSourcePassword';
        CREATE ROLE other LOGIN; GRANT pagila_repl_operator TO other");
    quietly($target, "CREATE ROLE puller LOGIN PASSWORD '$kTargetPassword'; GRANT pagila_repl_operator TO puller;
        CREATE ROLE careless LOGIN PASSWORD '$kTargetPassword'; GRANT pagila_repl_operator TO careless;
        GRANT CREATE ON DATABASE pagila TO puller; ALTER SCHEMA public OWNER TO puller");
    return;
}

# A foreign server for one role of the node.
sub define {
    my ($node, $name, $port, $role, $user, $password) = @_;
    my $secret = defined $password ? ", password '$password'" : '';
    quietly($node, "DROP SERVER IF EXISTS $name CASCADE;
        CREATE SERVER $name FOREIGN DATA WRAPPER pagila_repl OPTIONS (host '127.0.0.1', port '$port', dbname 'pagila', sslmode 'disable');
        GRANT USAGE ON FOREIGN SERVER $name TO $role; CREATE USER MAPPING FOR $role SERVER $name OPTIONS (user '$user'$secret)");
    return;
}

# (status, messages), as the role etl or another.
sub push_it {
    my ($role, $arguments) = @_;
    return run_sql($source, 'SELECT status FROM pagila_replicate_to(' . ($arguments // "'tgt'") . ')',
        psql => { extra_params => [ '-U', $role // 'etl' ] });
}

sub fails {
    my ($what, $state, $message, %options) = @_;
    my ($out, $err) = push_it($options{role}, $options{arguments});
    is(sqlstate_of($err), $state, "$what: $state") or diag "$out $err";
    like($err, $message, "$what: told");
    return $err;
}

sub roles_that_may {
    my ($out, $err) = push_it();
    is($out, 'succeeded', 'neither role is a superuser, and it succeeds') or diag $err;
    is($target->safe_psql('pagila', 'SELECT song FROM bird'), 'tweet', 'the rows are there');
    is(last_run($source, 'owner, target_server'), 'etl|tgt', 'recorded here as the role that asked');
    is(last_run($target, 'owner, source_server'), 'puller|src', 'and there as the role it is there');
    my ($seen) = run_sql($source, q{SELECT database_name FROM pagila_identify('tgt')}, psql => { extra_params => [ '-U', 'etl' ] });
    is($seen, 'pagila', 'it may ask who the target is');
    return;
}

sub rights_here {
    my ($own) = last_run($source, 'run_id');
    $source->safe_psql('pagila', 'REVOKE pagila_repl_operator FROM etl');
    fails('no operator here', '42501', qr/permission denied for function pagila_replicate_to/);
    my (undef, $err) = run_sql($source, q{SELECT pagila_identify()}, psql => { extra_params => [ '-U', 'etl' ] });
    is(sqlstate_of($err), '42501', 'nor may he ask who anyone is');
    is(last_run($source, 'run_id'), $own, 'there is no run then');
    $source->safe_psql('pagila', 'GRANT pagila_repl_operator TO etl');
    fails('no right to the server', '42501', qr/permission denied for server "tgt"/, role => 'other');
    $source->safe_psql('pagila', 'GRANT USAGE ON FOREIGN SERVER tgt TO other');
    fails('no user mapping', '42704', qr/user mapping not found for "other"/, role => 'other');
    (undef, $err) = run_sql($source, q{SELECT pagila_identify('tgt')}, psql => { extra_params => [ '-U', 'other' ] });
    is(sqlstate_of($err), '42704', 'nor can he look through it');
    $source->append_conf('postgresql.conf', "pagila_repl.allowed_hosts = 'elsewhere.example.com'");
    $source->reload;
    ok(wait_until(sub { (push_it())[1] =~ /may not be connected to/ }, 10), 'a host that is not allowed');
    is(last_run($source, 'sqlstate'), '42501', 'recorded');
    $source->append_conf('postgresql.conf', "pagila_repl.allowed_hosts = ''");
    $source->reload;
    ok(wait_until(sub { (push_it())[0] eq 'skipped' }, 10), 'allowed again');
    return;
}

sub rights_there {
    $target->safe_psql('pagila', 'REVOKE pagila_repl_operator FROM puller');
    fails('no operator there', '42501', qr/target: permission denied for function pagila_identify/);
    is(last_run($source, 'status, phase, remote_run_id'), 'failed|connect|', 'recorded');
    $target->safe_psql('pagila', 'GRANT pagila_repl_operator TO puller; REVOKE USAGE ON FOREIGN SERVER src FROM puller');
    fails('no right to the server there', '42704', qr/no server of the target leads to this database/);
    fails('no right to the server there, named', '42501', qr/target: permission denied for server "src"/, arguments => q{'tgt', source => 'src'});
    $target->safe_psql('pagila', 'GRANT USAGE ON FOREIGN SERVER src TO puller; ALTER SCHEMA public OWNER TO postgres');
    $source->safe_psql('pagila', q{INSERT INTO bird VALUES (2, 'croak')});
    fails('a schema of others there', '42501', qr/the role does not own the schema "public"/);
    $target->safe_psql('pagila', 'ALTER SCHEMA public OWNER TO puller');
    quietly($target, 'ALTER ROLE puller NOLOGIN');
    fails('may not log in there', '28000', qr/target: .*not permitted to log in/);
    quietly($target, 'ALTER ROLE puller LOGIN');
    is((push_it())[0], 'succeeded', 'allowed again');
    return;
}

sub passwords_must_be_used {
    define($source, 'tgt', $proxies{to_target}->port, 'etl', 'puller', 'wrong');
    fails('a wrong password', '28P01', qr/target: .*password authentication failed/);
    define($source, 'tgt', $proxies{to_target}->port, 'etl', 'puller');
    fails('no password', '2F003', qr/password is required/);
    define($source, 'tgt', $proxies{to_target}->port, 'etl', 'careless', $kTargetPassword);
    fails('a target that does not ask for it', '2F003', qr/password is required/);
    define($source, 'tgt', $proxies{to_target}->port, 'etl', 'puller', $kTargetPassword);
    return;
}

sub runs_are_seen_by_their_owners {
    my ($seen) = run_sql($source, 'SELECT count(*) FROM pagila_repl.run', psql => { extra_params => [ '-U', 'other' ] });
    my ($own) = run_sql($source, q{SELECT count(*) FROM pagila_repl.run WHERE owner = 'other'});
    is($seen, $own, 'nobody sees the runs of others');
    return;
}

sub passwords_stay_where_they_are {
    # While a run is under way there, its rows held up.
    $source->safe_psql('pagila', q{INSERT INTO bird VALUES (3, 'coo')});
    $proxies{to_source}->rule('silence', said => 'COPY');
    my ($out, $err) = ('', '');
    my $caller = IPC::Run::start([ 'psql', '-XAtq', '-U', 'etl', '-d', $source->connstr('pagila'), '-c',
        q{SELECT status FROM pagila_replicate_to('tgt', force => true)} ], '<', \undef, '>', \$out, '2>', \$err);
    ok(wait_until(sub { $proxies{to_source}->fired > 0 }, 60), 'a run is held');
    for my $node ($source, $target) {
        unlike((run_sql($node, 'SELECT a::text FROM pg_stat_activity a'))[0], qr/canary/, $node->name . ': no password in pg_stat_activity');
    }
    unlike((run_command([ 'ps', '-eo', 'args' ]))[0], qr/canary/, 'no password in the list of processes');
    run_sql($source, 'SELECT pagila_cancel(max(run_id)) FROM pagila_repl.run');
    $caller->finish;
    $proxies{to_source}->pass;

    for my $node ($source, $target) {
        my $name = $node->name;
        unlike(slurp_file($node->logfile), qr/canary/, "$name: no password in the log");
        my ($rows) = run_sql($node, 'SELECT r::text FROM pagila_repl.run r; SELECT s::text FROM pagila_repl.run_step s');
        like($rows, qr/password/, 'runs are recorded') if $node == $source;
        unlike($rows, qr/canary/, "$name: no password in a record");
    }
    for my $way (sort keys %proxies) {
        my $bytes = join('', map { slurp_file($_) } glob("$dir/$way/*"));
        like($bytes, qr/SCRAM-SHA-256/, "$way: kept");
        like($bytes, $way eq 'to_target' ? qr/pagila_replicate_from/ : qr/COPY/, "$way: all of it");
        unlike($bytes, qr/canary/, "$way: no password on the wire, of neither side");
    }
    return;
}
