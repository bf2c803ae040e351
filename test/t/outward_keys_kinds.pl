# Foreign keys to tables elsewhere of every kind, by a role that is no superuser, from a dump and from another database, once and again: the
# keys of the copy are those of the original, and hold.
use strict;
use warnings;
use lib 'test/t';
use AttackTest;
use PagilaTest;
use PostgreSQL::Test::Utils;
use Test::More;

my ($source, $target) = new_pair('outward_keys_kinds');
my $dir = PostgreSQL::Test::Utils::tempdir;
for my $node ($source, $target) {
    $node->safe_psql('pagila', q{
      CREATE SCHEMA app; CREATE TABLE app.card (id integer PRIMARY KEY); INSERT INTO app.card SELECT generate_series(1, 9);
      CREATE SCHEMA "App ""x"" 'y'"; CREATE TABLE "App ""x"" 'y'"."Card; t" ("Id." integer PRIMARY KEY); INSERT INTO "App ""x"" 'y'"."Card; t" SELECT generate_series(1, 9);
      CREATE TABLE app.pair (a integer, b text COLLATE "C", UNIQUE (a, b)); INSERT INTO app.pair VALUES (1, 'x'), (2, 'y');
      CREATE TABLE app.parts (id integer, kind text, PRIMARY KEY (id, kind)) PARTITION BY LIST (kind); CREATE TABLE app.part_a PARTITION OF app.parts FOR VALUES IN ('a') PARTITION BY RANGE (id);
      CREATE TABLE app.part_a1 PARTITION OF app.part_a DEFAULT; CREATE TABLE app.part_b PARTITION OF app.parts FOR VALUES IN ('b'); INSERT INTO app.parts VALUES (1, 'a'), (2, 'b')});
    # From another database nothing is copied that needs what is left out, but for what an extension has.
    $node->safe_psql('pagila', "ALTER EXTENSION plpgsql ADD TABLE $_") for qw(app.card app.pair app.parts app.part_a app.part_a1 app.part_b), q{"App ""x"" 'y'"."Card; t"};
}
$source->safe_psql('pagila', q{
  CREATE SCHEMA live; CREATE SCHEMA "Li ve"; CREATE TYPE live.mood AS ENUM ('sad', 'ok');
  CREATE TABLE live.thing (id integer PRIMARY KEY, card integer REFERENCES app.card ON UPDATE CASCADE ON DELETE SET NULL, next integer REFERENCES live.thing);
  INSERT INTO live.thing VALUES (1, 1, NULL), (2, 2, 1), (3, NULL, 2);
  CREATE TABLE "Li ve"."Sa""le" ("Card." integer, thing integer REFERENCES live.thing, CONSTRAINT "of card; '1'" FOREIGN KEY ("Card.") REFERENCES "App ""x"" 'y'"."Card; t" DEFERRABLE INITIALLY DEFERRED);
  COMMENT ON CONSTRAINT "of card; '1'" ON "Li ve"."Sa""le" IS 'it''s told'; INSERT INTO "Li ve"."Sa""le" VALUES (1, 1), (2, 2);
  CREATE TABLE live.two (a integer, b text, c integer, FOREIGN KEY (a, b) REFERENCES app.pair (a, b) MATCH FULL ON DELETE SET DEFAULT, FOREIGN KEY (c) REFERENCES app.card, CONSTRAINT again FOREIGN KEY (c) REFERENCES app.card ON DELETE CASCADE);
  INSERT INTO live.two VALUES (1, 'x', 1), (NULL, NULL, 2);
  CREATE TABLE live.loose (card integer); INSERT INTO live.loose VALUES (1), (77); ALTER TABLE live.loose ADD CONSTRAINT unproven FOREIGN KEY (card) REFERENCES app.card NOT VALID;
  CREATE TABLE live.tree (id integer, kind text) PARTITION BY LIST (kind); CREATE TABLE live.tree_a PARTITION OF live.tree FOR VALUES IN ('a'); CREATE TABLE live.tree_b PARTITION OF live.tree FOR VALUES IN ('b') PARTITION BY RANGE (id);
  CREATE TABLE live.tree_b1 PARTITION OF live.tree_b DEFAULT; ALTER TABLE live.tree ADD CONSTRAINT of_parts FOREIGN KEY (id, kind) REFERENCES app.parts ON DELETE SET NULL (kind); INSERT INTO live.tree VALUES (1, 'a'), (2, 'b');
  CREATE TABLE live.base (card integer REFERENCES app.card); CREATE TABLE live.heir (card integer REFERENCES app.card ON DELETE RESTRICT) INHERITS (live.base); INSERT INTO live.heir VALUES (3)});
