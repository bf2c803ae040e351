# The module as it is shipped: what it exports, what it must not call, what must not be in it.
use strict;
use warnings;
use PostgreSQL::Test::Utils;
use Test::More;

my ($directory) = run_command([ 'pg_config', '--pkglibdir' ]);
my $library = "$directory/pagila_repl.so";

my ($symbols) = run_command([ 'nm', '-D', $library ]);
my @exported = sort map { /^\S+ [TWVRDB] (\S+)/ ? $1 : () } split /\n/, $symbols;
is_deeply(
    \@exported,
    [   qw(Pg_magic_func _PG_init pagila_cancel pagila_check pagila_load pagila_plan pagila_repl_leader_main
          pagila_repl_validator pagila_repl_worker_main pagila_replicate_from pagila_wait
          pg_finfo_pagila_cancel pg_finfo_pagila_check pg_finfo_pagila_load pg_finfo_pagila_plan
          pg_finfo_pagila_repl_validator pg_finfo_pagila_replicate_from pg_finfo_pagila_wait)
    ],
    'exports what the server calls and nothing else');

my @called = map { /^\s+U ([^@\s]+)/ ? $1 : () } split /\n/, $symbols;
ok((grep { $_ eq 'pread' || $_ eq 'pread64' } @called), 'the list of called functions is read');
is(join(' ', grep { /^(system|popen|exec[lv]\w*|fork|vfork|posix_spawnp?|dlopen|lo_\w+)$/ } @called),
    'posix_spawn', 'starts programs by their path and arguments alone, never by a shell');

my $content = slurp_file($library);
unlike($content, qr/pagila_repl\.fault/, 'has no fault points');
if ($ENV{PR_FAULTS_DIR}) {
    like(slurp_file("$ENV{PR_FAULTS_DIR}/pagila_repl.so"), qr/pagila_repl\.fault/, 'the test build has them');
}

my ($headers) = run_command([ 'readelf', '-Wld', $library ]);
like($headers, qr/GNU_RELRO/, 'relocations are read-only');
like($headers, qr/BIND_NOW|NOW/, 'and resolved at start');
my ($stack) = $headers =~ /GNU_STACK.*?\s(R\w*)\s/;
is($stack, 'RW', 'the stack is not executable');
done_testing();
