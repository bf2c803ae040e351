// The module: what happens when the server loads it.

#include "pg/boundary.hpp"
#include "settings.hpp"

extern "C" {
PG_MODULE_MAGIC;
PGDLLEXPORT void _PG_init(void);
}

void _PG_init(void) { pagila_repl::define_settings(); }
