// Opening a dump file safely and reading it.

#include "source/dump_file.hpp"

#include <fcntl.h>
#include <linux/magic.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include <cerrno>
#include <climits>
#include <cstring>
#include <system_error>

#include "pg/boundary.hpp"
#include "pg/fault.hpp"

extern "C" {
#include "common/cryptohash.h"
#include "common/sha2.h"
}

namespace pagila_repl {

namespace {

constexpr size_t kLongestPath = 1023;

std::string quoted(const std::string &path) { return "\"" + path + "\""; }

std::string reason(int error_number) { return std::generic_category().message(error_number); }

int64_t nanoseconds(const timespec &time) { return int64_t{time.tv_sec} * 1000000000 + time.tv_nsec; }

[[noreturn]] void throw_open_error(const std::string &path, int error_number) {
  std::string message = "could not open dump file " + quoted(path) + ": " + reason(error_number);
  switch (error_number) {
    case ENOENT:
    case ENOTDIR: throw Error("58P01", message, {}, "The file must be on the server's disk, not the client's.");
    case EACCES:
    case EPERM:
      throw Error("42501", message, {}, "The operating system user that runs the server must be able to read it.");
    case ELOOP:
      throw Error("42809", "dump file " + quoted(path) + " is a symbolic link", {},
                  "Give the path of the file itself.");
    case ENXIO:
    case ENODEV: throw Error("42809", "dump file " + quoted(path) + " is not a regular file");
    default: throw Error("58030", message);
  }
}

void check_not_virtual(int descriptor, const std::string &path) {
  struct statfs file_system;
  if (fstatfs(descriptor, &file_system) != 0) throw Error("58030", "could not examine " + quoted(path));
  for (auto magic :
       {PROC_SUPER_MAGIC, SYSFS_MAGIC, DEBUGFS_MAGIC, TRACEFS_MAGIC, CGROUP_SUPER_MAGIC, CGROUP2_SUPER_MAGIC})
    if (static_cast<unsigned long>(file_system.f_type) == static_cast<unsigned long>(magic))
      throw Error("42809", "dump file " + quoted(path) + " is not a regular file",
                  "It lies in a file system the kernel makes up.");
}

ssize_t try_to_read(int descriptor, char *buffer, size_t size, uint64_t offset) {
  if (int error_number = PR_FAULT_ERRNO("read")) {
    errno = error_number;
    return -1;
  }
  return pread(descriptor, buffer, size, static_cast<off_t>(offset));
}

size_t read_at(int descriptor, char *buffer, size_t size, uint64_t offset, const std::string &path) {
  for (;;) {
    ssize_t got = try_to_read(descriptor, buffer, size, offset);
    if (got >= 0) return static_cast<size_t>(got);
    if (errno != EINTR) throw Error("58030", "could not read dump file " + quoted(path) + ": " + reason(errno));
    guarded([] { CHECK_FOR_INTERRUPTS(); });
  }
}

class FileBytes : public ByteSource {
 public:
  FileBytes(int descriptor, const std::string &path, uint64_t begin, uint64_t end, Sha256 *hash)
      : descriptor_(descriptor), path_(path), at_(begin), end_(end), hash_(hash) {}

  size_t read(char *buffer, size_t size) override {
    guarded([] { CHECK_FOR_INTERRUPTS(); });
    size = static_cast<size_t>(std::min<uint64_t>(size, end_ - at_));
    if (size == 0) return 0;
    size_t got = read_at(descriptor_, buffer, size, at_, path_);
    if (got == 0)
      throw Error("55000", "dump file " + quoted(path_) + " changed during the run", "It has become shorter.");
    at_ += got;
    if (hash_ != nullptr) hash_->add(buffer, got);
    return got;
  }

