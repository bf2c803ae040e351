# PostGIS in public as Debian installs it: pulled and loaded, twice, the second time skipped. Left out where the package is not installed.
use strict;
use warnings;
use lib 'test/t';
use DebianExtensions;
use PagilaTest;
use Test::More;

leave_to_long_tests();

plan skip_all => 'postgis is not installed (Debian: postgresql-15-postgis-3)' unless is_installed('postgis');
# Computed with the row of spatial_ref_sys: a generated column, an index, and a view.
my $shape = q{CREATE EXTENSION postgis SCHEMA public;
    INSERT INTO public.spatial_ref_sys (srid, auth_name, auth_srid, proj4text) VALUES (990001, 'ours', 1, '+proj=tmerc +lat_0=0 +lon_0=10 +k=1 +x_0=500000 +y_0=0 +ellps=GRS80 +units=m +no_defs');
    CREATE TABLE public.town (id integer PRIMARY KEY, name text, geom public.geometry(Point, 4326), area public.geography,
      local public.geometry(Point, 990001) GENERATED ALWAYS AS (public.ST_Transform(geom, 990001)) STORED,
      CHECK (public.ST_IsValid(geom)));
    INSERT INTO public.town (id, name, geom, area) SELECT n, 'town ' || n, public.ST_SetSRID(public.ST_MakePoint(5 + n * 0.01, 45 + n * 0.01), 4326),
      public.ST_Buffer(public.ST_MakePoint(n * 0.01, 45)::public.geography, 1000) FROM generate_series(1, 500) n;
    CREATE INDEX ON public.town USING gist (geom);
    CREATE INDEX ON public.town USING gist (public.ST_Transform(geom, 990001));
    CREATE INDEX ON public.town USING spgist (local);
    CREATE MATERIALIZED VIEW public.hull AS SELECT public.ST_Transform(public.ST_ConvexHull(public.ST_Collect(geom)), 990001) AS hull FROM public.town;
    CREATE VIEW public.near AS SELECT a.id, b.id AS other FROM public.town a JOIN public.town b ON public.ST_DWithin(a.geom, b.geom, 0.02);
    CREATE TABLE public.road (id serial, line public.geometry(LineString, 990001)) PARTITION BY HASH (id);
    CREATE TABLE public.road_0 PARTITION OF public.road FOR VALUES WITH (MODULUS 2, REMAINDER 0);
    CREATE TABLE public.road_1 PARTITION OF public.road FOR VALUES WITH (MODULUS 2, REMAINDER 1);
    INSERT INTO public.road (line) SELECT public.ST_Transform(public.ST_SetSRID(public.ST_MakeLine(public.ST_MakePoint(n, 40), public.ST_MakePoint(n, 41)), 4326), 990001) FROM generate_series(1, 20) n};
my $changes = q{UPDATE public.spatial_ref_sys SET proj4text = replace(proj4text, 'lon_0=1', 'lon_0=2') WHERE srid = 990001;
    INSERT INTO public.spatial_ref_sys (srid, auth_name, auth_srid, proj4text) SELECT 990000 + count(*) + 1, 'ours', 2, '+proj=longlat +ellps=WGS84 +no_defs' FROM public.spatial_ref_sys WHERE srid >= 990000;
    UPDATE public.town SET geom = public.ST_Translate(geom, 0.001, 0); REINDEX TABLE public.town; REFRESH MATERIALIZED VIEW public.hull};
my $uses = sub {
    my ($target, $db, $way) = @_;
    is($target->safe_psql($db, q{SET enable_seqscan = off; SELECT count(*) > 0 FROM public.town WHERE geom OPERATOR(public.&&) public.ST_MakeEnvelope(5, 45, 5.1, 45.1, 4326)}), 't', "postgis, $way: an index is used");
    is($target->safe_psql($db, 'SELECT count(*) FROM public.geometry_columns'), 6, "postgis, $way: its views know the tables");
    return;
};
copies('postgis', source => $shape, changes => $changes, then => $uses);
copies('postgis_here', source => $shape, changes => $changes, needs => 'CREATE EXTENSION postgis SCHEMA public', then => $uses);
done_testing();
