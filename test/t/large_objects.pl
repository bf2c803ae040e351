# Large objects: copied with OID, bytes, owner, privileges and comment; published with the rows; those of others are not touched.
use strict;
use warnings;
use lib 'test/t';
use PagilaTest;
use PostgreSQL::Test::Utils;
use Test::More;

leave_to_long_tests();

my ($source, $target) = new_pair('large_objects', faults => 1);
my $dir = PostgreSQL::Test::Utils::tempdir_short();
my $user = getpwuid($<);
$_->safe_psql('pagila', 'CREATE ROLE reader LOGIN; CREATE ROLE "the owner"') for $source, $target;
$source->safe_psql('pagila', q{
    CREATE TABLE public.picture (id integer PRIMARY KEY, image oid);
    SELECT lo_create(1001);
    SELECT lo_from_bytea(1002, '\x00ff5c27');
    SELECT lo_from_bytea(1003, decode(repeat('0123456789abcdef', 400000), 'hex'));
    SELECT lo_put(lo_create(1004), 5000000, '\xfe');
    SELECT lo_from_bytea(4000000000, 'the last one');
    INSERT INTO public.picture VALUES (1, 1002), (2, 4000000000);
    ALTER LARGE OBJECT 1002 OWNER TO "the owner";
    GRANT SELECT ON LARGE OBJECT 1002 TO reader, PUBLIC;
    GRANT UPDATE ON LARGE OBJECT 1003 TO reader WITH GRANT OPTION;
    REVOKE ALL ON LARGE OBJECT 1001 FROM CURRENT_USER;
    COMMENT ON LARGE OBJECT 1004 IS 'it''s "sparse"'});

# All that a database has of them.
sub objects {
    my ($node, $db) = @_;
    return $node->safe_psql($db // 'pagila', q{SELECT oid, pg_get_userbyid(lomowner), (SELECT string_agg(concat(e.grantee::regrole, e.privilege_type, e.is_grantable), ' ' ORDER BY e::text)
          FROM aclexplode(COALESCE(lomacl, acldefault('L', lomowner))) e), obj_description(oid, 'pg_largeobject'), length(lo_get(oid)), md5(lo_get(oid))
        FROM pg_largeobject_metadata ORDER BY oid});
}

sub pull {
    my (%options) = @_;
    my ($out, $err) = run_sql($target, pull_sql('source', %options));
    return $out || sqlstate_of($err);
}

sub check { return (run_sql($target, q{SELECT status, sqlstate, message FROM pagila_check('source') WHERE subject = 'large object' ORDER BY 3}))[0] }

#
# A replication
#

is(check(), 'ok||5 large objects can be copied', 'check: they can be copied');
is(pull(), 'succeeded', 'they are copied');
is(objects($target), objects($source), 'with all that they have');
like(last_run($target, 'message'), qr/; 5 large objects, 5 written/, 'the message counts them');
is(copy_of($target), copy_of($source), 'pg_dump is the same');
is(pull(), 'skipped', 'a second run has nothing to do');
no_residue($target, 'a replication');
no_source_residue($source, 'a replication');

$source->safe_psql('pagila', q{SELECT lo_put(1003, 1048570, '\x0000'); SELECT lo_unlink(1001); SELECT lo_from_bytea(1005, 'new'); COMMENT ON LARGE OBJECT 1004 IS NULL});
is(pull(), 'succeeded', 'changes are seen');
is(objects($target), objects($source), 'and brought, what is gone is removed');
like(last_run($target, 'message'), qr/; 5 large objects, 3 written; 1 large object removed/, 'what has not changed is not written');
is(pull(), 'skipped', 'and again nothing to do');

#
# Changes by hand, and objects of others
#

my %by_hand = ('other bytes' => q{SELECT lo_put(1002, 1, '\x11')}, 'more bytes' => q{SELECT lo_put(1005, 3, 'x')}, 'dropped' => 'SELECT lo_unlink(1005)',
    'another owner' => 'ALTER LARGE OBJECT 1005 OWNER TO reader', 'a grant' => 'GRANT SELECT ON LARGE OBJECT 1005 TO reader',
    'a comment' => q{COMMENT ON LARGE OBJECT 1002 IS 'mine'});
for my $what (sort keys %by_hand) {
    $target->safe_psql('pagila', $by_hand{$what});
    my $before = objects($target);
    is(pull(), '55000', "$what: refused");
    like(last_run($target, 'error_detail'), qr/large object 100[25] (was altered|was dropped|holds other bytes)/, "$what: named");
    is(objects($target), $before, "$what: unchanged");
    like(check(), qr/^error\|55000\|1 large object was changed since the last run: large object 100[25]/, "$what: known beforehand");
    is(pull(on_modified => q{'overwrite'}), 'succeeded', "$what: overwritten if told");
    is(objects($target), objects($source), "$what: as at the source");
}
$target->safe_psql('pagila', q{SELECT lo_put(1002, 1, '\x11'); SELECT lo_put(1002, 1, '\xff')});
is(pull(), 'skipped', 'what was changed and changed back is the same');

