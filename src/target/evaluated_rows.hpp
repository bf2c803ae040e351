// The rows of INSERT statements whose values are expressions, evaluated by the server and given as COPY text.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "core/load_plan.hpp"
#include "pg/server.hpp"

namespace pagila_repl {

class EvaluatedRows : public ByteSource {
 public:
  // `statements` gives the bytes of the block. The expressions are evaluated as the session's role, in a transaction of the
  // caller's in which the stage has its real names. `left_out`: which values are not given, since they are DEFAULT in every row.
  // It and `rows` must outlive this.
  EvaluatedRows(std::unique_ptr<ByteSource> statements, const PlannedRows &rows, Oid table,
                const std::vector<bool> &left_out);
  ~EvaluatedRows() override;
  size_t read(char *buffer, size_t size) override;
  // Of the file, of the statement that could not be evaluated; 0 if there is none.
  uint64_t failed_line() const { return line_; }

 private:
  bool evaluate_next();

  std::unique_ptr<ByteSource> statements_;
  const PlannedRows &rows_;
  const std::vector<bool> &left_out_;
  Oid table_;
  InsertTexts texts_;
  int encoding_;
  MemoryContext memory_;        // ends with the transaction
  const char *text_ = nullptr;  // COPY text of a statement, in memory_
  size_t size_ = 0, taken_ = 0;
  uint64_t line_ = 0;
};

}  // namespace pagila_repl
