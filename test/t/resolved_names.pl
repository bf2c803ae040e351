# What definitions refer to is the same on both sides, also where pg_dump, and the server that prints a definition, write operators
# without their schema: JOIN USING, NATURAL JOIN, CASE, NULLIF, IS DISTINCT FROM, row comparisons; and where a view comes
# before the operator class that it groups by. What cannot be made so is refused by name before any row travels.
use strict;
use warnings;
use lib 'test/t';
use PagilaTest;
use PostgreSQL::Test::Utils;
use Test::More;

my ($source, $target) = new_pair('names', faults => 0);

sub on_both {
    my ($sql) = @_;
    return map { (run_sql($_, $sql))[0] } $target, $source;
}

# Every operator and function in every definition, by the server's own printing with a search_path that hides all schemas.
sub printed {
    my ($node) = @_;
    return $node->safe_psql('pagila', q{SET search_path = '';
      SELECT pg_get_viewdef(oid) FROM pg_class WHERE relkind IN ('v', 'm') AND relnamespace = 'public'::regnamespace ORDER BY relname;
      SELECT pg_get_triggerdef(oid) FROM pg_trigger WHERE NOT tgisinternal ORDER BY tgname;
      SELECT pg_get_ruledef(oid) FROM pg_rewrite WHERE rulename <> '_RETURN' ORDER BY rulename;
      SELECT DISTINCT pg_describe_object(classid, objid, 0), pg_describe_object(refclassid, refobjid, 0) FROM pg_depend d
       WHERE deptype = 'n' AND objid >= 16384 AND refclassid IN ('pg_operator'::regclass, 'pg_proc'::regclass, 'pg_type'::regclass, 'pg_opclass'::regclass)
         AND classid IN ('pg_rewrite'::regclass, 'pg_trigger'::regclass, 'pg_constraint'::regclass, 'pg_attrdef'::regclass,
                         'pg_policy'::regclass, 'pg_class'::regclass, 'pg_statistic_ext'::regclass, 'pg_type'::regclass)
         AND NOT EXISTS (SELECT FROM pg_depend e WHERE e.classid = d.classid AND e.objid = d.objid AND e.deptype = 'e') ORDER BY 1, 2});
}

sub pulls_alike {
    my ($what, %options) = @_;
    my ($out, $err) = run_sql($target, pull_sql('source', force => 'true', %options));
    is($out, 'succeeded', $what) or diag $err;
    is(printed($target), printed($source), "$what: all definitions refer to the same");
    return;
}

# No column of a catalog is left out that could hold a definition.
my $code = slurp_file('src/pg/resolved_names.cpp');
my @columns = split /\n/, $source->safe_psql('pagila', q{
    SELECT attname FROM pg_attribute JOIN pg_class c ON c.oid = attrelid
     WHERE atttypid = 'pg_node_tree'::regtype AND relnamespace = 'pg_catalog'::regnamespace AND relkind = 'r'});
like($code, qr/\b$_\b/, "definitions in $_ are compared") for @columns;

#
# citext and ltree, whose operators are in public
#

