// Whether pagila_repl.job is what the extension made, so that a run may be started for what stands in it.
#pragma once

namespace pagila_repl {

// Throws 55000 if it is not. As the owner of the extension.
void check_job_table();

}  // namespace pagila_repl
