// What a job asks for, as the request of a run.
#pragma once

#include <optional>
#include <string>

#include "core/job.hpp"
#include "run/channel.hpp"

namespace pagila_repl {

struct JobRequest {
  RequestKind kind;
  std::string bytes;  // encoded
};

// With the settings of this session, so to be called as the owner of the job. Throws 22023 for an option that is unknown
// (naming the nearest), of the wrong type or of the other kind of job, or a path that no file can have; 42601 for a pattern
// that is none; 42501 for a file outside pagila_repl.load_directories. Needs a transaction.
JobRequest request_of(const Job &job, int64_t run_id);

// Throws why no run of the job can succeed, as far as that can be told without connecting to its server or opening its
// files: what why_not says, and what a run would end with. Needs a transaction.
void check_may_run(const Job &job);

// Why no run may be started as the owner of the job, none if one may: the role is gone, may not log in, is no member of
// pagila_repl_operator, may not read files (a load) or use the server (a replication), may not connect to the database; or
// the database is a copy of the one it was made in. Needs a transaction.
std::optional<std::string> why_not(const Job &job);

}  // namespace pagila_repl
