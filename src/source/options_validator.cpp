// The validator of the foreign-data wrapper: judges the options of servers and user mappings when they are set.

#include "core/connection_options.hpp"
#include "pg/boundary.hpp"

extern "C" {
#include "access/reloptions.h"
#include "catalog/pg_foreign_server.h"
#include "catalog/pg_user_mapping.h"
#include "commands/defrem.h"
#include "miscadmin.h"

PGDLLEXPORT Datum pagila_repl_validator(PG_FUNCTION_ARGS);
PG_FUNCTION_INFO_V1(pagila_repl_validator);
}

namespace pagila_repl {

namespace {

// All options the object will have, not only those being set: so whoever may not say one may not change what goes with it.
void check_options(List *options, Oid catalog) {
  bool is_superuser = guarded([] { return superuser(); });
  for (int i = 0; i < list_length(options); ++i) {
    auto *option = static_cast<DefElem *>(list_nth(options, i));
    std::string name = option->defname;
    std::string value = guarded([option]() -> const char * { return defGetString(option); });
    if (catalog != ForeignServerRelationId && catalog != UserMappingRelationId)
      throw Error("HV00D", "invalid option \"" + name + "\"", {}, "Only servers and user mappings have options.");
    check_option(catalog == ForeignServerRelationId ? OptionPlace::server : OptionPlace::user_mapping, name, value,
                 is_superuser);
  }
}

}  // namespace

}  // namespace pagila_repl

// pagila_repl_validator(options, catalog)
Datum pagila_repl_validator(PG_FUNCTION_ARGS) {
  List *options = untransformRelOptions(PG_GETARG_DATUM(0));
  Oid catalog = PG_GETARG_OID(1);
  pagila_repl::entry([=] { pagila_repl::check_options(options, catalog); });
  PG_RETURN_VOID();
}
