// A dump file on the server's disk: opened once, checked, and read only through that one descriptor.
#pragma once

#include <memory>
#include <string>

#include "core/dump_reader.hpp"

namespace pagila_repl {

// A running SHA-256. Lives within one transaction, which owns what lies behind it.
class Sha256 {
 public:
  Sha256();
  ~Sha256();
  Sha256(const Sha256 &) = delete;
  Sha256 &operator=(const Sha256 &) = delete;
  void add(const char *bytes, size_t size);
  std::string hex();  // ends the computation

 private:
  void *state_;
};

// Throws 22023 for a path that is not absolute, too long, or leads upwards.
void check_dump_path(const std::string &path);

class DumpFile {
 public:
  // Opens a regular file by its absolute path. Throws 22023 (path), 58P01, 42501, 42809 (not a regular file),
  // 0A000 (an archive or compressed), 22021 (UTF-16), 58030. Never blocks on a FIFO, never follows a final symlink.
  explicit DumpFile(const std::string &path);
  ~DumpFile();
  DumpFile(const DumpFile &) = delete;
  DumpFile &operator=(const DumpFile &) = delete;

  const std::string &path() const { return path_; }
  // Where the file that was opened really lies, whatever the path leads to by now.
  std::string real_path() const;
  uint64_t size() const { return size_; }
  bool is_same_file_as(const DumpFile &other) const;
  // Throws 55000 if the file was written, truncated or touched since it was opened.
  void check_unchanged() const;

  // The bytes [begin, end) in order; hash, if given, sees each of them once. The file must outlive the source.
  std::unique_ptr<ByteSource> bytes(uint64_t begin, uint64_t end, Sha256 *hash = nullptr) const;

 private:
  void open();
  void check_kind();

  std::string path_;
  int descriptor_ = -1;
  uint64_t size_ = 0, device_ = 0, inode_ = 0;
  int64_t modified_ns_ = 0;
};

}  // namespace pagila_repl
