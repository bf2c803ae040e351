# Sessions that hold something open about what a run moves (types, members of extensions) or about what goes with a copy and is in no
# schema (casts). The run waits within its bound and says who it is; nothing that they commit is lost in silence.
use strict;
use warnings;
use lib 'test/t';
use AttackTest;
use PagilaTest;
use PostgreSQL::Test::Utils;
use Test::More;

leave_to_long_tests();

my $node = new_node('held_moved', conf => "max_prepared_transactions = 5\n");
my $dir = PostgreSQL::Test::Utils::tempdir;
my $file = write_file("$dir/live.sql", q{CREATE SCHEMA live;
CREATE TYPE live.mood AS ENUM ('sad', 'ok'); CREATE DOMAIN live.small AS integer CONSTRAINT is_small CHECK (VALUE < 1000);
CREATE TYPE live.pair AS (a integer, b integer);
CREATE FUNCTION live.pair_text(live.pair) RETURNS text LANGUAGE sql IMMUTABLE AS $$SELECT 'pair'::text$$;
CREATE CAST (live.pair AS text) WITH FUNCTION live.pair_text(live.pair);
CREATE CAST (point AS uuid) WITH INOUT;
CREATE TABLE live.item (id integer, m live.mood, s live.small);
COPY live.item FROM stdin;
1	ok	7
\.
});
my $has_citext = $node->safe_psql('pagila', q{SELECT count(*) FROM pg_available_extensions WHERE name = 'citext'});
my $load = load_sql($file, undef, force => 'true');
$node->safe_psql('postgres', 'CREATE ROLE reader; CREATE ROLE changer LOGIN SUPERUSER');
is((run_sql($node, $load))[0], 'succeeded', 'a copy');
$node->safe_psql('pagila', 'SET client_min_messages = warning; CREATE EXTENSION citext SCHEMA live') if $has_citext;

# The change, whether it is there, how to take it back, what it is about.
my @changes = (
    [ 'GRANT USAGE ON TYPE live.mood TO reader', q{has_type_privilege('reader', 'live.mood', 'USAGE') AND (SELECT typacl IS NOT NULL FROM pg_type WHERE oid = 'live.mood'::regtype)}, 'REVOKE ALL ON TYPE live.mood FROM reader', qr/type live\.mood/ ],
    [ 'ALTER DOMAIN live.small ADD CONSTRAINT is_large CHECK (VALUE > 0)', q{(SELECT count(*) = 1 FROM pg_constraint WHERE conname = 'is_large' AND contypid = 'live.small'::regtype)}, 'ALTER DOMAIN live.small DROP CONSTRAINT is_large', qr/live\.small|is_large/ ],
    [ q{COMMENT ON CAST (live.pair AS text) IS 'said meanwhile'}, q{(SELECT count(*) = 1 FROM pg_description JOIN pg_cast c ON c.oid = objoid AND classoid = c.tableoid WHERE description = 'said meanwhile' AND castsource = 'live.pair'::regtype)},
        'COMMENT ON CAST (live.pair AS text) IS NULL', qr/cast from live\.pair to text/ ],
    [ q{COMMENT ON CAST (point AS uuid) IS 'said meanwhile'}, q{(SELECT count(*) = 1 FROM pg_description JOIN pg_cast c ON c.oid = objoid AND classoid = c.tableoid WHERE description = 'said meanwhile' AND castsource = 'point'::regtype)},
        'COMMENT ON CAST (point AS uuid) IS NULL', qr/cast from point to uuid/ ],
    $has_citext ? ([ 'GRANT EXECUTE ON FUNCTION live.citext_eq(live.citext, live.citext) TO reader', q{(SELECT proacl::text LIKE '%reader%' FROM pg_proc WHERE oid = 'live.citext_eq'::regproc)},
        'REVOKE ALL ON FUNCTION live.citext_eq(live.citext, live.citext) FROM reader', qr/function live\.citext_eq/ ],
        [ 'GRANT USAGE ON TYPE live.citext TO reader', q{(SELECT typacl::text LIKE '%reader%' FROM pg_type WHERE oid = 'live.citext'::regtype)}, 'REVOKE ALL ON TYPE live.citext FROM reader', qr/type live\.citext/ ],
        [ q{COMMENT ON EXTENSION citext IS 'ours'}, q{obj_description((SELECT oid FROM pg_extension WHERE extname = 'citext'), 'pg_extension') = 'ours'}, q{COMMENT ON EXTENSION citext IS 'data type'}, qr/citext/ ]) : ());
