// The record of a run: the row in pagila_repl.run and its steps. Written as the owner of the extension.
#pragma once

#include <optional>
#include <string>

#include "core/error.hpp"
#include "core/load_plan.hpp"
#include "core/load_request.hpp"
#include "core/run_status.hpp"

namespace pagila_repl {

struct Step {
  std::string kind, schema, object;
  std::optional<uint64_t> rows, bytes;
  std::optional<std::string> content_hash;
};

class RunRecord {
 public:
  // Commits a row 'running'.
  explicit RunRecord(const LoadRequest &request);

  int64_t id() const { return id_; }
  Phase phase() const { return phase_; }

  // Each commits by itself.
  void enter(Phase phase);
  void planned(const LoadPlan &plan, const std::string &fingerprint);

  // Within the caller's transaction: a step's row appears with the work it tells of.
  void begin_step(const std::string &kind, const std::string &schema, const std::string &object);
  void end_step(std::optional<uint64_t> rows = {}, std::optional<uint64_t> bytes = {});
  void content_hash(const std::string &schema, const std::string &table, const std::string &hash);

  // Within the publishing transaction: the success is true if and only if the copy is visible.
  void succeeded(const std::string &message);
  // In transactions of their own.
  void append_message(const std::string &remark);
  void skipped(int64_t unchanged_since, const std::string &message);
  void ended(RunStatus status, const Error &error);

  uint64_t rows() const { return rows_; }
  uint64_t bytes() const { return bytes_; }

 private:
  int64_t id_ = 0;
  Phase phase_ = Phase::fingerprint;
  int step_ = 0;
  std::optional<Step> open_step_;
  std::string step_started_;
  uint64_t rows_ = 0, bytes_ = 0;
};

}  // namespace pagila_repl
