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
    [   qw(Pg_magic_func _PG_init pagila_alter_job pagila_cancel pagila_check pagila_identify pagila_load pagila_plan
          pagila_repl_job_main pagila_repl_launcher_main pagila_repl_leader_main pagila_repl_scheduler_main
          pagila_repl_validator pagila_repl_worker_main pagila_replicate_from pagila_replicate_to pagila_run_job pagila_schedule
          pagila_unschedule pagila_wait pg_finfo_pagila_alter_job pg_finfo_pagila_cancel pg_finfo_pagila_check
          pg_finfo_pagila_identify pg_finfo_pagila_load pg_finfo_pagila_plan pg_finfo_pagila_repl_validator
          pg_finfo_pagila_replicate_from pg_finfo_pagila_replicate_to pg_finfo_pagila_run_job pg_finfo_pagila_schedule
          pg_finfo_pagila_unschedule pg_finfo_pagila_wait)
    ],
    'exports what the server calls and nothing else');

my @called = map { /^\s+U ([^@\s]+)/ ? $1 : () } split /\n/, $symbols;
ok((grep { $_ eq 'pread' || $_ eq 'pread64' } @called), 'the list of called functions is read');
is(join(' ', grep { /^(system|popen|exec[lv]\w*|fork|vfork|posix_spawnp?|dlopen|lo_\w+)$/ } @called),
    'posix_spawn', 'starts programs by their path and arguments alone, never by a shell');

my $content = slurp_file($library);
my $test_build = $ENV{PR_FAULTS_DIR} ? slurp_file("$ENV{PR_FAULTS_DIR}/pagila_repl.so") : undef;
for my $setting ('fault', 'clock_offset', 'time_passed') {
    unlike($content, qr/pagila_repl\.$setting/, "has no fault points: no setting $setting");
    like($test_build, qr/pagila_repl\.$setting/, "the test build has $setting") if $test_build;
}

my ($headers) = run_command([ 'readelf', '-Wld', $library ]);
like($headers, qr/GNU_RELRO/, 'relocations are read-only');
like($headers, qr/BIND_NOW|NOW/, 'and resolved at start');
my ($stack) = $headers =~ /GNU_STACK.*?\s(R\w*)\s/;
is($stack, 'RW', 'the stack is not executable');
for my $checked ('__stack_chk_fail', '__snprintf_chk') {
    ok((grep { $_ eq $checked } @called), "overruns are noticed: $checked");
}
done_testing();