$target->safe_psql('pagila', q{SELECT lo_from_bytea(2001, 'mine'); SELECT lo_from_bytea(2002, 'not in the way')});
$source->safe_psql('pagila', q{SELECT lo_from_bytea(2001, 'theirs')});
is(pull(), '2BP01', 'an object of somebody else is in the way');
like(check(), qr/^error\|2BP01\|1 large object that no run created has the OID.*large object 2001/m, 'known beforehand');
is($target->safe_psql('pagila', q{SELECT convert_from(lo_get(2001), 'UTF8')}), 'mine', 'it stays');
is(pull(on_unmanaged => q{'drop'}), 'succeeded', 'or is dropped if told');
is($target->safe_psql('pagila', q{SELECT convert_from(lo_get(2001), 'UTF8')}), 'theirs', 'and replaced');
is($target->safe_psql('pagila', q{SELECT convert_from(lo_get(2002), 'UTF8')}), 'not in the way', 'others are not touched');
$target->safe_psql('pagila', 'SELECT lo_unlink(2002)');

#
# A run that fails leaves nothing
#

for my $fault ('large_object:2:error', 'publish:1:error', 'held_still:1:error') {
    $source->safe_psql('pagila', q{SELECT lo_put(oid, 0, '\x} . sprintf('%02x', length $fault) . q{') FROM pg_largeobject_metadata});
    my $before = objects($target);
    set_fault($target, $fault);
    isnt(pull(), 'succeeded', "$fault: the run fails");
    clear_fault($target);
    is(objects($target), $before, "$fault: all are as before");
    no_residue($target, $fault);
    no_source_residue($source, $fault);
}
is(pull(), 'succeeded', 'the next run needs no help');
is(objects($target), objects($source), 'all are there');

#
# When they are wanted
#

$source->safe_psql('pagila', q{SELECT lo_put(1002, 0, 'never')});
is(pull(large_objects => 'false'), 'succeeded', 'not wanted');
like(last_run($target, 'message'), qr/; 6 large objects left out/, 'said so');
isnt(objects($target), objects($source), 'left as they were');
is(pull(schemas => q{'{public}'}, force => 'true'), 'succeeded', 'some schemas');
like(last_run($target, 'message'), qr/; 6 large objects left out/, 'without large objects');
is(pull(schemas => q{'{public}'}, large_objects => 'true'), 'succeeded', 'some schemas and large objects');
is(objects($target), objects($source), 'with them');
is(last_run($target, "options ->> 'large_objects'"), 'true', 'the option is recorded');

# Somebody who may not read or own all.
$source->safe_psql('pagila', q{GRANT USAGE ON SCHEMA public TO reader; GRANT SELECT ON public.picture TO reader});
for my $node ($source, $target) { $node->safe_psql('postgres', 'CREATE DATABASE plain'); $node->safe_psql('plain', 'CREATE EXTENSION pagila_repl') }
$target->safe_psql('plain', q{CREATE ROLE etl LOGIN IN ROLE pagila_repl_operator, "the owner"; GRANT CREATE ON DATABASE plain TO etl; ALTER SCHEMA public OWNER TO etl; GRANT pg_read_server_files TO etl});
$target->safe_psql('plain', 'CREATE SERVER source FOREIGN DATA WRAPPER pagila_repl OPTIONS (host $$127.0.0.1$$, port $$' . $source->port . '$$, dbname $$pagila$$);'
    . 'CREATE USER MAPPING FOR etl SERVER source OPTIONS (user $$reader$$, password $$x$$, password_required $$false$$); GRANT USAGE ON FOREIGN SERVER source TO etl');
my %as_etl = (db => 'plain', psql => { extra_params => [ '-U', 'etl' ] });
my ($out, $err) = run_sql($target, q{SELECT status, sqlstate, message FROM pagila_check('source') WHERE subject = 'large object'}, %as_etl);
like($out, qr/^error\|42501\|5 large objects cannot be read: 1003, 1004, 1005, 2001, 4000000000/, 'a reader: what it may not read is known beforehand') or diag $err;

#
# A load
#

