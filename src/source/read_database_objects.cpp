// Asks the source for its publications, event triggers and settings, within its snapshot, and writes the statements that pg_dump would write.

#include "source/read_database_objects.hpp"

#include <algorithm>
#include <map>

#include "core/counted.hpp"
#include "pg/boundary.hpp"
#include "source/answer.hpp"
#include "source/findings.hpp"
#include "source/statement.hpp"
#include "source/wanted.hpp"

extern "C" {
#include "postgres.h"
#include "utils/guc.h"
#include "utils/varlena.h"
}

namespace pagila_repl {

namespace {

using Kind = DatabaseObjectCall::Kind;
using Part = DatabaseObjectCall::Part;

// Older servers lack some of these columns.
constexpr const char *kPublications = R"(
SELECT p.pubname, pg_catalog.pg_get_userbyid(p.pubowner), p.puballtables, pg_catalog.obj_description(p.oid, 'pg_publication'),
       pg_catalog.concat_ws(', ', CASE WHEN p.pubinsert THEN 'insert' END, CASE WHEN p.pubupdate THEN 'update' END,
         CASE WHEN p.pubdelete THEN 'delete' END,
         CASE WHEN (pg_catalog.to_jsonb(p) ->> 'pubtruncate')::pg_catalog.bool THEN 'truncate' END),
       COALESCE((pg_catalog.to_jsonb(p) ->> 'pubviaroot')::pg_catalog.bool, false),
       COALESCE(pg_catalog.to_jsonb(p) ->> 'pubgencols', 'n') <> 'n'
  FROM pg_catalog.pg_publication p
 WHERE NOT EXISTS (SELECT FROM pg_catalog.pg_depend d
                    WHERE d.classid = 'pg_catalog.pg_publication'::pg_catalog.regclass AND d.objid = p.oid AND d.deptype = 'e')
 ORDER BY p.pubname)";

constexpr const char *kTables = R"(
SELECT p.pubname, n.nspname, c.relname, EXISTS (SELECT FROM relation w WHERE w.oid = c.oid))";
constexpr const char *kPartsOfTables = R"(,
       (SELECT pg_catalog.string_agg(pg_catalog.quote_ident(a.attname), ', ' ORDER BY k.place)
          FROM pg_catalog.unnest(r.prattrs::pg_catalog.int2[]) WITH ORDINALITY k (number, place)
               JOIN pg_catalog.pg_attribute a ON a.attrelid = c.oid AND a.attnum = k.number),
       pg_catalog.pg_get_expr(r.prqual, c.oid))";
constexpr const char *kFromTables = R"(
  FROM pg_catalog.pg_publication p JOIN pg_catalog.pg_publication_rel r ON r.prpubid = p.oid
       JOIN pg_catalog.pg_class c ON c.oid = r.prrelid JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
 ORDER BY 1, 2, 3)";
constexpr const char *kSchemas = R"(
SELECT p.pubname, n.nspname, EXISTS (SELECT FROM wanted w WHERE w.oid = n.oid)
  FROM pg_catalog.pg_publication p JOIN pg_catalog.pg_publication_namespace s ON s.pnpubid = p.oid
       JOIN pg_catalog.pg_namespace n ON n.oid = s.pnnspid
 ORDER BY 1, 2)";

constexpr const char *kSettings = R"(
SELECT pg_catalog.split_part(c.setting, '=', 1), pg_catalog.substr(c.setting, pg_catalog.strpos(c.setting, '=') + 1), r.rolname
  FROM pg_catalog.pg_db_role_setting s JOIN pg_catalog.pg_database d ON d.oid = s.setdatabase
       LEFT JOIN pg_catalog.pg_roles r ON r.oid = s.setrole
       CROSS JOIN LATERAL pg_catalog.unnest(s.setconfig) c (setting)
 WHERE d.datname = pg_catalog.current_database() AND (s.setrole = 0 OR r.oid IS NOT NULL)
   AND c.setting NOT ILIKE 'pagila\_repl.%'
 ORDER BY 3 NULLS FIRST, 1)";
