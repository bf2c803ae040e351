// The static background worker that has due jobs run, in whatever database they are.
#pragma once

#include "pg/server.hpp"

namespace pagila_repl {

// To be called while the module is preloaded: the server starts the launcher once it is no standby (any more), and again
// whenever it ends.
void register_launcher();

}  // namespace pagila_repl

extern "C" PGDLLEXPORT void pagila_repl_launcher_main(Datum argument);
extern "C" PGDLLEXPORT void pagila_repl_scheduler_main(Datum argument);
