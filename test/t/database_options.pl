# Publications, settings and the comment of the database, as database_objects asks for them: made when the copy is published, with
# all that they have; what others have made is not touched.
use strict;
use warnings;
use lib 'test/t';
use PagilaTest;
use PostgreSQL::Test::Utils;
use Test::More;

my ($source, $target) = new_pair('database_options', faults => 1, conf => "wal_level = logical\n", source => { conf => "wal_level = logical\n" });
my $dir = PostgreSQL::Test::Utils::tempdir_short();
my $both = q{'{publications,settings}'};
$_->safe_psql('pagila', 'CREATE ROLE "the owner" NOLOGIN; CREATE ROLE reader LOGIN; GRANT CREATE ON DATABASE pagila TO "the owner"') for $source, $target;
$source->safe_psql('postgres', 'CREATE ROLE "only there" LOGIN');
$source->safe_psql('pagila', q{
    CREATE SCHEMA "Odd 'n" CREATE TABLE "t, (x)" ("the key" integer PRIMARY KEY, "b""c" text, c boolean);
    CREATE TABLE public.part (id integer, PRIMARY KEY (id)) PARTITION BY RANGE (id);
    CREATE TABLE public.part1 PARTITION OF public.part FOR VALUES FROM (0) TO (10);
    CREATE TABLE public.kept (dropped integer, id integer PRIMARY KEY, note text);
    ALTER TABLE public.kept DROP COLUMN dropped;
    INSERT INTO public.kept VALUES (1, 'x'); INSERT INTO public.part VALUES (1); INSERT INTO "Odd 'n"."t, (x)" VALUES (1, 'y', true);
    SET client_min_messages = error;
    CREATE PUBLICATION "News, 'n" FOR TABLE public.kept (note, id) WHERE (note <> 'it''s' AND id > 0), public.part, "Odd 'n"."t, (x)" ("b""c", "the key") WITH (publish = 'insert', publish_via_partition_root);
    COMMENT ON PUBLICATION "News, 'n" IS 'for "readers"';
    ALTER PUBLICATION "News, 'n" OWNER TO "the owner";
    CREATE PUBLICATION everything FOR ALL TABLES WITH (publish = 'truncate');
    CREATE PUBLICATION nothing WITH (publish = '');
    CREATE PUBLICATION of_schema FOR TABLES IN SCHEMA "Odd 'n", TABLE public.kept;
    ALTER DATABASE pagila SET work_mem = '7MB';
    ALTER DATABASE pagila SET search_path = "Odd 'n", public, "$user";
    ALTER DATABASE pagila SET "my.setting" = 'it''s, "so"';
    ALTER DATABASE pagila SET pagila_repl.run_timeout = '1h';
    ALTER DATABASE pagila SET DateStyle = 'SQL, DMY';
    ALTER ROLE reader IN DATABASE pagila SET session_preload_libraries = 'auto_explain', 'passwordcheck';
    ALTER ROLE "only there" IN DATABASE pagila SET work_mem = '1MB';
    ALTER ROLE reader SET work_mem = '2MB';
    COMMENT ON DATABASE pagila IS 'rents ''films'''});

