# Connections to sources: who gets in with whose credentials, what a broken or hostile way there leads to, and that
# passwords stay where they are. Every failure is a run that failed, with the SQLSTATE that tells why.
use strict;
use warnings;
use lib 'test/t';
use FaultProxy;
use IO::Socket::INET;
use IPC::Run ();
use PagilaTest;
use PostgreSQL::Test::Utils;
use Socket qw(:DEFAULT);
use Test::More;

leave_to_long_tests();
use Time::HiRes qw(time);

# What a cancel is to need is a second; the limit is for machines that are busy with something else.
my $kLimit = 30;
my $kSecret = 'canary-in-a-mapping';
my $kElsewhere = 'canary-in-the-environment';

my $dir = PostgreSQL::Test::Utils::tempdir;
my $system_user = getpwuid $<;
my $source = make_source();
my $target = make_target();

missing_things_are_told();
refusals_keep_their_state();
the_environment_decides_nothing();
only_passwords_let_users_in();
hosts_can_be_limited();
silence_ends_and_can_be_cancelled();
off_host_connections_are_verified();
old_libpq_is_warned_of();
texts_of_the_source_are_harmless();
passwords_stay_in_mappings();
done_testing();

# A source with one role per way of being let in, and TLS.
sub make_source {
    my $node = new_node('connections_source', conf => "listen_addresses = '127.0.0.1'\npassword_encryption = 'scram-sha-256'\n");
    make_certificates();
    $node->append_conf('postgresql.conf',
        "ssl = on\nssl_ca_file = '$dir/ca.crt'\nssl_cert_file = '$dir/right.crt'\nssl_key_file = '$dir/right.key'\n");
    write_file($node->data_dir . '/pg_hba.conf', join("\n",
        'local all all peer',
        'host all trusted 127.0.0.1/32 trust',
        'host all rejected 127.0.0.1/32 reject',
        'host all clear 127.0.0.1/32 password',
        'host all all 127.0.0.1/32 scram-sha-256') . "\n");
    $node->restart;
    $node->safe_psql('pagila', "SET log_statement = none; SET log_min_error_statement = panic;
        CREATE TABLE bird (id integer PRIMARY KEY, song text); INSERT INTO bird VALUES (1, 'tweet');
        CREATE ROLE scram LOGIN PASSWORD '$kSecret'; CREATE ROLE clear LOGIN PASSWORD '$kSecret';
        CREATE ROLE crowded LOGIN PASSWORD '$kSecret' CONNECTION LIMIT 0; CREATE ROLE env LOGIN PASSWORD '$kElsewhere';
        CREATE ROLE trusted LOGIN; CREATE ROLE rejected LOGIN PASSWORD '$kSecret'; CREATE ROLE barred NOLOGIN PASSWORD '$kSecret';
        GRANT SELECT ON bird TO PUBLIC");
    return $node;
}

# A target whose log says as much as it can, and whose environment is full of temptations.
sub make_target {
    my $node = new_node('connections_target', conf => "log_statement = all\nlog_min_messages = debug1\n");
    write_file("$dir/passwords", "*:*:*:*:$kElsewhere\n");
    chmod 0600, "$dir/passwords";
    write_file("$dir/services", "[temptation]\nhost=127.0.0.1\nport=" . $source->port . "\nuser=env\npassword=$kElsewhere\n");
    {
        local %ENV = (%ENV, PGPASSWORD => $kElsewhere, PGPASSFILE => "$dir/passwords", PGSERVICE => 'temptation',
            PGSERVICEFILE => "$dir/services", PGUSER => 'env', PGHOSTADDR => '127.0.0.2', PGDATABASE => 'template1',
            PGSSLMODE => 'disable', PGSSLROOTCERT => "$dir/other_ca.crt", PGOPTIONS => '-c search_path=nowhere',
            PGTZ => 'No/Where', PGTARGETSESSIONATTRS => 'standby',
            PGCHANNELBINDING => 'disable', PGCONNECT_TIMEOUT => 1, PGREQUIREPEER => 'nobody', PGGSSENCMODE => 'require');
        $node->restart;
    }
    $node->safe_psql('pagila', q{CREATE ROLE etl LOGIN; GRANT pagila_repl_operator TO etl; GRANT CREATE ON DATABASE pagila TO etl;
        ALTER SCHEMA public OWNER TO etl});
    return $node;
}

# An authority, another one, and certificates with the right name and a wrong one.
sub make_certificates {
    openssl('req', '-new', '-x509', '-days', '7', '-nodes', '-subj', "/CN=$_", '-keyout', "$dir/$_.key", '-out', "$dir/$_.crt")
      for 'ca', 'other_ca';
    my %made = (right => [ 'ca', 'IP:127.0.0.1' ], wrong_name => [ 'ca', 'DNS:elsewhere.example.com' ],
        wrong_ca => [ 'other_ca', 'IP:127.0.0.1' ]);
    for my $name (sort keys %made) {
        my ($authority, $subject) = @{ $made{$name} };
        my $extension = write_file("$dir/$name.ext", "subjectAltName=$subject\n");
        openssl('req', '-new', '-nodes', '-subj', "/CN=$name", '-keyout', "$dir/$name.key", '-out', "$dir/$name.csr");
        openssl('x509', '-req', '-days', '7', '-in', "$dir/$name.csr", '-CA', "$dir/$authority.crt", '-CAkey',
            "$dir/$authority.key", '-CAcreateserial', '-extfile', $extension, '-out', "$dir/$name.crt");
    }
    chmod 0600, glob("$dir/*.key");
    return;
}

sub openssl {
    my (@arguments) = @_;
    my ($out, $err) = run_command([ 'openssl', @arguments ]);
    die "openssl @arguments: $err" if !-s $arguments[-1];
    return;
}

# Makes the foreign server "source" anew, with a user mapping for both roles. undef takes an option away.
sub define_source {
    my (%options) = @_;
    my %server = (host => '127.0.0.1', port => $source->port, dbname => 'pagila', %{ $options{server} // {} });
    my %mapping = (user => 'scram', password => $kSecret, %{ $options{mapping} // {} });
    my ($server, $mapping) = map { my $o = $_; join(', ', map { "$_ " . literal($o->{$_}) } sort grep { defined $o->{$_} } keys %$o) }
      \%server, \%mapping;
    $_ = $_ eq '' ? '' : "OPTIONS ($_)" for $server, $mapping;
    $target->safe_psql('pagila', qq{SET log_statement = none; SET log_min_error_statement = panic; SET client_min_messages = error;
        DROP SERVER IF EXISTS source CASCADE;
        CREATE SERVER source FOREIGN DATA WRAPPER pagila_repl $server;
        GRANT USAGE ON FOREIGN SERVER source TO etl;
        CREATE USER MAPPING FOR etl SERVER source $mapping; CREATE USER MAPPING FOR CURRENT_USER SERVER source $mapping});
    return;
}

sub literal {
    my ($text) = @_;
    $text =~ s/(['\\])/$1$1/g;
    return "E'$text'";
}

# (status, messages) of a pull by the role etl, or another.
sub pull {
    my ($role, $server) = @_;
    # Roles take turns, and what belongs to another was altered.
    my ($out, $err) = run_sql($target, pull_sql($server // 'source', force => 'true', workers => 1, on_modified => "'overwrite'"),
        psql => { extra_params => [ '-U', $role // 'etl' ] });
    return ($out, $err);
}

sub succeeds {
    my ($what, $role) = @_;
    my ($status, $err) = pull($role);
    is($status, 'succeeded', $what) or diag $err;
    return;
}

# The pull fails with that SQLSTATE, and so it is recorded. Returns the messages.
sub fails {
    my ($what, $state, %options) = @_;
    my (undef, $err) = pull($options{role}, $options{server});
    is(sqlstate_of($err), $state, $what) or diag $err;
    is(last_run($target, 'status, sqlstate'), "failed|$state", "$what: it is recorded");
    return $err;
}

sub missing_things_are_told {
    $target->safe_psql('pagila', 'CREATE FOREIGN DATA WRAPPER other; CREATE SERVER other FOREIGN DATA WRAPPER other');
    like(fails('a server that does not exist', '42704', server => 'nowhere'), qr/HINT:  CREATE SERVER "nowhere"/, 'and how to make one');
    fails('a server of another wrapper', '42809', server => 'other');
    define_source();
    $target->safe_psql('pagila', 'DROP USER MAPPING FOR etl SERVER source');
    like(fails('no user mapping', '42704'), qr/HINT:  CREATE USER MAPPING FOR "etl" SERVER "source"/, 'and how to make one');
    $target->safe_psql('pagila', 'REVOKE USAGE ON FOREIGN SERVER source FROM etl');
    like(fails('no right to use it', '42501'), qr/HINT:  GRANT USAGE ON FOREIGN SERVER "source" TO "etl"/, 'and how to grant it');
    define_source(server => { host => undef });
    fails('no host, whatever PGHOST says', 'HV00J');
    define_source(server => { dbname => undef });
    fails('no database, whatever PGDATABASE says', 'HV00J');
    define_source(mapping => { user => undef });
    fails('no user, whatever PGUSER says', 'HV00J');
    define_source();
    like(fails('a superuser and a server that is not trusted', '42501', role => $system_user),
        qr/HINT:  .*ALTER SERVER "source" OPTIONS \(ADD trusted 'true'\)/, 'and how to trust it');
    define_source(server => { trusted => 'true' });
    succeeds('a superuser and a trusted server', $system_user);
    $target->safe_psql('pagila', 'ALTER SCHEMA public OWNER TO etl; ALTER TABLE bird OWNER TO etl');
    return;
}

sub refusals_keep_their_state {
    define_source(mapping => { password => 'wrong' });
    fails('a wrong password', '28P01');
    define_source(mapping => { user => 'nobody' });
    fails('a role that does not exist', '28P01');
    define_source(mapping => { user => 'barred' });
    fails('a role that may not log in', '28000');
    define_source(mapping => { user => 'rejected' });
    fails('a role that is rejected', '28000');
    define_source(mapping => { user => 'crowded' });
    fails('a role with too many connections', '53300');
    define_source(server => { dbname => 'nowhere' });
    fails('a database that does not exist', '3D000');
    define_source(server => { host => 'nowhere.invalid', sslmode => 'prefer' });
    fails('a host that does not exist', '08001');
    define_source(server => { port => PostgreSQL::Test::Cluster::get_free_port() });
    fails('a port where nobody listens', '08001');
    define_source(server => { port => PostgreSQL::Test::Cluster::get_free_port() . ',' . $source->port, host => '127.0.0.1,127.0.0.1' });
    succeeds('the second of two hosts');
    define_source();
    $source->stop;
    fails('a source that is down', '08001');
    $source->start;
    succeeds('and up again');
    return;
}

# The postmaster's environment has a password, a password file and a service that would do.
sub the_environment_decides_nothing {
    define_source();
    succeeds('options of the server go before the environment');
    define_source(server => { trusted => 'true' }, mapping => { user => 'env', password => undef });
    my $err = fails('no password is taken from elsewhere', '08001', role => $system_user);
    like($err, qr/no password supplied/, 'for there is none');
    return;
}

sub only_passwords_let_users_in {
    define_source(mapping => { user => 'trusted' });
    my $err = fails('a source that trusts this host', '2F003');
    like($err, qr/has let us in without asking/, 'for the password was not asked for');
    define_source(server => { host => $source->host }, mapping => { user => $system_user });
    fails('a source that trusts the user we run as', '2F003');
    define_source(mapping => { user => 'env', password => undef });
    fails('a password in the environment, a file or a service', '2F003');
    define_source(mapping => { user => 'trusted', password => undef });
    fails('no password at all', '2F003');
    is($source->safe_psql('pagila', "SELECT count(*) FROM pg_stat_activity WHERE application_name LIKE 'pagila_repl%'"), '0',
        'nobody has stayed connected');
    define_source(mapping => { user => 'trusted', password => undef, password_required => 'false' });
    succeeds('a superuser may let them in without');
    define_source(server => { host => $source->host, trusted => 'true' }, mapping => { user => $system_user, password => undef });
    succeeds('superusers need none', $system_user);
    $target->safe_psql('pagila', 'ALTER SCHEMA public OWNER TO etl; ALTER TABLE bird OWNER TO etl');
    return;
}

sub hosts_can_be_limited {
    my $set = sub {
        my ($hosts) = @_;
        $target->append_conf('postgresql.conf', "pagila_repl.allowed_hosts = '$hosts'");
        $target->reload;
        ok(wait_until(sub { (run_sql($target, "LOAD 'pagila_repl'; SHOW pagila_repl.allowed_hosts"))[0] eq $hosts }, 10),
            "allowed hosts: '$hosts'");
    };
    define_source();
    $set->('db.example.com, 127.0.0.2');
    fails('a host that is not allowed', '42501');
    define_source(server => { host => 'db.example.com', hostaddr => '127.0.0.1' });
    fails('an address behind an allowed name', '42501');
    define_source(server => { host => 'db.example.com,127.0.0.1' });
    fails('a host that is not allowed after one that is', '42501');
    $set->('db.example.com, 127.0.0.1');
    define_source();
    succeeds('a host that is allowed');
    $set->('');
    return;
}

# Starts a pull that is not waited for.
sub start_pull {
    my ($out, $err) = ('', '');
    return IPC::Run::start([ 'psql', '-XAtq', '-v', 'VERBOSITY=verbose', '-U', 'etl', '-d', $target->connstr('pagila'), '-c',
        pull_sql('source', force => 'true') ], '<', \undef, '>', \$out, '2>', \$err);
}

sub silence_ends_and_can_be_cancelled {
    my $proxy = FaultProxy->start(to => '127.0.0.1:' . $source->port);
    $proxy->plan(new => 'silence');
    define_source(server => { port => $proxy->port, connect_timeout => 1 });
    like(fails('a host that says nothing', '08001'), qr/no connection within the time allowed/, 'for it takes too long');
    $target->safe_psql('pagila', "LOAD 'pagila_repl'; ALTER ROLE etl SET pagila_repl.connect_timeout = '500ms'");
    define_source(server => { port => $proxy->port });
    fails('the same with the setting', '08001');
    $target->safe_psql('pagila', "LOAD 'pagila_repl'; ALTER ROLE etl RESET pagila_repl.connect_timeout");

    my $accepted = $proxy->state->{accepted};
    cancelled_while_connecting('a host that says nothing', $proxy->port, sub { $proxy->state->{accepted} > $accepted });
    $proxy->pass;
    succeeds('once the host speaks the run succeeds');
    $proxy->stop;

    # Where the queue of those who want to connect is full, packets get no answer.
    socket(my $deaf, PF_INET, SOCK_STREAM, 0) or die "socket: $!";
    bind($deaf, pack_sockaddr_in(0, INADDR_LOOPBACK)) && listen($deaf, 0) or die "listen: $!";
    my ($port) = unpack_sockaddr_in(getsockname($deaf));
    my @queue = map { IO::Socket::INET->new(PeerAddr => "127.0.0.1:$port", Blocking => 0) } 1 .. 4;
    my $unanswered = sub {
        my $sent = sprintf('%08X:%04X 02 ', unpack('V', INADDR_LOOPBACK), $port);
        return scalar(() = slurp_file('/proc/net/tcp') =~ /$sent/g);
    };
    ok(wait_until(sub { $unanswered->() > 0 }, 10), 'a host whose queue is full');
    define_source(server => { port => $port, connect_timeout => 1 });
    like(fails('a host that does not answer', '08001'), qr/no connection within the time allowed/, 'for it takes too long');
    my $waiting = $unanswered->();
    cancelled_while_connecting('a host that does not answer', $port, sub { $unanswered->() > $waiting });
    return;
}

sub cancelled_while_connecting {
    my ($what, $port, $is_connecting) = @_;
    define_source(server => { port => $port, connect_timeout => 600 });
    my $caller = start_pull();
    ok(wait_until($is_connecting, 60), "$what: a run waits for it");
    my $start = time;
    run_sql($target, 'SELECT pagila_cancel(max(run_id)) FROM pagila_repl.run');
    ok(wait_until(sub { !$caller->pumpable || (eval { $caller->pump_nb; 1 } && 0) }, $kLimit), "$what: it can be cancelled");
    note sprintf('%s: after %.2f s', $what, time - $start);
    $caller->finish;
    is(last_run($target, 'status, sqlstate'), 'cancelled|57014', "$what: and is recorded as cancelled");
    return no_residue($target, "$what: cancelled");
}

# A libpq that lacks fixes connects to nobody. Here it only says so.
# Starts the target with a libpq that says it has this version. False where that cannot be done.
sub restart_with_libpq {
    my ($version) = @_;
    my $fake = write_file("$dir/libpq_$version.c", "int PQlibVersion(void) { return $version; }\n");
    run_command([ 'cc', '-shared', '-fPIC', '-o', "$dir/libpq_$version.so", $fake ]);
    return 0 unless -e "$dir/libpq_$version.so";
    local %ENV = (%ENV, LD_PRELOAD => "$dir/libpq_$version.so");
    $target->restart;
    return 1;
}

sub old_libpq_is_warned_of {
    local $PagilaTest::tells_of_libpq = 1;
    return note 'no C compiler: a libpq that is too old is not tried' unless restart_with_libpq(150014);
    my $faults = qr/libpq 15\.14 is older than 15\.20, not fixed in it: CVE-2025-12818 \(.*\), CVE-2026-6477 \(.*\), waiting for encrypted data/;
    my $is_warned_of = sub {
        my ($what, $sql, $status, @as) = @_;
        my ($out, $err) = run_sql($target, $sql, psql => { extra_params => \@as });
        is($out, $status, $what) or diag $err;
        my @warnings = $err =~ /WARNING: .*?(libpq.*)/g;
        is(scalar @warnings, 1, "$what: one warning");
        like($warnings[0], qr/^$faults/, "$what: it names what is not fixed");
        like(last_run($target, 'message'), qr/; (here )?$faults/, "$what: so does the run");
    };
    define_source();
    my $pull = pull_sql('source', workers => 2, on_modified => "'overwrite'");
    $is_warned_of->('a run with an old libpq', pull_sql('source', force => 'true', workers => 2, on_modified => "'overwrite'"), 'succeeded', '-U', 'etl');
    $is_warned_of->('one that has nothing to do', $pull, 'skipped', '-U', 'etl');
    my ($row) = run_sql($target, "SELECT status, sqlstate, message, hint FROM pagila_check('source') WHERE subject = 'libpq'",
        psql => { extra_params => [ '-U', 'etl' ] });
    like($row, qr/^warning\|\|$faults.*\|Update libpq /, 'pagila_check says so too');
    is((run_sql($target, "SELECT count(*) FROM pagila_check('source') WHERE subject = 'libpq'", psql => { extra_params => [ '-U', 'etl' ] }))[0],
        1, 'once');
    old_libpq_asks_the_target($is_warned_of);
    old_libpq_is_refused_if_asked_for($pull);
    for my $right (some_of(2, 150020, 190000)) {
        restart_with_libpq($right);
        my ($out, $err) = run_sql($target, $pull, psql => { extra_params => [ '-U', 'etl' ] });
        is($out, 'skipped', "libpq $right");
        is($err, '', "libpq $right: no warning");
        is((run_sql($target, "SELECT count(*) FROM pagila_check('source') WHERE subject = 'libpq'", psql => { extra_params => [ '-U', 'etl' ] }))[0],
            0, "libpq $right: nothing to check");
    }
    restart_with_libpq(150019);
    like((pull())[1], qr/WARNING: .*libpq 15\.19 is older than 15\.20, what is not fixed in it is not known/, 'what is not known is not named');
    $target->restart;
    succeeds('with the right one');
    return;
}

# A run for which another server does the work.
sub old_libpq_asks_the_target {
    my ($is_warned_of) = @_;
    define_source(server => { host => $source->host, trusted => 'true' }, mapping => { user => $system_user, password => undef });
    $target->safe_psql('pagila', 'CREATE SCHEMA nest CREATE TABLE egg (id integer)');
    $source->safe_psql('pagila', "CREATE SERVER target FOREIGN DATA WRAPPER pagila_repl
        OPTIONS (host '" . $target->host . "', port '" . $target->port . "', dbname 'pagila', trusted 'true');
        CREATE USER MAPPING FOR CURRENT_USER SERVER target OPTIONS (user '$system_user')");
    $is_warned_of->('a run of the target', "SELECT status FROM pagila_replicate_to('source', schemas => '{nest}')", 'succeeded');
    my ($out, $err) = run_sql($target, "SET pagila_repl.old_libpq = error; SELECT status FROM pagila_replicate_to('source', schemas => '{nest}')",
        psql => { extra_params => [ '-v', 'ON_ERROR_STOP=1' ] });
    is(sqlstate_of($err), '0A000', 'a run of the target can be refused');
    unlike($err, qr/WARNING/, 'without a warning');
    $source->safe_psql('pagila', 'DROP SERVER target CASCADE; DROP SCHEMA nest CASCADE');
    $target->safe_psql('pagila', 'DROP SCHEMA nest CASCADE');
    define_source();
    return;
}

sub old_libpq_is_refused_if_asked_for {
    my ($pull) = @_;
    $target->safe_psql('pagila', "LOAD 'pagila_repl'; ALTER DATABASE pagila SET pagila_repl.old_libpq = 'error'");
    my $err = fails('an old libpq where the database refuses one', '0A000');
    like($err, qr/libpq 15\.14 is too old to connect with/, 'which is told');
    like($err, qr/DETAIL:  libpq 15\.14 is older than 15\.20, not fixed in it: CVE-2025-12818/, 'with what is not fixed');
    like($err, qr/HINT:  .*pagila_repl\.old_libpq/, 'and what refuses it');
    unlike($err, qr/WARNING/, 'without a warning');
    for my $looking (qw(pagila_check pagila_plan)) {
        (undef, $err) = run_sql($target, "SELECT * FROM $looking('source')", psql => { extra_params => [ '-U', 'etl' ] });
        is(sqlstate_of($err), '0A000', "$looking: refused");
    }
    for my $value (qw(warn error)) {
        (undef, $err) = run_sql($target, "SELECT pagila_identify(); SET pagila_repl.old_libpq = $value", psql => { extra_params => [ '-U', 'etl' ] });
        is(sqlstate_of($err), '42501', "a role that is no superuser may not set it to $value");
    }
    (undef, $err) = run_sql($target, "SET pagila_repl.old_libpq = warn; $pull", psql => { extra_params => [ '-U', 'etl' ] });
    like($err, qr/ERROR:  0A000: libpq 15\.14 is too old/, 'nor before the module is there');
    define_source(server => { trusted => 'true' });
    (my $out, $err) = run_sql($target, "LOAD 'pagila_repl'; SET pagila_repl.old_libpq = warn; "
        . pull_sql('source', force => 'true', workers => 2, on_modified => "'overwrite'"));
    is($out, 'succeeded', 'a superuser may, and the workers do as he says') or diag $err;
    $target->safe_psql('pagila', "ALTER DATABASE pagila RESET pagila_repl.old_libpq; ALTER SCHEMA public OWNER TO etl; ALTER TABLE bird OWNER TO etl");
    (undef, $err) = run_sql($target, "LOAD 'pagila_repl'; SET pagila_repl.old_libpq = error; $pull");
    is(sqlstate_of($err), '0A000', 'in one session alone it can be refused, too');
    define_source();
    succeeds('which no other has to do with');
    return;
}

# 127.1 is an address of this machine too, but nothing that is known to be: so it is taken for any other host.
sub off_host_connections_are_verified {
    my %verified = (host => '127.1', sslrootcert => "$dir/ca.crt");
    my $certificate = sub {
        $source->append_conf('postgresql.conf', "ssl_cert_file = '$dir/$_[0].crt'\nssl_key_file = '$dir/$_[0].key'");
        $source->restart;
    };
    define_source(server => \%verified);
    succeeds('a source with the right certificate');
    my $log = slurp_file($source->logfile);
    define_source(server => { host => '127.1', sslrootcert => "$dir/none.crt" });
    like(fails('no authority to trust', '08001'), qr/HINT:  .*sslrootcert/, 'and how to name one');
    define_source(server => { host => '127.1', sslrootcert => "$dir/other_ca.crt" });
    fails('a source of another authority', '08001');

    my $proxy = FaultProxy->start(to => '127.0.0.1:' . $source->port);
    $proxy->plan(ssl => 'no');
    define_source(server => { %verified, port => $proxy->port });
    fails('a relay that says there is no encryption', '08001');
    $proxy->stop;

    define_source(server => \%verified, mapping => { user => 'clear' });
    my $err = fails('a source that asks for the password itself', '08001');
    like($err, qr/channel binding required/, 'for it would learn it');
    define_source(server => { %verified, channel_binding => 'prefer' }, mapping => { user => 'clear' });
    succeeds('which a superuser may allow');

    $certificate->('wrong_ca');
    define_source(server => \%verified);
    fails('a certificate of another authority', '08001');
    $certificate->('wrong_name');
    fails('a certificate for another name', '08001');
    define_source(server => { %verified, sslmode => 'verify-ca' });
    succeeds('which a superuser may allow');
    $certificate->('right');
    return;
}

# A message of the protocol.
sub message {
    my ($type, $body) = @_;
    return $type . pack('N', 4 + length $body) . $body;
}

sub error_message {
    my ($severity, $state, $text) = @_;
    return message('E', "S$severity\0V$severity\0C$state\0M$text\0D$text\0H$text\0W$text\0\0");
}

sub texts_of_the_source_are_harmless {
    my $fake_line = "\n2020-02-02 02:02:02.000 UTC [1] PANIC:  fake";
    my $text = "%n%s%99999d$fake_line\r\t\e[31m\x7f\xC2\x9B31m\xE2\x80\xAE'; DROP TABLE bird; --" . 'x' x 5000;
    my $ready = message('R', pack('N', 0)) . message('S', "server_version\x0015.20\0") . message('S', "client_encoding\0UTF8\0")
      . message('K', pack('NN', 1, 2)) . message('Z', 'I');
    my $proxy = FaultProxy->start(to => '127.0.0.1:' . $source->port);
    define_source(server => { port => $proxy->port, sslmode => 'disable', trusted => 'true', connect_timeout => 2 });

    my @answers = (
        [ 'as it refuses', error_message('FATAL', '42P01', $text), '42P01' ],
        [ 'as a statement fails', $ready . error_message('ERROR', '42P02', $text) . message('Z', 'I'), '42P02' ],
        [ 'as a success that is an error', $ready . error_message('ERROR', '00000', $text) . message('Z', 'I'), '08P01' ],
        [ 'in bytes that are not of our encoding', $ready . error_message('ERROR', '42P03', "\xff\xfe$text") . message('Z', 'I'), '42P03' ],
    );
    for my $answer (@answers) {
        my ($what, $bytes, $state) = @$answer;
        my $since = -s $target->logfile;
        $proxy->plan(new => 'garbage', garbage => $bytes);
        my $err = fails("what a source says $what", $state, role => $system_user);
        $proxy->pass;
        unlike($err, qr/[^\n[:print:]\t]/, "$what: no control characters for the caller");
        my $row = last_run($target, 'error_message, error_detail, error_hint, error_context');
        unlike($row, qr/[^\n[:print:]]/, "$what: nor in the record");
        like($row, qr/^source: /, "$what: the message says whose it is");
        like($row, qr/%n%s%99999d(\\n|\|)2020/, "$what: the text is there");
        like($row, qr/server "source"/, "$what: the context names the server");
        my $log = slurp_file($target->logfile, $since);
        unlike($log, qr/^2020-02-02/m, "$what: no line of its own in the log");
        my ($longest) = run_sql($target, q{SELECT max(GREATEST(length(error_message), length(error_detail), length(error_hint),
            length(error_context))) < 1400 FROM pagila_repl.run});
        is($longest, 't', "$what: it is cut");
    }
    for my $nonsense (some_of 3, "\0" x 100, "HTTP/1.1 400 Bad Request\r\n\r\n", "E\xff\xff\xff\xff", message('R', pack('N', 99)),
        $ready . message('T', "\0\5"), $ready . message('D', "\0\1\x7f\xff\xff\xff"), $ready . "\x01\x02\x03\x04\x05\x06") {
        $proxy->plan(new => 'garbage', garbage => $nonsense);
        my (undef, $err) = pull($system_user);
        $proxy->pass;
        like(sqlstate_of($err), qr/^08/, 'nonsense is an error of the connection') or diag $err;
    }
    $proxy->stop;
    return;
}

sub passwords_stay_in_mappings {
    # While a run is under way: in what others see of the sessions and of the processes.
    my $proxy = FaultProxy->start(to => '127.0.0.1:' . $source->port);
    define_source(server => { port => $proxy->port, sslmode => 'disable' });
    $proxy->rule('silence', said => 'pg_export_snapshot');
    my $caller = start_pull();
    ok(wait_until(sub { $proxy->fired > 0 }, 60), 'a run is held');
    for my $node ($target, $source) {
        my ($sessions) = run_sql($node, "SELECT a::text FROM pg_stat_activity a");
        unlike($sessions, qr/canary/, $node->name . ': no password in pg_stat_activity');
    }
    my ($processes) = run_command([ 'ps', '-eo', 'args' ]);
    unlike($processes, qr/canary/, 'no password in the list of processes');
    run_sql($target, 'SELECT pagila_cancel(max(run_id)) FROM pagila_repl.run');
    $caller->finish;
    $proxy->stop;

    # After all of the above.
    for my $node ($target, $source) {
        unlike(slurp_file($node->logfile), qr/canary/, $node->name . ': no password in the log');
    }
    my ($rows) = run_sql($target, 'SELECT r::text FROM pagila_repl.run r; SELECT s::text FROM pagila_repl.run_step s');
    like($rows, qr/password/, 'runs are recorded');
    unlike($rows, qr/canary/, 'no password in a record');
    my ($dump) = run_command([ 'pg_dump', '--no-sync', '-U', 'etl', '--schema=public', $target->connstr('pagila') ]);
    unlike($dump, qr/canary/, 'no password in a dump by the role that copies');
    return;
}
