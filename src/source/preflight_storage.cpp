// Files are looked for under the names that the options of a dictionary give, as its template does when it is created.

#include "source/preflight_storage.hpp"

#include <unistd.h>

#include <map>

#include "pg/boundary.hpp"
#include "pg/compat.hpp"
#include "pg/spi.hpp"
#include "pg/transaction.hpp"
#include "source/answer.hpp"
#include "source/findings.hpp"
#include "source/wanted.hpp"

extern "C" {
#include "tsearch/ts_public.h"
#include "utils/builtins.h"
}

namespace pagila_repl {

namespace {

constexpr const char *kDictionaries = R"(
SELECT n.nspname, d.dictname, t.tmplname, d.dictinitoption
  FROM comes o JOIN pg_catalog.pg_ts_dict d ON o.classid = 'pg_catalog.pg_ts_dict'::pg_catalog.regclass AND d.oid = o.objid
       JOIN pg_catalog.pg_namespace n ON n.oid = d.dictnamespace
       JOIN pg_catalog.pg_ts_template t ON t.oid = d.dicttemplate
 WHERE d.dictinitoption IS NOT NULL ORDER BY 1, 2)";

constexpr const char *kCompressed = R"(
SELECT CASE a.attcompression WHEN 'p' THEN 'pglz' WHEN 'l' THEN 'lz4' ELSE a.attcompression::text END,
       pg_catalog.format('"%s.%s.%s"', c.nspname, c.relname, a.attname)
  FROM relation c JOIN pg_catalog.pg_attribute a ON a.attrelid = c.oid
 WHERE a.attnum > 0 AND NOT a.attisdropped AND a.attcompression <> ''
 ORDER BY 1, c.nspname, c.relname, a.attnum)";

// The files of the templates of the server and its contrib modules: by template and option their extensions.
const std::map<std::pair<std::string, std::string>, const char *> kFiles = {
    {{"simple", "stopwords"}, "stop"},  {{"snowball", "stopwords"}, "stop"}, {{"ispell", "stopwords"}, "stop"},
    {{"ispell", "dictfile"}, "dict"},   {{"ispell", "afffile"}, "affix"},    {{"synonym", "synonyms"}, "syn"},
    {{"thesaurus", "dictfile"}, "ths"}, {{"unaccent", "rules"}, "rules"},    {{"xsyn_template", "rules"}, "rules"}};

using Options = std::vector<std::pair<std::string, std::string>>;

Options options_in(const std::string &text) {
  Options options;
  in_subtransaction([&] {
    const char *written = text.c_str();
    List *list = guarded([written] { return deserialize_deflist(CStringGetTextDatum(written)); });
    for (int i = 0; i < list_length(list); i++) {
      auto *option = static_cast<DefElem *>(list_nth(list, i));
      const char *value = guarded([option]() -> const char * { return defGetString(option); });
      options.emplace_back(option->defname, value);
    }
  });
  return options;
}

// Empty if the server takes no such name for one.
std::string path_of(const std::string &name, const char *extension) {
  std::string path;
  const char *base = name.c_str();
  try {
    in_subtransaction(
        [&] { path = guarded([=]() -> const char * { return get_tsearch_config_filename(base, extension); }); });
  } catch (const Error &error) {
    if (error.sqlstate != "22023") throw;
  }
  return path;
}

void look_at_files(const std::string &dictionary, const std::string &kind, const Options &options, Findings &found) {
  for (const auto &[option, value] : options) {
    auto file = kFiles.find({kind, option});
    if (file == kFiles.end()) continue;
    std::string path = path_of(value, file->second);
    if (!path.empty() && access(path.c_str(), R_OK) == 0) continue;
    std::string name = value + "." + file->second;
    found.error("text search", "F0000",
                "text search dictionary " + dictionary + " needs the file \"" + name + "\", which cannot be read here",
                "Copy it from the server of the source into the directory tsearch_data below what pg_config --sharedir "
                "prints here.");
  }
}

void look_at_dictionaries(Connection &source, const SourceCatalog &catalog, Findings &found) {
  for (const Row &row : source.query(std::string(kWantedRelations) + kWantedObjects + kDictionaries,
                                     parameters_for({catalog.schemas, catalog.left_out}))) {
    try {
      look_at_files(quoted_name_in(row, 0), text_in(row, 2), options_in(text_in(row, 3)), found);
    } catch (const Error &error) {
      // What no server of this version writes is said by the run.
      if (error.sqlstate != "42601" && error.sqlstate != "XX000") throw;
    }
  }
  found.else_ok("text search", "all files that text search dictionaries need are here");
}

void look_at_compression(Connection &source, const SourceCatalog &catalog, Findings &found) {
  std::map<std::string, std::vector<std::string>> columns;
  for (const Row &row :
       source.query(std::string(kWantedRelations) + kCompressed, parameters_for({catalog.schemas, catalog.left_out})))
    columns[text_in(row, 0)].push_back(text_in(row, 1));
  for (const auto &[method, of] : columns)
    if (query("SELECT FROM pg_catalog.pg_settings WHERE name = 'default_toast_compression' AND $1 = ANY (enumvals)",
              {method})
            .empty())
      found.error(
          "compression", "0A000",
          "compression method " + method + " of " + (of.size() == 1 ? "column " : "columns ") + shown(of) +
              " is not supported here",
          "This server was built without it: on the source, run ALTER TABLE ... ALTER COLUMN ... SET COMPRESSION "
          "default.");
  found.else_ok("compression", "all compression methods of columns are supported here");
}

}  // namespace

std::vector<Finding> find_missing_files_and_methods(Connection &source, const SourceCatalog &catalog) {
  Findings found;
  look_at_dictionaries(source, catalog, found);
  look_at_compression(source, catalog, found);
  return found.take();
}

}  // namespace pagila_repl
