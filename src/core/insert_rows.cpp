// Delivers the rows or the statements of a block of INSERTs a second time, when somebody reads them.
#include <algorithm>
#include <cstring>
#include <optional>

#include "core/dump_frame.hpp"
#include "core/dump_input.hpp"
#include "core/dump_reader.hpp"
#include "core/insert_statement.hpp"
#include "core/sql_lexer.hpp"
#include "core/statement_text.hpp"

namespace pagila_repl {
namespace {

constexpr size_t kPiece = 64 * 1024;
constexpr size_t kBuffer = 256 * 1024;
constexpr uint64_t kNoLimit = UINT64_MAX / 2;
constexpr uint64_t kMaxStatement = 0x3fffffff;  // what the server can take

Error changed(const DumpInput &in, const RowBlock &block) {
  return in.error("55000", "dump file changed while it was read",
                  "The rows of the INSERT statements from " + line_number(block.first_line) +
                      " on are not those that were read before.",
                  "Run it again when nothing writes to the file.");
}

}  // namespace

struct InsertRows::State {
  State(ByteSource &source, const RowBlock &block_, size_t buffer)
      : block(block_),
        in(source, buffer, block_.utf8, block_.begin, block_.first_line),
        lexer(in, kNoLimit),
        frame(in, lexer) {
    lexer.set_standard_conforming_strings(block.standard_conforming_strings);
  }

  bool fill();
  bool begin_statement();

  RowBlock block;
  DumpInput in;
  SqlLexer lexer;
  DumpFrame frame;
  std::optional<InsertStatement> statement;
  std::string out;
  size_t taken = 0;  // of `out`
  uint64_t rows = 0, bytes = 0;
};

InsertRows::InsertRows(ByteSource &source, const RowBlock &block, size_t buffer)
    : state_(std::make_unique<State>(source, block, buffer)) {}
InsertRows::~InsertRows() = default;

size_t InsertRows::read(char *buffer, size_t size) {
  State &state = *state_;
  if (state.taken == state.out.size() && !state.fill()) return 0;
  size_t given = std::min(size, state.out.size() - state.taken);
  memcpy(buffer, state.out.data() + state.taken, given);
  state.taken += given;
  return given;
}

bool InsertRows::State::fill() {
  out.clear();
  taken = 0;
  while (out.size() < kPiece && (statement || begin_statement())) {
    statement->read(out, kPiece);
    if (!belongs_to(block, *statement)) throw changed(in, block);
    if (!statement->ended()) continue;
    rows += statement->rows();
    statement.reset();
  }
  bytes += out.size();
  if (out.empty() && (rows != block.rows || bytes != block.bytes)) throw changed(in, block);
  return !out.empty();
}

bool InsertRows::State::begin_statement() {
  if (!frame.skip_to_statement()) return false;
  if (!insert_begins(in)) throw changed(in, block);
  frame.statement_begins();
  statement.emplace(in, lexer, kNoLimit);
  return true;
}

struct InsertTexts::State {
  State(ByteSource &source, const RowBlock &block_)
      : block(block_),
        in(source, kBuffer, block_.utf8, block_.begin, block_.first_line),
        lexer(in, kMaxStatement),
        frame(in, lexer) {
    lexer.set_standard_conforming_strings(block.standard_conforming_strings);
  }

  RowBlock block;
  DumpInput in;
  SqlLexer lexer;
  DumpFrame frame;
};

InsertTexts::InsertTexts(ByteSource &source, const RowBlock &block) : state_(std::make_unique<State>(source, block)) {}
InsertTexts::~InsertTexts() = default;

std::optional<InsertTexts::Text> InsertTexts::next() {
  State &state = *state_;
  if (!state.frame.skip_to_statement()) return std::nullopt;
  if (!insert_begins(state.in)) throw changed(state.in, state.block);
  state.frame.statement_begins();
  uint64_t begin = state.in.offset();
  StatementText statement = read_statement_text(state.in, state.lexer);
  return Text{std::move(statement.text), statement.line, begin};
}

}  // namespace pagila_repl
