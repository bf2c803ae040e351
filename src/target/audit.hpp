// The record of a run: the row in pagila_repl.run and its steps. Written as the owner of the extension.
#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <vector>

#include "core/error.hpp"
#include "core/run_status.hpp"

namespace pagila_repl {

// What a run was asked to do, as it is recorded.
struct RunIntent {
  std::string kind;  // load, replicate, replicate_to
  std::optional<std::string> schema_file, data_file, source_server;
  std::string options;  // a JSON object
  Phase first_phase = Phase::fingerprint;
  std::optional<std::string> target_server;
  int64_t job = 0, run_id = 0;  // as in RunOptions
};

// What a run found it has to do.
struct PlannedWork {
  std::string schema_sha256;
  std::optional<std::string> data_sha256, source, source_identity;
  std::string fingerprint;
  std::vector<std::string> schemas;
  uint64_t rows = 0, bytes = 0;
};

struct Step {
  std::string kind, schema, object;
  std::string method;  // how rows travel; empty for other kinds
};

// Writes the row of a step that is done, within the caller's transaction: it appears with the work it tells of.
void record_step(int64_t run_id, int number, const Step &step, const std::string &started_at,
                 std::optional<uint64_t> rows, std::optional<uint64_t> bytes);
// Of an object that is left out since it cannot be made.
void record_skipped_step(int64_t run_id, int number, const Step &step, const std::string &started_at,
                         const Error &error);
// Of a run that has not succeeded only what its recorded steps have brought counts. As the owner of the extension.
void count_rows_of_steps(int64_t run_id);
// The time now, as record_step takes it. Needs a transaction.
std::string step_clock();
void record_content_hash(int64_t run_id, const std::string &schema, const std::string &table, const std::string &hash);

class RunRecord {
 public:
  // Commits a row 'running'.
  explicit RunRecord(const RunIntent &intent);

  int64_t id() const { return id_; }
  const std::string &kind() const { return kind_; }
  Phase phase() const { return phase_; }

  // Each commits by itself.
  void enter(Phase phase);
  void planned(const PlannedWork &work);
  void has_workers(const std::vector<int> &pids);

  // Within the caller's transaction: a step's row appears with the work it tells of.
  void begin_step(const std::string &kind, const std::string &schema, const std::string &object);
  void end_step(std::optional<uint64_t> rows = {}, std::optional<uint64_t> bytes = {});

  // Instead of end_step, once the work is undone; or of an object whose step has not begun.
  void skip_step(const Error &error);
  void skip_object(const std::string &kind, const std::string &schema, const std::string &object, const Error &error);

  // Steps done by several processes: numbers for `count` of them are taken, the first is returned. What they brought in is
  // told at the end, and which step failed.
  int reserve_steps(int count);
  // How many there are so far, for who looks at the row. In a transaction; does nothing unless it is time.
  void tell_rows(uint64_t rows, uint64_t bytes);
  // Once a second: each change of the row leaves one behind, which others pass by for as long as anybody could see it.
  bool is_time_to_tell() const { return std::chrono::steady_clock::now() - told_ >= std::chrono::seconds(1); }
  void add_rows(uint64_t rows, uint64_t bytes);
  void failed_in(const Step &step, const std::string &started_at);

  // What was done counts no more: the run begins anew. Commits by itself.
  void start_again();

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
  std::string kind_;
  Phase phase_ = Phase::fingerprint;
  int step_ = 0;
  std::optional<Step> open_step_;
  std::string step_started_;
  uint64_t rows_ = 0, bytes_ = 0;
  std::chrono::steady_clock::time_point told_ = std::chrono::steady_clock::now();
};

}  // namespace pagila_repl
