# The tests' handle on test/proxy/fault_proxy, a relay of its own process between a target and its source.
#
#   my $proxy = FaultProxy->start(to => "127.0.0.1:$port");   # or the path of a socket; record => directory
#   $proxy->port
#   $proxy->plan(...)     what all connections get; several at a time:
#       new => 'pass' | 'refuse' | 'reset' | 'silence' | 'garbage'     new connections; garbage => bytes to answer
#       ssl => 'pass' | 'no' | 'garbage'          'no': the relay itself answers that there is no encryption
#       rate => bytes per second and way, 0: any; delay => seconds that every byte is held up
#   $proxy->rule(ACTION, ...)   what happens to some connections:
#       cut       how => 'rst' | 'fin'            the connection ends on both sides
#       silence   side => 'client' | 'server'     that side hears nothing more; both unless told
#       flip      at => N                         that byte of a stream is another
#       scramble  every => N, seed => S           about every Nth byte of a stream is another
#       replace   find => bytes, with => bytes    in a row of COPY
#       drop, duplicate   at => N                 the Nth row (CopyData message) of the connection; all unless told
#     match => text     only connections whose startup message says this (application name, user, database)
#     most => N         only so many times
#     of => 'server' | 'copy', at => N     the place: in all the server said on a connection, or in the data of its COPYs.
#     said => text      cut or silence as soon as the client says this, which the server then does not hear
#     Neither at nor said: cut and silence happen at once.
#   $proxy->pass          everything passes from now on; connections that were silenced stay so
#   $proxy->state         { accepted, connections => [ { number, label, bytes => { client, server, copy }, rows } ], fired }
#   $proxy->stop          ends it, and with it what connections are left
package FaultProxy;
use strict;
use warnings;
use IO::Handle;
use IPC::Open2 qw(open2);
use JSON::PP;

sub start {
    my ($class, %options) = @_;
    my @command = ($^X, 'test/proxy/fault_proxy', map { ("--$_", $options{$_}) } sort keys %options);
    my $self = bless {}, $class;
    $self->{pid} = open2($self->{out}, $self->{in}, @command);
    $self->{in}->autoflush(1);
    $self->{port} = $self->answer->{port};
    return $self;
}

sub port { return shift->{port} }

sub pid { return shift->{pid} }

sub plan {
    my ($self, %plan) = @_;
    $plan{garbage} = unpack('H*', $plan{garbage}) if defined $plan{garbage};
    return $self->tell(do => 'plan', %plan);
}

sub rule {
    my ($self, $action, %rule) = @_;
    $rule{$_} = unpack('H*', $rule{$_}) for grep { defined $rule{$_} } 'find', 'with';
    return $self->tell(do => 'rule', action => $action, %rule);
}

sub pass { return shift->tell(do => 'pass') }

sub state { return shift->tell(do => 'state') }

# How often the rules since the last pass have acted, all together.
sub fired {
    my ($self) = @_;
    my $sum = 0;
    $sum += $_ for @{ $self->state->{fired} };
    return $sum;
}

sub tell {
    my ($self, %command) = @_;
    print { $self->{in} } encode_json(\%command), "\n";
    return $self->answer;
}

sub answer {
    my ($self) = @_;
    my $line = readline($self->{out}) // die "the proxy has ended\n";
    my $answer = decode_json($line);
    die "proxy: $answer->{error}" if defined $answer->{error};
    return $answer;
}

sub stop {
    my ($self) = @_;
    return if !defined $self->{pid};
    kill 'TERM', $self->{pid};
    close $_ for $self->{in}, $self->{out};
    waitpid($self->{pid}, 0);
    delete $self->{pid};
    return;
}

sub DESTROY {
    my ($self) = @_;
    local ($?, $!, $@);
    return $self->stop;
}

1;
