# A source that does not speak the protocol, or whose words are changed on the way: the run fails, and no table is accepted
# that is not the source's.
use strict;
use warnings;
use lib 'test/t';
use PagilaTest;
use PullTest;
use PostgreSQL::Test::Utils;
use Test::More;

leave_to_long_tests();

my $test = PullTest->new('garbage', proxy => 1, conf => "pagila_repl.stall_timeout = '3s'\npagila_repl.connect_timeout = '3s'\n");
my ($source, $target, $proxy) = @$test{ 'source', 'target', 'proxy' };
$test->start_readers;

garbage();
scrambled_protocol();
$test->done;

# What a connection attempt may be answered with.
sub garbage {
    my $error = 'SFATAL' . "\0" . 'C53300' . "\0" . 'Mtoo many' . "\0\0";
    my %answers = (
        'a web page' => "HTTP/1.1 400 Bad Request\r\nContent-Type: text/html\r\n\r\n<html></html>",
        'zeros' => "\0" x 1000,
        'noise' => join('', map { chr($_ * 77 % 256) } 1 .. 1000),
        'an unknown way to authenticate' => pack('aNN', 'R', 8, 99),
        'a message without an end' => pack('aN', 'R', 2**31 - 1) . 'x' x 100,
        'a message of a negative length' => pack('aN', 'E', 2**32 - 5) . 'x' x 100,
        'an error of many megabytes' => pack('aN', 'E', 50 * 2**20) . ('M' . 'x' x 2**20) x 8,
        'no need to ask, and then nothing' => pack('aNN', 'R', 8, 0),
        'rows nobody asked for' => pack('aNN', 'R', 8, 0) . pack('aNn', 'D', 6, 0),
        'the error of a server that is full' => pack('aN', 'E', 4 + length $error) . $error,
        'nothing' => '');
    for my $answer (some_of(3, sort keys %answers)) {
        my $what = "connection answered with $answer";
        $test->change_source;
        $proxy->plan(new => 'garbage', garbage => $answers{$answer});
        $test->start;
        $test->fails($what, $answer =~ /full/ ? '53300' : [ '08001', '08006', '08P01', '08004' ], within => 30);
        $proxy->pass;
    }
    # Whether encryption is wanted is asked first.
    for my $answer (some_of(3, 'the error of a server that is full', 'a web page', 'zeros', 'a message without an end')) {
        my $what = "question about encryption answered with $answer";
        $test->change_source;
        $proxy->plan(ssl => 'garbage', garbage => $answers{$answer});
        $test->start;
        $test->fails($what, $answer =~ /full/ ? [ '53300', '08001' ] : [ '08001', '08006', '08P01' ], within => 30);
        $proxy->pass;
    }
    $proxy->plan(ssl => 'no');
    $test->heals('garbage');
    $proxy->pass;
    return;
}

# Lengths, types and texts of all messages of one connection. It may not come to anything bad; mostly it fails.
sub scrambled_protocol {
    my %outcomes;
    for my $seed (some_of(5, 1 .. 10)) {
        for my $connection ('leader', 'pg_dump') {
            my $what = "$connection reads scrambled bytes, seed $seed";
            $test->change_source;
            $proxy->rule('scramble', match => $connection, every => ($connection eq 'leader' ? 500 : 3000) * $seed, seed => $seed);
            $test->start;
            $test->is_over_within($what, 60);
            my $fired = $proxy->fired;
            $proxy->rule('cut');
            $proxy->pass;
            my ($status, $state) = split /\|/, last_run($target, 'status, sqlstate');
            $outcomes{"$connection: $fired bytes: $status $state"}++;
            if ($status eq 'failed') {
                $test->is_old($what);
            } else {
                rows_are_those_of_the_source($what);
                $test->{old} = copy_of($target);
                note "$what: something else than rows differs" if $test->{old} ne copy_of($source);
            }
        }
    }
    note join "\n", map { "$outcomes{$_} x $_" } sort keys %outcomes;
    $test->heals('scrambled protocol', force => 'true', on_modified => "'overwrite'");
    return;
}

sub rows_are_those_of_the_source {
    my ($what) = @_;
    for my $table (qw(version account transfer event summary)) {
        my $sql = "SELECT count(*), sum(hashtextextended(t::text, 0)) FROM bank.$table t";
        is($target->safe_psql('pagila', $sql), $source->safe_psql('pagila', $sql), "$what: rows of $table are the source's");
    }
    return;
}
