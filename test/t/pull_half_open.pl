# A network that goes away without a word: no packet arrives any more, on either side. Both servers find out by themselves, by
# the keepalives that each run sets, so no session is left to hold back the source's vacuum.
# Needs a network of its own, which not every container allows to make.
use strict;
use warnings;
use lib 'test/t';

# Before the modules below take the standard output for the log.
BEGIN {
    my @own_network = qw(unshare --user --map-current-user --keep-caps --net);
    if (!$ENV{PR_OWN_NETWORK} && system("@own_network ip link set lo up 2>/dev/null") == 0) {
        $ENV{PR_OWN_NETWORK} = 1;
        exec(@own_network, $^X, $0) or die "unshare: $!";
    }
}
use PagilaTest;
use PullTest;
use PostgreSQL::Test::Utils;
use Test::More;

leave_to_long_tests();
use Time::HiRes qw(time);

plan skip_all => 'no network namespace can be made' unless $ENV{PR_OWN_NETWORK};

# Loopback addresses are as good as a host's: without its address packets go nowhere.
my $address = '10.77.0.2';
system_or_bail('ip', 'link', 'set', 'lo', 'up');
system_or_bail('ip', 'address', 'add', "$address/32", 'dev', 'lo');
# What is not here is lost, not refused.
system_or_bail('ip', 'route', 'add', 'blackhole', 'default');

# Where each pair of servers loses its network, all at the same time, since each then waits for half a minute.
# What the other has to say while rows are copied does not fit into the buffers, so it is in the midst of it.
my %rows = ('shape:1' => 1000, 'copy:1' => 200_000, 'verify:1' => 1000);
my %tests;
for my $point (some_of(2, sort keys %rows)) {
    $tests{$point} = PullTest->new('half_open_' . ($point =~ s/:.*//r), rows => $rows{$point},
        server => { host => $address, sslmode => 'disable' },
        source => { conf => "listen_addresses = '$address'\n", hba => "host all all $address/32 trust\n" });
}
$tests{$_}->hold("network lost at $_", $_) for sort keys %tests;
system_or_bail('ip', 'address', 'del', "$address/32", 'dev', 'lo');
my $start = time;
$_->let_go for values %tests;
# Half a minute, and some more for a busy machine.
my $kLimit = 45;
for my $point (sort keys %tests) {
    my ($what, $test) = ("network lost at $point", $tests{$point});
    $test->is_over_within($what, $kLimit - (time - $start));
    ok(wait_until(sub { sessions($test->{source}) == 0 }, $kLimit - (time - $start)), "$what: the source has ended the sessions");
    note sprintf('%s: both know after %.1f s', $what, time - $start);
}
system_or_bail('ip', 'address', 'add', "$address/32", 'dev', 'lo');
for my $point (sort keys %tests) {
    my ($what, $test) = ("network lost at $point", $tests{$point});
    $test->fails($what, [ '08006', '08001' ]);
    $test->heals($what);
    no_secret($test->{source}, $test->{target});
}
done_testing();

sub sessions {
    my ($source) = @_;
    return $source->safe_psql('postgres', q{SELECT count(*) FROM pg_stat_activity WHERE datname = 'pagila'
      AND backend_type = 'client backend' AND application_name <> current_setting('application_name')});
}