for (@changes) {
    my ($change, $is_there, $undo, $about) = @$_;
    for my $how (some_of(2, 'committed meanwhile', 'rolled back', 'held for longer', 'prepared')) {
        my $what = "$change, $how";
        my $holder = Session->new($node, 'pagila', 'changer');
        $holder->run("BEGIN; $change");
        is($holder->{state}, '00000', "$what: it is made") or diag $holder->{out};
        $holder->run(q{PREPARE TRANSACTION 'held'}) if $how eq 'prepared';
        my $run = Session->new($node, 'pagila');
        my $is_long = $how eq 'held for longer' || $how eq 'prepared';
        my $is_over = 0;
        $run->run(q{SET pagila_repl.swap_budget = '} . ($is_long ? '500ms' : '60s') . q{'});
        $run->send($load);
        if (!$is_long) {
            # It waits for a lock, or between two tries.
            wait_until(sub { ($is_over ||= $run->wait(0.02)) || $node->safe_psql('pagila', q{SELECT count(*) FROM pg_stat_activity a JOIN pagila_repl.run r ON r.status = 'running' AND r.phase IN ('shape', 'publish')
                WHERE a.backend_type = 'pagila_repl leader' AND wait_event_type IN ('Lock', 'Extension')}) }, 30);
            $holder->run($how eq 'rolled back' ? 'ROLLBACK' : 'COMMIT');
        }
        ok($is_over || $run->wait(90), "$what: the run ends") or diag $node->safe_psql('pagila', 'SELECT phase FROM pagila_repl.run ORDER BY run_id DESC LIMIT 1');
        my ($status, $state, $message, $detail) = split /\|/, last_run($node, q{status, coalesce(sqlstate, ''), coalesce(message, ''), coalesce(error_detail, '')});
        if ($is_long && $status eq 'failed') {
            is($state, '55P03', "$what: refused") or diag "$message $detail";
            like($detail, $how eq 'prepared' ? qr/Prepared transaction "held"/ : qr/Process $holder->{backend} of role "changer"/, "$what: by who holds it");
            like($detail, $about, "$what: and what");
        } elsif ($how eq 'rolled back') {
            is($status, 'succeeded', "$what: and is the new copy") or diag "$state $message $detail";
        } else {
            ok($status eq 'succeeded' || $state =~ /^(55000|2BP01)$/, "$what: one way or the other") or diag "$status $state $message $detail";
        }
        $is_long and $how eq 'prepared' ? $node->safe_psql('pagila', q{COMMIT PREPARED 'held'}) : $holder->run('COMMIT');
        my $seen = $node->safe_psql('pagila', "SELECT $is_there");
        ok($how eq 'rolled back' ? $seen eq 'f' : $seen eq 't' || last_run($node, 'message') =~ $about, "$what: nothing is lost in silence") or diag "$seen ", last_run($node, 'status, message, error_detail');
        $_->close for $holder, $run;
        $node->safe_psql('pagila', $undo) if $how ne 'rolled back';
        # To begin the next one with no drift.
        is((run_sql($node, load_sql($file, undef, force => 'true', on_modified => q{'overwrite'})))[0], 'succeeded', "$what: a copy");
    }
}
unlike(slurp_file($node->logfile), qr/tuple concurrently/, 'the server never fails to change a row');

# A comment on a cast that comes once the copy has been replaced, from a session that found it before, keeps it.
is($node->safe_psql('pagila', q{SELECT count(*) FROM pg_namespace WHERE nspname LIKE 'pagila\_repl\_%'}), '0', 'nothing is left');
my $cursor = Session->new($node, 'pagila');
$cursor->run('BEGIN; DECLARE c CURSOR FOR SELECT 1');
is((run_sql($node, $load))[0], 'succeeded', 'a run while a cursor is open');
my $old = $node->safe_psql('pagila', q{SELECT nspname FROM pg_namespace WHERE nspname LIKE 'pagila\_repl\_old\_%'});
$cursor->run('COMMIT');
$node->safe_psql('pagila', qq{COMMENT ON CAST ($old.pair AS text) IS 'said later'});
is((run_sql($node, $load))[0], 'succeeded', 'the next run');
like($node->safe_psql('pagila', q{SELECT string_agg(message, ' ') FROM pagila_repl.run}), qr/kept: cast from \Q$old\E\.pair to text was created or changed in there while it was replaced/, 'it is kept and told');
$node->safe_psql('pagila', "DROP SCHEMA IF EXISTS $old CASCADE");
# Without, it goes, though its cast is in no schema and the manifest has forgotten it by now.
$cursor->run('BEGIN; DECLARE c CURSOR FOR SELECT 1');
is((run_sql($node, $load))[0], 'succeeded', 'a run while a cursor is open');
$cursor->run('COMMIT');
$cursor->close;
is((run_sql($node, $load))[0], 'succeeded', 'the next run');
is($node->safe_psql('pagila', q{SELECT count(*) FROM pg_namespace WHERE nspname LIKE 'pagila\_repl\_%'}), '0', 'drops the copy');
done_testing();
