// The extension's settings and what they allow.

#include "settings.hpp"

#include <climits>
#include <cstdlib>

#include "pg/boundary.hpp"
#include "pg/compat.hpp"
#include "pg/fault.hpp"

extern "C" {
#include "miscadmin.h"
#include "utils/guc.h"
#include "utils/varlena.h"
}

namespace pagila_repl {

namespace {

int swap_budget = 60000;
char *load_directories;
bool defined = false;

// What is wrong with a list of directories, null if nothing is. Server code.
const char *mistake_in(const char *list) {
  List *elements;
  if (!SplitDirectoriesString(pstrdup(list), ',', &elements)) return "List syntax is invalid.";
  ListCell *cell;
  foreach (cell, elements)
    if (*(char *)lfirst(cell) != '/') return psprintf("\"%s\" is not an absolute path.", (char *)lfirst(cell));
  return nullptr;
}

// A value from before this module was loaded the server only warns of, and takes the default, which allows any directory.
// So a server that preloads the module does not start with a wrong one, and elsewhere it is kept: it allows only what is
// right in it.
bool check_directories(char **value, void **, GucSource) {
  const char *mistake = mistake_in(*value);
  if (mistake == nullptr) return true;
  if (!defined && process_shared_preload_libraries_in_progress)
    ereport(FATAL, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
                    errmsg("invalid value for parameter \"%s\": \"%s\"", "pagila_repl.load_directories", *value),
                    errdetail_internal("%s", mistake)));
  if (defined) GUC_check_errdetail("%s", mistake);
  return !defined;
}

std::string real_path(const std::string &path) {
  char *resolved = realpath(path.c_str(), nullptr);
  std::string result = resolved == nullptr ? std::string() : std::string(resolved);
  free(resolved);
  return result;
}

}  // namespace

void define_settings() {
  DefineCustomIntVariable("pagila_repl.swap_budget", "How long publishing may try to lock what it replaces.",
                          "Each try holds up readers for at most 200 ms.", &swap_budget, 60000, 0, INT_MAX, PGC_USERSET,
                          GUC_UNIT_MS, nullptr, nullptr, nullptr);
  DefineCustomStringVariable("pagila_repl.load_directories", "Directories that dump files may be loaded from.",
                             "A comma-separated list of absolute paths; empty means any.", &load_directories, "",
                             PGC_SIGHUP, 0, check_directories, nullptr, nullptr);
#ifdef PR_FAULTS
  define_fault_setting();
#endif
  defined = true;
  reserve_setting_prefix("pagila_repl");
}

int swap_budget_setting() { return swap_budget; }

void check_load_directories(const std::string &file) { check_load_directories(file, file); }

void check_load_directories(const std::string &file, const std::string &name) {
  if (load_directories == nullptr || *load_directories == '\0') return;
  // Links are resolved, so that none leads out of the directory.
  std::string directory = real_path(file.substr(0, file.rfind('/') + 1)) + "/";
  List *allowed = guarded([] {
    List *elements = NIL;
    (void)SplitDirectoriesString(pstrdup(load_directories), ',', &elements);
    return elements;
  });
  for (int i = 0; i < list_length(allowed); i++) {
    std::string path = static_cast<const char *>(list_nth(allowed, i));
    std::string prefix = path[0] == '/' ? real_path(path) : std::string();
    if (prefix.empty()) continue;
    if (prefix.back() != '/') prefix += '/';
    if (directory.compare(0, prefix.size(), prefix) == 0) return;
  }
  throw Error("42501", "dump file \"" + name + "\" is not in a directory that may be loaded from", {},
              "See the setting pagila_repl.load_directories.");
}

}  // namespace pagila_repl