constexpr const char *kComment = R"(
SELECT pg_catalog.shobj_description(oid, 'pg_database') FROM pg_catalog.pg_database
 WHERE datname = pg_catalog.current_database())";

constexpr const char *kEventTriggers = R"(
SELECT e.evtname, e.evtevent, pg_catalog.pg_get_userbyid(e.evtowner), e.evtenabled, n.nspname, p.proname,
       pg_catalog.obj_description(e.oid, 'pg_event_trigger'), pg_catalog.array_to_string(e.evttags, E'\n'),
       n.oid IN (SELECT oid FROM wanted) OR EXISTS (
         SELECT FROM member m WHERE m.classid = 'pg_catalog.pg_proc'::pg_catalog.regclass AND m.objid = p.oid)
  FROM pg_catalog.pg_event_trigger e JOIN pg_catalog.pg_proc p ON p.oid = e.evtfoid
       JOIN pg_catalog.pg_namespace n ON n.oid = p.pronamespace
 WHERE NOT EXISTS (SELECT FROM member m
                    WHERE m.classid = 'pg_catalog.pg_event_trigger'::pg_catalog.regclass AND m.objid = e.oid)
 ORDER BY 1)";

void add(PlannedDatabaseObject &object, Part part, const std::string &text,
         const std::vector<std::string> &roles = {}) {
  PlannedDatabaseObject::Part made;
  made.statement.what.kind = part == Part::owner ? Statement::Kind::owner : Statement::Kind::run;
  made.statement.what.database_object = {object.kind, part, object.name, object.role, object.needs_superuser, {}, {}};
  made.statement.what.roles = roles;
  made.statement.text = text;
  made.search_path = "pg_catalog, pg_temp";
  object.parts.push_back(made);
}

// Column lists and row filters come as the source prints them.
void check_adds_table(const std::string &publication, const QualifiedName &table, const std::string &statement) {
  Statement what;
  try {
    what = classify(statement, false);
  } catch (const Error &error) {
    if (error.sqlstate != "42601" && error.sqlstate != "0A000" && error.sqlstate != "42501") throw;
  }
  if (what.database_object.kind != Kind::publication || what.database_object.name != publication ||
      what.schema != table.schema || what.name != table.name || !what.more_targets.empty())
    throw Error("08P01", "source: unexpected column list or row filter of publication \"" + publication + "\"");
}

struct Members {
  std::vector<std::string> statements, inside, outside;  // outside: names of what is not copied
  bool has_schemas = false;
};

std::map<std::string, Members> read_members(Connection &source, const SourceCatalog &catalog) {
  std::map<std::string, Members> members;
  auto note = [&](const std::string &publication, bool is_wanted, const std::string &name, const std::string &added) {
    Members &of = members[publication];
    (is_wanted ? of.inside : of.outside).push_back(name);
    of.statements.push_back("ALTER PUBLICATION " + quote(publication) + " ADD " + added);
  };
  bool has_parts = catalog.version >= 150000;
  std::vector<Value> parameters = parameters_for({catalog.schemas, catalog.left_out});
  for (const Row &row : source.query(
           std::string(kWantedRelations) + kTables + (has_parts ? kPartsOfTables : "") + kFromTables, parameters)) {
    QualifiedName table = name_in(row, 1);
    std::string added = "TABLE ONLY " + quote(table.schema, table.name);
    if (has_parts && row[4]) added += " (" + text_in(row, 4) + ")";
    if (has_parts && row[5]) added += " WHERE (" + text_in(row, 5) + ")";
    check_adds_table(text_in(row, 0), table, "ALTER PUBLICATION " + quote(text_in(row, 0)) + " ADD " + added);
    note(text_in(row, 0), flag_in(row, 3), "table " + quoted_name_in(row, 1), added);
  }
  if (!has_parts) return members;
  for (const Row &row : source.query(std::string(kWantedRelations) + kSchemas, parameters)) {
    note(text_in(row, 0), flag_in(row, 2), "schema \"" + text_in(row, 1) + "\"",
         "TABLES IN SCHEMA " + quote(text_in(row, 1)));
    members[text_in(row, 0)].has_schemas = true;
  }
  return members;
}

