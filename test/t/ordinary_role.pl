# The whole main job as docs/operations.md sets it up: by a role that is no superuser, from a source that shows a certificate, read
# by a role that may read what is copied and nothing else. What is typed is what stands there, but for names, paths and passwords.
use strict;
use warnings;
use lib 'test/t';
use PagilaTest;
use PostgreSQL::Test::Utils;
use Test::More;

my $pagila = pagila_dir();
plan skip_all => 'the real Pagila is not beside the project' unless $pagila;
plan skip_all => 'openssl is not here' unless grep { -x "$_/openssl" } split /:/, $ENV{PATH};

my $kSecret = 'quiet as a mouse';
my $dir = PostgreSQL::Test::Utils::tempdir;
my $source = make_source();
my $target = new_node('ordinary_target', conf => "shared_preload_libraries = 'pagila_repl'\n");

# A name that is not taken for this machine, so that nothing is allowed for it that is not for others.
my $kHost = '127.1';

# The blocks of SQL under a heading of the operations page, by their first words.
my ($rights) = slurp_file('docs/operations.md') =~ /^## Rights\n(.*?)^## /ms;
my @blocks = $rights =~ /```sql\n(.*?)```/gs;

sub documented {
    my ($first_words, %changes) = @_;
    my ($block) = grep { /^\Q$first_words\E/ } @blocks;
    ok(defined $block, "the page has: $first_words ...") or BAIL_OUT('without it there is no test');
    my $port = $source->port;
    $block =~ s/db\.example\.com'/$kHost', port '$port'/g;
    $block =~ s{/etc/ssl/certs/example-ca\.pem}{$dir/ca.crt}g;
    $block =~ s/'\.\.\.'/'$kSecret'/g;
    $block =~ s/\Q$_\E/$changes{$_}/g for keys %changes;
    return $block;
}

# As nobody's log may have a password.
sub typed {
    my ($node, $sql, $what) = @_;
    my (undef, $err) = run_sql($node, "SET log_statement = none; SET log_min_error_statement = panic; $sql");
    return is($err, '', $what);
}

sub etl { my ($sql) = @_; return run_sql($target, "SET client_min_messages = warning; $sql", psql => { extra_params => [ '-U', 'etl' ] }) }

sub says { my ($sql, $expected, $what) = @_; my ($out, $err) = etl($sql); return is("$out$err", $expected, $what) }

typed($source, documented(q{CREATE ROLE reader LOGIN PASSWORD '...';}), 'a role that may read what is copied');
typed($target, documented('CREATE ROLE etl LOGIN;'), 'a role that copies');
is($target->safe_psql('pagila', q{SELECT rolsuper OR rolcreaterole OR rolcreatedb OR rolreplication OR rolbypassrls FROM pg_roles WHERE rolname = 'etl'}),
    'f', 'which is nothing special');

#
# Looking
#

my ($found) = etl(q{SELECT status, subject, message FROM pagila_check('pagila_postgres') WHERE status <> 'ok' AND subject <> 'libpq'});
is($found, join("\n", 'warning|role|role "reader" missing here',
        'warning|role|objects of owner "' . owner() . '" (' . owned() . ') will belong to "etl", which may not set that owner'),
    'pagila_check: no error, and it is said whose objects will be etl\'s');
like((etl(q{SELECT message FROM pagila_check('pagila_postgres') WHERE subject = 'connection'}))[0],
    qr/^connected to 127\.1:\d+\/pagila as role "reader"$/, 'it says to what, and as whom');
is($source->safe_psql('pagila', q{SELECT count(*) FROM pg_stat_ssl s JOIN pg_stat_activity a USING (pid) WHERE usename = 'reader' AND NOT ssl}), 0,
    'no connection without TLS');
says(q{SELECT count(*) FROM pagila_plan('pagila_postgres') WHERE refused IS NOT NULL OR publish <> 'rename'}, 0, 'pagila_plan: nothing is refused');
says(q{SELECT count(*) FROM pagila_plan('pagila_postgres')}, tables(), 'pagila_plan: all tables');

#
# Copying
#

