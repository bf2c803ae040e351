# What a run computes does not depend on settings of the role or database that it runs in: materialized views are filled with
# the settings by which the source turns values into text.
use strict;
use warnings;
use lib 'test/t';
use PagilaTest;
use PostgreSQL::Test::Utils;
use Test::More;

my ($source, $target) = new_pair('computed_alike');
my %odd = (TimeZone => 'Asia/Tokyo', DateStyle => 'German', IntervalStyle => 'iso_8601', extra_float_digits => '-3', bytea_output => 'escape',
    xmlbinary => 'hex', default_text_search_config => 'pg_catalog.german');
# Read as text that no setting changes.
my $text = q{SELECT concat_ws(' ', at, lasts, f, b, words, extract(epoch FROM day)) FROM shop.computed};

$source->safe_psql('pagila', q{
    CREATE SCHEMA shop;
    CREATE TABLE shop.item (at timestamptz, lasts interval, f float8, b bytea, body text);
    INSERT INTO shop.item VALUES ('2026-01-31 12:00+00', '1 day 02:03:04', 1.0/3, '\x0001ff', 'running houses');
    CREATE MATERIALIZED VIEW shop.computed AS
      SELECT at::text, lasts::text AS lasts, f::text AS f, b::text AS b, to_tsvector(body)::text AS words, date_trunc('day', at) AS day FROM shop.item});
$target->safe_psql('postgres', "ALTER DATABASE pagila SET $_ = '$odd{$_}'") for sort keys %odd;
is((run_sql($target, pull_sql('source')))[0], 'succeeded', 'a copy into a database with odd settings');
is($target->safe_psql('pagila', $text), $source->safe_psql('pagila', $text), 'the materialized view is what it is on the source');

$source->safe_psql('postgres', "ALTER DATABASE pagila SET $_ = '$odd{$_}'") for sort keys %odd;
$target->safe_psql('postgres', "ALTER DATABASE pagila RESET $_") for sort keys %odd;
$source->safe_psql('pagila', 'REFRESH MATERIALIZED VIEW shop.computed; UPDATE shop.item SET f = 2.0/3; REFRESH MATERIALIZED VIEW shop.computed');
is((run_sql($target, pull_sql('source')))[0], 'succeeded', 'a copy of a database with odd settings');
is($target->safe_psql('pagila', $text), $source->safe_psql('pagila', $text), 'the materialized view is what it is there');
like($target->safe_psql('pagila', $text), qr/JST|\+09/, 'computed in the time zone of the source');
done_testing();
