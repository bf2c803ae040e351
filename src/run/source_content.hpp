// What a table of the source holds, asked for in portions, so that a source at work is never taken for one that stalls.
#pragma once

#include <string>

#include "source/connection.hpp"
#include "target/content.hpp"

namespace pagila_repl {

// A question for content that is on its way while this process does something else.
class SourceContent {
 public:
  // `query`: of content_query, for one table of about that many bytes; `oid` is its OID on the source.
  SourceContent(Connection &source, std::string query, uint32_t oid, uint64_t bytes);
  // Waits for all of it. Needs a transaction.
  Content take();

 private:
  void ask();

  Connection &source_;
  std::string query_;
  uint64_t blocks_ = 0, next_ = 0;  // 0 blocks: in one go
};

}  // namespace pagila_repl
