// Looks through the types of all columns for what must not be received as binary: types that are not built in, values that
// stand for objects of the source, and binary forms that name a type by an OID which is another one here.

#include "source/binary_copy.hpp"

#include "pg/server.hpp"

namespace pagila_repl {

namespace {

// Types whose binary form is the same on all servers, and OIDs given out by hand, which are so too (FirstGenbkiObjectId).
// An interval may be infinite from 17 on, which older servers take for a very long one: $4.
constexpr const char *kTextColumns = R"(
, carried AS MATERIALIZED (
  SELECT a.attrelid, a.attnum, a.attname, a.atttypid FROM relation c JOIN pg_catalog.pg_attribute a ON a.attrelid = c.oid
   WHERE c.relkind = 'r' AND a.attnum > 0 AND NOT a.attisdropped AND a.attgenerated = ''
), part (whole, type, named_by_oid) AS (
  SELECT DISTINCT atttypid, atttypid, false FROM carried
  UNION
  SELECT p.whole, inside.type, inside.named_by_oid
    FROM part p JOIN pg_catalog.pg_type t ON t.oid = p.type
         CROSS JOIN LATERAL (
           SELECT t.typbasetype, false WHERE t.typtype = 'd'
           UNION ALL
           SELECT t.typelem, true WHERE t.typtype = 'b' AND t.typelem <> 0 AND t.typlen = -1
           UNION ALL
           SELECT a.atttypid, true FROM pg_catalog.pg_attribute a
            WHERE t.typtype = 'c' AND a.attrelid = t.typrelid AND a.attnum > 0 AND NOT a.attisdropped
           UNION ALL
           SELECT rngsubtype, false FROM pg_catalog.pg_range WHERE rngtypid = t.oid
           UNION ALL
           SELECT rngtypid, false FROM pg_catalog.pg_range WHERE rngmultitypid = t.oid) inside (type, named_by_oid)
), obstacle AS MATERIALIZED (
  SELECT p.whole, t.oid AS type,
         CASE WHEN EXISTS (SELECT FROM member m
                            WHERE m.classid = 'pg_catalog.pg_type'::pg_catalog.regclass AND m.objid = t.oid)
              THEN 'of an extension'
              WHEN p.named_by_oid AND t.oid >= 10000 THEN 'which is told by its OID in it'
              WHEN t.typtype <> 'b' OR (t.typelem <> 0 AND t.typlen = -1) THEN NULL
              WHEN t.oid >= 16384 THEN 'which is not built in'
              WHEN t.typsend = 0 OR t.typreceive = 0 THEN 'which has no binary form'
              WHEN t.typname = 'interval' AND $4::boolean THEN 'which may be infinite'
              WHEN t.typnamespace <> 'pg_catalog'::pg_catalog.regnamespace
                   OR t.typname <> ALL ('{bool,bytea,char,name,int2,int4,int8,float4,float8,numeric,money,text,varchar,bpchar,
                        date,time,timetz,timestamp,timestamptz,interval,uuid,json,jsonb,jsonpath,xml,bit,varbit,inet,cidr,
                        macaddr,macaddr8,point,lseg,line,box,path,polygon,circle,tsvector,tsquery,refcursor,tid,xid8,pg_lsn,
                        pg_snapshot,txid_snapshot}')
              THEN 'which stands for something of the source'
         END AS because
    FROM part p JOIN pg_catalog.pg_type t ON t.oid = p.type
)
SELECT DISTINCT ON (c.attrelid) c.attrelid, c.attname, pg_catalog.format_type(o.type, NULL), o.because,
       o.type <> c.atttypid
  FROM carried c JOIN obstacle o ON o.whole = c.atttypid AND o.because IS NOT NULL
 ORDER BY c.attrelid, c.attnum, o.type <> c.atttypid, o.type)";

}  // namespace

std::map<std::string, std::string> find_text_tables(Connection &source, const Wanted &wanted) {
  std::vector<Value> parameters = parameters_for(wanted);
  parameters.emplace_back(source.version() >= 170000 && PG_VERSION_NUM < 170000 ? "true" : "false");
  std::map<std::string, std::string> tables;
  for (const Row &row : source.query(std::string(kWantedRelations) + kTextColumns, parameters))
    tables[*row[0]] =
        "column \"" + *row[1] + "\" " + (row[4] == "t" ? "contains " : "is of ") + "type " + *row[2] + ", " + *row[3];
  return tables;
}

}  // namespace pagila_repl
