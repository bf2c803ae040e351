# A malformed dump is rejected with its SQLSTATE and line before anything is touched; an unusual one loads what it
# holds.
# Each case names its row of the table of dump files that the project accepts or rejects.
use strict;
use warnings;
use lib 'test/t';
use PagilaTest;
use PostgreSQL::Test::Utils;
use Test::More;
use Encode qw(encode);
use File::Path qw(make_path);
use POSIX qw(mkfifo);

my $node = new_node('malformed', faults => 1);
my $dir = PostgreSQL::Test::Utils::tempdir_short();
my $hold = "$dir/hold";

#
# Dumps made by hand
#

my $head = <<'END';
--
-- PostgreSQL database dump
--

SET client_encoding = 'UTF8';
SET standard_conforming_strings = on;
SELECT pg_catalog.set_config('search_path', '', false);

END
my $tail = <<'END';

--
-- PostgreSQL database dump complete
--

END
my $shape = <<'END';
CREATE SCHEMA shop;

CREATE TABLE shop.item (
    id integer NOT NULL,
    name text,
    note text DEFAULT 'none'::text
);

CREATE TABLE shop.word (
    word text
);

ALTER TABLE ONLY shop.item
    ADD CONSTRAINT item_pkey PRIMARY KEY (id);

END
my $copy = "COPY shop.item (id, name, note) FROM stdin;\n";
my $rows = "1\tone\tfirst\n2\ttwo\tsecond\n";
# Where in the file the COPY statement, its first row, and a statement after the shape stand.
my $copy_line = lines($head) + 1;
my $row_line = $copy_line + 1;
my $after_shape = lines("$head$shape") + 1;

sub lines { return scalar(() = $_[0] =~ /\n/g) }
sub dump_of { return join('', $head, @_, $tail) }
sub data_of { return dump_of($copy, @_, "\\.\n") }
# A dump in one file with a statement that does not belong there, or does.
sub with_statement { return (schema => dump_of($shape, @_)) }

my $files = 0;

