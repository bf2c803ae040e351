# A dump cut short anywhere is rejected: the sample's data file, cut at seeded offsets, 1,000 in a long test, and at line ends of
# one block of rows.
use strict;
use warnings;
use lib 'test/t';
use PagilaTest;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = new_node('truncated');
my $dir = PostgreSQL::Test::Utils::tempdir_short();
my ($schema, $whole) = map { sample_dir() . "/$_.sql" } qw(schema data);
my $text = slurp_file($whole);

# Behind the newline of the trailer's closing "--" line only blank lines follow, so a dump cut there is complete.
$text =~ /\A.*^-- PostgreSQL database dump complete\n--\n/ms or die "$whole has no trailer";
my $complete = $+[0];

# Reproducible, and not taken from a generator that differs between versions of Perl.
my $state = 20220215;

sub random_below {
    my ($limit) = @_;
    $state = ($state * 1103515245 + 12345) % 2**31;
    return int($state / 2**31 * $limit);
}

my %offsets;
$offsets{ random_below($complete) } = 1 while keys %offsets < 1000;

# A line end is the likeliest place for a cut to look whole: the block's first line, its rows, the line that ends it.
$text =~ /^(COPY public\.inventory .*?\n.*?^\\\.\n)/ms or die "$whole has no rows of inventory";
my ($from, $block) = ($-[1], $1);
my @line_ends;
while ($block =~ /\n/g) {
    push @line_ends, $from + pos($block) - 1, $from + pos($block);
}
cmp_ok(@line_ends / 2, '>=', 300, 'the block has some hundred lines: ' . @line_ends / 2);

is((run_sql($node, load_sql($schema, $whole)))[0], 'succeeded', 'the whole file loads');

# What every reload changes, in one line.
my $relations = q{SELECT md5(string_agg(format('%s %s', oid, relfilenode), ',' ORDER BY oid)) FROM pg_class
  WHERE relnamespace = 'public'::regnamespace};

# One session loads the same file, cut shorter each time.
sub rejects_every_cut {
    my ($what, @cuts) = @_;
    my $file = write_file("$dir/cut.sql", $text);
    my $load = load_sql($schema, $file);
    my ($last_run) = run_sql($node, 'SELECT max(run_id) FROM pagila_repl.run');
    my $before = content($node);
    my ($same) = run_sql($node, $relations);
    my @descending = sort { $b <=> $a } @cuts;
    my $script = "\\set ON_ERROR_STOP 0\n\\set VERBOSITY sqlstate\n"
        . join('', map { "\\! truncate -s $_ '$file'\n\\echo at $_\n$load;\n$relations;\n" } @descending);
    my ($out, $err) = run_sql($node, $script);

    is($out, join("\n", map { "at $_\n$same" } @descending), "$what: no cut loads or changes the target");
    my %states = map { $_ => 1 } $err =~ /ERROR:\s+(\w{5})$/mg;
    is(scalar(() = $err =~ /ERROR:/g), scalar @cuts, "$what: each cut raises an error");
    is(join(' ', sort keys %states), join(' ', sort grep { $states{$_} } '22021', '22023', '22P04', '42601'),
        "$what: the errors are those of a file that is empty, not complete or cut inside a character");
    is((run_sql($node, "SELECT count(*) FROM pagila_repl.run WHERE run_id > $last_run AND status = 'failed'
            AND finished_at IS NOT NULL
            AND sqlstate IN ('22021', '22023', '22P04', '42601') AND error_context ~ 'cut.sql'"))[0],
        scalar @cuts, "$what: each cut is recorded once, as failed");
    is((run_sql($node, "SELECT count(*) FROM pagila_repl.run WHERE run_id > $last_run"))[0], scalar @cuts,
        "$what: nothing else is recorded");
    is_unchanged($node, $before, $what);
    no_residue($node, $what);
    return;
}

rejects_every_cut('seeded offsets', some_of(5, sort { $a <=> $b } keys %offsets));
rejects_every_cut('before and behind line ends of a block', some_of(5, @line_ends));
rejects_every_cut('the edges', 0, 1, $complete - 1, $complete - 2);

done_testing();