PlannedDatabaseObject publication(const Row &row, const Members &members) {
  PlannedDatabaseObject object;
  object.kind = Kind::publication;
  object.name = text_in(row, 0);
  bool of_all = flag_in(row, 2);
  object.needs_superuser = of_all || members.has_schemas;
  std::string name = quote(object.name), owner = text_in(row, 1);
  add(object, Part::create,
      "CREATE PUBLICATION " + name + (of_all ? " FOR ALL TABLES" : "") +
          " WITH (publish = " + quote_literal(optional_text_in(row, 4)) +
          (flag_in(row, 5) ? ", publish_via_partition_root = true" : "") + ")");
  for (const std::string &statement : members.statements) add(object, Part::change, statement);
  if (row[3]) add(object, Part::change, "COMMENT ON PUBLICATION " + name + " IS " + quote_literal(text_in(row, 3)));
  add(object, Part::owner, "ALTER PUBLICATION " + name + " OWNER TO " + quote(owner), {owner});
  return object;
}

// One that is about nothing that is copied is not part of the copy; one of all tables, or of none, is.
void read_publications(Connection &source, const SourceCatalog &catalog, SourceDatabaseObjects &read) {
  std::map<std::string, Members> members = read_members(source, catalog);
  std::vector<std::string> left_out;
  Findings found;
  for (const Row &row : source.query(kPublications)) {
    std::string name = text_in(row, 0);
    const Members &of = members[name];
    if (flag_in(row, 6))
      found.error("publication", "0A000", "publication \"" + name + "\" publishes generated columns",
                  "This version does not know that. Leave publications out of database_objects.");
    if (!of.outside.empty() && of.inside.empty()) {
      left_out.push_back(name);
      continue;
    }
    if (!of.outside.empty())
      found.error("publication", "2BP01",
                  "publication \"" + name + "\" is about what is not copied: " + shown(of.outside),
                  "Copy that, too, or leave publications out of database_objects.");
    read.objects.push_back(publication(row, of));
  }
  if (!left_out.empty())
    read.remarks.push_back(counted(left_out.size(), "{publication|publications} of what is not copied left out: ") +
                           shown(left_out));
  std::vector<Finding> findings = found.take();
  read.findings.insert(read.findings.end(), findings.begin(), findings.end());
}

std::vector<std::string> lines_of(const std::string &text) {
  std::vector<std::string> lines;
  for (size_t at = 0; at < text.size();) {
    size_t end = std::min(text.find('\n', at), text.size());
    lines.push_back(text.substr(at, end - at));
    at = end + 1;
  }
  return lines;
}

PlannedDatabaseObject event_trigger(const Row &row) {
  PlannedDatabaseObject object;
  object.kind = Kind::event_trigger;
  object.name = text_in(row, 0);
  object.needs_superuser = true;
  std::string name = quote(object.name), owner = text_in(row, 2), enabled = text_in(row, 3), tags;
  std::vector<std::string> tag_list = lines_of(optional_text_in(row, 7));
  for (const std::string &tag : tag_list) tags += (tags.empty() ? "" : ", ") + quote_literal(tag);
  add(object, Part::create,
      "CREATE EVENT TRIGGER " + name + " ON " + quote(text_in(row, 1)) +
          (tags.empty() ? "" : " WHEN TAG IN (" + tags + ")") + " EXECUTE FUNCTION " +
          quote(text_in(row, 4), text_in(row, 5)) + "()");
  Statement &create = object.parts.front().statement.what;
  create.database_object.event = text_in(row, 1);
  create.database_object.tags = tag_list;
  create.has_target = true;
  create.schema = text_in(row, 4);
  create.name = text_in(row, 5);
  if (enabled != "O")
    add(object, Part::change,
        "ALTER EVENT TRIGGER " + name +
            (enabled == "D"   ? " DISABLE"
             : enabled == "R" ? " ENABLE REPLICA"
                              : " ENABLE ALWAYS"));
  if (row[6]) add(object, Part::change, "COMMENT ON EVENT TRIGGER " + name + " IS " + quote_literal(text_in(row, 6)));
  add(object, Part::owner, "ALTER EVENT TRIGGER " + name + " OWNER TO " + quote(owner), {owner});
  return object;
}

