// What SQL says about a job, as a job.
#pragma once

#include "core/job.hpp"
#include "pg/server.hpp"

namespace pagila_repl {

// The arguments of pagila_schedule: a job of the current user's, due for the first time. Checked as a run of it would be,
// before it connects or opens a file. Throws 22004, 22023, 42501, 42704, 54000 and so on.
Job new_job(FunctionCallInfo fcinfo);
// The job with the arguments of pagila_alter_job applied, checked as above with the rights of its owner, unless it is
// only disabled.
Job altered_job(const Job &job, FunctionCallInfo fcinfo);

}  // namespace pagila_repl
