# What the attack suite shares: sessions that are held open, several processes that try cases side by side, and the frame of
# "something is held open while a run goes on".
#
#   my $session = Session->new($node, 'db', 'user');
#   $session->send('BEGIN; CREATE TABLE t ()');        # does not wait
#   $session->wait(5) or ...;                          # true once all of it is answered
#   $session->{state}, $session->{out}                 # SQLSTATE of the first error or 00000; all that psql printed
package Session;
use strict;
use warnings;
use PagilaTest;
use POSIX ();
use Time::HiRes qw(time sleep);

sub new {
    my ($class, $node, $db, $user) = @_;
    pipe(my $child_in, my $in) or die "pipe: $!";
    pipe(my $out, my $child_out) or die "pipe: $!";
    my @command = ('psql', '-XAtq', '-d', $node->connstr($db), $user ? ('-U', $user) : ());
    my $pid = fork // die "fork: $!";
    if ($pid == 0) {
        POSIX::dup2(fileno $child_in, 0);
        POSIX::dup2(fileno $child_out, $_) for 1, 2;
        POSIX::close($_) for 3 .. 60;
        exec { $command[0] } @command or POSIX::_exit(127);
    }
    close $_ for $child_in, $child_out;
    binmode $_, ':raw' for $in, $out;
    my $self = bless { in => $in, from => $out, pid => $pid, asked => 0, text => '' }, $class;
    $self->run("\\set VERBOSITY verbose\nSET client_min_messages = warning; SELECT pg_catalog.pg_backend_pid()");
    ($self->{backend}) = $self->{out} =~ /^(\d+)$/m;
    return $self;
}

sub send {
    my ($self, $sql) = @_;
    local $SIG{PIPE} = 'IGNORE';
    $self->{asked}++;
    syswrite $self->{in}, "$sql\n;\n\\echo answered $self->{asked}\n";
    return $self;
}

# True once what was sent last is answered; then out and state are of it.
sub wait {
    my ($self, $seconds) = @_;
    my $end = time + $seconds;
    for (;;) {
        if ($self->{text} =~ s/\A(.*?)^answered $self->{asked}\n//ms) {
            $self->{out} = PagilaTest::without_remark_on_libpq($1);
            chomp $self->{out};
            $self->{state} = PagilaTest::sqlstate_of($self->{out}) || '00000';
            return 1;
        }
        my $left = $end - time;
        $left = 0 if $left < 0;
        my $bits = '';
        vec($bits, fileno $self->{from}, 1) = 1;
        my $ready = select($bits, undef, undef, $left);
        return 0 if !$ready || $ready < 0 && $left == 0;
        next if $ready < 0;
        if (!sysread $self->{from}, $self->{text}, 65536, length $self->{text}) {
            @$self{qw(out state)} = ($self->{text}, PagilaTest::sqlstate_of($self->{text}) || '08006');
            return 1;
        }
    }
}

