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
#include "source/dump_session.hpp"
#include "source/planned_database_objects.hpp"
#include "source/planned_large_objects.hpp"
#include "source/shape_scope.hpp"

namespace pagila_repl {

// Hashes the rows of the block that is being read.
class BlockHash : public RowSink {
 public:
  void rows(std::string_view copy_text) override {
    if (!hash_) hash_.emplace();
    hash_->add(copy_text.data(), copy_text.size());
  }
  void forget() override { hash_.reset(); }
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
  // out of scope. `kinds`: of what belongs to the database that is planned, of dump files. Needs a transaction. Plan and scope must outlive the planner.
  explicit Planner(LoadPlan &plan, ShapeScope *scope = nullptr, const DatabaseObjectKinds &kinds = {});

  // Begins the next input: a file (the last of plan.files), which must outlive the planner, or something else by its name.
  void begin(const DumpFile &file);
  void begin(const std::string &origin);
  // To be given to the reader of the items.
  RowSink *rows() { return &block_hash_; }
  // Throws Error with the line as its context.
  void take(DumpItem &item);
  size_t items() const { return items_; }  // since begin
  // After the last item of an input.
  void end();
  // After the last item of the last input.
  void finish();

 private:
  void plan_types();
  void take_statement(DumpItem &item, Place place);
  void take_connect(const DumpItem &item, const Place &place);
  void take_rows(const DumpItem &item, Place place);
  void check_member_table(const PlannedRows &rows) const;
  void separate_member_sequences();
  bool wants_missing_extension() const;
  bool is_of_member(const QualifiedName &name) const;
  bool is_about_members_elsewhere(const ShapeStatement &statement) const;
  void take_evaluated_rows(const DumpItem &item, const Place &place);
  void add_rows(PlannedRows rows);
  PlannedRows rows_of(const DumpItem &item, const Place &place) const;
  void take_shape(Statement what, const std::string &text, const Place &place);
  bool take_removal(const Statement &what, const Place &place);
  void note_made(const Statement &what);
  std::string object_of(const DumpItem &item) const;
  void apply(const DumpSession::Settings &settings, const Place &place);
  void check_database(const std::string &name) const;
  bool is_filled(const QualifiedName &name) const;
  void check_dropped() const;
  // Where an object without a schema is made, and where one is that is named so.
  std::string creation_schema(const std::string &name) const;
  std::string schema_of_extension(const std::string &name) const;
  void note_owner_of_schema(const Statement &what, const Place &place);
  void check_rows_before(const Statement &what) const;
  void set_sequence(const Statement &what, const Place &place);
  bool has_values_of(const PlannedRows &rows, const std::string &column) const;
  void resolve(QualifiedName &name) const;
  bool exists(const std::string &schema) const;
  static bool is_there(const std::string &schema, const std::string &name);
  bool is_made(const QualifiedName &name) const { return made_.count({name.schema, name.name}) > 0; }
  std::string to_server_encoding(const std::string &text) const;
  std::string to_server_name(const std::string &name) const;
  bool is_left_out(const Statement &what);
  void take_large_object(const Statement &what, const std::string &text, const DumpItem &item, const Place &place);
  bool take_database_object(const Statement &what, const std::string &text, const Place &place);
  void check_published() const;
  void use_schema(const std::string &schema);
  void hide_until_here(const std::string &schema);
  bool is_replaced(const std::string &schema) const;
  void count(const std::string &what) { passed_over_[what]++; }

  LoadPlan &plan_;
  ShapeScope *scope_;
  std::string origin_;
  const DumpFile *file_ = nullptr;
  size_t items_ = 0;
  bool is_dump_ = false;  // the input has told so by a statement about an object
  DumpSession session_;
  std::string copy_encoding_;  // of the COPY under way, if it says so
  std::set<std::pair<std::string, std::string>> tables_, unpopulated_;
  std::map<std::pair<std::string, std::string>, std::vector<std::string>> columns_;  // of tables, where known
  std::set<std::pair<std::string, std::string>> made_;  // objects by name, whatever they are
  // What the dump drops without having made it; global kinds have no schema.
  struct Dropped {
    std::string schema, global_kind, name;
    Place place;
  };
  std::vector<Dropped> dropped_;
  std::set<std::string> extension_schemas_;  // that the dump wants extensions in
  std::map<std::string, int> passed_over_;
  BlockHash block_hash_;
  LargeObjectPlanner large_objects_;
  DatabaseObjectPlanner database_objects_;
  MemoryContext memory_;  // ends with the transaction
};

}  // namespace pagila_repl
