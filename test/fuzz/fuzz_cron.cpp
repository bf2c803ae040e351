// libFuzzer target: any bytes as a cron expression, with the properties that hold for all of them.
#include <cstdio>
#include <cstdlib>
#include <string>

#include "../unit/local_zone.hpp"
#include "core/error.hpp"

namespace pagila_repl {
namespace {

void require(bool holds, const char *property) {
  if (holds) return;
  fprintf(stderr, "property does not hold: %s\n", property);
  abort();
}

void check_error(const Error &error) {
  require(error.sqlstate == "22023", "what is refused is an invalid value");
  require(!error.detail.empty() && error.detail.back() == '.', "details are sentences");
  require(!error.hint.empty() && error.message.size() < 1100, "there is a hint, and no message is endless");
}

void check_times(const Cron &cron, int64_t after, const UtcOffset &zone) {
  for (int i = 0; i < 3; ++i) {
    std::optional<int64_t> next = cron.next(after, zone);
    if (!next) return;
    require(*next > after, "the next time is later");
    require(cron.next(*next - 1, zone) == next, "there is no time between");
    require((*next + zone(*next)) % 60 == 0, "a minute has begun");
    after = *next;
  }
}

void check(std::string_view text, uint32_t hash) {
  int64_t (*const zones[])(int64_t) = {utc, kolkata, berlin, new_york, lord_howe, santiago, apia};
  Cron::is_meant(text);
  try {
    check_times(Cron(text), 1300000000 + hash % 100000000, zones[hash % 7]);
  } catch (const Error &error) {
    check_error(error);
  }
}

// Of bytes alone hardly any expression is right.
std::string in_letters_of_cron(std::string_view bytes) {
  constexpr std::string_view kLetters = "0123456789 *,-/ $@dailyhourymonthmarfrisun *12345 ";
  std::string text;
  for (char c : bytes) text += kLetters[static_cast<unsigned char>(c) % kLetters.size()];
  return text;
}

}  // namespace
}  // namespace pagila_repl

extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  using namespace pagila_repl;
  std::string_view bytes(reinterpret_cast<const char *>(data), size);
  uint32_t hash = 2166136261u;
  for (char c : bytes) hash = (hash ^ static_cast<unsigned char>(c)) * 16777619u;
  check(bytes, hash);
  check(in_letters_of_cron(bytes), hash);
  return 0;
}
