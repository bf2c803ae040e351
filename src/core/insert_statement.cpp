// Reads one INSERT .. VALUES of a dump and turns its rows into COPY text.
#include "core/insert_statement.hpp"

#include <algorithm>
#include <iterator>

#include "core/characters.hpp"
#include "core/utf8.hpp"

namespace pagila_repl {
namespace {

constexpr size_t kMaxNameSize = 63;   // NAMEDATALEN - 1
constexpr size_t kMaxColumns = 1600;  // MaxHeapAttributeNumber
constexpr size_t kPieceOfString = 64 * 1024;

}  // namespace

bool insert_begins(DumpInput &in) {
  constexpr std::string_view kInsert = "insert";
  for (size_t i = 0; i < kInsert.size(); ++i)
    if (int c = in.peek(i); c == DumpInput::kEnd || lower(static_cast<char>(c)) != kInsert[i]) return false;
  return !is_name_part(in.peek(kInsert.size()));
}

InsertStatement::InsertStatement(DumpInput &in, SqlLexer &lexer, uint64_t max_row)
    : in_(in), lexer_(lexer), max_row_(max_row), begin_(in.offset()), line_(in.line()) {
  lexer_.start_text();
  read_head();
}

void InsertStatement::read(std::string &out, size_t enough) {
  if (state_ == State::expressions) return find_end();
  while (state_ != State::ended && state_ != State::expressions && out.size() < enough) {
    size_t before = out.size();
    switch (state_) {
      case State::row: read_row_start(); break;
      case State::value: read_value(out); break;
      case State::string: {
        // One byte more than is allowed is enough to know that the row is too long.
        uint64_t room = max_row_ - row_size_ + 1;
        size_t stop = out.size() + static_cast<size_t>(std::min<uint64_t>(room, enough - out.size()));
        if (string_.read(in_, out, stop)) state_ = State::after_value;
        break;
      }
      case State::after_value: read_after_value(out); break;
      case State::after_row: read_after_row(); break;
      case State::expressions:
      case State::ended: break;
    }
    row_size_ += out.size() - before;
    if (state_ == State::after_row || state_ == State::expressions) row_size_ = 0;
    if (row_size_ > max_row_)
      throw Error("54000", "row of INSERT is too long",
                  "A row may have up to " + std::to_string(max_row_) + " bytes as COPY text.")
          .within(line_number(in_.line()));
  }
}

// INSERT INTO [schema.]table [(column, ..)] [OVERRIDING {SYSTEM | USER} VALUE] {VALUES | DEFAULT VALUES}
void InsertStatement::read_head() {
  expect("insert");
  expect("into");
  head_.table.name = read_name();
  if (skip_gap() == '.') {
    in_.skip();
    head_.table.schema = std::move(head_.table.name);
    head_.table.name = read_name();
  }
  if (skip_gap() == '(') read_columns();
  std::string_view word = text(next_token());
  if (is_word(word, "overriding")) {
    word = text(next_token());
    if (is_word(word, "system"))
      head_.overriding = RowBlock::Overriding::system_value;
    else if (is_word(word, "user"))
      head_.overriding = RowBlock::Overriding::user_value;
    else
      throw not_values(word);
    expect("value");
    word = text(next_token());
  }
  if (is_word(word, "values")) return;
  if (!is_word(word, "default") || !head_.columns.empty()) throw not_values(word);
  expect("values");
  head_.is_default_values = true;
  state_ = State::after_value;
}

void InsertStatement::read_columns() {
  in_.skip();
  for (;;) {
    head_.columns.push_back(read_name());
    if (head_.columns.size() > kMaxColumns)
      throw in_.error("54011", "INSERT names too many columns",
                      "A table may have up to " + std::to_string(kMaxColumns) + " columns.");
    SqlToken token = next_token();
    if (token.is_symbol(')')) return;
    if (!token.is_symbol(',')) throw not_values(text(token));
  }
}

// Folded and cut as the server does.
std::string InsertStatement::read_name() {
  SqlToken token = next_token();
  std::string_view written = text(token);
  std::string name;
  if (token.kind == SqlToken::Kind::word) {
    std::transform(written.begin(), written.end(), std::back_inserter(name), lower);
  } else if (token.kind == SqlToken::Kind::quoted_name && written[0] == '"' && written.size() > 2) {
    for (size_t i = 1; i + 1 < written.size(); ++i) {
      name.push_back(written[i]);
      if (written[i] == '"') ++i;
    }
  } else {
    throw not_values(written);
  }
  if (in_.checks_utf8())
    name = clip_utf8(name, kMaxNameSize);
  else
    name.resize(std::min(name.size(), kMaxNameSize));
  return name;
}

void InsertStatement::read_row_start() {
  if (skip_gap() != '(') return give_up_literals(0);
  in_.skip();
  value_count_ = 0;
  row_has_text_ = false;
  state_ = State::value;
}

void InsertStatement::read_value(std::string &out) {
  int c = skip_gap();
  int after = in_.peek(1);
  char letter = lower(static_cast<char>(c));
  bool number = is_digit(c) || c == '.' || c == '-' || c == '+';
  bool prefixed = after == '\'' && (letter == 'e' || letter == 'b' || letter == 'x');
  if (c != '\'' && !number && !prefixed) {
    read_key_word_value(out);
    return;
  }
  add_value(out);
  if (state_ == State::expressions) return;
  state_ = State::after_value;
  if (number) {
    Number read = read_number(in_, out);
    if (read == Number::none) return give_up_literals(1);
    note_literal(read == Number::integer ? RowBlock::kIntegers : RowBlock::kDecimals);
    return;
  }
  note_literal(letter == 'b' || letter == 'x' ? RowBlock::kBits : RowBlock::kStrings);
  if (c == '\'') {
    begin_string(1, lexer_.standard_conforming_strings() ? StringLiteral::Kind::plain : StringLiteral::Kind::backslash);
  } else {
    // bit_in takes digits behind an x for hexadecimal.
    if (letter == 'x') out.push_back('x');
    begin_string(2, letter == 'e'   ? StringLiteral::Kind::backslash
                    : letter == 'b' ? StringLiteral::Kind::bits
                                    : StringLiteral::Kind::hex_digits);
  }
}

void InsertStatement::begin_string(size_t prefix, StringLiteral::Kind kind) {
  in_.advance(prefix, 0);
  string_ = StringLiteral(kind, in_.line());
  state_ = State::string;
}

void InsertStatement::read_key_word_value(std::string &out) {
  SqlToken token = next_token();
  std::string_view word = text(token);
  state_ = State::after_value;
  if (is_word(word, "default")) {
    note_value(true);
  } else if (is_word(word, "null") || is_word(word, "true") || is_word(word, "false")) {
    add_value(out);
    if (state_ == State::expressions) return;
    if (!is_word(word, "null")) note_literal(RowBlock::kBooleans);
    out.append(is_word(word, "null") ? "\\N" : is_word(word, "true") ? "true" : "false");
  } else {
    give_up_literals(token.is_symbol('(') ? 2 : token.is_symbol(')') ? 0 : 1);
  }
}

void InsertStatement::add_value(std::string &out) {
  note_value(false);
  if (row_has_text_) out.push_back('\t');
  row_has_text_ = true;
}

// The first row says where the DEFAULTs are.
void InsertStatement::note_value(bool is_default) {
  size_t at = value_count_++;
  if (rows_ == 0) {
    if (value_count_ > kMaxColumns) throw ragged();
    is_default_.push_back(is_default);
    literals_.push_back(0);
  } else if (at >= is_default_.size()) {
    throw ragged();
  } else if (is_default_[at] != is_default) {
    // Only COPY of all rows without this column would do, or with it.
    give_up_literals(1);
  }
}

void InsertStatement::read_after_value(std::string &out) {
  if (is_default_.empty() && value_count_ == 0) {
    end_row(out);
    return;
  }
  int c = skip_gap();
  if (c == '\'' && state_ == State::after_value && value_count_ > 0) {
    // It goes on from the one before, 'a' newline 'b', or is out of place, which the server's parser tells.
    scratch_.clear();
    lexer_.continue_string(scratch_, string_.kind() == StringLiteral::Kind::backslash);
    return give_up_literals(1);
  }
  if (c != ',' && c != ')') return give_up_literals(1);
  in_.skip();
  if (c == ',')
    state_ = State::value;
  else
    end_row(out);
}

void InsertStatement::end_row(std::string &out) {
  bool as_many_as_named = head_.columns.empty() || head_.columns.size() == value_count_;
  if (value_count_ != is_default_.size() || !as_many_as_named) throw ragged();
  out.push_back('\n');
  ++rows_;
  state_ = State::after_row;
}

// , or [ON CONFLICT [target] DO NOTHING] [RETURNING columns] ;
void InsertStatement::read_after_row() {
  int c = skip_gap();
  if (c == ',' && !is_default_.empty()) {
    in_.skip();
    state_ = State::row;
    return;
  }
  if (c != ';') {
    SqlToken token = next_token();
    if (is_word(text(token), "on")) {
      read_on_conflict();
      if (skip_gap() != ';') token = next_token();
    }
    if (in_.peek() != ';') {
      if (!is_word(text(token), "returning")) throw not_values(text(token));
      read_returning();
    }
  }
  in_.skip();
  state_ = State::ended;
}

// Which conflicts it means does not matter: a row that it would leave out fails the run.
void InsertStatement::read_on_conflict() {
  expect("conflict");
  int depth = 0;
  for (;;) {
    SqlToken token = next_token();
    if (token.is_symbol('(')) ++depth;
    if (token.is_symbol(')')) --depth;
    if (depth <= 0 && token.is_symbol(';')) throw not_values(text(token));
    if (depth == 0 && token.kind == SqlToken::Kind::word && is_word(text(token), "do")) break;
  }
  expect("nothing");
  do_nothing_ = true;
}

// Nobody reads what it returns, so columns do nothing.
void InsertStatement::read_returning() {
  while (skip_gap() != ';') {
    SqlToken token = next_token();
    bool is_name = token.kind == SqlToken::Kind::word || token.kind == SqlToken::Kind::quoted_name;
    if (!is_name && !token.is_symbol('.') && !token.is_symbol(',') && !token.is_symbol('*'))
      throw not_values(text(token));
  }
}

void InsertStatement::take_as_expressions() {
  has_expressions_ = true;
  if (state_ == State::ended || state_ == State::expressions) return;
  bool in_row = state_ != State::row && state_ != State::after_row;
  if (state_ == State::string) {
    do scratch_.clear();
    while (!string_.read(in_, scratch_, kPieceOfString));
    scratch_.clear();
    if (skip_gap() == '\'') lexer_.continue_string(scratch_, string_.kind() == StringLiteral::Kind::backslash);
  }
  give_up_literals(in_row ? 1 : 0);
}

// The input stands at a token inside so many parentheses.
void InsertStatement::give_up_literals(int depth) {
  has_expressions_ = true;
  depth_ = depth;
  state_ = State::expressions;
}

void InsertStatement::find_end() {
  for (;;) {
    SqlToken token = next_token();
    if (token.is_symbol('(')) ++depth_;
    if (token.is_symbol(')') && depth_ > 0) --depth_;
    if (token.is_symbol(';') && depth_ == 0) break;
  }
  state_ = State::ended;
}

void InsertStatement::expect(const char *word) {
  SqlToken token = next_token();
  if (token.kind != SqlToken::Kind::word || !is_word(text(token), word)) throw not_values(text(token));
}

// A backslash here is an attempt at a meta-command, whatever else the statement is.
SqlToken InsertStatement::next_token() {
  scratch_.clear();
  SqlToken token = lexer_.next(scratch_);
  if (token.kind == SqlToken::Kind::end) throw ended_early();
  if (token.is_symbol('\\')) throw meta_command_error(in_);
  return token;
}

std::string_view InsertStatement::text(const SqlToken &token) const {
  return std::string_view(scratch_).substr(token.begin, token.size);
}

// The byte behind white space and comments.
int InsertStatement::skip_gap() {
  int c = in_.peek();
  while (c == ' ' || c == '\n') {
    in_.skip();
    c = in_.peek();
  }
  if (!is_space(c) && c != '-' && c != '/') return c;
  scratch_.clear();
  lexer_.gap(scratch_);
  return in_.peek();
}

Error InsertStatement::not_values(std::string_view token) const {
  // The dump may be in another encoding than whoever reads the message.
  bool is_ascii = std::all_of(token.begin(), token.end(), [](char c) { return c > 0; });
  std::string name = is_ascii ? name_of_token(token) : "a name in other than ASCII letters";
  return in_.error("0A000", "INSERT is not of the form that a dump may contain, at " + name,
                   "A dump may contain INSERT INTO table [(columns)] [OVERRIDING SYSTEM VALUE] VALUES (...), ... "
                   "[ON CONFLICT ... DO NOTHING] [RETURNING columns].",
                   "Load the rows in this form, or with COPY, as pg_dump writes them.");
}

Error InsertStatement::ended_early() const {
  return in_.error("42601", "statement is not terminated",
                   "The INSERT that begins on " + line_number(line_) + " has no semicolon.");
}

Error InsertStatement::ragged() const {
  return in_.error("42601", "INSERT has a row with a wrong number of values",
                   "The row that ends on " + line_number(in_.line()) +
                       " does not have as many values as the columns named or the row before it.");
}

bool is_alike(const RowBlock &block, const InsertStatement &statement) {
  const InsertHead &head = statement.head();
  return head.table.schema == block.table.schema && head.table.name == block.table.name &&
         head.columns == block.columns && head.overriding == block.overriding;
}

bool belongs_to(const RowBlock &block, const InsertStatement &statement) {
  if (!is_alike(block, statement) || block.has_expressions != statement.has_expressions()) return false;
  if (block.has_expressions) return true;
  const std::vector<bool> &known = statement.is_default();
  bool first_row_ended = statement.rows() > 0;
  if (first_row_ended ? known.size() != block.is_default.size() : known.size() > block.is_default.size()) return false;
  if (!std::equal(known.begin(), known.end(), block.is_default.begin())) return false;
  return !statement.ended() || statement.on_conflict_do_nothing() == block.on_conflict_do_nothing;
}

}  // namespace pagila_repl
