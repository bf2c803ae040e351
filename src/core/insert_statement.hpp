// Reads one INSERT .. VALUES of a dump and turns its rows into COPY text, as far as they are of literals.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "core/dump_input.hpp"
#include "core/dump_reader.hpp"
#include "core/insert_literal.hpp"
#include "core/sql_lexer.hpp"

namespace pagila_repl {

// What stands before the rows.
struct InsertHead {
  QualifiedName table;
  std::vector<std::string> columns;
  RowBlock::Overriding overriding = RowBlock::Overriding::none;
  bool is_default_values = false;  // DEFAULT VALUES
};

// True if the word INSERT begins at the input.
bool insert_begins(DumpInput &in);

class InsertStatement {
 public:
  // The input stands at the word INSERT; reads the head. A row may have up to `max_row` bytes of COPY text. Throws
  // 0A000 unless it inserts VALUES into one table.
  InsertStatement(DumpInput &in, SqlLexer &lexer, uint64_t max_row);

  uint64_t begin() const { return begin_; }
  uint64_t line() const { return line_; }
  const InsertHead &head() const { return head_; }

  // Appends COPY text until `out` has `enough` bytes, the statement has ended, or it turns out to have expressions: then
  // what was appended says nothing, and the next call only looks for the statement's end.
  void read(std::string &out, size_t enough);
  bool has_expressions() const { return has_expressions_; }
  // Looks at no value any more, only for the end.
  void take_as_expressions();

  bool ended() const { return state_ == State::ended; }
  uint64_t rows() const { return rows_; }
  // Which values are DEFAULT; of the first row as far as it has been read.
  const std::vector<bool> &is_default() const { return is_default_; }
  // RowBlock::Literals of each value, of the rows read so far.
  const std::vector<uint8_t> &literals() const { return literals_; }
  bool on_conflict_do_nothing() const { return do_nothing_; }  // once ended

 private:
  enum class State { row, value, string, after_value, after_row, expressions, ended };

  void read_head();
  void read_columns();
  std::string read_name();
  void read_row_start();
  void read_value(std::string &out);
  void read_key_word_value(std::string &out);
  void begin_string(size_t prefix, StringLiteral::Kind kind);
  void add_value(std::string &out);
  void note_value(bool is_default);
  void note_literal(RowBlock::Literals kind) { literals_[value_count_ - 1] |= kind; }
  void read_after_value(std::string &out);
  void end_row(std::string &out);
  void read_after_row();
  void read_on_conflict();
  void read_returning();
  void give_up_literals(int depth);
  void find_end();
  void expect(const char *word);
  SqlToken next_token();
  Error not_values(std::string_view token) const;
  std::string_view text(const SqlToken &token) const;
  int skip_gap();
  Error ended_early() const;
  Error ragged() const;

  DumpInput &in_;
  SqlLexer &lexer_;
  uint64_t max_row_;
  uint64_t begin_;
  uint64_t line_;
  InsertHead head_;
  std::string scratch_;
  State state_ = State::row;
  StringLiteral string_;
  std::vector<bool> is_default_;
  std::vector<uint8_t> literals_;
  bool has_expressions_ = false;
  int depth_ = 0;              // of parentheses, where expressions are
  size_t value_count_ = 0;     // of the row that is being read
  bool row_has_text_ = false;  // a value that is not DEFAULT came before in this row
  uint64_t row_size_ = 0;
  uint64_t rows_ = 0;
  bool do_nothing_ = false;
};

// It inserts into the same columns as the statements of the block.
bool is_alike(const RowBlock &block, const InsertStatement &statement);
// As far as the statement has been read: its rows are of the same kind as those of the block.
bool belongs_to(const RowBlock &block, const InsertStatement &statement);

}  // namespace pagila_repl