// One whose function is not copied is not part of the copy.
void read_event_triggers(Connection &source, const SourceCatalog &catalog, SourceDatabaseObjects &read) {
  std::vector<std::string> left_out;
  for (const Row &row : source.query(std::string(kWantedRelations) + kEventTriggers,
                                     parameters_for({catalog.schemas, catalog.left_out}))) {
    if (flag_in(row, 8))
      read.objects.push_back(event_trigger(row));
    else
      left_out.push_back(text_in(row, 0));
  }
  if (!left_out.empty())
    read.remarks.push_back(
        counted(left_out.size(), "event {trigger|triggers} left out whose {function is|functions are} not copied: ") +
        shown(left_out));
}

// Plain data: the value of a setting that is a list of names, as constants; null if it is none.
struct Constants {
  char **texts;
  int count;
};

// A list is set element by element, as pg_dump does, since each is quoted as a name.
std::string value_of(const std::string &setting, const std::string &value) {
  const char *name = setting.c_str(), *text = value.c_str();
  Constants constants = guarded([=] {
    Constants found{};
    List *elements;
    if ((GetConfigOptionFlags(name, true) & GUC_LIST_QUOTE) == 0 || !SplitGUCList(pstrdup(text), ',', &elements) ||
        elements == NIL)
      return found;
    found.texts = (char **)palloc(sizeof(char *) * (size_t)list_length(elements));
    ListCell *cell;
    foreach (cell, elements) found.texts[found.count++] = (char *)lfirst(cell);
    return found;
  });
  if (constants.count == 0) return quote_literal(value);
  std::string list;
  for (int i = 0; i < constants.count; i++) list += (i == 0 ? "" : ", ") + quote_literal(constants.texts[i]);
  return list;
}

void read_settings(Connection &source, SourceDatabaseObjects &read) {
  std::string database = quote(query_value("SELECT pg_catalog.current_database()").value_or(""));
  for (const Row &row : source.query(kSettings)) {
    PlannedDatabaseObject object;
    object.kind = Kind::setting;
    object.name = text_in(row, 0);
    object.role = optional_text_in(row, 2);
    add(object, Part::create,
        (object.role.empty() ? "ALTER DATABASE " + database
                             : "ALTER ROLE " + quote(object.role) + " IN DATABASE " + database) +
            " SET " + quote(object.name) + " TO " + value_of(object.name, text_in(row, 1)));
    read.objects.push_back(object);
  }
  const std::vector<Row> comments = source.query(kComment);
  if (!only_row(comments)[0]) return;
  PlannedDatabaseObject comment;
  comment.kind = Kind::comment;
  add(comment, Part::create,
      "COMMENT ON DATABASE " + database + " IS " + quote_literal(text_in(only_row(comments), 0)));
  read.objects.push_back(comment);
}

}  // namespace

SourceDatabaseObjects read_database_objects(Connection &source, const SourceCatalog &catalog,
                                            const DatabaseObjectKinds &kinds) {
  SourceDatabaseObjects read;
  if (kinds.publications) read_publications(source, catalog, read);
  if (kinds.settings) read_settings(source, read);
  if (kinds.event_triggers) read_event_triggers(source, catalog, read);
  return read;
}

}  // namespace pagila_repl
