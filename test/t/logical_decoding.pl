# What runs write is left out of logical decoding: who subscribes to a publication FOR ALL TABLES of the target sees nothing of
# stages and of the extension's tables, never stops because of them, and goes on getting what users change.
use strict;
use warnings;
use IPC::Run ();
use JobTest;
use PagilaTest;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

leave_to_long_tests();

# So little memory that a copy is streamed to the subscriber while it is written.
my $test = JobTest->new('logical_decoding', streaming => 'logical', conf => "logical_decoding_work_mem = '64kB'");
my ($source, $target) = @$test{qw(source target)};

# Long values that are not compressed; partitions.
my $more = q{
  CREATE TABLE shop.document (id integer PRIMARY KEY, body text);
  ALTER TABLE shop.document ALTER body SET STORAGE EXTERNAL;
  CREATE TABLE shop.event (id integer, at date, PRIMARY KEY (id, at)) PARTITION BY RANGE (at);
  CREATE TABLE shop.event_2022 PARTITION OF shop.event FOR VALUES FROM ('2022-01-01') TO ('2023-01-01');
  CREATE TABLE shop.event_2023 PARTITION OF shop.event FOR VALUES FROM ('2023-01-01') TO ('2024-01-01');
};
my $rows = q{
  INSERT INTO shop.document SELECT n, repeat(md5(n::text), 300) FROM generate_series(1, 40) n;
  INSERT INTO shop.event SELECT n, '2022-06-01'::date + n FROM generate_series(1, 400) n;
};
$source->safe_psql('pagila', "$more $rows");
$source->safe_psql('pagila', "CREATE SCHEMA hr; $more $rows" =~ s/shop\./hr./gr);

# The subscriber has all that users see of the target. It subscribed before the extension came.
my $users = "CREATE SCHEMA shop; CREATE TABLE shop.item (id integer PRIMARY KEY, name text); $more
  CREATE SCHEMA office; CREATE TABLE office.note (id serial PRIMARY KEY, what text)";
my $subscriber = PostgreSQL::Test::Cluster->new('logical_decoding_subscriber');
$subscriber->init;
$subscriber->start;
$subscriber->safe_psql('postgres', 'CREATE DATABASE pagila');
$subscriber->safe_psql('pagila', $users);
$target->safe_psql('pagila', "SET client_min_messages = warning; DROP EXTENSION pagila_repl CASCADE; $users");
$target->safe_psql('pagila', 'CREATE PUBLICATION everything FOR ALL TABLES');
my $to_target = $target->connstr . ' dbname=pagila';
$subscriber->safe_psql('pagila',
    "CREATE SUBSCRIPTION watching CONNECTION '$to_target' PUBLICATION everything WITH (copy_data = false, streaming = on)");
$target->safe_psql('pagila', 'CREATE EXTENSION pagila_repl');
add_source($target, 'source', port => $source->port);

my $log_start = 0;    # of what is looked at of the subscriber's log

# What is decoded since the last look, by the subscriber's own plugin and by one that prints whatever it is given.
$target->safe_psql('pagila', q{SELECT pg_create_logical_replication_slot('raw', 'pgoutput')});
my ($state) = sqlstates($target, [ q{SELECT pg_create_logical_replication_slot('printed', 'test_decoding')} ]);
my $prints = $state eq '00000';
note 'no test_decoding here (postgresql-contrib): what is decoded is looked at through pgoutput only' unless $prints;

