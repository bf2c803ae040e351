// What the first bytes of a file say it is, when it is not a plain dump.
#include "core/dump_reader.hpp"
#include "core/error.hpp"

namespace pagila_repl {
namespace {

using namespace std::string_view_literals;

struct Signature {
  size_t at;
  std::string_view bytes;
  const char *sqlstate;
  const char *message;
  const char *hint;
};

constexpr const char *kUtf16Hint = "Convert it with iconv, or make the dump with pg_dump --encoding=UTF8.";

constexpr Signature kSignatures[] = {
    {0, "PGDMP"sv, "0A000", "file is a pg_dump archive in custom format",
     "Turn it into plain SQL with pg_restore --file, or make the dump with pg_dump --format=plain."},
    {257, "ustar"sv, "0A000", "file is a tar archive",
     "Turn it into plain SQL with pg_restore --file, or make the dump with pg_dump --format=plain."},
    {0, "\x1f\x8b"sv, "0A000", "file is compressed with gzip", "Decompress it with gunzip."},
    {0, "\x28\xb5\x2f\xfd"sv, "0A000", "file is compressed with zstd", "Decompress it with unzstd."},
    {0, "\xfd\x37\x7a\x58\x5a\x00"sv, "0A000", "file is compressed with xz", "Decompress it with unxz."},
    {0, "BZh"sv, "0A000", "file is compressed with bzip2", "Decompress it with bunzip2."},
    {0, "\x04\x22\x4d\x18"sv, "0A000", "file is compressed with lz4", "Decompress it with unlz4."},
    {0, "PK\x03\x04"sv, "0A000", "file is a zip archive", "Unpack it with unzip."},
    {0, "\xff\xfe"sv, "22021", "file is in UTF-16", kUtf16Hint},
    {0, "\xfe\xff"sv, "22021", "file is in UTF-16", kUtf16Hint},
};

// ASCII in UTF-16: a dump begins with nothing else.
bool is_utf16_without_mark(std::string_view head) {
  if (head.size() < 4) return false;
  for (size_t zero : {0, 1})
    if (head[zero] == 0 && head[zero + 2] == 0 && head[1 - zero] != 0 && head[3 - zero] != 0) return true;
  return false;
}

// pg_dumpall writes this into the comment at the top.
bool is_cluster_dump(std::string_view head) {
  while (!head.empty()) {
    size_t size = head.find('\n');
    std::string_view line = head.substr(0, size);
    head.remove_prefix(size == std::string_view::npos ? head.size() : size + 1);
    if (!line.empty() && line.back() == '\r') line.remove_suffix(1);
    if (line == "-- PostgreSQL database cluster dump"sv) return true;
    if (!line.empty() && line.substr(0, 2) != "--"sv) return false;
  }
  return false;
}

}  // namespace

void check_dump_signature(std::string_view head) {
  for (const Signature &signature : kSignatures)
    if (head.size() >= signature.at + signature.bytes.size() &&
        head.substr(signature.at, signature.bytes.size()) == signature.bytes)
      throw Error(signature.sqlstate, signature.message, "Only plain SQL as pg_dump writes it can be loaded.",
                  signature.hint);
  if (is_utf16_without_mark(head))
    throw Error("22021", "file is in UTF-16", "Only plain SQL as pg_dump writes it can be loaded.", kUtf16Hint);
  if (head.substr(0, 3) == "\xef\xbb\xbf"sv) head.remove_prefix(3);
  if (is_cluster_dump(head))
    throw Error("0A000", "dump of a whole cluster cannot be loaded", "The file was written by pg_dumpall.",
                "Dump the database by itself with pg_dump.");
}

}  // namespace pagila_repl
