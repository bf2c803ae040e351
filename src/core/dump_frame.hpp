// What surrounds the statements of a dump: the comments pg_dump begins and ends with, \restrict .. \unrestrict, \connect.
// A dump cut short is known by it.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "core/dump_input.hpp"
#include "core/sql_lexer.hpp"

namespace pagila_repl {

class DumpFrame {
 public:
  // Both must outlive the frame.
  DumpFrame(DumpInput &in, SqlLexer &lexer) : in_(in), lexer_(lexer) {}

  enum class Next { statement, connect, end };
  // Goes past white space, comments, empty statements and \restrict lines, and past a \connect line, of which it tells.
  Next skip_to_next();
  // The same, but \connect is left for the next call of skip_to_next; false there and at the end of the file.
  bool skip_to_statement();
  const std::string &database() const { return database_; }  // of the last \connect
  // To be called at each statement.
  void statement_begins();

  // What pg_dump's comment before this place says is made here: "VIEW shop.titles"; empty if there is none.
  const std::string &object() const { return object_; }

  bool has_header() const { return has_header_; }
  bool has_trailer() const { return has_trailer_ && restricted_by_.empty(); }

 private:
  void line_comment();
  void note_comment(std::string_view comment, uint64_t line);
  void note_object(std::string_view words);
  bool meta_command();
  void restrict(bool opens);
  void connect(size_t command_size);
  bool rest_of_line_is_blank();

  DumpInput &in_;
  SqlLexer &lexer_;
  std::string scratch_;
  std::string object_;
  std::string database_;
  std::string restricted_by_;    // token of the \restrict that is open
  uint64_t last_text_line_ = 0;  // where the last thing that is not white space ended
  uint64_t complete_line_ = 0;   // of the comment "PostgreSQL database dump complete"
  bool seen_statement_ = false;
  bool connect_is_next_ = false;
  bool has_header_ = false;
  bool has_trailer_ = false;
};

}  // namespace pagila_repl
