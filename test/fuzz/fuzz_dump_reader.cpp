// libFuzzer target: any bytes through DumpReader and InsertRows, with the properties that hold for all of them.
#include <cstdint>
#include <cstdio>
#include <cstdlib>

#include "../unit/dump_fixture.hpp"

namespace pagila_repl {
namespace {

void require(bool holds, const char *property) {
  if (holds) return;
  fprintf(stderr, "property does not hold: %s\n", property);
  abort();
}

bool same(const QualifiedName &a, const QualifiedName &b) { return a.schema == b.schema && a.name == b.name; }

bool same(const RowBlock &a, const RowBlock &b) {
  return a.form == b.form && a.begin == b.begin && a.end == b.end && a.first_line == b.first_line && a.rows == b.rows &&
         a.bytes == b.bytes && a.standard_conforming_strings == b.standard_conforming_strings && a.utf8 == b.utf8 &&
         a.rows_are_lines == b.rows_are_lines && same(a.table, b.table) && a.columns == b.columns &&
         a.has_expressions == b.has_expressions && a.literals == b.literals && a.is_default == b.is_default &&
         a.overriding == b.overriding && a.on_conflict_do_nothing == b.on_conflict_do_nothing;
}

bool same(const Pass::Item &a, const Pass::Item &b) {
  return a.kind == b.kind && a.text == b.text && a.line == b.line && a.rows == b.rows && same(a.block, b.block);
}

bool same(const std::optional<Error> &a, const std::optional<Error> &b) {
  if (!a || !b) return a.has_value() == b.has_value();
  return a->sqlstate == b->sqlstate && a->message == b->message && a->detail == b->detail && a->hint == b->hint &&
         a->context == b->context;
}

bool same(const Pass &a, const Pass &b) {
  return std::equal(a.items.begin(), a.items.end(), b.items.begin(), b.items.end(),
                    [](const Pass::Item &x, const Pass::Item &y) { return same(x, y); }) &&
         same(a.error, b.error) && a.header == b.header && a.trailer == b.trailer && a.lines == b.lines;
}

bool is_plain(const std::string &text) {
  return text.size() < 400 && std::all_of(text.begin(), text.end(), [](char c) { return c >= ' ' && c <= '~'; });
}

// Whatever is in the block is left to the server.
void check_expressions(std::string_view dump, const Pass::Item &item) {
  const RowBlock &block = item.block;
  require(item.rows.empty() && block.rows == 0, "what only the server can evaluate is given to nobody");
  require(block.bytes == block.end - block.begin, "bytes are those of the file");
  TextSource source(dump.substr(block.begin, block.end - block.begin));
  InsertTexts texts(source, block);
  size_t count = 0;
  while (std::optional<InsertTexts::Text> text = texts.next()) {
    require(dump.substr(text->begin, text->text.size()) == text->text, "a statement is where it says");
    count++;
  }
  require(count > 0, "there is a statement");
}

size_t count_newlines(std::string_view text) { return static_cast<size_t>(std::count(text.begin(), text.end(), '\n')); }

void check_error(const Error &error) {
  require(error.sqlstate.size() == 5, "an SQLSTATE has five characters");
  require(is_plain(error.message) && is_plain(error.detail) && is_plain(error.hint), "errors hold none of the file");
  require(error.context.rfind("line ", 0) == 0, "errors name their line");
}

void check_item(std::string_view dump, const Pass::Item &item, const DumpReaderOptions &options, size_t piece) {
  require(item.text.size() <= options.max_statement, "statements are not longer than allowed");
  require(item.line >= 1 && item.line <= count_newlines(dump) + 1, "items begin inside the file");
  if (item.kind == DumpItem::Kind::statement || item.kind == DumpItem::Kind::connect) {
    require(item.rows.empty(), "statements have no rows");
    return;
  }
  const RowBlock &block = item.block;
  require(block.begin <= block.end && block.end <= dump.size(), "blocks lie inside the file");
  if (block.has_expressions) return check_expressions(dump, item);
  require(block.bytes == item.rows.size(), "bytes counts what the sink received");
  require(block.rows == count_newlines(item.rows), "rows counts the lines the sink received");
  require(block.first_line == count_newlines(dump.substr(0, block.begin)) + 1, "first_line is the line of begin");
  if (item.kind == DumpItem::Kind::copy) {
    require(item.rows == dump.substr(block.begin, block.end - block.begin), "data lines are delivered as they are");
    return;
  }
  require(read_again(dump, block, piece, 64) == item.rows, "InsertRows delivers what the sink received");
}

bool changes_lexing(std::string_view dump) {
  std::string low(dump);
  std::transform(low.begin(), low.end(), low.begin(), [](unsigned char c) { return static_cast<char>(tolower(c)); });
  return low.find("standard") != std::string::npos || low.find("encoding") != std::string::npos ||
         low.find("names") != std::string::npos;
}

void check_statement_stands_alone(const Pass::Item &item) {
  // Behind a space, lest U+FEFF be taken for a byte order mark.
  DumpReaderOptions options;
  options.buffer = 4096;
  Pass again = read_all(" " + item.text + ";", SIZE_MAX, options);
  require(!again.error && again.items.size() == 1 && again.items[0].text == item.text, "a statement reads as itself");
}

}  // namespace
}  // namespace pagila_repl

extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  using namespace pagila_repl;
  std::string_view dump(reinterpret_cast<const char *>(data), size);
  uint32_t hash = 2166136261u;
  for (char c : dump) hash = (hash ^ static_cast<unsigned char>(c)) * 16777619u;

  DumpReaderOptions options;
  options.buffer = 4096;
  if (hash % 8 == 0) options.max_statement = options.max_line = 40;
  if (hash % 16 >= 14) options.utf8 = false;
  Pass whole = read_all(dump, SIZE_MAX, options);

  size_t piece = 1 + hash / 16 % 7;
  DumpReaderOptions cut = options;
  cut.buffer = 64;
  require(same(whole, read_all(dump, piece, cut)), "the result does not depend on how the source cuts its reads");

  if (whole.error) check_error(*whole.error);
  bool stable = options.utf8 && !changes_lexing(dump);
  for (const Pass::Item &item : whole.items) {
    check_item(dump, item, options, piece);
    if (stable && item.kind == DumpItem::Kind::statement) check_statement_stands_alone(item);
  }
  try {
    check_dump_signature(dump.substr(0, 512));
  } catch (const Error &error) {
    require(error.sqlstate == "0A000" || error.sqlstate == "22021", "a signature is not supported or not UTF-8");
  }
  return 0;
}
