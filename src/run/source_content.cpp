// Asks for the content of a table of the source.

#include "run/source_content.hpp"

#include <algorithm>

namespace pagila_repl {

namespace {
constexpr uint64_t kPortion = 65536;  // blocks
}

SourceContent::SourceContent(Connection &source, std::string query, uint32_t oid, uint64_t bytes)
    : source_(source), query_(std::move(query)) {
  if (bytes > kPortion * 8192)
    blocks_ = std::stoull(*source_.query_value(
        R"(SELECT pg_catalog.pg_relation_size($1::pg_catalog.oid)
                  / pg_catalog.int8in(pg_catalog.textout(pg_catalog.current_setting('block_size'))))",
        {std::to_string(oid)}));
  ask();
}

Content SourceContent::take() {
  Content all = content_of(source_.receive().at(0));
  while (next_ < blocks_) {
    ask();
    all = sum_of(all, content_of(source_.receive().at(0)));
  }
  return all;
}

void SourceContent::ask() {
  std::string range;
  if (blocks_ > 0) {
    range = "WHERE t.ctid >= '(" + std::to_string(next_) + ",0)'";
    next_ = std::min(next_ + kPortion, blocks_);
    // What lies beyond was added since, and is not of the snapshot; but it costs nothing to look.
    if (next_ < blocks_) range += " AND t.ctid < '(" + std::to_string(next_) + ",0)'";
  }
  std::string query = query_;
  size_t at = query.find(kRange);
  source_.send(query.replace(at, std::string(kRange).size(), range));
}

}  // namespace pagila_repl
