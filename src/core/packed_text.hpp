// Packs texts into bytes and back: each as its length and its bytes. Both ends run on the same build.
#pragma once

#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>
#include <vector>

namespace pagila_repl {

class Packer {
 public:
  Packer &put(std::string_view value) {
    uint64_t length = value.size();
    bytes_.append(reinterpret_cast<const char *>(&length), sizeof length);
    bytes_.append(value);
    return *this;
  }
  Packer &put(bool value) { return put(std::string_view(value ? "1" : "0")); }
  Packer &put(const char *value) { return put(std::string_view(value)); }
  Packer &put_number(int64_t value) { return put(std::string_view(std::to_string(value))); }
  Packer &put(const std::vector<std::string> &values) {
    put_number(static_cast<int64_t>(values.size()));
    for (const std::string &value : values) put(std::string_view(value));
    return *this;
  }
  std::string bytes() const { return bytes_; }

 private:
  std::string bytes_;
};

class Unpacker {
 public:
  explicit Unpacker(std::string_view bytes) : rest_(bytes) {}
  std::string text() {
    uint64_t length = 0;
    memcpy(&length, rest_.data(), sizeof length);
    std::string value(rest_.substr(sizeof length, length));
    rest_.remove_prefix(sizeof length + length);
    return value;
  }
  bool flag() { return text() == "1"; }
  int64_t number() { return std::stoll(text()); }
  std::vector<std::string> texts() {
    std::vector<std::string> values(static_cast<size_t>(number()));
    for (std::string &value : values) value = text();
    return values;
  }

 private:
  std::string_view rest_;
};

}  // namespace pagila_repl
