// What belongs to extensions of this database, by name. Need a transaction.
#pragma once

#include <string>

namespace pagila_repl {

bool is_extension(const std::string &name);
// Whether a table, a function, a type or the like of that name belongs to an extension.
bool is_of_extension(const std::string &schema, const std::string &name);
// Whether a relation of one of these kinds (of pg_class.relkind) does.
bool is_relation_of_extension(const std::string &schema, const std::string &name, const std::string &kinds);
// Whether there is anything of that name.
bool is_anything(const std::string &schema, const std::string &name);
// Whether the schema is the home of an extension, or holds something of one.
bool is_schema_with_extension(const std::string &schema);

}  // namespace pagila_repl