# Writes a case's files; returns their paths. "schema" and "data" are contents, "paths" are paths as they are.
sub files_of {
    my (%case) = @_;
    return @{ $case{paths} } if $case{paths};
    $files++;
    my @paths = (write_file("$dir/schema_$files.sql", $case{schema} // dump_of($shape)));
    push @paths, write_file("$dir/data_$files.sql", $case{data}) if defined $case{data};
    return @paths;
}

#
# Running a case
#

# One line: what an unchanged target and a clean server keep, then the runs recorded since the last look.
my $look = q{
SELECT format('%s; stages %s, leftovers %s, leaders %s',
         (SELECT string_agg(format('%s=%s', oid, relfilenode), ' ' ORDER BY oid) FROM pg_class
           WHERE relnamespace = to_regnamespace('shop')),
         (SELECT count(*) FROM pg_namespace WHERE nspname LIKE 'pagila\_repl\_%'),
         (SELECT count(*) FROM pagila_repl.leftover),
         (SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'pagila_repl leader'));
SELECT format('%s/%s/%s|%s|%s', run_id, status, coalesce(sqlstate, '-'), finished_at IS NOT NULL,
              replace(coalesce(error_context, ''), E'\n', ' in '))
  FROM pagila_repl.run WHERE run_id > LAST ORDER BY run_id;
};
my $last_run = 0;

# (what psql printed for the call, its messages, the look at the target after it, the new runs)
sub call {
    my ($sql) = @_;
    my ($out, $err) = run_sql($node, "\\set ON_ERROR_STOP 0\n$sql;\n\\echo ----\n" . $look =~ s/LAST/$last_run/r);
    my ($printed, $seen) = split /^----\n/m, $out, 2;
    my ($target, @runs) = split /\n/, $seen;
    ($last_run) = $runs[-1] =~ /^(\d+)/ if @runs;
    return ($printed =~ s/\n\z//r, $err, $target, @runs);
}

# The target as it was before the rejections of a row of the table; undef when not known.
my ($before, $target, $open_row);

# Everything in the target is compared once for all cases of a row, and a part of it that any reload changes after each.
sub close_row {
    return unless defined $open_row;
    is_unchanged($node, $before, $open_row);
    no_residue($node, $open_row);
    undef $open_row;
    return;
}

sub rejects {
    my (%case) = @_;
    close_row() if defined $open_row && $open_row ne $case{row};
    $before //= content($node);
    $target //= (call('SELECT'))[2];
    $open_row = $case{row};
    my ($schema, $data) = files_of(%case);
    my ($printed, $err, $found, @runs) = call(load_sql($schema, $data, %{ $case{options} // {} }));
    subtest "$case{row}: $case{what}" => sub {
        is($printed, '', 'returns nothing');
        is(sqlstate_of($err), $case{state}, "raises $case{state}") or diag $err;
        is(scalar @runs, 1, 'recorded once');
        my ($run, $finished, $context) = split /\|/, $runs[0] // '', 3;
        like($run, qr{/failed/$case{state}\z}, 'recorded as failed with its SQLSTATE');
        is($finished, 't', 'recorded as ended');
        like($context, qr/\bline $case{line}\b/, "names line $case{line}") if $case{line};
        like($context, qr/file "[^"]*"/, 'names the file') if $case{line};
        like($err, $case{says}, 'says what is wrong') if $case{says};
        unlike("$err$context", qr/CANARY/, 'does not show what the file holds');
        is($found, $target, 'same relations, no residue');
    };
    return;
}

sub loads {
    my (%case) = @_;
    close_row();
    my ($schema, $data) = files_of(%case);
    my ($printed, $err, $found, @runs) = call(load_sql($schema, $data, force => 'true', %{ $case{options} // {} }));
    subtest "$case{row}: $case{what}" => sub {
        is($printed, 'succeeded', 'succeeds') or diag $err;
        is(scalar @runs, 1, 'recorded once');
        like($runs[0] // '', qr{/succeeded/-\|t\|}, 'recorded as succeeded');
        like($found, qr/stages 0, leftovers 0, leaders 0\z/, 'no residue');
        like($err, $case{says}, 'says what it passed over') if $case{says};
        for my $check (@{ $case{gives} }) {
            my ($sql, $expected) = @$check;
            my ($result, $why) = run_sql($node, $sql);
            is($result, $expected, $sql) or diag $why;
        }
    };
    undef $_ for $before, $target;
    return;
}

my $items = q{SELECT id, name, note FROM shop.item ORDER BY id};
my $both_rows = "1|one|first\n2|two|second";

sub target_is_loaded {
    loads(row => 'base', what => 'an ordinary pair', data => data_of($rows), gives => [ [ $items, $both_rows ] ]);
    return;
}

target_is_loaded();

#
# Cut short, or followed by something
#

rejects(row => 'M01', what => 'no end-of-data line at the end of the file', data => "$head$copy$rows",
    state => '22P04', line => $row_line + 2, says => qr/unterminated COPY data/);
rejects(row => 'M02', what => 'cut inside a line of data', data => "$head${copy}1\tone\tfirst\n2\ttw", state => '22P04',
    line => $row_line + 1, says => qr/unterminated COPY data/);
rejects(row => 'M03', what => 'cut inside the last text column', data => "$head${copy}1\tone\tfirst\n2\ttwo\tsec",
    state => '22P04', line => $row_line + 1, says => qr/unterminated COPY data/);
rejects(row => 'M03', what => 'cut inside the end-of-data line', data => "$head$copy$rows\\", state => '22P04',
    line => $row_line + 2);
rejects(row => 'M01', what => 'cut behind the COPY statement', data => $head . ($copy =~ s/\n//r), state => '22P04',
    line => $copy_line);

rejects(row => 'M04', what => 'cut inside a statement', schema => "$head${shape}CREATE TABLE shop.more (id integer",
    state => '42601', line => $after_shape);
rejects(row => 'M04', what => 'cut inside a string', schema => "$head${shape}COMMENT ON TABLE shop.item IS 'CANARY\nis",
    state => '42601', line => $after_shape + 1, says => qr/unterminated quoted string/);
rejects(row => 'M04', what => 'cut inside a quoted name', schema => "$head${shape}CREATE TABLE shop.\"mo",
    state => '42601', line => $after_shape);
rejects(row => 'M04', what => 'cut inside a dollar quote', state => '42601', line => $after_shape + 1,
    schema => "$head${shape}CREATE FUNCTION shop.f() RETURNS int LANGUAGE sql AS \$_\$\nSELECT 1; \$_",
    says => qr/unterminated dollar-quoted string/);
rejects(row => 'M04', what => 'cut inside a comment', schema => "$head$shape/* nested /* once */\n", state => '42601',
    line => $after_shape + 1, says => qr/unterminated comment/);
rejects(row => 'M05', what => 'the trailer is missing', schema => "$head$shape", data => data_of($rows),
    state => '42601', says => qr/is not complete/);
rejects(row => 'M05', what => 'the closing line of the trailer is missing', state => '42601',
    schema => dump_of($shape) =~ s/--\n\n\z/-/r);
loads(row => 'M05', what => 'the trailer is missing and that is allowed', schema => "$head$shape",
    data => "$head$copy$rows\\.\n", options => { strict => 'false' }, says => qr/WARNING.*is not complete/,
    gives => [ [ $items, $both_rows ] ]);

rejects(row => 'M06', what => 'rows after the end-of-data line', data => data_of($rows, "\\.\n3\tthree\tCANARY\n"),
    state => '42601', line => $row_line + 4);
rejects(row => 'M06', what => 'one row after the end-of-data line', data => dump_of($copy, $rows, "\\.\n3\tthree\tx\n"),
    state => '42601');
loads(row => 'M07', what => 'an escaped end-of-data line is a value',
    data => dump_of("COPY shop.word (word) FROM stdin;\n\\\\.\n\\\\.x\n\\.\n"),
    gives => [ [ 'SELECT word FROM shop.word ORDER BY 1', "\\.\n\\.x" ] ]);
loads(row => 'M08', what => 'the end-of-data line ends with CR LF', data => dump_of($copy, $rows, "\\.\r\n"),
    gives => [ [ $items, $both_rows ] ]);
rejects(row => 'M08', what => 'the end-of-data line has trailing blanks', data => dump_of($copy, $rows, "\\.  \n"),
    state => '22P04', line => $row_line + 2, says => qr/end-of-copy marker corrupt/);

#
# Bytes
#

rejects(row => 'M09', what => 'a NUL in data', data => data_of("1\tone\tCANARY\0\n"), state => '22021',
    line => $row_line);
rejects(row => 'M09', what => 'a NUL in a statement', with_statement("COMMENT ON TABLE shop.item\nIS 'a\0b';\n"),
    state => '22021', line => $after_shape + 1);
rejects(row => 'M10', what => 'bytes that are not UTF-8 in data', data => data_of($rows, "3\tCANARY \xE9t\xE9\tx\n"),
    state => '22021', line => $row_line + 2);
rejects(row => 'M10', what => 'bytes that are not UTF-8 in a statement', state => '22021', line => $after_shape,
    with_statement("COMMENT ON TABLE shop.item IS '\xE9t\xE9';\n"));
rejects(row => 'M10', what => 'a character cut off at the end of a line', data => data_of("1\tone\tfirst \xC3\n"),
    state => '22021', line => $row_line);
rejects(row => 'M11', what => 'an overlong sequence', data => data_of("1\tone\t\xC0\xAF\n"), state => '22021',
    line => $row_line);
rejects(row => 'M11', what => 'an overlong sequence of three bytes', data => data_of("1\tone\t\xE0\x80\xAF\n"),
    state => '22021', line => $row_line);
rejects(row => 'M11', what => 'a surrogate', data => data_of("1\tone\t\xED\xA0\x80\n"), state => '22021',
    line => $row_line);
rejects(row => 'M11', what => 'a code point beyond Unicode', data => data_of("1\tone\t\xF4\x90\x80\x80\n"),
    state => '22021', line => $row_line);
loads(row => 'M12', what => 'a byte order mark', schema => "\xEF\xBB\xBF" . dump_of($shape),
    data => "\xEF\xBB\xBF" . data_of($rows), gives => [ [ $items, $both_rows ] ]);
for my $encoding ('UTF-16LE', 'UTF-16BE') {
    rejects(row => 'M13', what => "$encoding with its mark", state => '22021',
        data => encode($encoding, "\x{FEFF}" . data_of($rows)), says => qr/HINT:.*(iconv|--encoding)/);
    rejects(row => 'M13', what => "$encoding without a mark", data => encode($encoding, data_of($rows)),
        state => '22021', says => qr/HINT:.*(iconv|--encoding)/);
}

my $crlf_shape = $shape
    . "CREATE FUNCTION shop.answer() RETURNS int\n    LANGUAGE sql\n    AS \$\$SELECT\n42;\$\$;\n\n";
loads(row => 'M14', what => 'CR LF throughout', schema => dump_of($crlf_shape) =~ s/\n/\r\n/gr,
    data => data_of($rows) =~ s/\n/\r\n/gr,
    gives => [ [ $items, $both_rows ], [ 'SELECT shop.answer()', '42' ] ]);
rejects(row => 'M14', what => 'a CR LF among LFs', data => data_of("1\tone\tfirst\n2\ttwo\tCANARY\r\n"),
    state => '22P04', line => $row_line + 1);
rejects(row => 'M14', what => 'an LF among CR LFs', state => '22P04', line => $row_line + 1,
    data => data_of("1\tone\tfirst\r\n2\ttwo\tCANARY\n3\tthree\tx\r\n"));
rejects(row => 'M15', what => 'a CR in the first row', data => data_of("1\tone\tfi\rrst\n"), state => '22P04',
    line => $row_line + 1);
rejects(row => 'M15', what => 'a CR in a later row', data => data_of($rows, "3\tthree\tthi\rrd\n"), state => '22P04',
    line => $row_line + 2);
rejects(row => 'M15', what => 'rows that end with CR', state => '22P04',
    data => data_of("1\tone\tfirst\r2\ttwo\tsecond\r\n"));

#
# Rows that do not fit, and COPY's options
#

rejects(row => 'M18', what => 'a column too many', data => data_of($rows, "3\tthree\tthird\tCANARY\n"),
    state => '22P04', line => $row_line + 2, says => qr/extra data after last expected column/);
rejects(row => 'M19', what => 'a column too few', data => data_of($rows, "3\tCANARY\n"), state => '22P04',
    line => $row_line + 2, says => qr/missing data for column "note"/);
rejects(row => 'M19', what => 'a value that its column does not take', data => data_of($rows, "third\tthree\tx\n"),
    state => '22P02', line => $row_line + 2);
rejects(row => 'M19', what => 'a value that a constraint does not take', data => data_of($rows, "\\N\tthree\tx\n"),
    state => '23502', line => $row_line + 2);
rejects(row => 'M19', what => 'a key twice', data => data_of($rows, "2\tthree\tx\n"), state => '23505',
    says => qr/item_pkey/);
loads(row => 'M20', what => 'columns in another order',
    data => dump_of("COPY shop.item (note, id, name) FROM stdin;\nfirst\t1\tone\nsecond\t2\ttwo\n\\.\n"),
    gives => [ [ $items, $both_rows ] ]);
loads(row => 'M20', what => 'some columns only', data => dump_of("COPY shop.item (id) FROM stdin;\n7\n\\.\n"),
    gives => [ [ $items, '7||none' ] ]);

for my $case (
    some_of 2,
    [ 'csv', 'WITH (FORMAT csv)', qq{1,one,"first"\n2,two,second\n} ],
    [ 'csv, old way of writing it', 'WITH CSV HEADER DELIMITER AS \';\'',
        qq{id;name;note\n1;one;first\n2;"two";second\n} ],
    [ 'a header that must match', 'WITH (FORMAT csv, HEADER match)', qq{id,name,note\n1,one,first\n2,two,second\n} ],
    [ 'a header in text format', 'WITH (HEADER true)', "id\tname\tnote\n$rows" ],
    [ 'another delimiter', "WITH (DELIMITER '|')", "1|one|first\n2|two|second\n" ],
    [ 'another quote and escape', q{WITH (FORMAT csv, QUOTE '''', ESCAPE '~')}, qq{1,'one',first\n2,'two','second'\n} ],
) {
    my ($what, $options, $data) = @$case;
    loads(row => 'M21', what => $what,
        data => dump_of("COPY shop.item (id, name, note) FROM stdin $options;\n$data\\.\n"),
        gives => [ [ $items, $both_rows ] ]);
}
loads(row => 'M21', what => 'null and force options', gives => [ [ $items =~ s/name/coalesce(name, '(null)')/r,
            "1|nil|\n2|(null)|second" ] ],
    data => dump_of("COPY shop.item (id, name, note) FROM stdin WITH (FORMAT csv, NULL 'nil', FORCE_NOT_NULL (note)"
            . qq{);\n1,"nil",""\n2,nil,second\n\\.\n}));
loads(row => 'M21', what => 'force_null', gives => [ [ "SELECT id, name IS NULL, note FROM shop.item ORDER BY id",
    "1|t|first\n2|f|second" ] ],
    data => dump_of("COPY shop.item FROM stdin WITH (FORMAT csv, FORCE_NULL (name));\n",
        qq{1,"",first\n2,two,second\n\\.\n}));
loads(row => 'M21', what => 'rows of several lines',
    gives => [ [ "SELECT id, replace(name, E'\\n', '/'), note FROM shop.item ORDER BY id",
            "1|one/\\.x/more|first\n2|two|second" ] ],
    data => dump_of(qq{COPY shop.item FROM stdin WITH (FORMAT csv);\n1,"one\n\\.x\nmore",first\n2,two,second\n\\.\n}));

for my $case (
    [ 'M22', 'COPY from a file', "COPY shop.item FROM '/etc/hostname'", '42501' ],
    [ 'M22', 'COPY from a program', "COPY shop.item FROM PROGRAM 'touch $dir/program'", '42501' ],
    [ 'M23', 'COPY to a file', "COPY shop.item TO '$dir/out'", '42501' ],
    [ 'M23', 'COPY to the client', 'COPY shop.item TO stdout', '42501' ],
    [ 'M23', 'COPY of a query to a program', "COPY (SELECT 1) TO PROGRAM 'touch $dir/program'", '42501' ],
    [ 'M24', 'binary rows', 'COPY shop.item FROM stdin (FORMAT binary)', '0A000', "PGCOPY\n\xFF\r\n\\.\n" ],
    [ 'M24', 'binary rows, old way of writing it', 'COPY BINARY shop.item FROM stdin', '0A000', "PGCOPY\n" ],
) {
    my ($row, $what, $statement, $state, $rest) = @$case;
    rejects(row => $row, what => $what, with_statement("$statement;\n", $rest // ''), state => $state,
        line => $after_shape);
}
ok(!-e "$dir/program" && !-e "$dir/out", 'no COPY of a dump ran a program or wrote a file');

#
# What psql would do, and what is not a plain dump of one database
#

for my $command (some_of 4, "\\! touch $dir/shell", "\\i $dir/schema_1.sql", "\\ir x.sql", "\\copy shop.item from '/etc/hostname'",
    '\\connect :name', '\\c', '\\o /dev/null', '\\setenv A B', '\\if true', '\\restrict', '\\restrict a b',
    '\\restrict two-parts', '\\unrestrict never', "\\restrict ab\n\\restrict ab", "\\restrict ab\n\\unrestrict cd") {
    my $line = $after_shape + lines($command);
    rejects(row => 'M25', what => "the command $command" =~ s/\n/ and /r, with_statement("$command\n"),
        state => '42601', line => $line);
}
rejects(row => 'M25', what => '\gexec behind a query', with_statement("SELECT 'DROP TABLE shop.item' \\gexec\n"),
    state => '42601', line => $after_shape);
rejects(row => 'M25', what => 'a command behind a statement',
    with_statement("SET lock_timeout = 0; \\! touch $dir/shell\n"), state => '42601', line => $after_shape);
ok(!-e "$dir/shell", 'no command of a dump ran');
rejects(row => 'M26', what => '\restrict that is never closed', schema => "\\restrict T0ken\n" . dump_of($shape),
    state => '42601', says => qr/is not complete/);
loads(row => 'M26', what => '\restrict and \unrestrict', schema => "\\restrict T0ken\n" . dump_of($shape)
    . "\\unrestrict T0ken\n",
    data => "\\restrict 2\n" . data_of($rows) . "\\unrestrict 2\n", gives => [ [ $items, $both_rows ] ]);
loads(row => 'M26', what => 'a line with a backslash in a dollar-quoted body',
    with_statement("CREATE FUNCTION shop.body() RETURNS text LANGUAGE sql AS \$_\$\nSELECT '\n\\! no command\n\\.\n' \$_\$;\n"),
    gives => [ [ "SELECT replace(shop.body(), E'\\n', '/')", '/\! no command/\./' ] ]);

my $other = 'other';
$node->safe_psql('postgres', "CREATE DATABASE $other");
$node->safe_psql($other, $shape . "INSERT INTO shop.item VALUES (1, 'one', 'first'), (2, 'two', 'second')");
sub dumped {
    my (@options) = @_;
    my $program = $options[0] eq 'pg_dumpall' ? shift @options : 'pg_dump';
    my $file = "$dir/by_$program" . join('', @options) =~ s/[^a-z]//gir;
    run_command([ $program, '--no-sync', '-f', $file, @options,
        $program eq 'pg_dump' ? $node->connstr($other) : ('-d', $node->connstr('postgres')) ]);
    return $file;
}
for my $form ('--inserts', '--column-inserts', '--rows-per-insert=2') {
    loads(row => 'M27', what => "pg_dump $form", paths => [ dumped($form) ], gives => [ [ $items, $both_rows ] ]);
}
my $created = dumped('--create');
rejects(row => 'M28', what => 'pg_dump --create of another database', paths => [$created], state => '0A000',
    line => 1 + lines(slurp_file($created) =~ /\A(.*?)^CREATE DATABASE/ms), says => qr/HINT:.*--create/);
loads(row => 'M28', what => 'pg_dump --clean', paths => [ dumped('--clean') ], gives => [ [ $items, $both_rows ] ]);
rejects(row => 'M29', what => 'pg_dumpall', paths => [ dumped('pg_dumpall') ], state => '0A000',
    says => qr/HINT:.*pg_dump/);
rejects(row => 'M29', what => 'pg_dumpall --globals-only', paths => [ dumped('pg_dumpall', '--globals-only') ],
    state => '0A000', says => qr/HINT:.*pg_dump/);

rejects(row => 'M30', what => 'custom format', paths => [ dumped('-Fc') ], state => '0A000',
    says => qr/HINT:.*pg_restore/);
rejects(row => 'M31', what => 'directory format', paths => [ dumped('-Fd') ], state => '0A000',
    says => qr/HINT:.*pg_restore/);
rejects(row => 'M32', what => 'tar format', paths => [ dumped('-Ft') ], state => '0A000',
    says => qr/HINT:.*pg_restore/);
rejects(row => 'M33', what => 'gzip', paths => [ dumped('-Fp', '-Z1') ], state => '0A000', says => qr/HINT:.*gunzip/);
for my $case (some_of 2, [ 'zstd', "\x28\xB5\x2F\xFD\x24\x05" ], [ 'xz', "\xFD7zXZ\0\0\x04" ], [ 'bzip2', 'BZh91AY&SY' ],
    [ 'lz4', "\x04\x22\x4D\x18\x64\x40" ], [ 'zip', "PK\x03\x04\x14\0" ]) {
    my ($what, $magic) = @$case;
    rejects(row => 'M34', what => $what, schema => $magic . "\x80\xFF" x 300, state => '0A000',
        says => qr/$what.*HINT:.*un/s);
}

rejects(row => 'M35', what => 'an empty file', schema => '', state => '22023');
rejects(row => 'M35', what => 'an empty data file', data => '', state => '22023');
rejects(row => 'M36', what => 'comments only', schema => dump_of("/* nothing */\n"  ) =~ s/^S.*\n//mgr,
    state => '22023');
rejects(row => 'M36', what => 'blanks only', schema => " \n\t\r\n", state => '22023');
rejects(row => 'M36', what => 'settings only', schema => dump_of(), state => '22023');
rejects(row => 'M37', what => 'schema and data swapped', schema => data_of($rows), data => dump_of($shape),
    state => '42P01', line => $copy_line);
rejects(row => 'M38', what => 'data for a table of another version', state => '42P01', line => $copy_line,
    data => dump_of("COPY shop.item2 (id) FROM stdin;\n1\n\\.\n"));
rejects(row => 'M38', what => 'data for a column of another version', state => '42703', line => $copy_line,
    data => dump_of("COPY shop.item (id, price) FROM stdin;\n1\t2\n\\.\n"));
rejects(row => 'M38', what => 'a sequence of another version', state => '42P01', line => $row_line + 4,
    data => dump_of($copy, $rows, "\\.\n\nSELECT pg_catalog.setval('shop.no_seq', 1);\n"));
rejects(row => 'M38', what => 'a sequence of a schema of another version', state => '3F000', line => $row_line + 4,
    data => dump_of($copy, $rows, "\\.\n\nSELECT pg_catalog.setval('stock.no_seq', 1);\n"));

#
# Statements
#

loads(row => 'M39', what => 'a setting of a newer server', says => qr/NOTICE:.*transaction_timeout/,
    schema => "SET transaction_timeout = 0;\n" . dump_of($shape), gives => [ [ $items, '' ] ]);
for my $case (
    (map { [ 'M39', 'a setting that is not pg_dump\'s', $_, '0A000' ] } some_of 3, 'SET no_such_thing = 1',
        "SET TIME ZONE 'UTC'", 'SET search_path FROM CURRENT', "ALTER SYSTEM SET work_mem = '1GB'"),
    (map { [ 'M40', 'transaction control', $_, '0A000' ] } some_of 4, 'BEGIN', 'START TRANSACTION', 'COMMIT AND CHAIN', 'ROLLBACK',
        'ROLLBACK TO SAVEPOINT s', "PREPARE TRANSACTION 'x'", 'PREPARE p AS SELECT 1', 'EXECUTE p'),
    (map { [ 'M41', 'code to run', $_, '0A000' ] } some_of 4, 'DO $$BEGIN END$$', 'CALL shop.p()', 'SELECT shop.f()',
        'SELECT pg_catalog.pg_sleep(1)', "SELECT pg_catalog.set_config('role', 'postgres', false)",
        "SELECT pg_catalog.setval('shop.s', 1), shop.f()", 'VALUES (1)', 'TABLE shop.item',
        'INSERT INTO shop.item SELECT 1', 'UPDATE shop.item SET id = 1', 'DELETE FROM shop.item',
        'CREATE TABLE shop.t AS SELECT 1', 'CREATE ROLE someone', 'CREATE TABLESPACE t LOCATION \'/x\'',
        'DROP TABLE stock.item', 'TRUNCATE shop.item', 'REINDEX TABLE shop.item', 'CREATE DATABASE d', 'LOAD \'x\'', 'CHECKPOINT'),
    (map { [ 'M44', 'a session command', $_, '0A000' ] } some_of 3, 'LOCK TABLE shop.item', 'LISTEN x', 'UNLISTEN x', 'NOTIFY x',
        'DISCARD ALL', 'SELECT pg_catalog.pg_advisory_unlock_all()'),
    (map { [ 'M45', 'a large object', $_, '0A000' ] } some_of 3, "SELECT pg_catalog.lo_import('/x')", "SELECT pg_catalog.lo_get('1')",
        "SELECT pg_catalog.lowrite(0, '\\x00')", 'GRANT SELECT ON LARGE OBJECT 1, 2 TO postgres'),
    (map { [ 'M45', 'a large object that is not there', $_, '42704' ] } "SELECT pg_catalog.lo_open('1', 131072)",
        'ALTER LARGE OBJECT 1 OWNER TO postgres', 'GRANT SELECT ON LARGE OBJECT 1 TO postgres'),
) {
    my ($row, $what, $statement, $state) = @$case;
    rejects(row => $row, what => "$what: $statement", with_statement("$statement;\n"), state => $state,
        line => $after_shape);
}
rejects(row => 'M41', what => 'a syntax error', with_statement("CREATE TABEL shop.CANARY (id int);\n"),
    state => '42601', line => $after_shape);
rejects(row => 'M41', what => 'a statement that fails', with_statement("CREATE TABLE shop.item (id int);\n"),
    state => '42P07', line => $after_shape);
rejects(row => 'M41', what => 'an object in a schema of the server',
    with_statement("CREATE TABLE pg_catalog.t (id int);\n"), state => '42501', line => $after_shape);

loads(row => 'M42', what => 'an extension that is there', gives => [ [ $items, '' ] ],
    with_statement("CREATE EXTENSION IF NOT EXISTS plpgsql WITH SCHEMA pg_catalog;\n",
        "COMMENT ON EXTENSION plpgsql IS 'x';\n"));
loads(row => 'M42', what => 'an extension that is not, and that nothing needs', gives => [ [ $items, '' ] ],
    with_statement("CREATE EXTENSION IF NOT EXISTS no_such_extension WITH SCHEMA pg_catalog;\n"));
rejects(row => 'M42', what => 'an extension that is not, and that something needs', state => '42704',
    says => qr/HINT:.*CREATE EXTENSION/, line => $after_shape + 1,
    with_statement("CREATE EXTENSION IF NOT EXISTS no_such_extension WITH SCHEMA pg_catalog;\nCREATE TABLE shop.needs (it public.no_such_type);\n"));
my $owned = "ALTER TABLE shop.item OWNER TO nobody_of_this_name;\n";
my $message = q{SELECT message ~ 'owners? skipped' FROM pagila_repl.run ORDER BY run_id DESC LIMIT 1};
my $owner = q{SELECT pg_get_userbyid(relowner) FROM pg_class WHERE oid = 'shop.item'::regclass};
my $caller = $node->safe_psql('postgres', 'SELECT current_user');
loads(row => 'M43', what => 'an owner that does not exist is skipped and counted', with_statement($owned),
    gives => [ [ $message, 't' ], [ $owner, $caller ] ]);
$node->safe_psql('postgres', 'CREATE ROLE keeper');
$owned =~ s/nobody_of_this_name/keeper/;
loads(row => 'M43', what => 'an owner that exists is kept', with_statement($owned), gives => [ [ $owner, 'keeper' ] ]);
loads(row => 'M43', what => 'an owner is skipped when asked for, and counted', with_statement($owned),
    options => { owners => q{'skip'} }, gives => [ [ $message, 't' ], [ $owner, $caller ] ]);

my @names = ("b\xC4\xB1g\xC4\xB1nt", 'with "quotes"', "two\nlines", 'select', 'Mixed Case', 'n' x 63, "back\\slash",
    "it's; -- \$\$ /*");
loads(row => 'M46', what => 'unusual names', gives => [
        [ "SELECT encode(convert_to(string_agg(relname, ',' ORDER BY relname COLLATE \"C\"), 'UTF8'), 'hex') FROM pg_class "
                . "WHERE relnamespace = 'shop'::regnamespace AND relkind = 'r' AND relname NOT IN ('item', 'word')",
            unpack('H*', join(',', sort @names)) ],
        [ "SELECT \"b\xC4\xB1g\xC4\xB1nt\" FROM shop.\"b\xC4\xB1g\xC4\xB1nt\"", 1 ],
        [ 'SELECT "two' . "\n" . 'lines" FROM shop."two' . "\n" . 'lines"', 1 ],
    ],
    with_statement(map { my $name = '"' . s/"/""/gr . '"'; ("CREATE TABLE shop.$name ($name int);\n",
        "COPY shop.$name ($name) FROM stdin;\n1\n\\.\n\n") } @names));
loads(row => 'M46', what => 'a name longer than 63 bytes is cut as the server cuts it',
    with_statement("CREATE TABLE shop." . 'x' x 70 . " (id int);\nCOPY shop." . 'x' x 70
        . " (id) FROM stdin;\n5\n\\.\n",
        "INSERT INTO shop." . 'x' x 70 . " VALUES (6);\n"),
    gives => [ [ 'SELECT sum(id) FROM shop.' . 'x' x 63, 11 ] ]);

target_is_loaded();

#
# Paths
#

my $good = write_file("$dir/good.sql", dump_of($shape));
symlink($good, "$dir/link") or die $!;
mkfifo("$dir/fifo", 0600) or die $!;
mkdir "$dir/folder";
my $deep = $dir;
$deep .= '/' . 'd' x (1023 - length($deep) - 1 - 200 > 200 ? 200 : 100) while length($deep) < 800;
make_path($deep);
my $longest = "$deep/" . 'f' x (1023 - length($deep) - 1);
write_file($longest, data_of($rows));
write_file("$dir/unreadable", data_of($rows));
chmod 0, "$dir/unreadable";
link($good, "$dir/same") or die $!;

for my $case (
    [ 'M47', 'a symbolic link', "$dir/link", '42809' ],
    [ 'M48', 'a directory', "$dir/folder", '42809' ],
    [ 'M49', 'a FIFO that nobody writes to', "$dir/fifo", '42809' ],
    (map { [ 'M50', "the device or kernel file $_", $_, '42809' ] } some_of 3, '/dev/null', '/dev/zero', '/proc/version',
        '/proc/self/environ', '/proc/self/mem', grep { -e } '/sys/kernel/mm/transparent_hugepage/enabled'),
    [ 'M51', 'a relative path', 'good.sql', '22023' ],
    [ 'M51', 'a path with ".."', "$dir/folder/../good.sql", '22023' ],
    [ 'M51', 'a path that ends with ".."', "$dir/folder/..", '22023' ],
    [ 'M51', 'an empty path', '', '22023' ],
    [ 'M52', 'a file that is not there', "$dir/missing.sql", '58P01' ],
    [ 'M52', 'a folder that is not there', "$dir/good.sql/x.sql", '58P01' ],
    [ 'M52', 'a file that may not be read', "$dir/unreadable", '42501' ],
    [ 'M56', 'a path of 1024 bytes', "${longest}f", '22023' ],
    [ 'M56', 'a path far too long', '/' . 'x' x 10000, '22023' ],
) {
    my ($row, $what, $path, $state) = @$case;
    rejects(row => $row, what => $what, paths => [$path], state => $state);
    rejects(row => $row, what => "$what as data file", paths => [ $good, $path ], state => $state) if $row ne 'M50';
}
is(last_run($node, q{'1'}), 1, 'runs can be read');
my ($slow) = run_sql($node,
    q{SELECT count(*) FROM pagila_repl.run WHERE (schema_file LIKE '%/fifo' OR data_file LIKE '%/fifo') AND finished_at - started_at > '1s'});
is($slow, 0, 'M49: a FIFO is rejected within a second');

rejects(row => 'M55', what => 'the same file twice', paths => [ $good, $good ], state => '22023');
rejects(row => 'M55', what => 'the same file by another name', paths => [ $good, "$dir/same" ], state => '22023');
my $recorded_path = q{
SELECT encode(convert_to(data_file, 'UTF8'), 'hex') FROM pagila_repl.run ORDER BY run_id DESC LIMIT 1};
for my $case (some_of 2, [ 'a newline', "two\nlines" ], [ 'a percent sign', '100%s %n %m' ], [ 'quotes', q{it's "this"} ],
    [ 'backslashes', 'a\\b' ], [ 'other characters', "\xC3\xA9t\xC3\xA9 \xF0\x9F\x90\x98" ]) {
    my ($what, $name) = @$case;
    my $path = write_file("$dir/$name", data_of($rows));
    loads(row => 'M56', what => "a path with $what", paths => [ $good, $path ], gives => [ [ $items, $both_rows ],
            [ $recorded_path, unpack('H*', $path) ] ]);
    my $bad = write_file("$dir/bad $name", "$head$copy");
    rejects(row => 'M56', what => "a path with $what of a file that is malformed", paths => [ $good, $bad ],
        state => '22P04');
}
loads(row => 'M56', what => 'a path of 1023 bytes', paths => [ $good, $longest ], gives => [ [ $items, $both_rows ] ]);

#
# Encodings and lexical rules
#

sub saying { my ($encoding, @parts) = @_; return dump_of(@parts) =~ s/'UTF8'/'$encoding'/r }
rejects(row => 'M58', what => 'LATIN1 bytes that claim to be UTF8', data => data_of("1\tCANARY \xE9\tx\n"),
    state => '22021', line => $row_line);
rejects(row => 'M58', what => 'UTF-8 bytes that claim to be EUC_JP, in data', state => '22021', line => $row_line,
    data => saying('EUC_JP', $copy, "1\tCANARY \xE2\x82\xAC\tx\n\\.\n"));
rejects(row => 'M58', what => 'UTF-8 bytes that claim to be EUC_JP, in a statement', state => '22021',
    line => $after_shape,
    schema => saying('EUC_JP', $shape, "COMMENT ON TABLE shop.item IS 'CANARY \xE2\x82\xAC';\n"));
rejects(row => 'M58', what => 'an encoding that does not exist', state => '22023', line => 5,
    schema => saying('KLINGON', $shape));
rejects(row => 'M58', what => 'an encoding that hides quotes', state => '0A000', line => 5,
    schema => saying('SJIS', $shape));
loads(row => 'M58', what => 'LATIN1 that says so', data => saying('LATIN1', $copy, "1\t\xE9t\xE9\tx\n\\.\n"),
    gives => [ [ $items, "1|\xC3\xA9t\xC3\xA9|x" ] ]);

my $off = "SET standard_conforming_strings = off;\n";
loads(row => 'M59', what => 'standard_conforming_strings off', with_statement($off,
        "SET escape_string_warning = off;\nCOMMENT ON TABLE shop.item IS 'it\\'s; a \\\\ comment';\n",
        "CREATE TABLE shop.t (a text DEFAULT 'q\\'q', b text);\nINSERT INTO shop.t VALUES ('a\\tb\\'c', 'x\\\\y');\n"),
    gives => [ [ "SELECT obj_description('shop.item'::regclass)", q{it's; a \ comment} ],
        [ "SELECT replace(a, E'\\t', '>'), b FROM shop.t", q{a>b'c|x\y} ],
        [ "SELECT column_default FROM information_schema.columns WHERE table_name = 't' AND column_name = 'a'",
            q{'q''q'::text} ] ]);
loads(row => 'M59', what => 'strings with E and U&', with_statement(
        "COMMENT ON TABLE shop.item IS E'it\\'s; \\x41\\u00e9 ';\n",
        "COMMENT ON TABLE shop.word IS U&'d\\0061t\\+000061';\n",
        "INSERT INTO shop.word VALUES (E'a\\\\b\\'\\;c');\nINSERT INTO shop.word VALUES ('plain \\ one''s');\n"),
    gives => [ [ "SELECT obj_description('shop.item'::regclass)", "it's; A\xC3\xA9 " ],
        [ "SELECT obj_description('shop.word'::regclass)", 'data' ],
        [ 'SELECT word FROM shop.word ORDER BY 1', qq{a\\b';c\nplain \\ one's} ] ]);
loads(row => 'M60', what => 'nested comments', with_statement(
        "/* a ' ; /* \\! nested */ \$\$ \" */ COMMENT /* ; */ ON TABLE shop.item -- ; '\n /* /**/ */ IS 'yes';\n"),
    gives => [ [ "SELECT obj_description('shop.item'::regclass)", 'yes' ] ]);
loads(row => 'M60', what => 'unusual dollar tags', gives => [ [ 'SELECT shop.a(), shop.b(), shop.c()',
    q{$$;|$a$|x'$b} ] ],
    with_statement("CREATE FUNCTION shop.a() RETURNS text LANGUAGE sql AS \$_x1\$ SELECT '\$\$;' \$_x1\$;\n",
        "CREATE FUNCTION shop.b() RETURNS text LANGUAGE sql AS \$\xC3\xA9\$ SELECT '\$a\$' \$\xC3\xA9\$;\n",
        "CREATE FUNCTION shop.c() RETURNS text LANGUAGE sql AS \$\$ SELECT \$a\$x'\$b\$a\$ \$\$;\n"));

target_is_loaded();

#
# Files that change, and disks that fail
#

close_row();
$before = content($node);
$target = (call('SELECT'))[2];

# Starts a load held at a fault point, does `meanwhile`, lets it go on. Returns (status, SQLSTATE or '', data_sha256).
sub changed_during_run {
    my ($site, $meanwhile, @paths) = @_;
    write_file($hold, '');
    set_fault($node, "$site:wait:$hold");
    my ($run) = run_sql($node, load_sql(@paths[0, 1], wait => 'false', force => 'true') =~ s/status/run_id/r);
    ok(wait_until(sub { (run_sql($node,
        q{SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'pagila_repl leader'
        AND wait_event = 'Extension'}))[0] }, 30), "the run is held at $site");
    $meanwhile->();
    unlink $hold;
    my ($status) = run_sql($node, "SELECT status FROM pagila_wait($run)");
    clear_fault($node);
    my ($state, $sha, $count) = split /\|/, last_run($node, qq{coalesce(sqlstate, ''), data_sha256,
        (SELECT count(*) FROM pagila_repl.run WHERE run_id > $last_run)});
    is($count, 1, 'recorded once');
    $last_run = $run;
    return ($status, $state, $sha);
}

sub overwrite {
    my ($path, $text, %keep) = @_;
    my @stat = stat($path);
    open(my $file, '+<:raw', $path) or die "$path: $!";
    print $file $text;
    close $file or die "$path: $!";
    utime($stat[8], $stat[9], $path) if $keep{time};
    return;
}

# Longer than any buffer, so that some of it is read before the change and some after: read 4 is the data file's first.
my $long_rows = join('', map { "$_\tname $_\tnote\n" } 1 .. 30000);
my @file_changes = (
    [ 'overwritten in place', sub { overwrite($_[0], data_of($long_rows =~ s/note/etno/gr)) } ],
    [ 'overwritten in place with its old time', sub { overwrite($_[0], data_of($long_rows =~ s/note/etno/gr), time => 1) } ],
    [ 'truncated', sub { truncate($_[0], 2000) } ],
    [ 'truncated to nothing', sub { truncate($_[0], 0) } ],
    [ 'appended to', sub { append_to_file($_[0], "-- more\n") } ]);
for my $case (some_of(3, map { my $site = $_; map { [ $site, @$_ ] } @file_changes } 'read:5', 'shape:1', 'copy:1')) {
    my ($site, $what, $meanwhile) = @$case;
    my $data = write_file("$dir/changing.sql", data_of($long_rows));
    subtest "M53: the data file is $what at $site" => sub {
        my ($status, $state) = changed_during_run($site, sub { $meanwhile->($data) }, $good, $data);
        is("$status $state", 'failed 55000', 'rejected as changed');
        is((call('SELECT'))[2], $target, 'same relations, no residue');
    };
}
is_unchanged($node, $before, 'M53');
no_residue($node, 'M53');
for my $change ([ 'replaced by another file of its name', sub { rename(write_file("$dir/next.sql",
    data_of("9\tnew\tx\n")), $_[0]) } ],
    [ 'removed', sub { unlink $_[0] } ]) {
    my ($what, $meanwhile) = @$change;
    my $data = write_file("$dir/changing.sql", data_of($rows));
    my ($sha) = split / /, (run_command([ 'sha256sum', $data ]))[0];
    subtest "M53: a data file that is $what loads as it was opened" => sub {
        my ($status, $state, $loaded) = changed_during_run('shape:1', sub { $meanwhile->($data) }, $good, $data);
        is("$status $state", 'succeeded ', 'succeeds');
        is($loaded, $sha, 'the hash is that of the bytes loaded');
        is((run_sql($node, $items))[0], $both_rows, 'the rows are those hashed');
    };
}
$before = content($node);
subtest 'M53: a schema file that changes after it was read' => sub {
    my $schema = write_file("$dir/changing_schema.sql", dump_of($shape));
    my $data = write_file("$dir/changing.sql", data_of($rows));
    my ($status, $state) = changed_during_run('lock:1', sub { overwrite($schema, dump_of($shape)
        =~ s/'none'/'NONE'/r) }, $schema, $data);
    is("$status $state", 'succeeded ', 'succeeds, for it was read whole');
    my $default = q{SELECT column_default FROM information_schema.columns
      WHERE table_name = 'item' AND column_name = 'note'};
    is((run_sql($node, $default))[0],
        q{'none'::text}, 'what was hashed is what was executed');
};
undef $_ for $before, $target;

my $data = write_file("$dir/data.sql", data_of($rows));
# The heads of both files, then each file, then the rows again.
for my $nth (some_of(2, 1 .. 5)) {
    set_fault($node, "read:$nth:eio");
    rejects(row => 'M57', what => "the disk fails at read $nth", paths => [ $good, $data ],
        options => { force => 'true' },
        state => '58030', says => qr/could not read dump file .*Input\/output error/);
}
for my $nth (some_of(2, 1, 4, 5)) {
    set_fault($node, "read:$nth:stall");
    my ($printed, $err) = call("SET statement_timeout = '500ms';\n" . load_sql($good, $data, force => 'true'));
    subtest "M57: read $nth never ends" => sub {
        is(sqlstate_of($err), '57014', 'the statement times out') or diag $err;
        ok(wait_until(sub { last_run($node, 'status') eq 'cancelled' }, 10), 'the run is recorded as cancelled');
        is((call('SELECT'))[2], $target, 'same relations, no residue');
    };
}
clear_fault($node);
close_row();

#
# Very large files
#

# Peak resident memory in kB of a leader held at a fault point.
sub peak_memory {
    my ($site, @paths) = @_;
    my $peak;
    changed_during_run($site, sub {
        my ($status) = slurp_file('/proc/' . leader_pid($node) . '/status') =~ /^(VmHWM:.*)/m;
        ($peak) = $status =~ /(\d+) kB/;
    }, @paths);
    return $peak;
}

my $malformed = write_file("$dir/malformed.sql", "$head$copy$rows");
my $baseline = peak_memory('end:1', $good, $malformed);
note "a leader that rejects a small file: $baseline kB";

my $huge = "$dir/huge.sql";
# A field may have almost 1 GB.
my $field_size = is_long() ? 900 : 200;
my $field_bytes = $field_size * 1024 * 1024;
open(my $out, '>:raw', $huge) or die "$huge: $!";
print $out $head, $copy, "1\tone\t";
my $piece = 'x' x (1024 * 1024);
print $out $piece for 1 .. $field_size;
my $end_of_field = tell $out;
print $out "\n\\.\n$tail";
close $out or die "$huge: $!";
# Compressing so much text is no concern here.
my $external = write_file("$dir/external.sql", dump_of($shape,
    "ALTER TABLE ONLY shop.item ALTER COLUMN note SET STORAGE EXTERNAL;\n"));
loads(row => 'M17', what => "a field of $field_size MB", paths => [ $external, $huge ], options => { verify => q{'counts'} },
    gives => [ [ "SELECT octet_length(note), left(note, 3), right(note, 3) FROM shop.item", "$field_bytes|xxx|xxx" ] ]);
target_is_loaded();
$before = content($node);

open($out, '+<:raw', $huge) or die "$huge: $!";
seek($out, $end_of_field, 0);
print $out $piece for $field_size + 1 .. 1025;
print $out "\n\\.\n$tail";
close $out or die "$huge: $!";
subtest 'M16: a line of more than 1 GB' => sub {
    my $peak = peak_memory('end:1', $good, $huge);
    note "a leader that rejects a line of 1 GB: $peak kB";
    cmp_ok($peak - $baseline, '<', 100 * 1024, 'takes less than 100 MB more than a small file');
    is(last_run($node, 'status, sqlstate'), 'failed|54000', 'rejected');
    like(last_run($node, 'error_context'), qr/\bline $row_line\b/, 'names the line');
    is_unchanged($node, $before, 'long line');
    no_residue($node, 'long line');
};
unlink $huge;

subtest 'M54: a sparse file larger than memory' => sub {
    my ($total) = slurp_file('/proc/meminfo') =~ /^MemTotal:\s+(\d+) kB/m;
    my $sparse = write_file("$dir/sparse.sql", "$head$copy$rows");
    truncate($sparse, $total * 1024 * 2) or die $!;
    my $peak = peak_memory('end:1', $good, $sparse);
    cmp_ok($peak - $baseline, '<', 100 * 1024, 'takes less than 100 MB more than a small file');
    is(last_run($node, 'status, sqlstate'), 'failed|22021', 'rejected at the first NUL');
    like(last_run($node, 'error_context'), qr/\bline @{[$row_line + 2]}\b/, 'names the line');
    is_unchanged($node, $before, 'sparse file');
    no_residue($node, 'sparse file');
    unlink $sparse;
};

#
# The sample
#

my $sample = sample_dir();
# One line per table: its name and a digest of its rows.
my $rows_of = q{'SELECT md5(string_agg(t::text, ''/'' ORDER BY t::text)) AS digest FROM public.%I t'};
my $tables = qq{
SELECT string_agg(relname || ' ' || (xpath('//digest/text()',
         query_to_xml(format($rows_of, relname), true, false, '')))[1]::text, E'\\n' ORDER BY relname)
  FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relkind = 'r'};
my ($schema_text, $data_text) = map { slurp_file("$sample/$_.sql") } qw(schema data);
is((run_sql($node, load_sql("$sample/schema.sql", "$sample/data.sql")))[0], 'succeeded', 'the sample loads');
my ($expected) = run_sql($node, $tables);
like($expected, qr/^payment_p2022_07 /m, 'the sample has rows to compare');
$last_run = last_run($node, 'run_id');
loads(row => 'M14', what => 'the sample with CR LF throughout', schema => $schema_text =~ s/\n/\r\n/gr,
    data => $data_text =~ s/\n/\r\n/gr,
    gives => [ [ $tables, $expected ] ]);
rejects(row => 'M37', what => 'the sample with schema and data swapped',
    paths => [ "$sample/data.sql", "$sample/schema.sql" ], state => '42P01',
    line => 23);
rejects(row => 'M38', what => 'the sample with a column that its schema does not have', state => '42703',
    schema => $schema_text =~ s/^    postal_code text,\n//mr =~ s/.*\bpostal_code\b.*\n//gr,
    data => $data_text);
rejects(row => 'M09', what => 'the sample with a NUL in its last block', schema => $schema_text, data => $data_text
    =~ s/\A(.*)\n\\\.\n/$1\0\n\\.\n/sr,
    state => '22021', line => lines($data_text =~ s/\A(.*)\n\\\.\n.*/$1/sr) + 1);
close_row();

done_testing();
