// Cuts SQL text into tokens, as far as one must to find where statements end. The rules are those of the server's
// scan.l and psql's psqlscan.l; tokens are not judged, so what the server refuses may pass here.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "core/dump_input.hpp"

namespace pagila_repl {

struct SqlToken {
  enum class Kind {
    end,          // of the file
    word,         // identifier or key word, not quoted
    quoted_name,  // "..." or U&"..."
    string,       // any kind of quoted or dollar-quoted string
    number,       // also a parameter such as $1
    symbol        // one byte of anything else
  };
  bool is_symbol(char c) const { return kind == Kind::symbol && symbol == c; }

  Kind kind = Kind::end;
  char symbol = 0;
  size_t begin = 0, size = 0;  // the token as written, in the text it was appended to
};

class SqlLexer {
 public:
  // Throws 54000 when a text grows longer than `max_text`. The input must outlive the lexer.
  SqlLexer(DumpInput &in, uint64_t max_text) : in_(in), max_text_(max_text) {}

  // To be called where a text begins: nothing before it continues into it, and errors of length name this line.
  void start_text();
  // Appends what lies before the next token, and the token.
  SqlToken next(std::string &text);
  // Appends a string that begins here and goes on from the one before it, 'a' newline 'b', which had escapes or not.
  void continue_string(std::string &text, bool escapes) { string(text, escapes ? Quoting::backslash : Quoting::plain); }
  // Appends white space and comments, if any; true if there was a newline, and no comment of the /* kind.
  bool gap(std::string &text);
  // Appends a comment that begins here with "--", without its newline.
  void line_comment(std::string &text);
  // Appends a comment that begins here with "/*".
  void block_comment(std::string &text);

  bool standard_conforming_strings() const { return standard_strings_; }
  void set_standard_conforming_strings(bool on) { standard_strings_ = on; }

 private:
  enum class Quoting { plain, backslash };

  SqlToken::Kind token(std::string &text, bool after_newline);
  SqlToken::Kind word(std::string &text);
  SqlToken::Kind string(std::string &text, Quoting quoting);
  SqlToken::Kind number(std::string &text);
  SqlToken::Kind dollar(std::string &text);
  void dollar_quoted(std::string &text, const std::string &delimiter, uint64_t line);
  void quoted(std::string &text, char quote, Quoting quoting, const char *what);
  void take(std::string &text, size_t size);
  void take_name(std::string &text, bool (*is_part)(int));
  Error unterminated(const char *what, uint64_t line) const;

  DumpInput &in_;
  uint64_t max_text_;
  uint64_t text_line_ = 1;
  bool standard_strings_ = true;
  // A string goes on after a newline in the manner it began: 'a' newline 'b' is one string.
  bool may_continue_ = false;
  Quoting last_quoting_ = Quoting::plain;
};

// How an error names the token that begins a text: "now", a string constant, the end of the statement. Nothing else of the
// text is shown.
std::string name_of_token(std::string_view text);

// The error for a backslash outside of strings; the input stands behind the backslash.
Error meta_command_error(DumpInput &in);

}  // namespace pagila_repl