 private:
  int descriptor_;
  const std::string &path_;
  uint64_t at_, end_;
  Sha256 *hash_;
};

}  // namespace

void check_dump_path(const std::string &path) {
  if (path.empty() || path[0] != '/')
    throw Error("22023", "path " + quoted(path) + " is not absolute", {},
                "Give the file's absolute path on the server.");
  if (path.size() > kLongestPath)
    throw Error(
        "22023", "path is too long",
        "It has " + std::to_string(path.size()) + " bytes, at most " + std::to_string(kLongestPath) + " are possible.");
  if ((path + "/").find("/../") != std::string::npos)
    throw Error("22023", "path " + quoted(path) + " contains \"..\"", {},
                "Give the file's absolute path on the server.");
}

Sha256::Sha256() : state_(nullptr) {
  auto *context = guarded([] { return pg_cryptohash_create(PG_SHA256); });
  if (context == nullptr || pg_cryptohash_init(context) < 0) throw Error("XX000", "could not start SHA-256");
  state_ = context;
}

Sha256::~Sha256() { pg_cryptohash_free(static_cast<pg_cryptohash_ctx *>(state_)); }

void Sha256::add(const char *bytes, size_t size) {
  if (pg_cryptohash_update(static_cast<pg_cryptohash_ctx *>(state_), reinterpret_cast<const uint8 *>(bytes), size) < 0)
    throw Error("XX000", "could not compute SHA-256");
}

std::string Sha256::hex() {
  uint8 digest[PG_SHA256_DIGEST_LENGTH];
  if (pg_cryptohash_final(static_cast<pg_cryptohash_ctx *>(state_), digest, sizeof digest) < 0)
    throw Error("XX000", "could not compute SHA-256");
  std::string text;
  for (uint8 byte : digest)
    for (int nibble : {byte >> 4, byte & 15}) text += "0123456789abcdef"[nibble];
  return text;
}

DumpFile::DumpFile(const std::string &path) : path_(path) {
  check_dump_path(path_);
  open();
  try {
    check_kind();
  } catch (...) {
    close(descriptor_);
    throw;
  }
}

DumpFile::~DumpFile() { close(descriptor_); }

void DumpFile::open() {
  descriptor_ = ::open(path_.c_str(), O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC | O_NOCTTY);
  if (descriptor_ < 0) throw_open_error(path_, errno);
}

void DumpFile::check_kind() {
  struct stat status;
  if (fstat(descriptor_, &status) != 0) throw Error("58030", "could not examine " + quoted(path_));
  if (S_ISDIR(status.st_mode)) {
    if (access((path_ + "/toc.dat").c_str(), F_OK) == 0)
      throw Error("0A000", "dump " + quoted(path_) + " is in pg_dump's directory format", {},
                  "Make a plain-text dump of it with pg_restore -f.");
    throw Error("42809", "dump file " + quoted(path_) + " is a directory");
  }
  if (!S_ISREG(status.st_mode)) throw Error("42809", "dump file " + quoted(path_) + " is not a regular file");
  check_not_virtual(descriptor_, path_);

  size_ = static_cast<uint64_t>(status.st_size);
  device_ = status.st_dev;
  inode_ = status.st_ino;
  modified_ns_ = nanoseconds(status.st_mtim);

  char head[512];
  size_t got = read_at(descriptor_, head, sizeof head, 0, path_);
  try {
    check_dump_signature({head, got});
  } catch (const Error &error) {
    throw error.within("file " + quoted(path_));
  }
}

std::string DumpFile::real_path() const {
  char target[PATH_MAX];
  std::string link = "/proc/self/fd/" + std::to_string(descriptor_);
  ssize_t length = readlink(link.c_str(), target, sizeof target);
  if (length < 0) throw Error("58030", "could not examine " + quoted(path_));
  return {target, static_cast<size_t>(length)};
}

bool DumpFile::is_same_file_as(const DumpFile &other) const {
  return device_ == other.device_ && inode_ == other.inode_;
}

void DumpFile::check_unchanged() const {
  struct stat status;
  if (fstat(descriptor_, &status) != 0) throw Error("58030", "could not examine " + quoted(path_));
  // The change time moves when a file is merely unlinked or renamed over, which is harmless: the descriptor stays.
  if (static_cast<uint64_t>(status.st_size) != size_ || nanoseconds(status.st_mtim) != modified_ns_)
    throw Error("55000", "dump file " + quoted(path_) + " changed during the run",
                "Its size or modification time differs.", "Write the file whole before loading it.");
}

std::unique_ptr<ByteSource> DumpFile::bytes(uint64_t begin, uint64_t end, Sha256 *hash) const {
  return std::make_unique<FileBytes>(descriptor_, path_, begin, end, hash);
}

}  // namespace pagila_repl
