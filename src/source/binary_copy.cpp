// Looks through the types of all columns for what must not be received as binary: types that are not built in, and values
// that stand for objects of the source. Binary arrays and rows name types by their OIDs, but OIDs of types that are not
// built in are not looked at by who receives them.

#include "source/binary_copy.hpp"

#include <cstdlib>

#include "core/releases.hpp"
#include "pg/boundary.hpp"
#include "pg/server.hpp"
#include "source/answer.hpp"

extern "C" {
#include "utils/guc.h"
}

namespace pagila_repl {

namespace {

// The built-in types are told one by one, so that one of a newer server is none of them. An interval may be infinite from
// 17 on, which older servers take for a very long one: $4. Servers before 15.20 do not receive an empty tsquery: $5.
constexpr const char *kTextColumns = R"(
, carried AS MATERIALIZED (
  SELECT a.attrelid, a.attnum, a.attname, a.atttypid FROM relation c JOIN pg_catalog.pg_attribute a ON a.attrelid = c.oid
   WHERE c.relkind = 'r' AND a.attnum > 0 AND NOT a.attisdropped AND a.attgenerated = ''
), part (whole, type) AS (
  SELECT DISTINCT atttypid, atttypid FROM carried
  UNION
  SELECT p.whole, inside.type
    FROM part p JOIN pg_catalog.pg_type t ON t.oid = p.type
         CROSS JOIN LATERAL (
           SELECT t.typbasetype WHERE t.typtype = 'd'
           UNION ALL
           SELECT t.typelem WHERE t.typtype = 'b' AND t.typelem <> 0 AND t.typlen = -1
           UNION ALL
           SELECT a.atttypid FROM pg_catalog.pg_attribute a
            WHERE t.typtype = 'c' AND a.attrelid = t.typrelid AND a.attnum > 0 AND NOT a.attisdropped
           UNION ALL
           SELECT rngsubtype FROM pg_catalog.pg_range WHERE rngtypid = t.oid
           UNION ALL
           SELECT rngtypid FROM pg_catalog.pg_range WHERE rngmultitypid = t.oid) inside (type)
), obstacle AS MATERIALIZED (
  SELECT p.whole, t.oid AS type,
         CASE WHEN EXISTS (SELECT FROM member m
                            WHERE m.classid = 'pg_catalog.pg_type'::pg_catalog.regclass AND m.objid = t.oid)
              THEN 'of an extension'
              WHEN t.typtype <> 'b' OR (t.typelem <> 0 AND t.typlen = -1) THEN NULL
              WHEN t.oid >= 16384 THEN 'which is not built in'
              WHEN t.typsend = 0 OR t.typreceive = 0 THEN 'which has no binary form'
              WHEN t.typname = 'interval' AND $4::boolean THEN 'which may be infinite'
              WHEN t.typname = 'tsquery' AND $5::boolean THEN 'which may be empty'
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
  // The module may have been built with another minor release.
  int version = atoi(guarded([] { return GetConfigOption("server_version_num", false, false); }));
  parameters.emplace_back(is_older_than_15_20(version) ? "true" : "false");
  std::map<std::string, std::string> tables;
  for (const Row &row : source.query(std::string(kWantedRelations) + kTextColumns, parameters))
    tables[text_in(row, 0)] = "column \"" + text_in(row, 1) + "\" " + (flag_in(row, 4) ? "contains " : "is of ") +
                              "type " + text_in(row, 2) + ", " + text_in(row, 3);
  return tables;
}

}  // namespace pagila_repl
