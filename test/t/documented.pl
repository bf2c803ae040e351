# The reference names every function, argument, column, setting, option and status that there is, and the queries of the
# operations page run as they stand there.
use strict;
use warnings;
use lib 'test/t';
use PagilaTest;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = new_node('documented');
my $reference = slurp_file('docs/reference.md');

sub list { my ($sql) = @_; my ($out, $err) = run_sql($node, "SET client_min_messages = warning; LOAD 'pagila_repl'; $sql"); is($err, '', 'a list'); return split /\n/, $out }

# The part of the reference under a heading, up to the next one of the same depth or less.
sub section {
    my ($heading) = @_;
    my ($depth, $text) = $reference =~ /^(#+) \Q$heading\E\n(.*)/ms or return '';
    my $less = '#{1,' . length($depth) . '}';
    $text =~ s/^$less .*//ms;
    return $text;
}

sub are_documented {
    my ($what, $text, @names) = @_;
    cmp_ok(scalar @names, '>', 0, "$what: there are some");
    my @missing = grep { $text !~ /\b\Q$_\E\b/ } @names;
    return is("@missing", '', "$what: all in the reference");
}

my $own = q{p JOIN pg_depend d ON d.classid = 'pg_proc'::regclass AND d.objid = p.oid AND d.deptype = 'e'
  WHERE d.refobjid = (SELECT oid FROM pg_extension WHERE extname = 'pagila_repl')};
for my $function (list("SELECT proname FROM pg_proc $own ORDER BY 1")) {
    isnt(section($function), '', "$function has its section");
    are_documented("arguments and results of $function", section($function),
        list("SELECT unnest(COALESCE(proargnames, ARRAY['$function'])) FROM pg_proc $own AND proname = '$function'"));
}
for my $relation (list(q{SELECT relname FROM pg_class WHERE relnamespace = 'pagila_repl'::regnamespace AND relkind IN ('r', 'v') ORDER BY 1})) {
    my $text = section("pagila_repl.$relation") || section("Tables of the extension's own use");
    are_documented("columns of $relation", $text, list("SELECT attname FROM pg_attribute WHERE attrelid = 'pagila_repl.$relation'::regclass AND attnum > 0"));
}
are_documented('settings', section('Settings'), list(q{SELECT name FROM pg_settings WHERE name LIKE 'pagila\_repl.%'}));
are_documented('roles', section('Roles'), list(q{SELECT rolname FROM pg_roles WHERE rolname LIKE 'pagila\_repl\_%'}));
are_documented('statuses of runs', section('pagila_repl.run'),
    list(q{SELECT m[1] FROM pg_constraint c, regexp_matches(pg_get_constraintdef(c.oid), $$'(\w+)'::text$$, 'g') m
      WHERE conrelid = 'pagila_repl.run'::regclass AND contype = 'c'}));
my ($options) = slurp_file('src/core/connection_options.cpp') =~ /std::vector<ConnectionOption> options = \{(.*?)\n  \};/s;
are_documented('options of servers and user mappings', section('Sources'), ($options // '') =~ /\{"(\w+)"/g);

# What pagila_check looks at: each subject of the table is one of the code, and the other way round.
my $code = join('', map { slurp_file($_) } glob('src/*.cpp src/source/*.cpp src/run/*.cpp'));
my %told = map { $_ => 1 } $code =~ /(?:\berror|\.warning|\.else_ok)\(\s*"([a-z_ ]+)",/g, $code =~ /const std::string subject = "([a-z ]+)"/g,
  $code =~ /rows\.push_back\(\{"([a-z ]+)", "warning"/g, $code =~ /Severity::ok, "([a-z_ ]+)"/g;
my ($subjects) = section('pagila_check') =~ /^\| Subject \|.*?\n(.*?)\n\n/ms;
my %listed = map { $_ => 1 } map { /`([a-z_ ]+)`/g } ($subjects // '') =~ /^\| ((?:`[a-z_ ]+`(?:, )?)+) \|/mg;
is(join(', ', grep { !$listed{$_} } sort keys %told), '', 'every subject of pagila_check is in the reference');
is(join(', ', grep { $code !~ /"\Q$_\E"/ } sort keys %listed), '', 'and every one in the reference is told');
cmp_ok(scalar keys %told, '>', 25, 'there are some');

# As a monitor, which is who is to run them.
$node->safe_psql('pagila', 'CREATE ROLE mona LOGIN IN ROLE pagila_repl_monitor, pg_read_all_stats');
my ($watching) = slurp_file('docs/operations.md') =~ /^## Watching\n(.*?)^## /ms;
my @queries = map { split /;\s*\n/ } $watching =~ /```sql\n(.*?)```/gs;
cmp_ok(scalar @queries, '>', 7, 'the operations page has queries');
for my $query (@queries) {
    my ($name) = $query =~ /^\s*-- (.*)/m;
    my (undef, $err) = run_sql($node, "SET ROLE mona; $query;");
    is($err, '', 'query: ' . ($name // 'processes'));
}
done_testing();