my $pull = q{SELECT status FROM pagila_replicate_from('pagila_postgres')};
says($pull, 'succeeded', 'pagila_replicate_from');
is_copy('first');
like(last_run($target, 'message'), qr/ rows in \d+ tables from 127\.1:\d+\/pagila.*; \d+ owners skipped, the caller may not set them/, 'with what it passed over');
my ($skipped) = last_run($target, 'message') =~ /(\d+) owners skipped, the caller may not/;
is($skipped, owned(), 'as many owners as pagila_check said');
is(last_run($target, 'owner'), 'etl', 'as etl');
says($pull, 'skipped', 'nothing to do');
$target->safe_psql('pagila', 'CREATE ROLE report');
typed($target, documented('ALTER DEFAULT PRIVILEGES FOR ROLE etl'), 'default privileges for who reads the copies');
$source->safe_psql('pagila', q{UPDATE actor SET last_name = 'SMITH' WHERE actor_id = 1});
says($pull, 'succeeded', 'something to do');
is_copy('second');
is($target->safe_psql('pagila', q{SELECT has_table_privilege('report', 'film', 'SELECT')}), 't', 'who reads the copies may read the new one');
says(q{SELECT status, subject FROM pagila_check('pagila_postgres') WHERE status = 'error'}, '', 'pagila_check over a copy: no error');
says(q{UPDATE actor SET last_name = 'JONES' WHERE actor_id = 2}, '', 'the copy is etl\'s own');
is(sqlstate_of((etl($pull))[1]), '55000', 'a change by hand is kept');
like((etl(q{SELECT status || ' ' || message FROM pagila_check('pagila_postgres') WHERE subject = 'changed by hand'}))[0],
    qr/^error 1 object was changed since the last run: table public\.actor has other rows$/, 'and known beforehand');
says(q{SELECT status FROM pagila_replicate_from('pagila_postgres', on_modified => 'overwrite')}, 'succeeded', 'unless it may be lost');
is_copy('third');

#
# Watching and cancelling
#

says(q{SELECT string_agg(DISTINCT owner || ' ' || kind, ', ') FROM pagila_repl.run}, 'etl replicate', 'etl sees its runs');
says(q{SELECT count(*) > 20 FROM pagila_repl.run_step}, 't', 'and their steps');
says(q{SELECT count(*) FROM pagila_repl.progress}, 0, 'and that none is under way');
{
    my $session = $source->background_psql('pagila', on_error_stop => 1);
    $session->query_safe('BEGIN; LOCK TABLE actor');
    my ($run) = etl(q{SELECT run_id FROM pagila_replicate_from('pagila_postgres', force => true, wait => false)});
    ok(wait_until(sub { (etl("SELECT phase FROM pagila_repl.progress WHERE run_id = $run"))[0] eq 'connect' }, 30), 'etl sees one that waits');
    says("SELECT pagila_cancel($run)", 't', 'pagila_cancel');
    says("SELECT status FROM pagila_wait($run)", 'cancelled', 'pagila_wait');
    $session->query_safe('ROLLBACK');
    $session->quit;
}

#
# By itself
#

says(q{SELECT pagila_schedule('refresh', '10 seconds', source => 'pagila_postgres') > 0}, 't', 'pagila_schedule');
ok(wait_until(sub { (etl(q{SELECT last_status FROM pagila_repl.job_status WHERE job_name = 'refresh'}))[0] eq 'skipped' }, 60), 'the job runs');
$source->safe_psql('pagila', q{UPDATE actor SET last_name = 'WINSLET' WHERE actor_id = 1});
ok(wait_until(sub { (etl(q{SELECT last_name FROM actor WHERE actor_id = 1}))[0] eq 'WINSLET' }, 60), 'and brings what has changed');
is_copy('by the job');
says(q{SELECT status FROM pagila_run_job('refresh')}, 'skipped', 'pagila_run_job')
  if wait_until(sub { (etl(q{SELECT status FROM pagila_repl.job_status}))[0] eq 'scheduled' }, 60);