$target->safe_psql('pagila', q{CREATE ROLE loader LOGIN; GRANT CREATE ON DATABASE pagila TO loader; GRANT pagila_repl_operator, pg_read_server_files TO loader;
  GRANT USAGE ON SCHEMA app, "App ""x"" 'y'" TO loader; GRANT REFERENCES ON ALL TABLES IN SCHEMA app, "App ""x"" 'y'" TO loader});
my $keys = q{SELECT string_agg(concat_ws(' ', conrelid::regclass, conname, convalidated, condeferrable, condeferred, pg_get_constraintdef(oid), obj_description(oid, 'pg_constraint')), E'\n' ORDER BY conrelid::regclass::text, conname, confrelid::regclass::text)
    FROM pg_constraint WHERE contype = 'f' AND connamespace IN ('live'::regnamespace, '"Li ve"'::regnamespace)};
my $wanted = $source->safe_psql('pagila', $keys);
note $wanted;

my ($file) = write_file("$dir/dump.sql", dump_text($source, 'pagila', '--schema=live', '--schema="Li ve"', '--no-owner', '--no-publications'));
my %ways = (load => load_sql($file, undef, force => 'true'), pull => pull_sql('source', schemas => q{ARRAY['live', '"Li ve"']}, force => 'true'),
    'pull that checks' => pull_sql('source', schemas => q{ARRAY['live', '"Li ve"']}, force => 'true', foreign_keys => q{'check'}, workers => 1));
for my $way (sort keys %ways) {
    for my $role ($way eq 'load' ? ('loader', undef) : undef) {
        $target->safe_psql('pagila', 'DROP SCHEMA IF EXISTS live CASCADE; DROP SCHEMA IF EXISTS "Li ve" CASCADE; DELETE FROM pagila_repl.copy');
        for my $turn ('once', 'again') {
            my $what = "$way $turn" . ($role ? ' by a role that is no superuser' : '');
            my $run = Session->new($target, 'pagila', $role);
            $run->run($ways{$way}, 120);
            is($run->{out}, 'succeeded', "$what: succeeded");
            is($target->safe_psql('pagila', $keys), $wanted, "$what: the keys are those of the original");
            is($target->safe_psql('pagila', q{SELECT count(*) FROM pg_trigger WHERE tgenabled <> 'O'}), 0, "$what: no trigger is off");
            is($target->safe_psql('pagila', q{SELECT count(*) FROM pg_namespace WHERE nspname LIKE 'pagila\_repl\_%'}), 0, "$what: nothing is left");
            is(join(' ', sqlstates($target, [ 'BEGIN', 'DELETE FROM app.pair WHERE a = 1', 'ROLLBACK', q{INSERT INTO live.two VALUES (3, 'x', 1)}, 'INSERT INTO live.loose VALUES (78)', q{INSERT INTO live.tree VALUES (3, 'a')},
                  q{BEGIN; DELETE FROM "App ""x"" 'y'"."Card; t" WHERE "Id." = 1}, 'COMMIT', 'DELETE FROM app.card WHERE id = 3', 'BEGIN; DELETE FROM app.parts WHERE id = 1 AND false', 'ROLLBACK' ])),
                '00000 00000 00000 23503 23503 23503 00000 23503 23503 00000 00000', "$what: they hold");
            $run->close;
        }
    }
}

# A row is not there.
$target->safe_psql('pagila', 'DELETE FROM "Li ve"."Sa""le"; DELETE FROM "App ""x"" \'y\'"."Card; t" WHERE "Id." = 2');
for my $way (sort keys %ways) {
    my ($out, $err) = run_sql($target, $ways{$way} =~ s/\)$/, on_modified => 'overwrite', on_other_source => 'replace')/r);
    like($err, qr/ERROR:  23503: .*"of card; '1'"/, "$way: a row that the copy refers to is not there: it fails") or diag $out;
}
done_testing();
