# Names that mean something to a shell, to SQL, to patterns or to terminals: each is copied, and each is left out, alone.
use strict;
use warnings;
use utf8;
use lib 'test/t';
use Encode qw(encode);
use PagilaTest;
use Test::More;

my @names = map { encode('UTF-8', $_) } (
    'plain', 'Upper Case', 'quo"te', 'two""quotes', '"', '""', '"."', q{apo'strophe}, q{'';--}, 'do.t', '.', 'a.b.c', '*', 'a*b',
    '?', '+', '|', 'a|b', '(par)', '(?i)x', '[br]', '[]', '[[:alpha:]]', '{1}', '^a$', '$', '$$', '$1', 'do$lar', '\\', '\\d',
    'back\\slash', q{E'\\n'}, "new\nline", "tab\there", "\r", "\x{1b}[2J", '%s', '%I', '-n', '--help', '--', '/*c*/', ';', 'a;b',
    'a,b', '=', '***=x', '***:x', ' lead', 'trail ', ' ', 'select', 'null', 'x' x 63, 'é' x 31, '日本語', "\x{202e}RTL", '`id`',
    '$(id)', '~', '#', '&', 'pagila_repl_x', 'public');
my @schemas = map { encode('UTF-8', $_) } (q{quo"te.$*}, "new\nline", '*', 'é' x 31);

sub quoted { return '"' . $_[0] =~ s/"/""/gr . '"' }
sub literal { return 'E' . "'" . $_[0] =~ s/(['\\])/$1$1/gr . "'" }
sub array { return 'ARRAY[' . join(', ', map { literal($_) } @_) . ']::text[]' }

my ($source, $target) = new_pair('names');
my $sql = '';
for my $schema (@schemas) {
    $sql .= 'CREATE SCHEMA ' . quoted($schema) . ";\n";
    $sql .= 'CREATE TABLE ' . quoted($schema) . '.' . quoted($_) . " (id integer PRIMARY KEY, name text);\n" for @names;
    $sql .= 'INSERT INTO ' . quoted($schema) . '.' . quoted($_) . ' VALUES (1, ' . literal("$schema: $_") . ");\n" for @names;
}
$source->safe_psql('pagila', $sql);

sub tables {
    my ($node) = @_;
    return $node->safe_psql('pagila', q{SELECT quote_literal(schemaname) || '.' || quote_literal(tablename) FROM pg_tables
      WHERE schemaname !~ '^(pg_|information_schema|pagila_repl)' ORDER BY 1});
}

sub pulls {
    my ($what, %options) = @_;
    my ($out, $err) = run_sql($target, pull_sql('source', workers => 2, %options));
    return is($out, 'succeeded', "$what: succeeded") || diag $err;
}

pulls('everything');
is(tables($target), tables($source), 'everything: all names are there');
ok(copy_of($target) eq copy_of($source), 'everything: all is as it was');

# Of two schemas every other table; a name left out in one of them is not in the other.
for my $part (0, 1) {
    my (@patterns, @gone);
    for my $i (0 .. $#names) {
        push @patterns, quoted($schemas[ ($i + $part) % 2 ]) . '.' . quoted($names[$i]);
        push @gone, [ $schemas[ ($i + $part) % 2 ], $names[$i] ];
    }
    my $what = "half of two schemas, part $part";
    pulls($what, schemas => array(map { quoted($_) } @schemas[ 0, 1 ]), exclude => array(@patterns), on_unmanaged => "'drop'");
    my $expected = $source->safe_psql('pagila', 'SELECT quote_literal(schemaname) || $$.$$ || quote_literal(tablename) FROM pg_tables
      WHERE schemaname !~ $$^(pg_|information_schema|pagila_repl)$$ AND NOT (schemaname IN ('
          . join(', ', map { literal($_) } @schemas[ 0, 1 ]) . ') AND (schemaname, tablename) IN ('
          . join(', ', map { '(' . literal($_->[0]) . ', ' . literal($_->[1]) . ')' } @gone) . ')) ORDER BY 1');
    is(tables($target), $expected, "$what: just the others are there");
}

for my $i (0 .. $#names) {
    next if $i % (is_long() ? 8 : 24);
    my $name = $names[$i];
    (my $shown = $name) =~ s/([^ -~])/sprintf('\\x%02x', ord $1)/ge;
    pulls("only $shown", include => array(quoted($schemas[2]) . '.' . quoted($name)));
    my $there = $target->safe_psql('pagila', 'SELECT quote_literal(tablename) FROM pg_tables WHERE schemaname = ' . literal($schemas[2]));
    is($there, $target->safe_psql('pagila', 'SELECT quote_literal(' . literal($name) . ')'), "only $shown: is alone there");
}

no_residue($target, 'at the end');
done_testing();
