// Cuts SQL text into tokens, as far as one must to find where statements end.
#include "core/sql_lexer.hpp"

#include <algorithm>

#include "core/characters.hpp"

namespace pagila_repl {

void SqlLexer::start_text() {
  text_line_ = in_.line();
  may_continue_ = false;
}

SqlToken SqlLexer::next(std::string &text) {
  bool after_newline = gap(text);
  SqlToken result;
  result.begin = text.size();
  result.kind = token(text, after_newline);
  result.size = text.size() - result.begin;
  if (result.kind == SqlToken::Kind::symbol) result.symbol = text[result.begin];
  return result;
}

SqlToken::Kind SqlLexer::token(std::string &text, bool after_newline) {
  bool continues = may_continue_ && after_newline;
  may_continue_ = false;
  int c = in_.peek();
  if (c == DumpInput::kEnd) return SqlToken::Kind::end;
  if (c == '\'') {
    if (continues) return string(text, last_quoting_);
    return string(text, standard_strings_ ? Quoting::plain : Quoting::backslash);
  }
  if (c == '"') {
    quoted(text, '"', Quoting::plain, "quoted identifier");
    return SqlToken::Kind::quoted_name;
  }
  if (c == '$') return dollar(text);
  if (is_name_start(c)) return word(text);
  if (is_digit(c) || (c == '.' && is_digit(in_.peek(1)))) return number(text);
  take(text, 1);
  return SqlToken::Kind::symbol;
}

bool SqlLexer::gap(std::string &text) {
  bool newline = false, block = false;
  for (;;) {
    int c = in_.peek();
    if (is_space(c)) {
      newline |= c == '\n' || c == '\r';
      take(text, 1);
    } else if (c == '-' && in_.peek(1) == '-') {
      line_comment(text);
    } else if (c == '/' && in_.peek(1) == '*') {
      block_comment(text);
      block = true;
    } else {
      return newline && !block;
    }
  }
}

void SqlLexer::line_comment(std::string &text) {
  for (;;) {
    std::string_view window = in_.window();
    size_t end = window.find_first_of("\r\n");
    take(text, std::min(end, window.size()));
    if (end != std::string_view::npos || window.empty()) return;
  }
}

void SqlLexer::block_comment(std::string &text) {
  uint64_t line = in_.line();
  int depth = 0;
  do {
    int c = in_.peek();
    if (c == DumpInput::kEnd) throw unterminated("comment", line);
    int after = c == '*' || c == '/' ? in_.peek(1) : DumpInput::kEnd;
    bool opens = c == '/' && after == '*', closes = c == '*' && after == '/';
    depth += opens ? 1 : closes ? -1 : 0;
    take(text, opens || closes ? 2 : 1);
  } while (depth > 0);
}

SqlToken::Kind SqlLexer::word(std::string &text) {
  size_t begin = text.size();
  take_name(text, is_name_part);
  if (text.size() - begin != 1) return SqlToken::Kind::word;

  // A single letter may be the prefix of a string. N is not: the string after it is an ordinary one.
  char letter = lower(text[begin]);
  int c = in_.peek();
  if (letter == 'e' && c == '\'') return string(text, Quoting::backslash);
  if ((letter == 'b' || letter == 'x') && c == '\'') return string(text, Quoting::plain);
  if (letter == 'u' && c == '&') {
    int quote = in_.peek(1);
    if (quote == '\'' || quote == '"') take(text, 1);
    if (quote == '\'') return string(text, Quoting::plain);
    if (quote == '"') {
      quoted(text, '"', Quoting::plain, "quoted identifier");
      return SqlToken::Kind::quoted_name;
    }
  }
  return SqlToken::Kind::word;
}

SqlToken::Kind SqlLexer::string(std::string &text, Quoting quoting) {
  quoted(text, '\'', quoting, "quoted string");
  may_continue_ = true;
  last_quoting_ = quoting;
  return SqlToken::Kind::string;
}

SqlToken::Kind SqlLexer::number(std::string &text) {
  auto digits = [&] {
    while (is_digit(in_.peek())) take(text, 1);
  };
  digits();
  if (in_.peek() == '.' && in_.peek(1) != '.') {
    take(text, 1);
    digits();
  }
  if ((in_.peek() == 'e' || in_.peek() == 'E') && (in_.peek(1) == '+' || in_.peek(1) == '-')) {
    take(text, 2);
    digits();
  }
  // Letters that follow belong to the token (it is junk), so a dollar sign after them begins no string.
  if (is_name_start(in_.peek())) take_name(text, is_name_part);
  return SqlToken::Kind::number;
}

SqlToken::Kind SqlLexer::dollar(std::string &text) {
  size_t begin = text.size();
  uint64_t line = in_.line();
  take(text, 1);
  if (is_digit(in_.peek())) {
    while (is_digit(in_.peek())) take(text, 1);
    if (is_name_start(in_.peek())) take_name(text, is_name_part);
    return SqlToken::Kind::number;
  }
  if (is_name_start(in_.peek())) take_name(text, is_tag_part);
  if (in_.peek() != '$') return SqlToken::Kind::number;
  take(text, 1);
  dollar_quoted(text, text.substr(begin), line);
  return SqlToken::Kind::string;
}

void SqlLexer::dollar_quoted(std::string &text, const std::string &delimiter, uint64_t line) {
  size_t begin = text.size();
  for (;;) {
    std::string_view window = in_.window();
    if (window.empty()) throw unterminated("dollar-quoted string", line);
    size_t dollar = window.find('$');
    if (dollar == std::string_view::npos) {
      take(text, window.size());
      continue;
    }
    take(text, dollar + 1);
    size_t size = text.size() - begin;
    if (size >= delimiter.size() && text.compare(text.size() - delimiter.size(), delimiter.size(), delimiter) == 0)
      return;
  }
}

void SqlLexer::quoted(std::string &text, char quote, Quoting quoting, const char *what) {
  uint64_t line = in_.line();
  take(text, 1);
  const char stops[] = {quote, '\\'};
  std::string_view stop(stops, quoting == Quoting::backslash ? 2 : 1);
  for (;;) {
    std::string_view window = in_.window();
    if (window.empty()) throw unterminated(what, line);
    size_t at = window.find_first_of(stop);
    if (at == std::string_view::npos) {
      take(text, window.size());
      continue;
    }
    bool escape = window[at] == '\\';
    take(text, at + 1);
    if (in_.peek() == DumpInput::kEnd) {
      if (escape) throw unterminated(what, line);
      return;
    }
    if (!escape && in_.peek() != quote) return;
    take(text, 1);
  }
}

void SqlLexer::take_name(std::string &text, bool (*is_part)(int)) {
  while (is_part(in_.peek())) take(text, 1);
}

void SqlLexer::take(std::string &text, size_t size) {
  if (size == 1) {
    text.push_back(static_cast<char>(in_.peek()));
    in_.skip();
  } else {
    text.append(in_.window().substr(0, size));
    in_.advance(size);
  }
  if (text.size() > max_text_)
    throw Error("54000", "statement is too long", "A statement may have up to " + std::to_string(max_text_) + " bytes.")
        .within(line_number(text_line_));
}

Error SqlLexer::unterminated(const char *what, uint64_t line) const {
  return in_.error("42601", std::string("unterminated ") + what,
                   "It begins on " + line_number(line) + " and the file ends inside it.");
}

std::string name_of_token(std::string_view text) {
  constexpr size_t kMaxShown = 63;
  if (text.empty()) return "the end of the statement";
  auto at = [&](size_t i) { return i < text.size() ? static_cast<unsigned char>(text[i]) : -1; };
  size_t quote = is_letter(at(0)) && at(1) == '\'' ? 1 : is_letter(at(0)) && at(1) == '&' && at(2) == '\'' ? 2 : 0;
  if (at(quote) == '\'' || (at(0) == '$' && !is_digit(at(1)))) return "a string constant";
  size_t size = 1;
  if (at(0) == '"') {
    while (at(size) >= ' ' && at(size) != '"') ++size;
    return at(size) == '"' && size < kMaxShown ? std::string(text.substr(0, size + 1)) : "a quoted identifier";
  }
  if (at(0) < ' ' || at(0) == 0x7F) return "a control character";
  if (is_name_part(at(0)) || is_digit(at(0)))
    while (is_name_part(at(size))) ++size;
  if (size > kMaxShown) return "a long word";
  return "\"" + std::string(text.substr(0, size)) + "\"";
}

Error meta_command_error(DumpInput &in) {
  constexpr size_t kMaxCommandShown = 32;
  std::string word;
  int c = in.peek();
  if (c == '!' || c == '?') {
    word.push_back(static_cast<char>(c));
  } else {
    for (; word.size() < kMaxCommandShown && (is_letter(c) || c == '_'); c = in.peek(word.size()))
      word.push_back(static_cast<char>(c));
  }
  return in.error(
      "42601", "psql meta-command " + (word.empty() ? word : "\\" + word + " ") + "is not allowed in a dump",
      "Only \\connect to this database, \\restrict and \\unrestrict, each on a line of its own, are passed over.",
      "Take it out of the file: nothing of it is needed, since a load is the work of the server.");
}

}  // namespace pagila_repl