# The answer of a statement that is not kept waiting.
sub run {
    my ($self, $sql, $seconds) = @_;
    $self->send($sql)->wait($seconds // 60) or die "no answer to: $sql";
    return $self->{out};
}

sub close {
    my ($self) = @_;
    return if !$self->{pid};
    close $self->{in};
    # What it waits for may never come.
    kill 'TERM', $self->{pid} if !$self->{quiet} && !PagilaTest::wait_until(sub { waitpid($self->{pid}, POSIX::WNOHANG()) != 0 }, 0.5);
    waitpid $self->{pid}, 0;
    $self->{pid} = 0;
    return;
}

package AttackTest;
use strict;
use warnings;
use Exporter 'import';
use PagilaTest;
use POSIX ();
use PostgreSQL::Test::Utils;
use Storable ();
use Test::More;
use Time::HiRes qw(time sleep);

our @EXPORT = qw(%kPoints side_by_side hold_run_at is_run_held let_run_go held_open_base held_open_cases);

# Where runs are held, and what the fault points are called there. "verify" is the last one before the locks of publishing,
# "publish" one within its transaction.
our %kPoints = (plan => 'plan:1', shape => 'shape:1', rows => 'rows:1', verify => 'verify:1', publish => 'publish:1');

# However long a run may take, beyond what it may wait for locks.
my $kPatience = 15;

my $dir;
sub dir { return $dir //= PostgreSQL::Test::Utils::tempdir }

# Runs the body for each item in several processes; returns the results in the order of the items. A result is plain data.
sub side_by_side {
    my ($processes, $body, @items) = @_;
    my @children;
    for my $child (0 .. $processes - 1) {
        my $file = dir() . "/results.$child";
        my $pid = fork // die "fork: $!";
        if ($pid == 0) {
            my %results;
            for (my $i = $child; $i < @items; $i += $processes) {
                my $result = eval { $body->($items[$i], $i) } // { failure => "died: $@" };
                $results{$i} = $result;
                Storable::nstore(\%results, $file);
            }
            # The servers are the parent's to stop.
            POSIX::_exit(0);
        }
        push @children, [ $pid, $file ];
    }
    my %all;
    for (@children) {
        waitpid $_->[0], 0;
        %all = (%all, %{ Storable::retrieve($_->[1]) }) if -e $_->[1];
    }
    return map { $all{$_} // { failure => 'no result' } } 0 .. $#items;
}

# Runs in the database are held at a fault point, "rows:1", until let_run_go. Returns what is to be given to these two.
sub hold_run_at {
    my ($session, $db, $point) = @_;
    my $gate = dir() . "/gate.$db";
    write_file($gate, '');
    $session->run("LOAD 'pagila_repl'; ALTER DATABASE $db SET pagila_repl.fault = '$point:wait:$gate'");
    return $gate;
}

sub is_run_held {
    my ($gate) = @_;
    return scalar(() = glob("$gate.*"));
}

sub let_run_go {
    my ($gate) = @_;
    unlink $gate, glob("$gate.*");
    return;
}

#
# Held open
#

# A schema with one of every kind of object, as a dump file; what its functions do is not needed to load it.
my $kBase = q{
  CREATE SCHEMA live;
  CREATE TYPE live.mood AS ENUM ('sad', 'ok');
  CREATE DOMAIN live.small AS integer CONSTRAINT is_small CHECK (VALUE < 1000);
  CREATE TYPE live.pair AS (a integer, b text);
  CREATE TYPE live.span AS RANGE (subtype = integer);
  CREATE TABLE live.item (id integer PRIMARY KEY, name text NOT NULL, price numeric CONSTRAINT has_price CHECK (price >= 0));
  CREATE TABLE live.sale (id integer, item integer CONSTRAINT of_item REFERENCES live.item, n live.small, how live.mood);
  CREATE TABLE live.other (id integer);
  CREATE INDEX item_name ON live.item (name);
  CREATE SEQUENCE live.ticket;
  CREATE FUNCTION live.twice(integer) RETURNS integer LANGUAGE sql IMMUTABLE AS 'SELECT $1 * 2';
  CREATE FUNCTION live.note() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END';
  CREATE PROCEDURE live.noop() LANGUAGE sql AS '';
  CREATE AGGREGATE live.total(integer) (SFUNC = pg_catalog.int4pl, STYPE = integer);
  CREATE OPERATOR live.@+@ (LEFTARG = integer, RIGHTARG = integer, FUNCTION = pg_catalog.int4pl);
  CREATE OPERATOR live.@=@ (LEFTARG = integer, RIGHTARG = integer, FUNCTION = pg_catalog.int4eq);
  CREATE OPERATOR FAMILY live.family USING btree;
  CREATE OPERATOR CLASS live.class FOR TYPE integer USING hash AS OPERATOR 1 = , FUNCTION 1 pg_catalog.hashint4(integer);
  CREATE COLLATION live.plain (LOCALE = 'C');
  CREATE CONVERSION live.latin FOR 'LATIN1' TO 'UTF8' FROM iso8859_1_to_utf8;
  CREATE TEXT SEARCH DICTIONARY live.words (TEMPLATE = pg_catalog.simple);
  CREATE TEXT SEARCH CONFIGURATION live.search (PARSER = pg_catalog."default");
  CREATE STATISTICS live.together ON id, name FROM live.item;
  CREATE FOREIGN TABLE live.far_away (id integer) SERVER far;
  CREATE VIEW live.cheap AS SELECT id FROM live.item WHERE price < 1;
  CREATE MATERIALIZED VIEW live.summary AS SELECT count(*) AS items FROM live.item;
  CREATE TRIGGER noted BEFORE INSERT ON live.item FOR EACH ROW EXECUTE FUNCTION live.note();
  CREATE RULE silent AS ON DELETE TO live.sale DO ALSO NOTHING;
  CREATE POLICY cheap_only ON live.item USING (price < 1);
  INSERT INTO live.item VALUES (1, 'one', 1), (2, 'two', 2);
  INSERT INTO live.sale VALUES (1, 1, 1, 'ok');
  INSERT INTO live.other VALUES (1)};

# The database "base" with the copy that all cases begin with. more => SQL that the schema is made with too. Returns the file.
sub held_open_base {
    my ($node, %options) = @_;
    $node->safe_psql('postgres', q{CREATE ROLE changer LOGIN SUPERUSER; CREATE ROLE reader; CREATE ROLE keeper;
      CREATE DATABASE made; CREATE DATABASE base});
    my $around = 'CREATE FOREIGN DATA WRAPPER nowhere; CREATE SERVER far FOREIGN DATA WRAPPER nowhere';
    $node->safe_psql('made', "$around; $kBase; " . ($options{more} // ''));
    my $file = dir() . "/live.sql";
    system_or_bail('pg_dump', '--no-sync', '--schema=live', '-f', $file, $node->connstr('made'));
    $node->safe_psql('base', "CREATE EXTENSION pagila_repl; $around; CREATE SCHEMA app; " . ($options{app} // ''));
    my ($status, $err) = run_sql($node, load_sql($file, undef), db => 'base');
    $status eq 'succeeded' or BAIL_OUT("the first copy failed: $err");
    return $file;
}

# What is in the way of a case being right, or undef. The case is tried in a database of its own.
sub try_case {
    my ($node, $file, $case, $number) = @_;
    my %result = (%$case, waited => 0);
    my $db = "case_$number";
    my $maker = Session->new($node, 'postgres');
    $maker->run("CREATE DATABASE $db TEMPLATE base");
    my ($run, $holder, $watch) = map { Session->new($node, $db, $_) } undef, 'changer', undef;
    $run->run($case->{before}) if $case->{before};
    my $unsound = $case->{is_first} && unsound($case, $holder);
    my $budget = $case->{end} eq 'after' ? 1 : 10;
    my %options = (force => 'true', %{ $case->{options} // {} });
    $run->run("SET pagila_repl.swap_budget = '${budget}s'");
    my $is_over = 0;
    my $over = sub { $is_over ||= $run->wait($_[0]) };
    my $start = sub { $run->send(load_sql($file, undef, %options)) };

    my $gate;
    if ($case->{point} ne 'start') {
        $gate = hold_run_at($maker, $db, $kPoints{ $case->{point} });
        $start->();
        wait_until(sub { is_run_held($gate) || $over->(0.01) }, 30);
        $result{failure} = "the run did not come to $case->{point}" if !is_run_held($gate);
    }
    # Where a held run has a lock, the change waits for it, as it would for any other definition being changed.
    $holder->send("BEGIN; $case->{change}");
    my $is_made = $holder->wait($gate ? 0.5 : 20);
    my $is_prepared = $is_made && $case->{prepared} && $holder->{state} eq '00000';
    $holder->run("PREPARE TRANSACTION 'held_$number'") if $is_prepared;
    my $commit = $is_prepared ? "COMMIT PREPARED 'held_$number'" : 'COMMIT';
    my $finish = sub {
        return if defined $result{made};
        $is_made ||= $holder->wait(30);
        $result{made} = $is_made ? $holder->{state} : 'stuck';
        if ($result{made} eq q{00000}) { $holder->run($commit, 30); $result{made} = $holder->{state} }
        else { $holder->send('ROLLBACK') }
    };
    $finish->() if $case->{end} eq 'before' && $is_made;
    my $began = time;
    if ($gate) { let_run_go($gate) }
    else { $start->() }

    # Reads and definitions of others, for as long as the run waits for whoever holds something.
    if ($case->{end} eq 'after' && $case->{probe}) {
        $result{others} = others_pass($node, $db, $watch, $over, $began + $budget + $kPatience);
    }
    if ($case->{end} eq 'during') {
        my $waits = q{SELECT count(*) FROM pagila_repl.run WHERE status = 'running' AND phase = 'publish'
            OR EXISTS (SELECT FROM pg_stat_activity WHERE datname = current_database() AND backend_type = 'pagila_repl leader'
                         AND wait_event_type = 'Lock')};
        wait_until(sub { $over->(0.02) || $watch->run($waits) ne '0' }, 5);
        # Between looking and locking.
        $over->(0.05);
    }
    if ($case->{end} eq 'during') { $finish->() }
    my $left = $began + $budget + $kPatience - time;
    my $bounded = $over->($left > 0 ? $left : 0);
    $result{seconds} = time - $began;
    if (!$bounded) {
        $result{failure} //= sprintf 'the run still waits after %.0f s, in phase %s', $result{seconds},
            $watch->run('SELECT phase FROM pagila_repl.run ORDER BY run_id DESC LIMIT 1');
        $result{blocked_on} = $watch->run(q{SELECT string_agg(concat_ws(' ', locktype, relation::regclass, classid::regclass, mode), ', ')
          FROM pg_locks l JOIN pg_stat_activity USING (pid) WHERE backend_type = 'pagila_repl leader' AND NOT granted});
    }
    $finish->();
    $over->(30) if !$bounded;

    $result{run_says} = $run->{out} if $is_over;
    @result{qw(status state phase message detail hint)} = split /\x{1}/,
      $watch->run(q{SELECT concat_ws(E'\x01', status, COALESCE(sqlstate, ''), phase, COALESCE(message, ''), COALESCE(error_detail, ''),
        COALESCE(error_hint, '')) FROM pagila_repl.run ORDER BY run_id DESC LIMIT 1}), -1;
    my $seen = $watch->run("SELECT COALESCE(($case->{visible})::boolean, false)");
    $result{visible} = $watch->{state} eq '00000' ? $seen : "error $watch->{out}";
    $result{kept} = $watch->run(q{SELECT string_agg(nspname, ' ') FROM pg_namespace WHERE nspname LIKE 'pagila\_repl\_%'});
    $result{failure} //= judge(\%result, $holder->{backend}, "held_$number");
    $result{failure} = $unsound if $unsound;
    $_->close for $run, $holder, $watch;
    $maker->run("DROP DATABASE $db WITH (FORCE)");
    $maker->close;
    return \%result;
}

# Without a run the change can be made, and is seen then. Undef if so.
sub unsound {
    my ($case, $holder) = @_;
    return if $case->{outlives_rollback};
    $holder->run("BEGIN; $case->{change}");
    my $seen = $holder->{state} eq '00000' ? $holder->run("SELECT ($case->{visible})::boolean") : $holder->{out};
    $holder->run('ROLLBACK');
    return $seen eq 't' ? undef : "the case is wrong: $seen";
}

# The property that all cases have in common. Undef if it holds.
sub judge {
    my ($result, $pid, $gid) = @_;
    my $told = join "\n", grep { defined } @$result{qw(message detail hint)};
    my $names = $result->{names};
    return 'a deadlock was told to whoever made the change' if $result->{made} eq '40P01';
    return 'the change never came through' if $result->{made} eq 'stuck';
    return $result->{others} if $result->{others};
    my $is_committed = $result->{made} eq '00000';
    if ($result->{status} eq 'succeeded') {
        return if !$is_committed || $result->{visible} eq 't';
        return if $told =~ $names;
        return if grep { $told =~ /\Q$_\E/ } split / /, $result->{kept} // '';
        return 'lost in silence';
    }
    return "the run ended $result->{status}" if $result->{status} ne 'failed';
    return "the run failed with $result->{state}" if $result->{state} !~ /^(55P03|55000|2BP01)$/;
    return 'the run failed and yet the change is gone' if $is_committed && $result->{visible} ne 't';
    if ($result->{state} eq '55P03') {
        return 'the error does not name the prepared transaction' if $result->{prepared} && $told !~ /\Q$gid\E/;
        return 'the error does not name the process that holds it' if !$result->{prepared} && $told !~ /\b$pid\b/;
        return 'the error does not name the role that holds it' if $told !~ /\bchanger\b/;
        return 'the error does not say on what it waited' if $told !~ /\b(live|pg_\w+)\b/ && $told !~ $names;
        return;
    }
    return 'the error does not name the object' if $told !~ $names && $told !~ /schema "live"/;
    return;
}

# Undef once the run is over, if none of them was held up for longer than it would be by any statement.
sub others_pass {
    my ($node, $db, $watch, $over, $end) = @_;
    my $other = Session->new($node, $db);
    # What the one who holds something holds up by itself says nothing of the run.
    my @asked = ('SELECT count(*) FROM live.other', 'BEGIN; CREATE FUNCTION live.probe() RETURNS integer LANGUAGE sql AS $$SELECT 1$$; ROLLBACK');
    my $failure;
    while (!$over->(0.1) && !$failure && time < $end) {
        for my $sql (@asked) {
            next if $other->send($sql)->wait(4);
            my $blockers = $watch->run(qq{SELECT count(*) FROM pg_stat_activity a WHERE a.pid = ANY (pg_blocking_pids($other->{backend}))
              AND backend_type LIKE 'pagila%'});
            $failure = "others are held up by the run: $sql" if $blockers ne '0';
            $over->($end - time) if !$failure && time < $end;
            last;
        }
    }
    $other->close;
    return $failure;
}

# The points, and when the change is committed there: before the held run goes on, while it waits for something, or only once it has ended.
# Which combinations are tried with the case of this number, unless all are asked for: one where it matters most, and one of the
# others in turn.
sub combinations {
    my ($number, $is_all) = @_;
    my @points = ('start', sort keys %kPoints);
    my @all = map { my $point = $_; map { [ $point, $_ ] } 'during', 'after', $point eq 'start' ? () : 'before' } @points;
    return @all if $is_all;
    my @always = ([ 'verify', 'during' ], [ 'publish', 'during' ]);
    my @turns = ([ 'start', 'after' ], [ 'rows', 'during' ], [ 'publish', 'after' ], [ 'shape', 'during' ], [ 'verify', 'after' ],
        [ 'plan', 'during' ], [ 'start', 'during' ], [ 'rows', 'after' ], [ 'shape', 'after' ], [ 'plan', 'after' ],
        [ 'rows', 'before' ], [ 'publish', 'before' ], [ 'verify', 'before' ]);
    # Where only one of the two is tried, it is the first for even numbers.
    return ($always[ int($number / 2) % @always ], $turns[ $number % @turns ]);
}

# Tries all cases: each a hash with kind (what it is about), change (SQL), visible (an expression that is true if the change is
# there), names (a pattern that its name matches), and perhaps before (SQL), options (of the run). Each is tried with one combination, in
# turn, in a long test with two. PR_ATTACK_ALL=1: with every combination; PR_ATTACK_ONLY=pattern: only cases whose name matches.
sub held_open_cases {
    my ($node, $file, %options) = @_;
    my (@tries, %count);
    my $number = $options{turn} // 0;
    for my $case (@{ $options{cases} }) {
        my @combinations = $options{combinations} ? @{ $options{combinations} } : combinations($number, $ENV{PR_ATTACK_ALL});
        @combinations = $combinations[ $number % @combinations ] if !is_long() && !$ENV{PR_ATTACK_ALL} && !$ENV{PR_ATTACK_ONLY};
        $number++;
        my $is_first = 1;
        for my $combination (@combinations) {
            my ($point, $end) = @$combination;
            my %try = (%$case, point => $point, end => $end, probe => 1, is_first => $is_first, %{ $options{with} // {} });
            $try{name} = sprintf '%s%s, opened at %s, committed %s%s', $try{prepared} ? 'prepared: ' : '', $case->{kind}, $point, { before => 'before it goes on', during => 'while it waits', after => 'after it' }->{$end},
              $case->{options} ? ', loss allowed' : '';
            push @tries, \%try if !$ENV{PR_ATTACK_ONLY} || $try{name} =~ /$ENV{PR_ATTACK_ONLY}/;
            $is_first = 0;
        }
    }
    my $began = time;
    my @results = side_by_side($options{processes} // 8, sub { try_case($node, $file, @_) }, @tries);
    my %outcomes;
    for my $i (0 .. $#tries) {
        my ($try, $result) = ($tries[$i], $results[$i]);
        $count{"$try->{point}/$try->{end}"}++;
        $outcomes{ join ' ', grep { $_ } @$result{qw(status state)} }++;
        ok(!$result->{failure}, $try->{name}) or diag join "\n", $result->{failure},
          map { "  $_: " . ($result->{$_} // '') } grep { ($result->{$_} // '') ne '' } qw(made visible status state phase message detail hint kept seconds blocked_on);
    }
    my %kinds = map { $_->{kind} => 1 } @tries;
    figures sprintf '%d cases of %d kinds in %.0f s: %s', scalar @tries, scalar keys %kinds, time - $began,
      join ', ', map { "$_ $count{$_}" } sort keys %count;
    figures 'kinds: ' . join ', ', sort keys %kinds;
    figures 'outcomes: ' . join ', ', map { "$_: $outcomes{$_}" } sort keys %outcomes;
    my $log = slurp_file($node->logfile);
    ok($log !~ /PANIC|was terminated by (signal|exception)|TRAP:/, 'the server stays up');
    return;
}

1;
