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
    // Too long to be set apart from those before it, which are evaluated with it.
    if (!is_first && !belongs_to(block, *statement_)) statement_->take_as_expressions();
    if (statement_->has_expressions()) take_as_expressions(block, sink);
    if (statement_->ended()) break;
    deliver(block, sink);
    statement_->read(out_, kPiece);
  }
  if (!block.has_expressions) {
    if (is_first) {
      block.is_default = statement_->is_default();
      block.on_conflict_do_nothing = statement_->on_conflict_do_nothing();
      block.literals.resize(block.is_default.size());
    }
    for (size_t i = 0; i < block.literals.size(); i++) block.literals[i] |= statement_->literals()[i];
    block.rows += statement_->rows();
  }
  block.end = in_.offset();
  if (block.has_expressions) block.bytes = block.end - block.begin;
  statement_.reset();
  if (out_.size() >= kPiece) deliver(block, sink);
}

// Nothing that was read of the block counts any more.
void InsertBlocks::take_as_expressions(RowBlock &block, RowSink *sink) {
  out_.clear();
  if (block.has_expressions) return;
  if (sink != nullptr) sink->forget();
  block.has_expressions = true;
  block.is_default.clear();
  block.literals.clear();
  block.on_conflict_do_nothing = false;
  block.rows = 0;
}

// Begins the next statement if it is an INSERT; if it is of another kind its rows are kept for the next block.
bool InsertBlocks::join_next_statement(const RowBlock &block) {
  if (!frame_.skip_to_statement() || !insert_begins(in_)) return false;
  begin_statement();
  if (block.has_expressions) {
    if (!is_alike(block, *statement_) || statement_->head().is_default_values) return false;
    statement_->take_as_expressions();
    return true;
  }
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
