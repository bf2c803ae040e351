// Splits a plain-text pg_dump file into statements and blocks of rows, streaming, at fixed memory.
// Lexical rules are those of psql's scanner (psqlscan.l), except that psql accepts a truncated file and this does not.
// Pure C++: knows nothing of the server, decides nothing about what a statement means.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace pagila_repl {

// Where the bytes of a dump come from.
class ByteSource {
 public:
  virtual ~ByteSource() = default;
  // Reads up to `size` bytes, fewer only if fewer are there now; 0 at the end. Throws Error 58030.
  virtual size_t read(char *buffer, size_t size) = 0;
};

// Receives the rows of a block as COPY text, exactly as they are to be given to COPY later.
class RowSink {
 public:
  virtual ~RowSink() = default;
  virtual void rows(std::string_view copy_text) = 0;
  // What was given of the block so far does not count: it has turned out to hold expressions, and nothing is given of it.
  virtual void forget() {}
};

struct QualifiedName {
  std::string schema;  // empty when the dump did not write one
  std::string name;
};

// A block of rows and where it lies in the file, so that a second pass can deliver it again.
struct RowBlock {
  enum class Form { copy, insert };
  Form form = Form::copy;
  // Bytes of the file. copy: the data lines, without the line "\."; insert: the statements, with what is between them.
  uint64_t begin = 0, end = 0;
  uint64_t first_line = 0;                  // line of the file (from 1) on which `begin` lies
  uint64_t rows = 0;                        // copy: data lines; insert: value tuples
  bool rows_are_lines = true;               // false for CSV, whose rows may span lines, and for HEADER
  uint64_t bytes = 0;                       // bytes of COPY text delivered
  bool standard_conforming_strings = true;  // in force where the block begins
  bool utf8 = true;                         // UTF-8 was checked
  // insert only; for copy the statement's text says it all.
  // Some value is no plain literal, so only the server can tell what the rows are: the members below `overriding` say
  // nothing, `bytes` are those of the file, and `rows` is 0.
  bool has_expressions = false;
  QualifiedName table;
  std::vector<std::string> columns;  // as listed, empty when not listed
  enum class Overriding { none, system_value, user_value };
  Overriding overriding = Overriding::none;
  std::vector<bool> is_default;  // per value: the keyword DEFAULT in every row, so not part of the COPY text
  // Per value: which kinds of literal there are in any row, but for NULL. The server gives each kind a type before it
  // converts it to the column's, so that not every literal is what COPY would make of it.
  enum Literals : uint8_t { kStrings = 1, kIntegers = 2, kDecimals = 4, kBooleans = 8, kBits = 16 };
  std::vector<uint8_t> literals;
  bool on_conflict_do_nothing = false;  // every statement ends with ON CONFLICT DO NOTHING
};

struct DumpItem {
  enum class Kind { statement, copy, insert, connect };
  Kind kind = Kind::statement;
  // statement and copy: the statement, without the semicolon, comments inside kept; insert: empty; connect: the database
  // that \connect names, where a new session begins
  std::string text;
  uint64_t line = 0;            // of the statement's first character, from 1
  uint64_t begin = 0, end = 0;  // of a statement: bytes of the file
  std::string object;  // statement and copy: what it makes, or the last one before it, as pg_dump's comment says
  RowBlock block;      // copy and insert
};

struct DumpReaderOptions {
  uint64_t max_statement = 0x3fffffff;  // bytes; a longer statement: 54000; INSERT may be longer
  uint64_t max_line = 0x3fffffff;       // bytes of a data line or of the COPY text of a row; a longer one: 54000
  bool utf8 = true;                     // check UTF-8 from the start; a SET client_encoding in the file changes it
  size_t buffer = 256 * 1024;           // bytes read at once, at least 64
};

// One pass over a dump. Usage: for (;;) { auto item = reader.next(sink); if (!item) break; ... }
class DumpReader {
 public:
  // The source must outlive the reader.
  explicit DumpReader(ByteSource &source, DumpReaderOptions options = {});
  ~DumpReader();
  DumpReader(const DumpReader &) = delete;
  DumpReader &operator=(const DumpReader &) = delete;

  // The next statement or whole block of rows; nothing at the end of the file. A block's rows go to the sink (if any)
  // while it is read. Throws Error with context "line N".
  std::optional<DumpItem> next(RowSink *sink = nullptr);

  // Valid after next() returned nothing.
  bool has_header() const;  // the comment "-- PostgreSQL database dump" was there
  // The comment "-- PostgreSQL database dump complete" and its closing "--" line were there, no other dump began after them,
  // and no \restrict is open.
  bool has_trailer() const;
  uint64_t lines() const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

// Delivers the rows of an insert block again as COPY text. `source` stands at block.begin and ends at block.end.
class InsertRows {
 public:
  InsertRows(ByteSource &source, const RowBlock &block, size_t buffer = 256 * 1024);
  ~InsertRows();
  // As ByteSource::read: up to `size` bytes of COPY text, 0 at the end. Throws 55000 if they are not the block's rows.
  size_t read(char *buffer, size_t size);

 private:
  struct State;
  std::unique_ptr<State> state_;
};

// The statements of an insert block one by one, as they are written. `source` stands at block.begin and ends at block.end.
class InsertTexts {
 public:
  struct Text {
    std::string text;              // without the semicolon, comments inside kept
    uint64_t line = 0, begin = 0;  // of its first character: the line and the byte of the file
  };
  InsertTexts(ByteSource &source, const RowBlock &block);
  ~InsertTexts();
  // Nothing at the end. Throws 55000 if there is another statement than INSERT.
  std::optional<Text> next();

 private:
  struct State;
  std::unique_ptr<State> state_;
};

// What the first bytes of a file say it is, when it is not a plain dump. Throws Error 0A000 (PGDMP, tar, gzip, zstd,
// xz, bzip2, lz4, zip, cluster dump; hint names pg_restore or the decompressor) or 22021 (UTF-16). `head`: up to 512
// bytes.
void check_dump_signature(std::string_view head);

}  // namespace pagila_repl
