// Foreign keys to tables elsewhere that the statements of a shape add.
//
// The server keeps others from writing to those tables until the transaction ends that adds a key. So these statements wait until the
// shape, which may take long, is made.
#pragma once

#include <string>
#include <vector>

#include "core/load_plan.hpp"
#include "pg/server.hpp"

namespace pagila_repl {

class HeldBackKeys {
 public:
  struct Held {
    const ShapeStatement *statement;  // of the plan
    Oid referred;                     // table that the key refers to; none for a comment on a key
  };

  // Tables in these schemas that belong to no extension are not elsewhere.
  explicit HeldBackKeys(const std::vector<std::string> &schema_oids);

  // Whether the statement is to wait. Needs a transaction.
  bool holds_back(const ShapeStatement &statement);
  // What has to be run before this statement, since that changes what others name. They wait no longer.
  std::vector<Held> release_before(const ShapeStatement &statement);

  const std::vector<Held> &held() const { return held_; }

 private:
  std::vector<Oid> schemas_;
  std::vector<Held> held_;
  std::vector<std::string> names_;  // schema, table and key in one text
};

}  // namespace pagila_repl
