// Turns what a dump says, item by item, into a load plan.
#pragma once

#include <map>
#include <optional>
#include <set>
#include <string>
#include <utility>

#include "core/load_plan.hpp"
#include "pg/server.hpp"
#include "source/dump_file.hpp"
#include "source/shape_scope.hpp"

namespace pagila_repl {

// Hashes the rows of the block that is being read.
class BlockHash : public RowSink {
 public:
  void rows(std::string_view copy_text) override {
    if (!hash_) hash_.emplace();
    hash_->add(copy_text.data(), copy_text.size());
  }
  std::string take() {
    if (!hash_) hash_.emplace();
    std::string hex = hash_->hex();
    hash_.reset();
    return hex;
  }

 private:
  std::optional<Sha256> hash_;
};

class Planner {
 public:
  // Of dump files without a scope; with one, of the shape of a server: without rows, and nothing is planned of what is
  // out of scope. Needs a transaction. Plan and scope must outlive the planner.
  explicit Planner(LoadPlan &plan, ShapeScope *scope = nullptr);

  // Begins the next input: a file by its path (the last of plan.files), or by another name.
  void begin(const std::string &origin);
  // To be given to the reader of the items.
  RowSink *rows() { return &block_hash_; }
  // Throws Error with the line as its context.
  void take(DumpItem &item);
  size_t items() const { return items_; }  // since begin
  // After the last item of the last input.
  void finish();

 private:
  void plan_types();
  void take_statement(DumpItem &item, Place place);
  void take_rows(const DumpItem &item, Place place);
  void take_setting(const Statement &what);
  void resolve(QualifiedName &name) const;
  std::string to_server_encoding(const std::string &text) const;
  std::string to_server_name(const std::string &name) const;
  bool is_left_out(const Statement &what);
  void use_schema(const std::string &schema);
  bool is_replaced(const std::string &schema) const;
  void count(const std::string &what) { passed_over_[what]++; }

  LoadPlan &plan_;
  ShapeScope *scope_;
  std::string origin_;
  size_t items_ = 0;
  int encoding_ = 0;
  std::string default_schema_ = "public";
  std::string session_role_;
  std::set<std::pair<std::string, std::string>> tables_;
  std::map<std::string, int> passed_over_;
  BlockHash block_hash_;
  MemoryContext memory_;  // ends with the transaction
};

}  // namespace pagila_repl
