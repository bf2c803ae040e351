// Joins the INSERT statements of a dump that follow one another and are of one kind into blocks of rows.
#pragma once

#include <optional>
#include <string>

#include "core/dump_frame.hpp"
#include "core/dump_input.hpp"
#include "core/insert_statement.hpp"
#include "core/sql_lexer.hpp"

namespace pagila_repl {

class InsertBlocks {
 public:
  // All must outlive this.
  InsertBlocks(DumpInput &in, SqlLexer &lexer, DumpFrame &frame, uint64_t max_row)
      : in_(in), lexer_(lexer), frame_(frame), max_row_(max_row) {}

  // A statement that did not belong to the block before is begun, and next() continues with it.
  bool has_begun() const { return statement_.has_value(); }
  // The input stands at an INSERT or has_begun(). `sink` may be null.
  RowBlock next(RowSink *sink);

 private:
  void begin_statement();
  RowBlock begin_block() const;
  void read_statement(RowBlock &block, bool is_first, RowSink *sink);
  bool join_next_statement(const RowBlock &block);
  void take_as_expressions(RowBlock &block, RowSink *sink);
  void deliver(RowBlock &block, RowSink *sink);

  DumpInput &in_;
  SqlLexer &lexer_;
  DumpFrame &frame_;
  uint64_t max_row_;
  std::optional<InsertStatement> statement_;
  std::string out_;   // COPY text of the block, not delivered yet
  std::string held_;  // COPY text of a statement that is begun and does not belong to the block
};

}  // namespace pagila_repl
