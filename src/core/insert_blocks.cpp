// Joins the INSERT statements of a dump that follow one another and are of one kind into blocks of rows.
#include "core/insert_blocks.hpp"

#include <utility>

namespace pagila_repl {
namespace {

constexpr size_t kPiece = 64 * 1024;
// Whether a statement belongs to the block may show only at its end. Its rows wait for that, if they are not more.
constexpr size_t kMaxHeld = 1024 * 1024;

}  // namespace

RowBlock InsertBlocks::next(RowSink *sink) {
  if (!statement_) begin_statement();
  std::swap(out_, held_);
  RowBlock block = begin_block();
  read_statement(block, true, sink);
  while (join_next_statement(block)) read_statement(block, false, sink);
  deliver(block, sink);
  return block;
}

void InsertBlocks::begin_statement() {
  frame_.statement_begins();
  statement_.emplace(in_, lexer_, max_row_);
}

RowBlock InsertBlocks::begin_block() const {
  RowBlock block;
  block.form = RowBlock::Form::insert;
  block.begin = statement_->begin();
  block.first_line = statement_->line();
  block.standard_conforming_strings = lexer_.standard_conforming_strings();
  block.utf8 = in_.checks_utf8();
  block.table = statement_->head().table;
  block.columns = statement_->head().columns;
  block.overriding = statement_->head().overriding;
  return block;
}

void InsertBlocks::read_statement(RowBlock &block, bool is_first, RowSink *sink) {
  for (;;) {
    if (!is_first && !belongs_to(block, *statement_))
      throw in_.error("0A000", "INSERT differs in form from the one before it",
                      "The INSERT that begins on " + line_number(statement_->line()) +
                          " has DEFAULT in other places or another ON CONFLICT, and is too long to be set apart.",
                      "Put another statement between the two.");
    if (statement_->ended()) break;
    deliver(block, sink);
    statement_->read(out_, kPiece);
  }
  if (is_first) {
    block.is_default = statement_->is_default();
    block.on_conflict_do_nothing = statement_->on_conflict_do_nothing();
  }
  block.rows += statement_->rows();
  block.end = in_.offset();
  statement_.reset();
  if (out_.size() >= kPiece) deliver(block, sink);
}

// Begins the next statement if it is an INSERT; if it is of another kind its rows are kept for the next block.
bool InsertBlocks::join_next_statement(const RowBlock &block) {
  if (!frame_.skip_to_statement() || !insert_begins(in_)) return false;
  begin_statement();
  size_t mark = out_.size();
  statement_->read(out_, mark + kMaxHeld);
  if (belongs_to(block, *statement_)) return true;
  held_.assign(out_, mark, std::string::npos);
  out_.resize(mark);
  return false;
}

void InsertBlocks::deliver(RowBlock &block, RowSink *sink) {
  if (out_.empty()) return;
  if (sink != nullptr) sink->rows(out_);
  block.bytes += out_.size();
  out_.clear();
}

}  // namespace pagila_repl