$source->safe_psql('pagila', q{
    CREATE EXTENSION citext SCHEMA public; CREATE EXTENSION ltree SCHEMA public;
    CREATE TABLE public.a (mail citext, x int, other citext GENERATED ALWAYS AS (NULLIF(mail, 'NONE'::citext)) STORED,
      CHECK (mail IS DISTINCT FROM 'NOBODY'::citext), CHECK ((mail, other) <> ROW('NoBody'::citext, 'NoBody'::citext)), d boolean DEFAULT (NULLIF('A'::citext, 'a'::citext) IS NULL));
    CREATE TABLE public.b (mail citext, y int);
    INSERT INTO public.a VALUES ('Ann@x.org', 1), ('none', 2); INSERT INTO public.b VALUES ('ann@X.ORG', 2);
    CREATE VIEW public.v AS SELECT mail, x, y FROM public.a JOIN public.b USING (mail);
    CREATE VIEW public.nat AS SELECT * FROM public.a NATURAL JOIN public.b;
    CREATE VIEW public.c AS SELECT CASE mail WHEN 'ANN@X.ORG'::citext THEN 1 ELSE 0 END AS hit, NULLIF(mail, 'ANN@X.ORG'::citext) n,
      mail IN (SELECT mail FROM public.b) AS among, (mail, other) IN (SELECT mail, mail FROM public.b) AS pair, mail = ANY (ARRAY['ANN@X.ORG'::citext]) AS one,
      mail BETWEEN 'A'::citext AND 'b'::citext AS between, (mail, other) < ('b'::citext, 'b'::citext) AS less FROM public.a;
    CREATE VIEW public.grouped AS SELECT mail, count(*), rank() OVER (ORDER BY mail) FROM public.a GROUP BY mail UNION SELECT DISTINCT mail, 1, 1 FROM public.b;
    CREATE MATERIALIZED VIEW public.m AS SELECT * FROM public.v;
    CREATE INDEX ON public.a (mail) WHERE mail IS DISTINCT FROM 'ANN@x.org'::citext;
    CREATE INDEX ON public.a ((NULLIF(mail, 'ANN@x.org'::citext)));
    CREATE STATISTICS public.st ON (NULLIF(mail, 'A'::citext)), x FROM public.a;
    CREATE DOMAIN public.address AS citext CHECK (VALUE IS DISTINCT FROM 'NOWHERE'::citext) DEFAULT NULLIF('x'::citext, 'y'::citext);
    CREATE POLICY mine ON public.a USING (mail IS DISTINCT FROM 'NoOne'::citext) WITH CHECK (NULLIF(mail, 'NoOne'::citext) IS NOT NULL);
    CREATE RULE ruled AS ON INSERT TO public.b WHERE NEW.mail IS NOT DISTINCT FROM 'RULE'::citext DO ALSO NOTHING;
    CREATE FUNCTION public.atomic(mail citext, other citext DEFAULT NULLIF('x'::citext, 'X'::citext)) RETURNS boolean LANGUAGE sql
      BEGIN ATOMIC SELECT mail IS NOT DISTINCT FROM 'Atomic'::citext; END;
    CREATE TABLE public.node (id int PRIMARY KEY, path ltree, "Mail" citext);
    CREATE FUNCTION public.f() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END';
    CREATE TRIGGER moved AFTER UPDATE ON public.node FOR EACH ROW WHEN (OLD.path IS DISTINCT FROM NEW.path) EXECUTE FUNCTION public.f();
    CREATE TRIGGER "Mailed" BEFORE UPDATE ON public.node FOR EACH ROW WHEN (OLD."Mail" IS DISTINCT FROM NEW."Mail") EXECUTE FUNCTION public.f();
    INSERT INTO node VALUES (1, 'a.b', 'x');
    CREATE TABLE public.whole (path ltree, mail citext) PARTITION BY LIST ((NULLIF(mail, 'X'::citext)));
    CREATE TABLE public.part PARTITION OF public.whole FOR VALUES IN ('a', 'b');
    CREATE TRIGGER moved BEFORE UPDATE ON public.whole FOR EACH ROW WHEN (OLD.path IS DISTINCT FROM NEW.path) EXECUTE FUNCTION public.f();
    INSERT INTO public.whole VALUES ('a', 'A'), ('b', 'B')});
$target->safe_psql('pagila', 'CREATE EXTENSION citext SCHEMA public; CREATE EXTENSION ltree SCHEMA public');
for my $what ('the first copy', 'the second copy', 'a copy by workers') {
    pulls_alike($what, workers => $what =~ /workers/ ? 3 : 1);
    for my $view (qw(v nat c grouped m)) {
        my ($is, $expected) = on_both("SELECT x::text FROM public.$view x ORDER BY 1");
        is($is, $expected, "$what: $view has the same rows");
        isnt($is, '', "$what: $view has rows");
    }
}
my ($out) = run_sql($target, pull_sql('source'));
is($out, 'skipped', 'unchanged');

#
# Operator classes that come after what groups by them
#