# What pg_dump --create tells of them.
sub objects {
    my ($node, $db, $but) = @_;
    my $dump = dump_text($node, $db // 'pagila', '--create');
    my @lines = grep { /^(CREATE|ALTER|COMMENT ON) PUBLICATION|^ALTER (DATABASE|ROLE) .* SET |^COMMENT ON DATABASE/ && !/pagila_repl\.|only there/ } split /\n/, $dump;
    s/DATABASE pagila\b/DATABASE here/, s/DATABASE plain\b/DATABASE here/ for @lines;
    @lines = grep { !/$but/ } @lines if $but;
    return join "\n", sort @lines;
}

my $server = 'source';
sub pull {
    my (%options) = @_;
    my ($out, $err) = run_sql($target, pull_sql($server, database_objects => $both, %options));
    note($err) if $err;
    return $out || sqlstate_of($err);
}

sub check {
    my ($words) = @_;
    $words //= $both;
    return (run_sql($target, qq{SELECT status, sqlstate, message FROM pagila_check('source', database_objects => $words) WHERE subject IN ('object of the database', 'publication') AND message !~ 'FOR ALL TABLES' ORDER BY 3}))[0];
}

#
# A replication
#

my ($left_out) = run_sql($target, q{SELECT message FROM pagila_check('source') WHERE subject = 'left out' ORDER BY 1});
like($left_out, qr/4 publications left out: .*\n6 settings left out: DateStyle/s, 'without the option they are left out and named') or diag $left_out;
is((run_sql($target, pull_sql('source')))[0], 'succeeded', 'a run without the option');
is(objects($target), '', 'brings none of them');
like(last_run($target, 'message'), qr/; 4 publications left out: /, 'and says so');
like(check(), qr/^ok\|\|10 objects of the database can be copied$/m, 'check: they can be copied') or diag check();
is(pull(), 'succeeded', 'they are copied');
is(objects($target), objects($source), 'as pg_dump --create tells of them');
like(last_run($target, 'message'), qr/; 10 objects of the database, 10 written; 1 setting left out, its role does not exist/, 'the message counts them') or diag last_run($target, 'message');
unlike(last_run($target, 'message'), qr/publications? left out/, 'and names none as left out');
is(last_run($target, "options -> 'database_objects'"), '["publications", "settings"]', 'the option is recorded');
is($target->safe_psql('pagila', q{SELECT count(*) FROM pg_publication_rel r WHERE NOT EXISTS (SELECT FROM pg_class c WHERE c.oid = r.prrelid AND c.relnamespace::regnamespace::text IN ('public', '"Odd ''n"'))}),
    '0', 'publications name the live tables');
is($target->safe_psql('pagila', 'SHOW work_mem'), '7MB', 'settings hold');
is(pull(), 'skipped', 'a second run has nothing to do');
is((run_sql($target, "SELECT subject, message FROM pagila_check('source', database_objects => $both) WHERE status = 'error'"))[0], '', 'nor is anything in its way');
like((run_sql($target, "BEGIN READ ONLY; SELECT status, message FROM pagila_check('source', database_objects => $both) WHERE subject = 'object of the database'"))[0],
    qr/^warning\|objects of the database cannot be looked at in a read-only transaction$/, 'in a read-only transaction settings cannot be tried');
no_residue($target, 'a replication');

$target->safe_psql('pagila', q{SELECT pg_create_logical_replication_slot('watch', 'pgoutput')});
$target->safe_psql('pagila', q{INSERT INTO public.kept VALUES (2, 'it''s'), (3, 'seen'); DELETE FROM public.kept WHERE id > 1});
is($target->safe_psql('pagila', q{SELECT count(*) FROM pg_logical_slot_get_binary_changes('watch', NULL, NULL, 'proto_version', '1', 'publication_names', '"News, ''n"') WHERE get_byte(data, 0) = ascii('I')}),
    '1', 'a subscriber gets what the row filter shows');

# A change of nothing else.
$source->safe_psql('pagila', q{DROP PUBLICATION nothing; ALTER PUBLICATION "News, 'n" DROP TABLE public.part; CREATE PUBLICATION later FOR TABLE public.part1;
    ALTER DATABASE pagila RESET "my.setting"; ALTER DATABASE pagila SET work_mem = '8MB'; COMMENT ON DATABASE pagila IS NULL});
is(pull(), 'succeeded', 'a change of these alone is seen');
is(objects($target), objects($source), 'brought, and what is gone is removed');
like(last_run($target, 'message'), qr/; 8 objects of the database, 5 written; 3 objects of the database removed/, 'what has not changed is not written') or diag last_run($target, 'message');
is(pull(), 'skipped', 'and again nothing to do');
$source->safe_psql('pagila', q{INSERT INTO public.kept VALUES (4, 'new')});
is(pull(), 'succeeded', 'a change of rows');
is(objects($target), objects($source), 'keeps them');
is((run_sql($target, pull_sql('source', force => 'true')))[0], '', 'a run without the option may not take tables out of publications');
like(last_run($target, 'error_detail'), qr/publication of table public\.kept in publication/, 'and names these');
like(last_run($target, 'error_hint'), qr/Publications .* that runs have made are replaced if database_objects asks for them again/, 'and says what to do');

#
# Changes by hand, and objects of others
#

my %by_hand = ('a table more' => q{CREATE SCHEMA o CREATE TABLE t (); ALTER PUBLICATION later ADD TABLE o.t}, 'a table less' => q{ALTER PUBLICATION of_schema DROP TABLE public.kept},
    'a publication dropped' => 'DROP PUBLICATION everything', 'options of a publication' => q{ALTER PUBLICATION later SET (publish = 'insert')}, 'an owner' => 'ALTER PUBLICATION later OWNER TO "the owner"',
    'a comment' => q{COMMENT ON PUBLICATION "News, 'n" IS NULL}, 'a row filter' => q{ALTER PUBLICATION "News, 'n" SET TABLE public.kept WHERE (id > 5)},
    'another value' => q{ALTER DATABASE pagila SET work_mem = '9MB'}, 'a setting reset' => 'ALTER ROLE reader IN DATABASE pagila RESET ALL', 'a renamed publication' => 'ALTER PUBLICATION later RENAME TO earlier');
for my $what (sort keys %by_hand) {
    $target->safe_psql('pagila', "SET client_min_messages = error; $by_hand{$what}");
    my $before = objects($target);
    my $expected = $what =~ /renamed/ ? '2BP01' : '55000';
    is(pull(), '55000', "$what: refused");
    like(last_run($target, 'error_detail'), qr/(publication "|setting ").* was (changed|removed)/, "$what: named");
    is(objects($target), $before, "$what: unchanged");
    like(check(), qr/^error\|55000\|(publication|setting) ".*" .*was (changed|removed) since the last run/m, "$what: known beforehand");
    $target->safe_psql('pagila', 'DROP PUBLICATION earlier') if $what =~ /renamed/;
    is(pull(on_modified => q{'overwrite'}), 'succeeded', "$what: overwritten if told");
    is(objects($target), objects($source), "$what: as at the source");
}
$target->safe_psql('pagila', 'DROP SCHEMA o CASCADE');

$target->safe_psql('pagila', q{SET client_min_messages = error; CREATE PUBLICATION mine; ALTER DATABASE pagila SET temp_buffers = '3MB'; ALTER DATABASE pagila SET maintenance_work_mem = '4MB';
    COMMENT ON DATABASE pagila IS 'mine'});
is(pull(), 'skipped', 'what is not in the way is left alone');
$source->safe_psql('pagila', q{CREATE PUBLICATION mine FOR TABLE public.kept; ALTER DATABASE pagila SET maintenance_work_mem = '5MB'; COMMENT ON DATABASE pagila IS 'theirs'});
my $before = objects($target);
is(pull(), '2BP01', 'what is in the way is refused');
like(last_run($target, 'error_detail'), qr/publication "mine"\n.*setting "maintenance_work_mem".*\n.*comment/, 'by name');
like(check(), qr/^error\|2BP01\|publication "mine" is here, and no run has made it$/m, 'known beforehand');
is(objects($target), $before, 'it stays');
$source->safe_psql('pagila', q{ALTER DATABASE pagila SET maintenance_work_mem = '4MB'});
is(pull(), '2BP01', 'a setting of the same value is not in the way, the others are');
unlike(last_run($target, 'error_detail'), qr/setting/, 'named no more');
is(pull(on_unmanaged => q{'drop'}), 'succeeded', 'or replaced if told');
is(objects($target, 'pagila', qr/temp_buffers/), objects($source), 'as at the source');
like(objects($target), qr/SET temp_buffers TO '3MB'/, 'others are not touched');
like(last_run($target, 'message'), qr/; dropped: publication "mine"/, 'the message says what was lost');
$source->safe_psql('pagila', q{ALTER DATABASE pagila RESET maintenance_work_mem});
is(pull(), 'succeeded', 'a setting that nobody copied');
like(objects($target), qr/SET maintenance_work_mem TO '4MB'/, 'is not taken back');
$target->safe_psql('pagila', q{ALTER DATABASE pagila RESET maintenance_work_mem; ALTER DATABASE pagila RESET temp_buffers});

#
# A run that fails leaves nothing
#

for my $fault ('database_object:2:enospc', 'held_still:1:enospc', 'publish:1:enospc') {
    $source->safe_psql('pagila', qq{ALTER DATABASE pagila SET work_mem = '${\ length $fault}MB'; INSERT INTO public.kept VALUES (${\ length $fault} + 100)});
    $before = objects($target);
    set_fault($target, $fault);
    isnt(pull(), 'succeeded', "$fault: the run fails");
    clear_fault($target);
    is(objects($target), $before, "$fault: all are as before");
    no_residue($target, $fault);
}
is(pull(), 'succeeded', 'the next run needs no help');
is(objects($target), objects($source), 'all are there');

#
# Parts of the source, owners, misuse
#

is(pull(schemas => q{'{public}'}, on_modified => q{'overwrite'}), '2BP01', 'a publication of what is not copied');
like(last_run($target, 'error_message') . last_run($target, 'error_detail'), qr/publication "News, 'n" is about what is not copied: table "Odd 'n\.t, \(x\)"/, 'is named');
is(pull(schemas => q{ARRAY['"Odd ''n"']}, database_objects => q{'{settings}'}), '2BP01', 'publications of a schema are in the way without the option');
is(pull(owners => q{'skip'}), 'succeeded', 'without owners');
like(last_run($target, 'message'), qr/owners of publications skipped as asked/, 'said so');
unlike(objects($target), qr/the owner/, 'and so it is');
is(pull(), 'succeeded', 'with owners again');
for my $case ([ q{'{event}'}, '22023' ], [ q{'{settings,null}'}, '22004' ], [ q{'{Settings}'}, '22023' ]) {
    my (undef, $err) = run_sql($target, pull_sql('source', database_objects => $case->[0]));
    is(sqlstate_of($err), $case->[1], "misuse: $case->[0]");
    like($err, qr/HINT:  It is an array of any of "publications", "settings" and "event_triggers"\./, 'the hint names the words') if $case->[1] eq '22023';
}
is((run_sql($target, pull_sql('source', database_objects => q{'{}'}, force => 'true', on_dependents => q{'drop'})))[0], '', 'an empty array is none');

#
# The other entrances
#

$target->append_conf('postgresql.conf', q{shared_preload_libraries = 'pagila_repl'});
$target->restart;
wait_until(sub { (run_sql($target, q{SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'pagila_repl launcher'}))[0] eq '1' }, 30);
my $job = q{SELECT pagila_schedule('whole', '0 0 1 1 *', 'source', options => '{"database_objects": ["publications", "settings"]}')};
is((run_sql($target, $job))[1], '', 'a job takes the option');
$source->safe_psql('pagila', q{ALTER DATABASE pagila SET work_mem = '11MB'});
my ($out, $err) = run_sql($target, q{SELECT status FROM pagila_run_job('whole')});
is($out, 'succeeded', 'and its run does so') or diag $err;
is(objects($target), objects($source), 'as at the source');
$target->safe_psql('pagila', q{SELECT pagila_unschedule('whole')});
for my $case (q{options => '{"database_objects": ["x"]}'}, q{options => '{"database_objects": "settings"}'}, q{database_objects => '{x}'}) {
    my (undef, $err) = run_sql($target, "SELECT pagila_schedule('bad', '1 day', 'source', $case)");
    is(sqlstate_of($err), '22023', "misuse of a job: $case");
}
$target->append_conf('postgresql.conf', q{shared_preload_libraries = ''});
$target->restart;
add_source($source, 'target', port => $target->port, server => { host => $target->host });
$source->safe_psql('pagila', q{ALTER DATABASE pagila SET work_mem = '12MB'});
($out, $err) = run_sql($source, qq{SELECT status FROM pagila_replicate_to('target', 'source', database_objects => $both)});
is($out, 'succeeded', 'from the side of the source') or diag $err;
is(objects($target), objects($source), 'as at the source');

#
# A load
#

my $dump = "$dir/dump.sql";
my $text = dump_text($source, 'pagila', '--create') =~ s/^ALTER ROLE "only there".*\n//mr;
$text =~ s/\bDATABASE pagila\b/DATABASE plain/g;
$text =~ s/^\\connect pagila$/\\connect plain/mg;
$text =~ s/^(CREATE|ALTER) (SERVER|USER MAPPING).*?;\n//msg;
write_file($dump, $text);
$target->safe_psql('postgres', 'CREATE DATABASE plain; GRANT CREATE ON DATABASE plain TO "the owner"');
$target->safe_psql('plain', 'CREATE EXTENSION pagila_repl');
($out, $err) = run_sql($target, load_sql($dump), db => 'plain');
is($out, 'succeeded', 'a load without the option') or diag $err;
is(objects($target, 'plain'), '', 'makes none of them');
($out, $err) = run_sql($target, load_sql($dump, undef, database_objects => $both), db => 'plain');
is($out, 'succeeded', 'a load') or diag $err;
is(objects($target, 'plain'), objects($source), 'makes them as psql does');
is((run_sql($target, load_sql($dump, undef, database_objects => $both), db => 'plain'))[0], 'skipped', 'a second one has nothing to do');
$target->safe_psql('plain', q{ALTER DATABASE plain SET work_mem = '1MB'});
(undef, $err) = run_sql($target, load_sql($dump, undef, database_objects => $both), db => 'plain');
is(sqlstate_of($err), '55000', 'a change by hand is refused');
is((run_sql($target, load_sql($dump, undef, database_objects => $both, on_modified => q{'overwrite'}), db => 'plain'))[0], 'succeeded', 'or overwritten');
write_file($dump, "CREATE TABLE public.kept (id integer PRIMARY KEY); ALTER DATABASE plain SET work_mem TO '6MB'; ALTER DATABASE plain SET work_mem TO '5MB';\n");
($out, $err) = run_sql($target, load_sql($dump, undef, database_objects => $both), db => 'plain');
is($out, 'succeeded', 'a dump of fewer schemas') or diag $err;
is(objects($target, 'plain'), q{ALTER DATABASE here SET work_mem TO '5MB';}, 'takes away what was about its schemas, and the last value of a setting counts');
my %malformed = ('not created' => [ 'ALTER PUBLICATION p ADD TABLE public.kept;', '42704' ], 'twice' => [ 'CREATE PUBLICATION p; CREATE PUBLICATION p;', '42710' ],
    'a table elsewhere' => [ 'CREATE PUBLICATION p; ALTER PUBLICATION p ADD TABLE "Odd \'n"."t, (x)";', '2BP01' ], 'another database' => [ q{ALTER DATABASE other SET work_mem = '1MB';}, '0A000' ],
    'no such setting' => [ q{ALTER DATABASE plain SET no_such_setting = 1;}, '42704' ], 'no such value' => [ q{ALTER DATABASE plain SET work_mem = 'x';}, '22023' ],
    'of all databases' => [ q{ALTER ROLE reader SET work_mem = '1MB';}, '0A000' ]);
for my $what (sort keys %malformed) {
    my ($body, $state) = @{ $malformed{$what} };
    (undef, $err) = run_sql($target, load_sql(write_file($dump, "CREATE TABLE public.fresh (id integer PRIMARY KEY); CREATE TABLE public.kept (id integer); $body\n"), undef, force => 'true', database_objects => $both), db => 'plain');
    is(sqlstate_of($err), $state, "malformed, $what") or diag $err;
}

#
# A role that is no superuser
#

$target->safe_psql('postgres', 'CREATE DATABASE own');
$target->safe_psql('own', 'CREATE EXTENSION pagila_repl; CREATE ROLE etl LOGIN IN ROLE pagila_repl_operator; GRANT CREATE ON DATABASE own TO etl; ALTER SCHEMA public OWNER TO etl');
$target->safe_psql('own', 'CREATE SERVER source FOREIGN DATA WRAPPER pagila_repl OPTIONS (host $$127.0.0.1$$, port $$' . $source->port . '$$, dbname $$pagila$$);'
    . 'CREATE USER MAPPING FOR etl SERVER source OPTIONS (user $$' . scalar(getpwuid($<)) . '$$, password $$x$$, password_required $$false$$); GRANT USAGE ON FOREIGN SERVER source TO etl');
my %as_etl = (db => 'own', psql => { extra_params => [ '-U', 'etl' ] });
($out, $err) = run_sql($target, qq{SELECT sqlstate, message FROM pagila_check('source', database_objects => $both) WHERE status = 'error' AND subject = 'object of the database' ORDER BY 2}, %as_etl);
like($out, qr/^42501\|publication "everything" is of all tables.*\n42501\|publication "of_schema" is of all/m, 'publications that need a superuser are named beforehand') or diag $err;
like($out, qr/^42501\|setting "work_mem" of the database cannot be set here: must be owner of database own$/m, 'settings that need the owner of the database, too');
($out, $err) = run_sql($target, pull_sql('source', database_objects => $both), %as_etl);
is(sqlstate_of($err), '42501', 'and the run is refused');
$target->safe_psql('own', 'ALTER DATABASE own OWNER TO etl');
$source->safe_psql('pagila', 'DROP PUBLICATION everything, of_schema');
$source->safe_psql('pagila', 'ALTER ROLE reader IN DATABASE pagila RESET ALL');
($out, $err) = run_sql($target, pull_sql('source', database_objects => $both), %as_etl);
is($out, 'succeeded', 'the owner of a database may copy the rest') or diag $err;
is(objects($target, 'own', qr/OWNER/), objects($source, 'pagila', qr/OWNER/) =~ s/DATABASE here/DATABASE own/gr, 'as at the source');
is((run_sql($target, pull_sql('source', database_objects => $both), %as_etl))[0], 'skipped', 'and a second run has nothing to do');
no_residue($target, 'at the end');
done_testing();
