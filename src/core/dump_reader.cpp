// Splits a plain-text pg_dump file into statements and blocks of rows.
#include "core/dump_reader.hpp"

#include "core/copy_lines.hpp"
#include "core/dump_frame.hpp"
#include "core/dump_input.hpp"
#include "core/insert_blocks.hpp"
#include "core/lexical_settings.hpp"
#include "core/sql_lexer.hpp"
#include "core/statement_text.hpp"

namespace pagila_repl {

struct DumpReader::State {
  State(ByteSource &source, const DumpReaderOptions &options_)
      : options(options_),
        in(source, options_.buffer, options_.utf8),
        lexer(in, options_.max_statement),
        frame(in, lexer),
        inserts(in, lexer, frame, options_.max_line) {}

  DumpItem connect();
  DumpItem read_insert_block(RowSink *sink);
  DumpItem read_other(RowSink *sink);

  DumpReaderOptions options;
  DumpInput in;
  SqlLexer lexer;
  DumpFrame frame;
  InsertBlocks inserts;
};

DumpReader::DumpReader(ByteSource &source, DumpReaderOptions options)
    : state_(std::make_unique<State>(source, options)) {}
DumpReader::~DumpReader() = default;

std::optional<DumpItem> DumpReader::next(RowSink *sink) {
  State &state = *state_;
  if (state.in.offset() == 0) state.in.skip_byte_order_mark();
  if (state.inserts.has_begun()) return state.read_insert_block(sink);
  DumpFrame::Next next = state.frame.skip_to_next();
  if (next == DumpFrame::Next::end) return std::nullopt;
  if (next == DumpFrame::Next::connect) return state.connect();
  if (insert_begins(state.in)) return state.read_insert_block(sink);
  return state.read_other(sink);
}

// A new session: whatever was set holds no more.
DumpItem DumpReader::State::connect() {
  reset_lexical_settings(in, lexer);
  DumpItem item;
  item.kind = DumpItem::Kind::connect;
  item.line = in.line();
  item.text = frame.database();
  return item;
}

DumpItem DumpReader::State::read_insert_block(RowSink *sink) {
  DumpItem item;
  item.kind = DumpItem::Kind::insert;
  item.block = inserts.next(sink);
  item.line = item.block.first_line;
  return item;
}

DumpItem DumpReader::State::read_other(RowSink *sink) {
  frame.statement_begins();
  uint64_t begin = in.offset();
  StatementText statement = read_statement_text(in, lexer);
  apply_lexical_setting(statement, in, lexer);
  DumpItem item;
  item.line = statement.line;
  item.begin = begin;
  item.end = in.offset();
  item.object = frame.object();
  if (statement.copy_from_stdin) {
    item.kind = DumpItem::Kind::copy;
    item.block = read_copy_lines(in, statement, options.max_line, sink);
    item.block.standard_conforming_strings = lexer.standard_conforming_strings();
    item.block.utf8 = in.checks_utf8();
    item.block.rows_are_lines = statement.copy_format == CopyFormat::text && !statement.copy_header;
  }
  item.text = std::move(statement.text);
  return item;
}

bool DumpReader::has_header() const { return state_->frame.has_header(); }
bool DumpReader::has_trailer() const { return state_->frame.has_trailer(); }
uint64_t DumpReader::lines() const { return state_->in.lines_passed(); }

}  // namespace pagila_repl
