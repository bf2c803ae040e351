# pg_dump as a child of the leader: which one is run, with what, what becomes of a run when it fails, lies or hangs, and
# that nobody but it is told the password.
use strict;
use warnings;
use lib 'test/t';
use IPC::Run ();
use PagilaTest;
use PostgreSQL::Test::Utils;
use Test::More;

leave_to_long_tests();
use Time::HiRes qw(time);

my ($bindir) = run_command([ 'pg_config', '--bindir' ]);
my $real = "$bindir/pg_dump";
my $dir = PostgreSQL::Test::Utils::tempdir;

my ($source, $target) = new_pair('child');
$source->safe_psql('pagila', q{
    CREATE SCHEMA shop;
    CREATE TABLE shop.item (id integer PRIMARY KEY, name text);
    INSERT INTO shop.item SELECT n, 'item ' || n FROM generate_series(1, 100) n;
    CREATE FUNCTION shop.item_name(integer) RETURNS text LANGUAGE sql AS 'SELECT name FROM shop.item WHERE id = $1';
    CREATE VIEW shop.first_items AS SELECT * FROM shop.item WHERE id < 10;
    COMMENT ON TABLE shop.item IS 'what there is'});

sub pulls {
    my ($what, %options) = @_;
    my ($out, $err) = run_sql($target, pull_sql('source', %options));
    return is($out, 'succeeded', "$what: succeeded") || diag $err;
}

sub use_pg_dump {
    my ($path) = @_;
    $target->safe_psql('pagila', "LOAD 'pagila_repl'; ALTER DATABASE pagila SET pagila_repl.pg_dump = '$path'");
    return;
}

# A program in place of pg_dump, of this version unless it is asked for more.
sub fake {
    my ($name, $script, $version) = @_;
    $version //= 15;
    my $path = write_file("$dir/$name", <<"END");
#!/bin/sh
if [ "\$1" = --version ]; then echo "pg_dump (PostgreSQL) $version.1"; exit 0; fi
$script
END
    chmod 0755, $path;
    use_pg_dump($path);
    return;
}

my $before;

# A pull fails so, and nothing has become of it.
sub fails {
    my ($what, $sqlstate, $message) = @_;
    my ($out, $err) = run_sql($target, pull_sql('source', force => 'true'));
    is(sqlstate_of($err), $sqlstate, "$what: SQLSTATE $sqlstate") or diag $err;
    like($err, $message, "$what: says so") if $message;
    ok(copy_of($target) eq $before, "$what: target unchanged");
    no_residue($target, $what);
    no_source_residue($source, $what);
    return;
}

# What pagila_check says of it.
sub found {
    return (run_sql($target, q{SELECT status, sqlstate, message FROM pagila_check('source') WHERE subject = 'pg_dump'}))[0];
}

pulls('with the pg_dump next to the server');
like(found(), qr/^ok\|\|pg_dump \d+$/, 'with the pg_dump next to the server: pagila_check says so');
$before = copy_of($target);
is(index($before, 'item 99') >= 0, 1, 'there is something to lose');
$source->safe_psql('pagila', 'CREATE TABLE shop.later ()');

#
# Which pg_dump
#

fake('old', '', 14);
fails('too old', '0A000', qr/pg_dump 14 is too old for the source, which is version \d+: "\S+\/old"\nHINT:.*postgresql-client-\d+/);
is(found(), "error|0A000|pg_dump 14 is too old for the source, which is version 15: \"$dir/old\"", 'too old: pagila_check says so');
use_pg_dump("$dir/none");
fails('missing', '58P01', qr/could not run .*none.*\n.*HINT:.*pagila_repl\.pg_dump/s);
like(found(), qr/^error\|58P01\|could not run ".*none": No such file/, 'missing: pagila_check says so');
use_pg_dump("$bindir/psql");
fails('another program', '58P01', qr/is not pg_dump/);
write_file("$dir/unloadable", "#!/bin/sh\necho 'pg_dump: error while loading shared libraries: libpq.so.5' >&2\nexit 127\n");
chmod 0755, "$dir/unloadable";
use_pg_dump("$dir/unloadable");
fails('not to be loaded', '58P01', qr/is not pg_dump: .*libpq\.so\.5/);
write_file("$dir/text", 'words');
use_pg_dump("$dir/text");
fails('not executable', '42501');
chmod 0755, "$dir/text";
fails('no program', '58030');
like(found(), qr/^error\|58030\|could not run/, 'no program: pagila_check says so');