$source->safe_psql('pagila', q{
    CREATE TYPE public.pt AS (x int, y int);
    CREATE FUNCTION public.pt_cmp(public.pt, public.pt) RETURNS int IMMUTABLE LANGUAGE sql AS 'SELECT sign(($1).x - ($2).x)::int';
    CREATE FUNCTION public.pt_lt(public.pt, public.pt) RETURNS bool IMMUTABLE LANGUAGE sql AS 'SELECT ($1).x < ($2).x';
    CREATE FUNCTION public.pt_le(public.pt, public.pt) RETURNS bool IMMUTABLE LANGUAGE sql AS 'SELECT ($1).x <= ($2).x';
    CREATE FUNCTION public.pt_eq(public.pt, public.pt) RETURNS bool IMMUTABLE LANGUAGE sql AS 'SELECT ($1).x = ($2).x';
    CREATE FUNCTION public.pt_ge(public.pt, public.pt) RETURNS bool IMMUTABLE LANGUAGE sql AS 'SELECT ($1).x >= ($2).x';
    CREATE FUNCTION public.pt_gt(public.pt, public.pt) RETURNS bool IMMUTABLE LANGUAGE sql AS 'SELECT ($1).x > ($2).x';
    CREATE OPERATOR public.< (LEFTARG = public.pt, RIGHTARG = public.pt, FUNCTION = public.pt_lt);
    CREATE OPERATOR public.<= (LEFTARG = public.pt, RIGHTARG = public.pt, FUNCTION = public.pt_le);
    CREATE OPERATOR public.= (LEFTARG = public.pt, RIGHTARG = public.pt, FUNCTION = public.pt_eq);
    CREATE OPERATOR public.>= (LEFTARG = public.pt, RIGHTARG = public.pt, FUNCTION = public.pt_ge);
    CREATE OPERATOR public.> (LEFTARG = public.pt, RIGHTARG = public.pt, FUNCTION = public.pt_gt);
    CREATE OPERATOR CLASS public.pt_ops DEFAULT FOR TYPE public.pt USING btree AS OPERATOR 1 public.<, OPERATOR 2 public.<=,
      OPERATOR 3 public.=, OPERATOR 4 public.>=, OPERATOR 5 public.>, FUNCTION 1 public.pt_cmp(public.pt, public.pt);
    CREATE TABLE public.t (p public.pt, q int); INSERT INTO t VALUES (ROW(1, 2), 1), (ROW(1, 3), 2);
    CREATE VIEW public.by_class AS SELECT p, sum(q) AS s FROM public.t GROUP BY p;
    CREATE VIEW public.above WITH (security_barrier) AS SELECT s FROM public.by_class;
    COMMENT ON VIEW public.by_class IS 'by its own class';
    GRANT SELECT ON public.by_class TO PUBLIC;
    CREATE FUNCTION public.g(public.by_class) RETURNS int LANGUAGE sql AS 'SELECT 1';
    CREATE TRIGGER changed BEFORE UPDATE ON public.t FOR EACH ROW WHEN ((OLD.p).x IS DISTINCT FROM (NEW.p).x AND OLD.p IS DISTINCT FROM NEW.p) EXECUTE FUNCTION public.f()});
for my $what ('an own class', 'an own class, again') {
    pulls_alike($what);
    my ($is, $expected) = on_both('SELECT string_agg(s::text, $$ $$) FROM public.above');
    is($is, '3', "$what: the view groups by it");
    ok(copy_of($target) eq copy_of($source), "$what: pg_dump says the same");
}

#
# Refused: a generated column by an operator that only an object of another name can be found as
#

$source->safe_psql('pagila', q{
    CREATE SCHEMA early; CREATE SCHEMA late;
    CREATE FUNCTION early.same(point, point) RETURNS bool IMMUTABLE LANGUAGE sql AS 'SELECT $1 ~= $2';
    CREATE FUNCTION late.same(point, point) RETURNS bool IMMUTABLE LANGUAGE sql AS 'SELECT NOT $1 ~= $2';
    CREATE OPERATOR early.= (LEFTARG = point, RIGHTARG = point, FUNCTION = early.same);
    CREATE OPERATOR late.= (LEFTARG = point, RIGHTARG = point, FUNCTION = late.same);
    CREATE TABLE late.p (a point, b point);
    SET search_path = early, public; CREATE VIEW late.by_early AS SELECT NULLIF(a, b) FROM late.p;
    SET search_path = late, public; CREATE VIEW late.by_late AS SELECT NULLIF(a, b) FROM late.p});
pulls_alike('each by its own');
$source->safe_psql('pagila', q{CREATE VIEW late.by_both AS SELECT 1 AS x;
    SET search_path = early; CREATE OR REPLACE VIEW late.by_both AS SELECT 1 AS x FROM late.p x JOIN (SELECT a FROM late.p) y USING (a);
    SET search_path = late; CREATE MATERIALIZED VIEW late.mixed AS SELECT NULLIF(b.x, 2) AS x, NULLIF(p.a, p.b) AS y FROM late.by_both b, late.p p
      WHERE p.a OPERATOR(early.=) p.b});
my $before = content($target);
(undef, my $err) = run_sql($target, pull_sql('source', force => 'true'));
is(sqlstate_of($err), '0A000', 'operators of two schemas by the same name: refused') or diag $err;
like($err, qr/materialized view late\.mixed: .*early\.=.* instead of .*late\.=/s, 'operators of two schemas by the same name: both are named');
is_unchanged($target, $before, 'operators of two schemas by the same name');
no_residue($target, 'at the end');
done_testing();