says(q{SELECT pagila_alter_job('refresh', enabled => false)}, '', 'pagila_alter_job');
says(q{SELECT pagila_unschedule('refresh')}, '', 'pagila_unschedule');
says(q{SELECT count(*) FROM pagila_repl.job_status}, 0, 'no job is left');

#
# Loading
#

$target->safe_psql('postgres', 'CREATE DATABASE loaded OWNER etl');
$target->safe_psql('loaded', 'CREATE EXTENSION pagila_repl; GRANT pg_read_server_files TO etl');
my %in_loaded = (db => 'loaded', psql => { extra_params => [ '-U', 'etl' ] });
my $load = load_sql("$pagila/schema.sql", "$pagila/data.sql");
is((run_sql($target, $load, %in_loaded))[0], 'succeeded', 'pagila_load');
is((run_sql($target, $load, %in_loaded))[0], 'skipped', 'pagila_load again');
is((run_sql($target, q{SELECT count(*) FROM pagila_repl.pagila_load_audit WHERE succeeded}, %in_loaded))[0], 2, 'both are in the audit');

is($target->safe_psql('pagila', q{SELECT count(*) FROM pg_namespace WHERE nspname LIKE 'pagila\_repl\_%'}), 0, 'nothing is left of the runs');
no_source_residue($source, 'after all');
for my $node ($source, $target) {
    ok(index(slurp_file($node->logfile), $kSecret) < 0, $node->name . ': no password in the log');
}
done_testing();

# Shows a certificate, and lets nobody in from elsewhere but by TLS and with a password.
sub make_source {
    my $node = new_node('ordinary_source', conf => "listen_addresses = '127.0.0.1'\n");
    openssl('req', '-new', '-x509', '-days', '7', '-nodes', '-subj', '/CN=ca', '-keyout', "$dir/ca.key", '-out', "$dir/ca.crt");
    openssl('req', '-new', '-nodes', '-subj', '/CN=source', '-keyout', "$dir/server.key", '-out', "$dir/server.csr");
    # libpq compares a name that stands for an address as a name.
    my $names = write_file("$dir/server.ext", "subjectAltName=IP:127.0.0.1,DNS:127.1\n");
    openssl('x509', '-req', '-days', '7', '-in', "$dir/server.csr", '-CA', "$dir/ca.crt", '-CAkey', "$dir/ca.key",
        '-CAcreateserial', '-extfile', $names, '-out', "$dir/server.crt");
    chmod 0600, "$dir/server.key";
    $node->append_conf('postgresql.conf', "ssl = on\nssl_cert_file = '$dir/server.crt'\nssl_key_file = '$dir/server.key'\n");
    my ($line) = slurp_file('docs/operations.md') =~ /^(hostssl .*)$/m;
    write_file($node->data_dir . '/pg_hba.conf', "local all all trust\n" . $line =~ s{192\.0\.2\.10}{127.0.0.1}r . "\n");
    $node->restart;
    my ($out, $err) = run_sql($node, load_sql("$pagila/schema.sql", "$pagila/data.sql"));
    is($out, 'succeeded', 'the source is loaded') or diag $err;
    return $node;
}

sub openssl {
    my (@arguments) = @_;
    my (undef, $err) = run_command([ 'openssl', @arguments ]);
    die "openssl @arguments: $err" if !-s $arguments[-1];
    return;
}

sub owner { return $source->safe_psql('pagila', q{SELECT relowner::regrole FROM pg_class WHERE oid = 'actor'::regclass}) }

# How often pg_dump says to whom something belongs.
sub owned { return scalar(() = dump_text($source, 'pagila', '--schema-only') =~ /^ALTER .* OWNER TO /mg) }

sub tables { return $source->safe_psql('pagila', q{SELECT count(*) FROM pg_class WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace}) }

# Equal but for owners and what depends on them.
sub is_copy {
    my ($what) = @_;
    my @dumps = map { my $text = dump_text($_, 'pagila', '--no-owner', '--no-privileges', '--schema=public'); join "\n", sort split /\n/, $text } $source, $target;
    return ok($dumps[0] eq $dumps[1], "$what copy: equal to the last row");
}
