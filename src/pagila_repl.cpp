// The module: what happens when the server loads it.

#include "pg/boundary.hpp"
#include "pg/function_guard.hpp"
#include "run/launcher.hpp"
#include "run/launcher_state.hpp"
#include "settings.hpp"

extern "C" {
PG_MODULE_MAGIC;
PGDLLEXPORT void _PG_init(void);
}

void _PG_init(void) {
  pagila_repl::define_function_guard();
  pagila_repl::define_settings();
  // While the server is upgraded nothing may be done in it.
  if (!process_shared_preload_libraries_in_progress || IsBinaryUpgrade) return;
  pagila_repl::reserve_launcher_state();
  pagila_repl::register_launcher();
}
