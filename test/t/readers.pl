# Readers while the target is loaded again and again: never an error, never an empty, half-loaded or mixed answer.
# PR_READS says how many reads there are to be at least in each of two modes, 300 if nobody does, 1,500 in a long test; PR_RELOADS
# how many reloads, 3 or 10.
use strict;
use warnings;
use lib 'test/t';
use IPC::Run qw(start);
use List::Util qw(max sum0);
use PagilaTest;
use PostgreSQL::Test::Utils;
use Test::More;

my $kReloads = $ENV{PR_RELOADS} // (is_long() ? 10 : 3);
my $kReads = $ENV{PR_READS} // (is_long() ? 1500 : 300);
my $kSecondsPerRound = is_long() ? 10 : 4;

my $node = new_node('readers', conf => "log_statement = none\nmax_connections = 30\n");
my $dir = PostgreSQL::Test::Utils::tempdir;
my %files = map { $_ => [ make_sample(ord $_) ] } 'a', 'b';

# Questions whose answer tells the two data sets apart. n: rows it stands on; sig: what they hold.
my %question = (
    tables => q{SELECT count(*) AS n, hashtextextended(concat_ws(' ', count(*), sum(hashtext(f.title)), sum(hashtext(c.last_name)),
      sum(p.amount), sum(extract(epoch FROM r.rental_date))), 0) AS sig
      FROM public.rental r JOIN public.inventory USING (inventory_id) JOIN public.film f USING (film_id)
      JOIN public.customer c ON c.customer_id = r.customer_id JOIN public.payment p USING (rental_id)},
    film => q{SELECT count(*) AS n, sum(hashtext(f::text)) AS sig FROM public.film f},
    payment => q{SELECT count(*) AS n, sum(hashtext(p::text)) AS sig FROM public.payment p},
    partition => q{SELECT count(*) AS n, sum(hashtext(p::text)) AS sig FROM public.payment_p2022_03 p},
    by_index => q{SELECT count(*) AS n, sum(hashtext(a::text)) AS sig FROM public.actor a WHERE actor_id BETWEEN 1 AND 20},
    view => q{SELECT count(*) AS n, sum(hashtext(l::text)) AS sig FROM public.customer_list l},
    aggregate_view => q{SELECT count(*) AS n, sum(hashtext(l::text)) AS sig FROM public.film_list l},
    matview => q{SELECT count(*) AS n, sum(hashtext(m::text)) AS sig FROM public.rental_by_category m},
    # The materialized view beside the view it is a copy of.
    view_and_matview => q{SELECT count(*) AS n,
      hashtextextended(concat_ws(' ', sum(hashtext(m::text)), sum(hashtext(v::text))), 0) AS sig
      FROM public.rental_by_category m JOIN public.sales_by_film_category v USING (category)},
    function => q{SELECT count(*) AS n,
      hashtextextended(string_agg(public.get_customer_balance(c, '2023-01-01')::text, ' '), 0) AS sig
      FROM generate_series(1, 3) c},
    set_function => q{SELECT count(*) AS n, sum(hashtext(concat_ws(' ', f, i))) AS sig
      FROM generate_series(1, 5) f, public.film_in_stock(f, 1) i},
    row_function => q{SELECT count(*) + 1 AS n, (count(*) + :set_function_a)::bigint AS sig FROM public.rewards_report(7, 20)});

# What each says when only one data set can be seen. row_function finds no row in either, for it asks about this year; it
# must not fail.
my @telling = grep { $_ ne 'row_function' } sort keys %question;
my %answer;
for my $set ('a', 'b') {
    is((run_sql($node, load_sql(@{ $files{$set} })))[0], 'succeeded', "data set $set is loaded");
    for my $name (@telling) {
        my ($n, $sig) = split /\|/, $node->safe_psql('pagila', $question{$name});
        cmp_ok($n, '>', 0, "question $name stands on rows of data set $set");
        $answer{"${name}_$set"} = $sig;
    }
}
isnt($answer{"${_}_a"}, $answer{"${_}_b"}, "question $_ tells the data sets apart") for @telling;
$answer{"row_function_$_"} = $answer{set_function_a} for 'a', 'b';

$node->safe_psql('pagila', 'CREATE SCHEMA watch; CREATE TABLE watch.bad (kind text, question text, n bigint, sig bigint)');

