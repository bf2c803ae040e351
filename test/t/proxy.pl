# The relay that other tests put between two servers does what it is told, and nothing else.
use strict;
use warnings;
use lib 'test/t';
use FaultProxy;
use IO::Socket::INET;
use PagilaTest;
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(time);

my $node = PostgreSQL::Test::Cluster->new('proxy');
$node->init;
$node->append_conf('postgresql.conf', "listen_addresses = '127.0.0.1'");
$node->start;
$node->safe_psql('postgres', q{CREATE TABLE numbers AS SELECT n, 'row ' || n AS word FROM generate_series(1, 1000) n});
my $user = getpwuid $<;
my $recorded = PostgreSQL::Test::Utils::tempdir;
my $rows = $node->safe_psql('postgres', 'COPY numbers TO STDOUT');
my $proxy = FaultProxy->start(to => '127.0.0.1:' . $node->port, record => $recorded);

passes();
over_unix_socket();
limits_rate_and_delays();
cuts();
silences();
changes_bytes();
answers_by_itself();
refuses();
stops();
done_testing();

# (stdout, stderr) of psql through the relay.
sub ask {
    my ($sql, %options) = @_;
    my $through = 'host=127.0.0.1 port=' . ($options{proxy} // $proxy)->port . " user=$user dbname=postgres "
      . ($options{conninfo} // '');
    my ($out, $err) = run_command([ 'psql', '-XAtq', '-v', 'VERBOSITY=verbose', '-d', $through, '-c', $sql ]);
    return ($out, $err);
}

sub copies {
    my ($what) = @_;
    my ($out, $err) = ask('COPY numbers TO STDOUT');
    ok($out eq $rows, $what) or diag $err;
    return;
}

sub passes {
    copies('rows come through');
    is($proxy->state->{accepted}, 1, 'connections are counted');
    ok(wait_until(sub { !@{ $proxy->state->{connections} } }, 10), 'one that has ended is forgotten');
    ok(slurp_file("$recorded/1.server") =~ /\trow 1000\n/, 'what the server says is recorded');
    ok(slurp_file("$recorded/1.client") =~ /COPY numbers TO STDOUT/, 'and what the client says');

    my $socket = connection();
    is($proxy->state->{connections}[0]{label}, '', 'a client that has said nothing has no name');
    print $socket startup();
    ok(wait_until(sub { $proxy->state->{connections}[0]{label} =~ /^user $user database postgres/ }, 10),
        'its first message tells');
    close $socket;
    ok(wait_until(sub { !@{ $proxy->state->{connections} } }, 10), 'an end is passed on');
    return;
}

sub over_unix_socket {
    my $other = FaultProxy->start(to => $node->host . '/.s.PGSQL.' . $node->port);
    is((ask('SELECT 1', proxy => $other))[0], '1', 'a server may be reached by its socket');
    return;
}

sub limits_rate_and_delays {
    $proxy->plan(rate => 20000);
    my $start = time;
    copies('rows come through a slow link');
    cmp_ok(time - $start, '>', length($rows) / 20000 * 0.25, 'slowly');
    $proxy->plan(rate => 0, delay => 0.1);
    $start = time;
    copies('rows come through a long link');
    cmp_ok(time - $start, '>', 0.3, 'late');
    $proxy->pass;
    return;
}

sub cuts {
    for my $how ('rst', 'fin') {
        $proxy->rule('cut', how => $how, of => 'copy', at => 5000, match => 'database postgres');
        my ($out, $err) = ask('COPY numbers TO STDOUT');
        ok(length $out < 5000 && index($rows, $out) == 0, "$how: rows up to there come");
        like($err, qr/server closed the connection unexpectedly/, "$how: then the connection has ended");
        is($proxy->fired, 1, "$how: once");
        $proxy->pass;
        $proxy->rule('cut', how => $how, at => 20);
        is((ask('SELECT 1'))[0], '', "$how: while connecting");
        $proxy->pass;
        $proxy->rule('cut', how => $how, said => 'COPY numbers', most => 1);
        is((ask('COPY numbers TO STDOUT'))[0], '', "$how: at a word of the client");
        copies("$how: only so many times");
        $proxy->pass;
        $proxy->rule('cut', how => $how, match => 'somebody else');
        $proxy->rule('cut', how => $how, at => 1, match => 'somebody else');
        copies("$how: only the connection that is meant");
        my $socket = connection();
        $proxy->pass;
        $proxy->rule('cut', how => $how);
        is(sysread($socket, my $byte, 1), $how eq 'rst' ? undef : 0, "$how: now");
        $proxy->pass;
        my $sessions = q{SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'client backend' AND pid <> pg_backend_pid()};
        ok(wait_until(sub { $node->safe_psql('postgres', $sessions) == 0 }, 10), "$how: the server has noticed");
    }
    return;
}

sub silences {
    my $asked = q{SELECT count(*) FROM pg_stat_activity WHERE query = 'SELECT 1, 2'};
    for my $side ('client', 'server') {
        my $socket = session();
        $proxy->rule('silence', side => $side);
        print $socket query('SELECT 1, 2');
        if ($side eq 'client') {
            ok(wait_until(sub { $node->safe_psql('postgres', $asked) == 1 }, 10), 'the server hears a client that hears nothing');
        } else {
            ok(wait_until(sub { $proxy->state->{connections}[0]{bytes}{client} > length startup() }, 10), 'a client has spoken');
            is($node->safe_psql('postgres', $asked), 0, 'to a server that hears nothing');
        }
        ok(!can_read($socket), "$side is silenced: no answer");
        $proxy->pass;
        print $socket query('SELECT 3');
        ok(!can_read($socket), "$side is silenced: for good");
        close $socket;
        $proxy->rule('cut');
        $proxy->pass;
    }
    $proxy->rule('silence', side => 'client', of => 'copy', at => 5000);
    my $socket = session();
    print $socket query('COPY numbers TO STDOUT');
    my $got = '';
    while (can_read($socket)) { sysread($socket, $got, 65536, length $got) }
    ok($got =~ /\trow 100\n/ && $got !~ /\trow 1000\n/, 'silent from a place in the rows on');
    $proxy->rule('cut');
    $proxy->pass;
    return;
}

sub changes_bytes {
    $proxy->rule('flip', of => 'copy', at => 0, match => 'database postgres');
    my ($out, $err) = ask('COPY numbers TO STDOUT');
    ok($out eq chr(ord('1') ^ 0xff) . substr($rows, 1), 'one byte is another');
    is($proxy->fired, 1, 'and no other');
    $proxy->pass;

    $proxy->rule('scramble', of => 'copy', every => 500, seed => 7);
    ($out) = ask('COPY numbers TO STDOUT');
    is(length $out, length $rows, 'scrambled rows are as long');
    my $wrong = () = ($out ^ $rows) =~ /[^\0]/g;
    is($wrong, $proxy->fired, 'bytes are others');
    cmp_ok($wrong, '>', 5, 'some');
    cmp_ok($wrong, '<', 100, 'but not many');
    $proxy->pass;
    $proxy->rule('scramble', of => 'copy', every => 500, seed => 7);
    ok((ask('COPY numbers TO STDOUT'))[0] eq $out, 'the same for the same seed');
    $proxy->pass;

    my %changed = (
        replace => $rows =~ s/row 500$/row five hundred/mr,
        drop => $rows =~ s/^500\t.*\n//mr,
        duplicate => $rows =~ s/^(500\t.*\n)/$1$1/mr);
    $proxy->rule('replace', find => "row 500\n", with => "row five hundred\n");
    is((ask('COPY numbers TO STDOUT'))[0], $changed{replace}, 'a row says something else');
    $proxy->pass;
    for my $action ('drop', 'duplicate') {
        $proxy->rule($action, at => 500);
        is((ask('COPY numbers TO STDOUT'))[0], $changed{$action}, "row: $action");
        $proxy->pass;
    }
    copies('rows come through again');
    return;
}

sub answers_by_itself {
    $proxy->plan(ssl => 'no');
    like((ask('SELECT 1', conninfo => 'sslmode=require'))[1], qr/does not support SSL/, 'a server without encryption');
    is((ask('SELECT 1', conninfo => 'sslmode=prefer'))[0], '1', 'suits who does not insist');
    $proxy->plan(ssl => 'garbage', garbage => 'XYZ');
    like((ask('SELECT 1', conninfo => 'sslmode=prefer'))[1], qr/invalid response to SSL negotiation: X/, 'one that does not know');
    $proxy->plan(ssl => 'pass', new => 'garbage', garbage => "HTTP/1.1 400 Bad Request\r\n\r\n");
    like((ask('SELECT 1'))[1], qr/expected authentication request/, 'garbage is the answer');
    $proxy->pass;
    return;
}

sub refuses {
    for my $new ('refuse', 'reset') {
        $proxy->plan(new => $new);
        like((ask('SELECT 1'))[1], $new eq 'refuse' ? qr/refused/ : qr/reset by peer|closed the connection unexpectedly/, "$new: no connection");
    }
    $proxy->plan(new => 'silence');
    my $socket = connection();
    print $socket startup();
    ok(!can_read($socket), 'a connection with nobody there');
    $proxy->pass;
    copies('new connections are welcome again');
    close $socket;
    return;
}

sub stops {
    is(eval { $proxy->rule('explode'); 1 }, undef, 'unknown rules are refused');
    is(eval { $proxy->plan(colour => 'red'); 1 }, undef, 'unknown plans are refused');
    my $socket = session();
    my $pid = $proxy->pid;
    $proxy->stop;
    ok(!kill(0, $pid), 'the relay ends');
    is(sysread($socket, my $byte, 1), 0, 'and its connections with it');
    return;
}

sub connection {
    my $accepted = $proxy->state->{accepted};
    my $socket = IO::Socket::INET->new(PeerAddr => '127.0.0.1:' . $proxy->port) or die "connect: $!";
    ok(wait_until(sub { $proxy->state->{accepted} > $accepted }, 10), 'a connection');
    return $socket;
}

sub startup {
    my $words = "user\0$user\0database\0postgres\0application_name\0client\0\0";
    return pack('NN', 8 + length $words, 196608) . $words;
}

# A connection that is ready for queries.
sub session {
    my $socket = connection();
    print $socket startup();
    my $got = '';
    while ($got !~ /Z\0\0\0\x05I$/) { sysread($socket, $got, 65536, length $got) or die "no session: $got" }
    return $socket;
}

sub query {
    my ($sql) = @_;
    return pack('aN', 'Q', 5 + length $sql) . "$sql\0";
}

# Half a second is long enough for an answer that comes at once, and its coming fails the test.
sub can_read {
    my ($socket) = @_;
    my $ready = '';
    vec($ready, fileno($socket), 1) = 1;
    return select($ready, undef, undef, 0.5) > 0;
}
