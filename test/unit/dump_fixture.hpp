// What the tests of the dump reader share: a source that cuts its reads, a sink that keeps all, a whole pass in one
// call.
#pragma once

#include <algorithm>
#include <cstring>
#include <optional>
#include <string>
#include <vector>

#include "core/dump_reader.hpp"
#include "core/error.hpp"

namespace pagila_repl {

// Gives `bytes` in reads of at most `piece`.
class TextSource : public ByteSource {
 public:
  explicit TextSource(std::string_view bytes, size_t piece = SIZE_MAX) : bytes_(bytes), piece_(piece) {}
  size_t read(char *buffer, size_t size) override {
    size_t given = std::min({size, piece_, bytes_.size()});
    memcpy(buffer, bytes_.data(), given);
    bytes_.remove_prefix(given);
    return given;
  }

 private:
  std::string_view bytes_;
  size_t piece_;
};

class TextSink : public RowSink {
 public:
  void rows(std::string_view copy_text) override { text.append(copy_text); }
  void forget() override { text.clear(); }
  std::string text;
};

// Everything one pass gives.
struct Pass {
  struct Item : DumpItem {
    std::string rows;  // what the sink received for it
  };
  std::vector<Item> items;
  std::optional<Error> error;
  bool header = false, trailer = false;
  uint64_t lines = 0;
};

inline Pass read_all(std::string_view dump, size_t piece = SIZE_MAX, DumpReaderOptions options = {}) {
  Pass pass;
  TextSource source(dump, piece);
  DumpReader reader(source, options);
  try {
    for (;;) {
      TextSink sink;
      std::optional<DumpItem> item = reader.next(&sink);
      if (!item) break;
      pass.items.push_back({*item, sink.text});
    }
    pass.header = reader.has_header();
    pass.trailer = reader.has_trailer();
    pass.lines = reader.lines();
  } catch (const Error &error) {
    pass.error = error;
  }
  return pass;
}

// The block's rows again, as InsertRows gives them.
inline std::string read_again(std::string_view dump, const RowBlock &block, size_t piece = SIZE_MAX,
                              size_t buffer = 4096) {
  TextSource source(dump.substr(block.begin, block.end - block.begin), piece);
  InsertRows rows(source, block, buffer);
  std::string text, got(100, '\0');
  while (size_t size = rows.read(got.data(), got.size())) text.append(got, 0, size);
  return text;
}

inline std::vector<std::string> statements(const Pass &pass) {
  std::vector<std::string> texts;
  for (const Pass::Item &item : pass.items) texts.push_back(item.text);
  return texts;
}

inline std::string sqlstate(const Pass &pass) { return pass.error ? pass.error->sqlstate : "00000"; }

}  // namespace pagila_repl