# pgbench commands that ask and judge. Leaves <name>_copy: 1 or 2, the data set it saw.
sub ask {
    my ($name) = @_;
    return "$question{$name} \\gset ${name}_\n"
      . "\\set ${name}_copy case when :${name}_sig = :${name}_a then 1 when :${name}_sig = :${name}_b then 2 else 0 end\n"
      . "\\if :${name}_n = 0\nINSERT INTO watch.bad VALUES ('empty', '$name', :${name}_n, 0);\n"
      . "\\elif :${name}_copy = 0\nINSERT INTO watch.bad VALUES ('mixed', '$name', :${name}_n, :${name}_sig);\n\\endif\n";
}

sub ask_within_snapshot {
    my (@names) = @_;
    my $script = "BEGIN ISOLATION LEVEL REPEATABLE READ;\n" . join('', map { ask($_) } @names) . "END;\n";
    for my $other (@names[ 1 .. $#names ]) {
        $script .= "\\if :$names[0]_copy != :${other}_copy\n"
          . "INSERT INTO watch.bad VALUES ('two copies in one snapshot', '$other', :$names[0]_copy, :${other}_copy);\n\\endif\n";
    }
    return $script;
}

my @scripts = (
    [ 1, ask('tables') ],
    [ 3, ask('film') . ask('payment') . ask('by_index') ],
    [ 3, ask('view') . ask('aggregate_view') . ask('view_and_matview') ],
    [ 3, ask('function') . ask('set_function') . ask('row_function') ],
    [ 3, ask_within_snapshot('film', 'view', 'payment') ],
    [ 3, ask_within_snapshot('partition', 'matview', 'tables') ],
    [ 3, ask_within_snapshot('by_index', 'function', 'film') ]);
my @script_options;
for my $i (0 .. $#scripts) {
    push @script_options, '-f', write_file("$dir/$i.sql", $scripts[$i][1]);
}

my @variables = map { ('-D', "$_=$answer{$_}") } sort keys %answer;
my %reads = (simple => 0, prepared => 0);
my (@errors, @milliseconds);

sub start_readers {
    my ($mode) = @_;
    my %reader = (mode => $mode, log => "$dir/$mode");
    unlink glob("$reader{log}.*");
    $reader{run} = start(
        [ 'pgbench', '-n', '-M', $mode, '-c', 3, '-j', 1, '-R', 150, '-T', $kSecondsPerRound, '-l', '--log-prefix', $reader{log},
            '--random-seed', 1, @variables, @script_options, $node->connstr('pagila') ],
        '>', "$reader{log}.out", '2>', "$reader{log}.err");
    return \%reader;
}

sub take_in {
    my ($reader) = @_;
    $reader->{run}->finish;
    push @errors, grep { /error|fatal|aborted/i } split /\n/, slurp_file("$reader->{log}.err");
    my ($log) = glob("$reader->{log}.[0-9]*");
    for my $line (split /\n/, slurp_file($log)) {
        my (undef, undef, $microseconds, $script) = split / /, $line;
        # pgbench goes on after a deadlock, and says so here.
        push @errors, "script $script: $microseconds" if $microseconds !~ /^\d+$/;
        $reads{ $reader->{mode} } += $scripts[$script][0];
        push @milliseconds, $microseconds / 1000 if $microseconds =~ /^\d+$/;
    }
    return;
}

my ($reloads, $rounds) = (0, 0);
my %outcome;
while (($reloads < $kReloads || $reads{simple} < $kReads || $reads{prepared} < $kReads) && $rounds < 14 + $kReads / 500 + $kReloads && !@errors) {
    $rounds++;
    my @readers = map { start_readers($_) } 'simple', 'prepared';
    while (grep { $_->{run}->pumpable } @readers) {
        my $set = $reloads % 2 ? 'b' : 'a';
        my ($status, $err) = run_sql($node, load_sql(@{ $files{$set} }));
        $outcome{ $status || $err }++;
        $reloads++;
    }
    take_in($_) for @readers;
}

my $reads = sum0(values %reads);
figures "$reads reads ($reads{simple} simple, $reads{prepared} prepared) in $reloads reloads;"
  . sprintf(' slowest script %.0f ms', max(@milliseconds));
is_deeply(\%outcome, { succeeded => $reloads }, 'every reload succeeded');
cmp_ok($reloads, '>=', $kReloads, 'readers read during enough reloads');
cmp_ok($reads{$_}, '>=', $kReads, "enough reads in $_ mode") for 'simple', 'prepared';
is(scalar(@errors), 0, "0 of $reads reads failed") or diag join("\n", @errors);
is($node->safe_psql('pagila', 'SELECT * FROM watch.bad LIMIT 20'), '',
    "0 of $reads reads were empty, mixed or changed copies in a snapshot");
my $log = slurp_file($node->logfile);
is(() = $log =~ /deadlock detected/g, 0, 'nobody was a victim of a deadlock');
no_residue($node, 'after all reloads');

#
# The same, one case at a time
#

# The data set that a session sees by a question: a, b or what it says instead.
sub seen {
    my ($session, $sql, $name) = @_;
    my (undef, $sig) = split /\|/, $session->query_safe($sql // $question{$name});
    my ($set) = grep { defined $sig && $answer{"${name}_$_"} eq $sig } 'a', 'b';
    return $set // 'neither: ' . ($sig // 'nothing');
}

sub load {
    my ($set) = @_;
    my ($status, $err) = run_sql($node, load_sql(@{ $files{$set} }, force => 'true'));
    return is($status, 'succeeded', "data set $set is loaded") || diag $err;
}

load('a');
my $snapshot = $node->background_psql('pagila');
$snapshot->query_safe('BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT 1');
load('b');
is(seen($snapshot, undef, $_), 'b', "a snapshot older than the copy sees all of it: $_") for @telling;
$snapshot->query_safe('END');

my $prepared = $node->background_psql('pagila');
$prepared->query_safe('SET plan_cache_mode = force_generic_plan');
$prepared->query_safe("PREPARE $_ AS $question{$_}") for @telling;
is(seen($prepared, "EXECUTE $_", $_), 'b', "prepared statement before a reload: $_") for @telling;
load('a');
is(seen($prepared, "EXECUTE $_", $_), 'a', "prepared statement after a reload: $_") for @telling;
$prepared->quit;

# Who has read of the old copy keeps it until the transaction ends; publishing waits meanwhile.
for my $isolation ('READ COMMITTED', 'REPEATABLE READ') {
    $snapshot->query_safe("BEGIN ISOLATION LEVEL $isolation");
    is(seen($snapshot, undef, 'film'), 'a', "$isolation: first statement");
    my $run = $node->safe_psql('pagila', "SELECT run_id FROM pagila_load('$files{b}[0]', '$files{b}[1]', wait => false)");
    ok(wait_until(sub { $node->safe_psql('pagila', "SELECT phase FROM pagila_repl.run WHERE run_id = $run") eq 'publish' }, 60),
        "$isolation: the run wants to publish");
    my $other = $node->background_psql('pagila');
    is(seen($other, undef, 'film'), 'a', "$isolation: another reader is not held up for long, and sees the old copy");
    $other->quit;
    is(seen($snapshot, undef, $_), 'a', "$isolation: the second statement sees the same copy: $_")
      for 'payment', 'matview', 'function', 'tables';
    $snapshot->query_safe('END');
    is($node->safe_psql('pagila', "SELECT status FROM pagila_wait($run)"), 'succeeded', "$isolation: then it is published");
    is(seen($snapshot, undef, 'tables'), 'b', "$isolation: and seen");
    load('a');
}
$snapshot->quit;

# A statement that began before the copy was replaced goes on calling the functions it knows.
$node->safe_psql('pagila', q{
  CREATE FUNCTION watch.until_no_run() RETURNS boolean LANGUAGE plpgsql AS $$
  BEGIN
    WHILE NOT EXISTS (SELECT FROM pg_locks WHERE locktype = 'advisory') LOOP PERFORM pg_sleep(0.01); END LOOP;
    WHILE EXISTS (SELECT FROM pg_locks WHERE locktype = 'advisory') LOOP PERFORM pg_sleep(0.01); END LOOP;
    RETURN true;
  END $$});
my $caller = $node->background_psql('pagila');
$caller->query_until(qr/calling/, "\\echo calling\nSELECT watch.until_no_run(), public.get_customer_balance(1, '2023-01-01'),"
  . " public.get_customer_balance(2, '2023-01-01');\n\\echo called\n");
my $sleeping = "SELECT count(*) FROM pg_stat_activity WHERE wait_event = 'PgSleep'";
ok(wait_until(sub { $node->safe_psql('pagila', $sleeping) }, 60), 'a statement is under way');
load('b');
$caller->query_until(qr/called/, '');
is($caller->{stderr}, '', 'the functions a statement knows outlive the copy they came with');
$caller->quit;
load('a');
no_residue($node, 'at the end');
done_testing();
