// Reads one INSERT .. VALUES of a dump and turns its rows into COPY text.
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
};

// True if the word INSERT begins at the input.
bool insert_begins(DumpInput &in);

class InsertStatement {
 public:
  // The input stands at the word INSERT; reads the head. A row may have up to `max_row` bytes of COPY text. Throws
  // 0A000 unless the statement is as pg_dump writes them.
  InsertStatement(DumpInput &in, SqlLexer &lexer, uint64_t max_row);

  uint64_t begin() const { return begin_; }
  uint64_t line() const { return line_; }
  const InsertHead &head() const { return head_; }

  // Appends COPY text until `out` has `enough` bytes or the statement has ended.
  void read(std::string &out, size_t enough);

  bool ended() const { return state_ == State::ended; }
  uint64_t rows() const { return rows_; }
  // Which values are DEFAULT; of the first row as far as it has been read.
  const std::vector<bool> &is_default() const { return is_default_; }
  bool on_conflict_do_nothing() const { return do_nothing_; }  // once ended

 private:
  enum class State { row, value, string, after_value, after_row, ended };

  void read_head();
  void read_columns();
  std::string read_name();
  void read_row_start();
  void read_value(std::string &out);
  void read_key_word_value(std::string &out);
  void begin_string(size_t prefix, StringLiteral::Kind kind);
  void add_value(std::string &out);
  void note_value(bool is_default);
  void read_after_value(std::string &out);
  void end_row(std::string &out);
  void read_after_row();
  void expect(const char *word);
  SqlToken next_token();
  std::string_view text(const SqlToken &token) const;
  int skip_gap();
  // The error for a byte, or the end of the file, where pg_dump writes something else.
  Error unexpected(int c);
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
  size_t value_count_ = 0;     // of the row that is being read
  bool row_has_text_ = false;  // a value that is not DEFAULT came before in this row
  uint64_t row_size_ = 0;
  uint64_t rows_ = 0;
  bool do_nothing_ = false;
};

// As far as the statement has been read: its rows are of the same kind as those of the block.
bool belongs_to(const RowBlock &block, const InsertStatement &statement);

}  // namespace pagila_repl