#
# It fails, or lies
#

fake('one', 'echo "pg_dump: error: it is broken" >&2; exit 1');
fails('exit status 1', '38000', qr/pg_dump failed\nDETAIL:  pg_dump: error: it is broken\n/);
fake('silent', 'exit 3');
fails('exit status alone', '38000', qr/DETAIL:  Its exit status is 3\./);
fake('noisy', 'yes "pg_dump: warning: hm" | head -c 3000000 >&2; printf "\npg_dump: error: at last\033[2J\n" >&2; exit 1');
fails('many warnings', '38000', qr/DETAIL:  pg_dump: error: at last\\x1B\[2J\n/);
fake('leaks', 'echo "pg_dump: error: $PGPASSWORD" >&2; exit 1');
fails('shows the password', '38000', qr/DETAIL:  pg_dump: error: \*+\n/);
fake('lost', qq{'$real' "\$\@" | head -c 600; echo "pg_dump: error: query failed: server closed the connection unexpectedly" >&2; exit 1});
fails('lost the source', '08006');
fake('killed', qq{'$real' "\$\@" | head -c 600; kill -9 \$\$});
fails('killed midway', '38000', qr/ended by signal 9/);
fake('arguments', qq{exec '$real' "\$\@" --data-only});
fails('bad arguments', '38000', qr/cannot be used together/);
fake('data', qq{for a; do shift; [ "\$a" = --schema-only ] || set -- "\$\@" "\$a"; done; exec '$real' "\$\@"});
fails('prints rows', 'XX000', qr/has printed rows/);
fake('newer', qq{'$real' "\$\@" | sed 's/^CREATE VIEW shop.first_items AS/CREATE VIEW shop.first_items NEWLY/'});
fails('speaks of a view in words of a newer version', '42601',
    qr/syntax error in a statement of the dump at "NEWLY"\nHINT:  .*\nCONTEXT:  line \d+, VIEW shop\.first_items\npg_dump of server "source"/);
fake('other', qq{'$real' "\$\@" | sed 's/shop.item_name(integer) RETURNS text/shop.item_name(integer) RETURNS texts/'});
fails('makes a function of an unknown type', '42704', qr/CONTEXT:  pg_dump of server "source", line \d+, FUNCTION shop\.item_name\(integer\)/);
fake('nothing', 'exit 0');
fails('prints nothing', '38000', qr/has not printed the whole shape/);

# Cut off anywhere, with a success to its name. The last lines are a comment, \unrestrict and an empty one.
my ($shape) = run_command([ $real, '--schema-only', '--no-publications', '--no-subscriptions', $source->connstr('pagila') ]);
my $size = length $shape;
for my $length (some_of(4, map({ int($size * $_ / 8) } 1 .. 7), $size - 60, $size - 4)) {
    fake('cut', qq{'$real' "\$\@" | head -c $length});
    my ($out, $err) = run_sql($target, pull_sql('source', force => 'true'));
    is(sqlstate_of($err), '38000', "cut off after $length of $size bytes") or diag $err;
}
ok(copy_of($target) eq $before, 'cut off: target unchanged');
no_residue($target, 'cut off');

#
# What it is given
#

my $seen = "$dir/seen";
write_file("$dir/recorder", <<"END");
#!/usr/bin/perl
if (\$ARGV[0] ne '--version') {
    open(my \$to, '>', '$seen') or die;
    print \$to "environment: \$_\\n" for sort keys %ENV;
    print \$to "argument: \$_\\n" for \@ARGV;
    print \$to "the password is shown\\n" if grep { /\\Q\$ENV{PGPASSWORD}\\E/ } \@ARGV;
    opendir(my \$open, '/proc/self/fd') or die;
    print \$to "descriptor: \$_ ", readlink("/proc/self/fd/\$_"), "\\n" for grep { /^\\d+\$/ } readdir(\$open);
    close \$to;
}
exec '$real', \@ARGV;
END
chmod 0755, "$dir/recorder";
use_pg_dump("$dir/recorder");

sub is_given_only_what_it_needs {
    my ($what) = @_;
    pulls($what, force => 'true');
    my $text = slurp_file($seen);
    is(join(' ', $text =~ /^environment: (.*)$/mg), 'LC_ALL PATH PGPASSWORD', "$what: environment");
    like($text, qr/^argument: --snapshot=[0-9A-F-]+$/m, "$what: arguments");
    unlike($text, qr/the password is shown|^argument:.* password=/m, "$what: no password among them");
    # The script itself and the file it writes are open too.
    my %open = $text =~ /^descriptor: (\d+) (.*)$/mg;
    is($open{0}, '/dev/null', "$what: no input");
    is(join(' ', grep { !m{^pipe:|^/dev/null$|\Q$dir\E|/proc/} } values %open), '', "$what: no descriptor of the server");
    unlink $seen;
    return;
}

is_given_only_what_it_needs('as it is');
{
    local %ENV = (%ENV, PGOPTIONS => '-c default_transaction_isolation=serializable -c no.such=setting', PGDATABASE => 'nowhere',
        PGUSER => 'nobody', PGPASSWORD => 'wrong', PGSSLMODE => 'verify-full', PGCLIENTENCODING => 'LATIN1', PGTZ => 'Mars',
        PGPASSFILE => '/dev/null', PGSERVICE => 'none', PGHOSTADDR => '192.0.2.1', PGCONNECT_TIMEOUT => 1, LC_ALL => 'C.UTF-8',
        PG_COLOR => 'always');
    $target->restart;
}
is_given_only_what_it_needs('variables of the postmaster');
$target->restart;
$before = copy_of($target);

#
# It hangs
#

# Starts a pull and waits until the fake pg_dump has begun, which leaves its process id in a file and then hangs.
sub start_hanging {
    my ($what, $script) = @_;
    unlink "$dir/pid";
    fake('hanging', "echo \$\$ >'$dir/pid.new'; mv '$dir/pid.new' '$dir/pid'; $script");
    my %run = (out => '', err => '');
    $run{harness} = IPC::Run::start([ 'psql', '-XAtq', '-v', 'VERBOSITY=verbose', '-d', $target->connstr('pagila'), '-c',
        pull_sql('source', force => 'true') ], '<', \undef, '>', \$run{out}, '2>', \$run{err});
    ok(wait_until(sub { -s "$dir/pid" }, 60), "$what: pg_dump hangs");
    chomp($run{child} = slurp_file("$dir/pid"));
    return \%run;
}

sub is_gone {
    my ($run, $what) = @_;
    return ok(wait_until(sub { !kill 0, $run->{child} }, 20), "$what: pg_dump is gone");
}

for my $case (some_of(2, [ 'sleeping', 'exec sleep 600' ], [ 'busy', 'while :; do :; done' ],
    [ 'deaf', "trap '' TERM INT; while :; do sleep 0.1; done" ], [ 'without output', 'exec >&- 2>&-; while :; do :; done' ])) {
    my ($what, $script) = @$case;
    my $run = start_hanging($what, $script);
    my $start = time;
    run_sql($target, 'SELECT pagila_cancel(max(run_id)) FROM pagila_repl.run');
    $run->{harness}->finish;
    note sprintf('%s: cancelled after %.2f s', $what, time - $start);
    is(sqlstate_of($run->{err}), '57014', "$what: cancelled") or diag $run->{err};
    is(last_run($target, 'status'), 'cancelled', "$what: recorded");
    is_gone($run, $what);
}

my $run = start_hanging('terminated leader', 'exec sleep 600');
$target->safe_psql('postgres', 'SELECT pg_terminate_backend(' . leader_pid($target) . ')');
$run->{harness}->finish;
is(last_run($target, 'status'), 'aborted', 'terminated leader: recorded');
is_gone($run, 'terminated leader');

$target->safe_psql('pagila', "LOAD 'pagila_repl'; ALTER DATABASE pagila SET pagila_repl.stall_timeout = '1s'");
fake('stalls', 'exec sleep 600');
fails('stalls', '57014', qr/source stalled: stalls has done nothing for 1000 ms/);
is(last_run($target, 'status'), 'failed', 'stalls: that is no cancel');
fake('slow', qq{for i in 1 2 3 4 5 6 7 8; do sleep 0.5; done; exec '$real' "\$\@"});
pulls('slow but busy', force => 'true');
$target->safe_psql('pagila', 'ALTER DATABASE pagila RESET pagila_repl.stall_timeout');

$run = start_hanging('immediate shutdown', 'exec sleep 600');
$target->stop('immediate');
$run->{harness}->finish;
is_gone($run, 'immediate shutdown');
$target->start;

use_pg_dump('');
pulls('after all that', force => 'true');
ok(copy_of($target) eq copy_of($source), 'and is exact');
no_residue($target, 'at the end');
no_source_residue($source, 'at the end');
no_secret($source, $target);
done_testing();