my $dump = "$dir/dump.sql";
for my $options ([], ['--clean', '--if-exists'], ['--inserts']) {
    write_file($dump, dump_text($source, 'pagila', @$options) =~ s/^DROP EXTENSION .*pagila_repl;\n//mr);
    for my $as ({ db => 'plain' }, \%as_etl) {
        my $who = $as->{psql} ? 'etl' : 'a superuser';
        $target->safe_psql('plain', 'SELECT lo_unlink(oid) FROM pg_largeobject_metadata; DELETE FROM pagila_repl.managed_large_object; DELETE FROM pagila_repl.copy; DROP TABLE IF EXISTS public.picture');
        ($out, $err) = run_sql($target, load_sql($dump), %$as);
        is($out, 'succeeded', "a load as $who, @$options") or diag $err;
        is(objects($target, 'plain'), objects($source), 'loads them as psql does') unless $as->{psql};
        is($target->safe_psql('plain', q{SELECT count(*), sum(length(lo_get(oid))), sum(hashtextextended(md5(lo_get(oid)), 0)) FROM pg_largeobject_metadata}),
            $source->safe_psql('pagila', q{SELECT count(*), sum(length(lo_get(oid))), sum(hashtextextended(md5(lo_get(oid)), 0)) FROM pg_largeobject_metadata}), "$who: all bytes");
        ($out) = run_sql($target, load_sql($dump), %$as);
        is($out, 'skipped', 'a second one has nothing to do');
    }
}
is($target->safe_psql('plain', q{SELECT pg_get_userbyid(lomowner) FROM pg_largeobject_metadata WHERE oid IN (1002, 1003) ORDER BY oid}), "the owner\netl", 'etl owns what it may not give away');
my $text = slurp_file($dump);
write_file($dump, $text =~ s/'\\x/'\\x21/r);
($out, $err) = run_sql($target, load_sql($dump), %as_etl);
is($out, 'succeeded', 'another file is loaded') or diag $err;
write_file($dump, "CREATE TABLE public.picture (id integer);\n");
($out, $err) = run_sql($target, load_sql($dump), %as_etl);
is($out, 'succeeded', 'a file without them');
is($target->safe_psql('plain', 'SELECT count(*) FROM pg_largeobject_metadata'), '0', 'removes those of the one before');
write_file($dump, $text);
($out, $err) = run_sql($target, load_sql($dump, undef, large_objects => 'false'), %as_etl);
is($out, 'succeeded', 'a load without them') or diag $err;
is($target->safe_psql('plain', 'SELECT count(*) FROM pg_largeobject_metadata'), '0', 'has none');

my $t = "CREATE TABLE public.t ();\n";
my %malformed = (
    'twice' => [ "SELECT lo_create('7'); SELECT lo_create('7');", '42710' ],
    'not created' => [ "SELECT lo_open('7', 131072);", '42704' ],
    'a grant before' => [ 'GRANT SELECT ON LARGE OBJECT 7 TO reader;', '42704' ],
    'not open' => [ "SELECT lo_create('7'); SELECT lowrite(0, '\\x00');", '0A000' ],
    'not closed' => [ "SELECT lo_create('7'); BEGIN; SELECT lo_open('7', 131072); SELECT lowrite(0, '\\x00'); COMMIT;", '0A000' ],
    'two at once' => [ "SELECT lo_create('7'); SELECT lo_create('8'); SELECT lo_open('7', 131072); SELECT lo_open('8', 131072);", '0A000' ],
    'another descriptor' => [ "SELECT lo_create('7'); SELECT lo_open('7', 131072); SELECT lowrite(1, '\\x00'); SELECT lo_close(0);", '0A000' ],
    'no hexadecimal' => [ "SELECT lo_create('7'); SELECT lo_open('7', 131072); SELECT lowrite(0, '\\x0g'); SELECT lo_close(0);", '22P02' ],
    'half a byte' => [ "SELECT lo_create('7'); SELECT lo_open('7', 131072); SELECT lowrite(0, '\\x000'); SELECT lo_close(0);", '22P02' ],
    'an expression' => [ "SELECT lo_create('7'); SELECT lo_open('7', 131072); SELECT lowrite(0, '\\x00' || '\\x01'); SELECT lo_close(0);", '0A000' ],
    'a file' => [ "SELECT lo_import('/etc/passwd');", '0A000' ],
    'an export' => [ "SELECT lo_export('7', '/tmp/x');", '0A000' ],
    'no number' => [ 'SELECT lo_create(-1);', '0A000' ],
    'zero' => [ "SELECT lo_create('0');", '0A000' ]);
for my $what (sort keys %malformed) {
    my ($body, $state) = @{ $malformed{$what} };
    (undef, $err) = run_sql($target, load_sql(write_file($dump, $t . $body), undef, force => 'true'), %as_etl);
    is(sqlstate_of($err), $state, "malformed, $what") or diag $err;
}
is($target->safe_psql('plain', 'SELECT count(*) FROM pg_largeobject_metadata'), '0', 'malformed: nothing is there');
done_testing();
