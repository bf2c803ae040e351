// Asks the source for its large objects, within its snapshot.

#include "source/read_large_objects.hpp"

#include <algorithm>
#include <map>

#include "pg/spi.hpp"
#include "source/answer.hpp"
#include "source/planned_large_objects.hpp"

namespace pagila_repl {

namespace {

constexpr size_t kAtOnce = 100;               // hashed by one query
constexpr int64_t kPiece = int64_t{1} << 20;  // bytes

constexpr const char *kProperties = R"(
SELECT m.oid, pg_catalog.pg_get_userbyid(m.lomowner), pg_catalog.obj_description(m.oid, 'pg_largeobject'),
       m.lomacl IS NOT NULL
  FROM pg_catalog.pg_largeobject_metadata m ORDER BY m.oid)";

constexpr const char *kGrants = R"(
SELECT m.oid, CASE e.grantee WHEN 0 THEN NULL ELSE pg_catalog.pg_get_userbyid(e.grantee) END, e.privilege_type, e.is_grantable
  FROM pg_catalog.pg_largeobject_metadata m CROSS JOIN LATERAL pg_catalog.aclexplode(m.lomacl) e
 ORDER BY m.oid, e.grantee, e.privilege_type)";

ShapeStatement statement(Statement::Kind kind, const std::string &text, const std::vector<std::string> &roles) {
  ShapeStatement made;
  made.what.kind = kind;
  made.what.roles = roles;
  made.text = text;
  return made;
}

std::string on(const std::string &oid) { return " ON LARGE OBJECT " + oid; }

// Its owner has all privileges, unless these are told.
void add_properties(PlannedLargeObject &object, const Row &row) {
  using Kind = Statement::Kind;
  std::string oid = std::to_string(object.oid), owner = text_in(row, 1);
  object.properties.push_back(
      statement(Kind::owner, "ALTER LARGE OBJECT " + oid + " OWNER TO " + quote(owner), {owner}));
  if (row[2])
    object.properties.push_back(
        statement(Kind::run, "COMMENT" + on(oid) + " IS " + quote_literal(text_in(row, 2)), {}));
  if (flag_in(row, 3))
    object.properties.push_back(statement(Kind::grant, "REVOKE ALL" + on(oid) + " FROM " + quote(owner), {owner}));
}

}  // namespace

std::vector<PlannedLargeObject> list_large_objects(Connection &source, const char *hashes) {
  std::vector<PlannedLargeObject> objects;
  std::map<uint32_t, size_t> at;
  for (const Row &row : source.query(kProperties)) {
    PlannedLargeObject object;
    object.oid = oid_in(row, 0);
    add_properties(object, row);
    at[object.oid] = objects.size();
    objects.push_back(std::move(object));
  }
  for (const Row &row : source.query(kGrants)) {
    Value grantee = row[1];
    std::string privilege = text_in(row, 2), oid = std::to_string(oid_in(row, 0));
    if ((privilege != "SELECT" && privilege != "UPDATE") || at.count(oid_in(row, 0)) == 0)
      throw Error("08P01", "source: unexpected privilege on large object " + oid);
    objects.at(at.at(oid_in(row, 0)))
        .properties.push_back(
            statement(Statement::Kind::grant,
                      "GRANT " + privilege + on(oid) + " TO " + (grantee ? quote(text_in(row, 1)) : "PUBLIC") +
                          (flag_in(row, 3) ? " WITH GRANT OPTION" : ""),
                      grantee ? std::vector<std::string>{text_in(row, 1)} : std::vector<std::string>{}));
  }
  for (size_t first = 0; first < objects.size(); first += kAtOnce) {
    std::vector<std::string> oids;
    for (size_t i = first; i < std::min(first + kAtOnce, objects.size()); i++)
      oids.push_back(std::to_string(objects[i].oid));
    for (const Row &row : source.query(hashes, {array_literal(oids)})) {
      if (at.count(oid_in(row, 0)) == 0) throw Error("08P01", "source: a large object that was not asked for");
      PlannedLargeObject &object = objects.at(at.at(oid_in(row, 0)));
      object.bytes = static_cast<uint64_t>(number_in(row, 1));
      object.content_hash = text_in(row, 2);
    }
  }
  return objects;
}

void read_large_object(Connection &source, const PlannedLargeObject &object,
                       const std::function<void(const std::string &bytes)> &take) {
  for (int64_t offset = 0; offset < static_cast<int64_t>(object.bytes); offset += kPiece) {
    Value piece = source.query_value("SELECT pg_catalog.lo_get($1::oid, $2::bigint, $3::integer)",
                                     {std::to_string(object.oid), std::to_string(offset), std::to_string(kPiece)});
    take(bytes_of_constant(piece.value_or("\\x")));
  }
}

}  // namespace pagila_repl
