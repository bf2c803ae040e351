# Files of text search dictionaries and compression methods: what is missing here is named beforehand, and values are compressed as
# on the source, so that they fit into its indexes.
use strict;
use warnings;
use lib 'test/t';
use PagilaTest;
use PostgreSQL::Test::Utils;
use Test::More;

my ($source, $target) = new_pair('files');

sub found {
    my ($subject) = @_;
    my ($out, $err) = run_sql($target, "SELECT status, sqlstate, message FROM pagila_check('source') WHERE subject = '$subject' ORDER BY message");
    return $err eq '' ? $out : $err;
}

sub refused { return pull_refused($target, @_) }
sub pulls { return pull_exact($source, $target, shift, on_modified => q{'overwrite'}) }

is(found('text search'), 'ok||all files that text search dictionaries need are here', 'no dictionary');
is(found('compression'), 'ok||all compression methods of columns are supported here', 'no compression');

#
# Text search. Both servers have the same files, so those of the source are only said to be there.
#

sub dictionary {
    my ($name, $template, $options) = @_;
    return "CREATE TEXT SEARCH DICTIONARY $name (TEMPLATE = pg_catalog.simple); UPDATE pg_ts_dict SET dictinitoption = \$\$$options\$\$,
        dicttemplate = (SELECT oid FROM pg_ts_template WHERE tmplname = '$template') WHERE oid = '$name'::regdictionary;";
}
$source->safe_psql('pagila', dictionary('public.h', 'simple', q{stopwords = 'h7stop'})
      . q{CREATE TEXT SEARCH CONFIGURATION public.cfg (COPY = pg_catalog.simple); CREATE TABLE public.d (b text); INSERT INTO d (b) VALUES ('foo bar')});
my $missing = 'error|F0000|text search dictionary "public.%s" needs the file "%s", which cannot be read here';
is(found('text search'), sprintf($missing, 'h', 'h7stop.stop'), 'a file of stop words that is missing');
like(refused('a file of stop words', 'F0000', 'connect'), qr/needs the file "h7stop\.stop".*HINT:.*tsearch_data/s, 'a file of stop words: named');
$source->safe_psql('pagila', 'DROP TEXT SEARCH DICTIONARY public.h; CREATE SCHEMA "S"');
$source->safe_psql('pagila', dictionary('"S"."An ispell"', 'ispell', q{dictfile = 'h7dict', afffile = 'h7aff', stopwords = 'english'}));
is(found('text search'), join("\n", map { sprintf($missing, '', $_) =~ s/"public\."/"S.An ispell"/r } 'h7aff.affix', 'h7dict.dict'), 'those of ispell');
$source->safe_psql('pagila', 'DROP TEXT SEARCH DICTIONARY "S"."An ispell";' . dictionary('public.s', 'synonym', q{synonyms = 'h7syn'})
      . dictionary('public.t', 'thesaurus', q{dictfile = 'h7ths', dictionary = 'pg_catalog.english_stem'}) . dictionary('public.u', 'snowball', q{language = 'german', stopwords = 'h7b'}));
is(found('text search'), join("\n", sprintf($missing, 's', 'h7syn.syn'), sprintf($missing, 't', 'h7ths.ths'), sprintf($missing, 'u', 'h7b.stop')), 'those of others');
$source->safe_psql('pagila', 'DROP TEXT SEARCH DICTIONARY public.s, public.t, public.u;' . dictionary('public.odd', 'simple', q{stopwords = '../../etc/passwd'})
      . dictionary('public.garbled', 'simple', q{stopwords = }));
is(found('text search'), sprintf($missing, 'odd', '../../etc/passwd.stop'), 'a name that leads elsewhere is none, and what cannot be read is left to the run');
$source->safe_psql('pagila', 'DROP TEXT SEARCH DICTIONARY public.odd, public.garbled; CREATE TEXT SEARCH DICTIONARY public.german
    (TEMPLATE = snowball, language = german, stopwords = german); CREATE TEXT SEARCH DICTIONARY public.words (TEMPLATE = pg_catalog.simple, accept = false, stopwords = english)');
is(found('text search'), 'ok||all files that text search dictionaries need are here', 'those that are here are fine');
pulls('with files that are here');

#
# Compression
#

$source->safe_psql('pagila', q{CREATE TABLE "S".packed (a text, "B" text); UPDATE pg_attribute SET attcompression = 'z' WHERE attrelid = '"S".packed'::regclass AND attnum > 0});
is(found('compression'), 'error|0A000|compression method z of columns "S.packed.a", "S.packed.B" is not supported here', 'a method that is not here');
refused('a method that is not here', '0A000', 'connect');
$source->safe_psql('pagila', 'DROP TABLE "S".packed');

SKIP: {
    skip 'the server is built without lz4', 8 if (run_sql($source, 'SET default_toast_compression = lz4'))[1] ne '';
    # Values that fit into an index only if they are compressed well.
    $source->safe_psql('pagila', q{ALTER DATABASE pagila SET default_toast_compression = lz4});
    $source->safe_psql('pagila', q{CREATE TABLE public.k (v text); INSERT INTO public.k VALUES (repeat('ab', 130000)); CREATE INDEX ON public.k (v);
        CREATE TABLE public.own (v text COMPRESSION pglz, w text COMPRESSION lz4); INSERT INTO public.own VALUES (repeat('ab', 130000), repeat('ab', 130000));
        CREATE MATERIALIZED VIEW public.m AS SELECT v || 'c' AS v FROM public.k; CREATE INDEX ON public.m (v)});
    pulls('as the database says');
    my $methods = q{SELECT pg_column_compression(k.v), pg_column_compression(o.v), pg_column_compression(w), pg_column_compression(m.v), (SELECT count(*) FROM pg_indexes WHERE schemaname = 'public')
        FROM public.k, public.own o, public.m};
    is($target->safe_psql('pagila', $methods), 'lz4|pglz|lz4|lz4|2', 'all values are compressed as on the source');
    is($source->safe_psql('pagila', $methods), 'lz4|pglz|lz4|lz4|2', 'and have been so there');

    # Nobody knows what a session has set.
    $source->safe_psql('pagila', 'ALTER DATABASE pagila RESET default_toast_compression');
    $source->safe_psql('pagila', 'INSERT INTO public.own VALUES (1, 1)');
    like(refused('as a session has set', '54000', 'rows'), qr/index.*HINT:.*default_toast_compression.*CONTEXT:.*k_v_idx/s, 'the error names the setting and the index');
}

no_source_residue($source, 'at the end');
done_testing();
