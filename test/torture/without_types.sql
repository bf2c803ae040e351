-- Casts and transforms of types that no copy has: those of the server. They come with what has their functions, or with all schemas.
CREATE CAST (tid AS int8) WITH INOUT;
COMMENT ON CAST (tid AS int8) IS 'of types of the server';
CREATE FUNCTION routines.json_of(tid) RETURNS json IMMUTABLE LANGUAGE sql AS 'SELECT to_json($1::text)';
CREATE CAST (tid AS json) WITH FUNCTION routines.json_of(tid) AS ASSIGNMENT;
CREATE TRANSFORM FOR int LANGUAGE sql (FROM SQL WITH FUNCTION prsd_lextype(internal), TO SQL WITH FUNCTION int4recv(internal));
