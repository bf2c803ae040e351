// Finds where a statement ends and whether COPY data follows.
#include "core/statement_text.hpp"

#include <string_view>

#include "core/characters.hpp"

namespace pagila_repl {
namespace {

// A token, its text as written and the parentheses around it.
struct TokenPlace {
  const SqlToken &token;
  std::string_view text;
  int depth;
  bool is(std::string_view key_word) const { return token.kind == SqlToken::Kind::word && is_word(text, key_word); }
};

// The body CREATE FUNCTION .. BEGIN ATOMIC .. END has semicolons of its own. psql takes any BEGIN for its start, and so
// stumbles over a function of that name; here ATOMIC must follow. CASE ends with END as well.
class AtomicBody {
 public:
  void see(const TokenPlace &place) {
    if (place.token.kind == SqlToken::Kind::word && words_ < 4) note_start(place);
    bool after_begin = after_begin_;
    after_begin_ = in_routine_ && place.depth == 0 && place.is("begin");
    if (!in_routine_ || place.depth != 0) return;
    if (after_begin && place.is("atomic")) ++depth_;
    if (depth_ > 0 && place.is("case")) ++depth_;
    if (depth_ > 0 && place.is("end")) --depth_;
  }
  bool open() const { return depth_ > 0; }

 private:
  // CREATE [OR REPLACE] {FUNCTION | PROCEDURE}
  void note_start(const TokenPlace &place) {
    bool routine = place.is("function") || place.is("procedure");
    bool expected =
        (words_ == 0 && place.is("create")) || (words_ == 1 && place.is("or")) || (words_ == 2 && place.is("replace"));
    if (routine && (words_ == 1 || words_ == 3)) in_routine_ = true;
    words_ = expected ? words_ + 1 : 4;
  }

  int words_ = 0;  // of the start, seen as expected; 4 when it is over
  bool in_routine_ = false;
  bool after_begin_ = false;
  int depth_ = 0;
};

// COPY .. FROM STDIN, and the format. The grammar takes STDOUT for STDIN here.
class CopyClauses {
 public:
  void see(const TokenPlace &place) {
    ++count_;
    if (count_ == 1) copy_ = place.is("copy");
    if (!copy_ || done_) return;
    if (count_ == 2 && place.is("binary")) format_ = CopyFormat::other;
    if (!from_stdin_) {
      from_stdin_ = place.depth == 0 && after_from_ && (place.is("stdin") || place.is("stdout"));
      after_from_ = place.depth == 0 && place.is("from");
    } else if (place.is("where")) {
      done_ = true;
    } else if (place.depth == 0) {
      if (place.is("header")) header_ = true;
      if (place.is("csv") && format_ == CopyFormat::text) format_ = CopyFormat::csv;
      if (place.is("binary")) format_ = CopyFormat::other;
    } else {
      see_option(place);
    }
  }
  bool from_stdin() const { return from_stdin_; }
  CopyFormat format() const { return format_; }
  // Also true for HEADER false: its value is the server's to read.
  bool header() const { return header_; }

 private:
  // (FORMAT csv), where the name and the value may be quoted. A way of writing it that is not known counts as other.
  void see_option(const TokenPlace &place) {
    using Kind = SqlToken::Kind;
    bool name_or_value =
        place.token.kind == Kind::word || place.token.kind == Kind::quoted_name || place.token.kind == Kind::string;
    if (after_format_ && name_or_value) {
      std::string_view value = place.text;
      bool quoted = value.size() > 2 && (value[0] == '\'' || value[0] == '"') && value.back() == value[0];
      if (quoted) value = value.substr(1, value.size() - 2);
      if (is_word(value, "csv") && format_ == CopyFormat::text)
        format_ = CopyFormat::csv;
      else if (!is_word(value, "text"))
        format_ = CopyFormat::other;
    }
    if (option_begins_ && (place.is("header") || place.text == "\"header\"")) header_ = true;
    after_format_ = !after_format_ && option_begins_ && (place.is("format") || place.text == "\"format\"");
    option_begins_ = place.token.is_symbol('(') || place.token.is_symbol(',');
  }

  int count_ = 0;
  bool copy_ = false;
  bool from_stdin_ = false;
  bool after_from_ = false;
  bool option_begins_ = false;
  bool after_format_ = false;
  bool done_ = false;
  bool header_ = false;
  CopyFormat format_ = CopyFormat::text;
};

}  // namespace

StatementText read_statement_text(DumpInput &in, SqlLexer &lexer) {
  constexpr size_t kMaxTokens = 8, kMaxTokenSize = 1024;
  StatementText statement;
  statement.line = in.line();
  lexer.start_text();
  AtomicBody body;
  CopyClauses copy;
  int depth = 0;
  for (;;) {
    SqlToken token = lexer.next(statement.text);
    if (token.kind == SqlToken::Kind::end)
      throw in.error("42601", "statement is not terminated",
                     "It begins on " + line_number(statement.line) + " and has no semicolon.");
    if (token.is_symbol('\\')) throw meta_command_error(in);
    if (token.is_symbol(';') && depth == 0 && !body.open()) {
      statement.text.resize(token.begin);
      break;
    }
    std::string_view text = std::string_view(statement.text).substr(token.begin, token.size);
    if (token.is_symbol('(')) ++depth;
    TokenPlace place{token, text, depth};
    body.see(place);
    copy.see(place);
    if (token.is_symbol(')') && depth > 0) --depth;
    if (statement.token_count++ < kMaxTokens) statement.tokens.emplace_back(text.substr(0, kMaxTokenSize));
  }
  statement.copy_from_stdin = copy.from_stdin();
  statement.copy_format = copy.format();
  statement.copy_header = copy.header();
  return statement;
}

}  // namespace pagila_repl