# "schema.table I2 U1": inserts, updates, deletes, truncations by table.
sub decoded {
    my @messages = map { pack 'H*', $_ } split /\n/, $target->safe_psql('pagila', q{SELECT encode(data, 'hex')
      FROM pg_logical_slot_get_binary_changes('raw', NULL, NULL, 'proto_version', '1', 'publication_names', 'everything')});
    my (%name, %count);
    for (@messages) {
        my $kind = substr($_, 0, 1);
        if ($kind eq 'R') {
            my ($oid, $schema, $table) = unpack 'x N Z* Z*', $_;
            $name{$oid} = "$schema.$table";
        }
        $count{ unpack 'x N', $_ }{$kind}++ if $kind =~ /[IUD]/;
        if ($kind eq 'T') {
            my (undef, undef, undef, @oids) = unpack 'a N C N*', $_;
            $count{$_}{T}++ for @oids;
        }
    }
    return join ', ', sort map { my $c = $count{$_}; join ' ', $name{$_} // $_, map { "$_$c->{$_}" } sort keys %$c } keys %count;
}

sub printed {
    return $target->safe_psql('pagila', q{SELECT string_agg(DISTINCT substring(data, '^table \S+ [A-Z]+'), ', ')
      FROM pg_logical_slot_get_changes('printed', NULL, NULL, 'skip-empty-xacts', '1') WHERE data !~ '^(BEGIN|COMMIT)'});
}

sub on_subscriber {
    my ($sql) = @_;
    return $subscriber->safe_psql('pagila', $sql);
}

sub arrives {
    my ($sql, $expected, $what) = @_;
    my $found = '';
    wait_until(sub { $found = on_subscriber($sql); $found eq $expected }, 20);
    return is($found, $expected, $what);
}

# A session that stays open.
sub session {
    my ($sql) = @_;
    my %session = (in => "$sql;\nSELECT 'here';\n", out => '');
    $session{harness} = IPC::Run::start([ 'psql', '-XAtq', '-d', $target->connstr('pagila') ], '<', \$session{in}, '>', \$session{out});
    $session{harness}->pump until $session{out} =~ /here/;
    return \%session;
}

sub end_session {
    my ($session, $end) = @_;
    $session->{in} .= "$end;\n\\q\n";
    return $session->{harness}->finish;
}

# Nothing of what was done is decoded, the subscription works, and gets what a user writes.
sub goes_unseen {
    my ($what) = @_;
    is(decoded(), '', "$what: nothing is decoded");
    is(printed(), '', "$what: nothing is printed") if $prints;
    $target->safe_psql('pagila', "INSERT INTO office.note (what) VALUES ('$what')");
    my $lsn = $target->lsn('insert');
    arrives("SELECT count(*) FROM office.note WHERE what = '$what'", '1', "$what: a user's change arrives");
    ok(wait_until(sub { $target->safe_psql('pagila',
        "SELECT confirmed_flush_lsn >= '$lsn' FROM pg_replication_slots WHERE slot_name = 'watching'") eq 't' }, 20),
        "$what: the slot lets go of the WAL");
    is(on_subscriber('SELECT count(pid) FROM pg_stat_subscription'), '1', "$what: the subscription is at work");
    my @errors = slurp_file($subscriber->logfile, $log_start) =~ /^.*(?:ERROR|FATAL|PANIC): .*$/mg;
    is(scalar @errors, 0, "$what: the subscriber has had no error") or diag $errors[-1];
    is(decoded(), 'office.note I1', "$what: that change alone is decoded");
    printed() if $prints;
    return;
}

sub replicate {
    my ($what, $status, %options) = @_;
    my ($out, $err) = run_sql($target, pull_sql('source', schemas => q{'{shop}'}, workers => 2, %options));
    is($out, $status, "$what: $status") or diag $err;
    return $err;
}

# Which relations are hidden, as the relations' names without their OIDs.
sub hidden {
    my ($condition) = @_;
    return $target->safe_psql('pagila', qq{
      SELECT string_agg(DISTINCT c.oid::regclass::text, ' ' ORDER BY c.oid::regclass::text)
        FROM pg_class t JOIN pg_class c ON c.oid IN (t.oid, t.reltoastrelid)
       WHERE t.relkind = 'r' AND t.relnamespace = ANY (ARRAY(SELECT oid FROM pg_namespace n WHERE $condition)) AND c.relrewrite <> 0});
}

sub own_tables_shown {
    return $target->safe_psql('pagila', q{SELECT count(*) FROM pg_class t JOIN pg_class c ON c.oid IN (t.oid, t.reltoastrelid)
      WHERE t.relkind = 'r' AND t.relnamespace = 'pagila_repl'::regnamespace AND c.relrewrite = 0});
}

sub change_source {
    $test->change_source;
    $source->safe_psql('pagila', 'UPDATE shop.document SET body = reverse(body) WHERE id <= 20; DELETE FROM shop.event WHERE id % 7 = 0');
    return;
}

#
# Runs of every kind
#

is(own_tables_shown(), '0', 'the tables of the extension are hidden');
goes_unseen('the extension');
replicate('a first copy', 'succeeded', on_unmanaged => q{'drop'});
goes_unseen('a first copy');
cmp_ok($target->safe_psql('pagila', 'SELECT count(*) FROM shop.document d JOIN pg_class c ON c.relname = $$document$$
  WHERE length(body) = 9600 AND c.relnamespace = $$shop$$::regnamespace AND pg_relation_size(c.reltoastrelid) > 300000'), '>', 0, 'it has long values');
change_source();
replicate('a refresh', 'succeeded');
goes_unseen('a refresh');
replicate('nothing to do', 'skipped');
goes_unseen('nothing to do');

set_fault($target, 'rows:2:error');
change_source();
like(replicate('a failed run', ''), qr/fault at rows/, 'a failed run: fails');
clear_fault($target);
goes_unseen('a failed run');
$test->cleared_up('a failed run');

# Where code of the copy runs, one process fills it in one transaction, under its real names.
$source->safe_psql('pagila', q{CREATE FUNCTION shop.is_short(text) RETURNS boolean LANGUAGE sql AS 'SELECT length($1) < 20000';
  ALTER TABLE shop.document ADD CHECK (shop.is_short(body))});
replicate('under real names', 'succeeded');
goes_unseen('under real names');

my $dir = PostgreSQL::Test::Utils::tempdir;
for my $options (some_of(3, [], ['--load-via-partition-root'], ['--rows-per-insert=7'], ['--load-via-partition-root', '--inserts'])) {
    my $what = "a load @$options";
    write_file("$dir/hr.sql", dump_text($source, 'pagila', '--schema=hr', @$options));
    my ($out, $err) = run_sql($target, load_sql("$dir/hr.sql", undef));
    is($out, 'succeeded', "$what: succeeds") or diag $err;
    goes_unseen($what);
}

$test->schedule('copy', '1 hour', q{'source', schemas => '{shop}', force => true});
$test->runs('copy', 1, 'succeeded', 'a job: its first run');
change_source();
$test->time_passes(3600);
$test->runs('copy', 2, 'succeeded', 'a job: its second run');
set_fault($target, 'rows:1:error');
$test->time_passes(3600);
$test->runs('copy', 3, 'failed', 'a job: its third run');
clear_fault($target);
$test->sql(q{SELECT pagila_alter_job('copy', enabled => false)});
$test->cleared_up('a job');
goes_unseen('a job');
$test->sql(q{SELECT pagila_unschedule('copy')});
goes_unseen('its end');

cmp_ok($target->safe_psql('pagila', q{SELECT stream_txns FROM pg_stat_replication_slots WHERE slot_name = 'watching'}), '>', 0,
    'copies were streamed to the subscriber while they were written');

# An extension that a run creates in the stage writes rows at once.
my $extensions = $target->config_data('--sharedir') . '/extension';
SKIP: {
    skip "cannot write to $extensions", 1 unless -w $extensions;
    write_file("$extensions/pagila_test_rows.control", "default_version = '1'\nrelocatable = true\n");
    write_file("$extensions/pagila_test_rows--1.sql", q{CREATE TABLE given (id integer PRIMARY KEY, what text);
      INSERT INTO given SELECT n, repeat(md5(n::text), 300) FROM generate_series(1, 30) n});
    $source->safe_psql('pagila', 'CREATE SCHEMA given; CREATE EXTENSION pagila_test_rows SCHEMA given');
    my ($out, $err) = run_sql($target, pull_sql('source', schemas => q{'{given}'}));
    is($out, 'succeeded', 'an extension in the stage: succeeds') or diag $err;
    is($target->safe_psql('pagila', 'SELECT count(*) FROM given.given'), '30', 'an extension in the stage: has rows');
    goes_unseen('an extension in the stage');
    is(hidden(q{nspname = 'given'}), '', 'an extension in the stage: is shown at the end');
    $_->safe_psql('pagila', 'DROP EXTENSION pagila_test_rows; DROP SCHEMA given') for $source, $target;
    unlink glob("$extensions/pagila_test_rows*");
}

#
# What was copied is the users' own from then on
#

is(hidden(q{nspname IN ('shop', 'hr', 'office')}), '', 'no table that users see is hidden');
$target->safe_psql('pagila', q{INSERT INTO shop.item VALUES (1000, 'by hand');
  INSERT INTO shop.document SELECT 1000, repeat(md5('by hand'), 300); INSERT INTO shop.event VALUES (1000, '2023-02-01')});
arrives(q{SELECT (SELECT name FROM shop.item WHERE id = 1000), (SELECT body = repeat(md5('by hand'), 300) FROM shop.document WHERE id = 1000),
  (SELECT count(*) FROM shop.event_2023 WHERE id = 1000)}, 'by hand|t|1', 'changes of copied tables arrive, long values too');
is(decoded(), 'shop.document I1, shop.event_2023 I1, shop.item I1', 'they are decoded');
printed() if $prints;
replicate('over them', 'succeeded', on_modified => q{'overwrite'});
goes_unseen('over them');
is(on_subscriber('SELECT count(*) FROM shop.item'), '1', 'the subscriber keeps what it had');

#
# Hiding that is lost, or outlasts the stage
#

# Rewriting a table makes another TOAST table for it; pg_upgrade keeps nothing of it.
$target->safe_psql('pagila', 'VACUUM FULL pagila_repl.run');
is(own_tables_shown(), '0', 'after VACUUM FULL: still hidden');
$test->rests('before a table is rewritten');
is($target->safe_psql('pagila', "ALTER TABLE pagila_repl.job ALTER options TYPE jsonb USING options::text::jsonb;\nSELECT relrewrite
  FROM pg_class WHERE oid = (SELECT reltoastrelid FROM pg_class WHERE oid = 'pagila_repl.job'::regclass)"), '0', 'a rewritten table is shown');
change_source();
replicate('after a rewrite', 'succeeded');
is(own_tables_shown(), '0', 'after a rewrite: hidden again');
goes_unseen('after a rewrite');
my $show = q{WITH shown AS (UPDATE pg_class SET relrewrite = 0 WHERE oid IN (SELECT oid FROM pg_class WHERE relrewrite <> 0 FOR UPDATE SKIP LOCKED)
  RETURNING oid) SELECT count(*) FROM shown};
cmp_ok($target->safe_psql('pagila', $show), '>', 7, 'all are shown, as after an upgrade of the server');
change_source();
replicate('after an upgrade', 'succeeded');
is(own_tables_shown(), '0', 'after an upgrade: hidden again');
goes_unseen('after an upgrade');
$target->safe_psql('pagila', $show);
$target->restart;
ok(wait_until(sub { own_tables_shown() eq '0' }, 60), 'the launcher has them hidden, too');
arrives('SELECT count(pid) FROM pg_stat_subscription', '1', 'the subscription is at work again');
ok(wait_until(sub { $target->safe_psql('pagila', q{SELECT active FROM pg_replication_slots WHERE slot_name = 'watching'}) eq 't' }, 60), 'and its slot');
$log_start = -s $subscriber->logfile;

# Nobody waits for whoever is changing one of them.
my $session = session(q{BEGIN; UPDATE pg_class SET relrewrite = 0 WHERE oid = 'pagila_repl.leftover'::regclass});
$target->safe_psql('pagila', $show);
replicate('beside a change', 'skipped');
is(own_tables_shown(), '0', 'beside a change: all others are hidden');
end_session($session, 'COMMIT');
replicate('hidden once more', 'skipped');
is(own_tables_shown(), '0', 'hidden once more');
goes_unseen('hidden once more');

# A stage that is shown too early is not filled; one that is hidden is not published.
sub start {
    my %run = (out => '', err => '');
    $run{harness} = IPC::Run::start([ 'psql', '-XAtq', '-v', 'VERBOSITY=verbose', '-d', $target->connstr('pagila'),
        '-c', pull_sql('source', schemas => q{'{shop}'}, @_) ], '<', \undef, '>', \$run{out}, '2>', \$run{err});
    return \%run;
}
$test->hold_at('copy:1');
change_source();
my $run = start(workers => '1');
$test->is_held('shown too early');
cmp_ok(scalar(split / /, hidden(q{nspname ~ '^pagila_repl_stage'})), '>', 3, 'a stage is hidden');
$target->safe_psql('pagila', q{UPDATE pg_class SET relrewrite = 0 WHERE oid IN (SELECT oid FROM pg_class
  WHERE relkind = 'r' AND relrewrite <> 0 AND relnamespace <> 'pagila_repl'::regnamespace FOR UPDATE SKIP LOCKED)});
$test->let_go;
$run->{harness}->finish;
like($run->{err}, qr/55000: .*is not a staged table/, 'shown too early: no row goes in');
$test->cleared_up('shown too early');
goes_unseen('shown too early');

my $reader = session('BEGIN; SELECT count(*) FROM shop.item');
$run = start();
ok(wait_until(sub { last_run($target, 'phase') eq 'publish' }, 60), 'a reader holds up the publishing');
is(hidden(q{nspname ~ '^pagila_repl_stage'}), '', 'what is to be published is shown');
$target->safe_psql('pagila', q{UPDATE pg_class SET relrewrite = oid WHERE relname = 'item' AND relnamespace <> 'shop'::regnamespace});
$run->{harness}->finish;
end_session($reader, 'ROLLBACK');
like($run->{err}, qr/XX000: .*still hidden from logical decoding\nDETAIL:  Table item /, 'hidden too long: it is not published');
$test->cleared_up('hidden too long');
goes_unseen('hidden too long');
replicate('the next run', 'succeeded');
goes_unseen('the next run');

#
# What the documentation advises
#

on_subscriber("CREATE SCHEMA hr; $more" =~ s/shop\./hr./gr);
my ($out, $err) = run_sql($subscriber, 'ALTER SUBSCRIPTION watching REFRESH PUBLICATION');
like($err, qr/schema "pagila_repl" does not exist/, 'it cannot be subscribed to any more');
$target->safe_psql('pagila', 'CREATE PUBLICATION own_tables FOR TABLES IN SCHEMA office');
on_subscriber('ALTER SUBSCRIPTION watching SET PUBLICATION own_tables');
$target->safe_psql('pagila', 'DROP PUBLICATION everything');
change_source();
replicate('a publication of other schemas', 'succeeded');
$target->safe_psql('pagila', q{INSERT INTO office.note (what) VALUES ('of its own'); CREATE PUBLICATION once FOR TABLE shop.item});
arrives(q{SELECT count(*) FROM office.note WHERE what = 'of its own'}, '1', 'a user\'s change arrives by the other publication');
on_subscriber('TRUNCATE shop.item');
on_subscriber('ALTER SUBSCRIPTION watching ADD PUBLICATION once');
arrives(q{SELECT srsubstate FROM pg_subscription_rel WHERE srrelid = 'shop.item'::regclass}, 'r', 'a table is copied once more');
on_subscriber('ALTER SUBSCRIPTION watching DROP PUBLICATION once');
$target->safe_psql('pagila', 'DROP PUBLICATION once');
is(on_subscriber('SELECT string_agg(i::text, $$ $$ ORDER BY id) FROM shop.item i'),
    $target->safe_psql('pagila', 'SELECT string_agg(i::text, $$ $$ ORDER BY id) FROM shop.item i'), 'as the target has it');
change_source();
replicate('after that', 'succeeded');
on_subscriber('DROP SUBSCRIPTION watching');

$test->done;
