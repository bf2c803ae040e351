// Reads cron expressions.

#include <algorithm>
#include <string>
#include <vector>

#include "core/characters.hpp"
#include "core/cron.hpp"
#include "core/error.hpp"

namespace pagila_repl {

namespace {

// As many as a list of all minutes needs, and some more.
constexpr size_t kMostCharacters = 1000;

constexpr const char *kHint =
    "Give minute, hour, day of month, month and day of week, as in \"30 3 * * mon-fri\", or one of @hourly, @daily, "
    "@midnight, @weekly, @monthly, @yearly, @annually.";

struct Field {
  const char *name;
  int low, high;
  int most_step;
  std::string_view names;  // of three letters each, from low
  const char *range;
};

constexpr Field kFields[] = {
    {"minute", 0, 59, 60, "", "between 0 and 59"},
    {"hour", 0, 23, 24, "", "between 0 and 23"},
    {"day of month", 1, 31, 31, "", "between 1 and 31, or $ for the last"},
    {"month", 1, 12, 12, "janfebmaraprmayjunjulaugsepoctnovdec", "between 1 and 12, or jan to dec"},
    {"day of week", 0, 7, 7, "sunmontuewedthufrisat", "between 0 and 7, or sun to sat"},
};

struct Nickname {
  const char *name, *meaning;
};

constexpr Nickname kNicknames[] = {
    {"@yearly", "0 0 1 1 *"}, {"@annually", "0 0 1 1 *"}, {"@monthly", "0 0 1 * *"}, {"@weekly", "0 0 * * 0"},
    {"@daily", "0 0 * * *"},  {"@midnight", "0 0 * * *"}, {"@hourly", "0 * * * *"},
};

std::string quoted(std::string_view text) { return "\"" + std::string(text) + "\""; }

[[noreturn]] void refuse(std::string_view expression, const std::string &detail) {
  throw Error("22023", "invalid cron expression: " + quoted(expression), detail, kHint);
}

std::vector<std::string_view> split(std::string_view text) {
  std::vector<std::string_view> fields;
  for (size_t end = 0;;) {
    size_t begin = text.find_first_not_of(" \t", end);
    if (begin == std::string_view::npos) return fields;
    end = std::min(text.find_first_of(" \t", begin), text.size());
    fields.push_back(text.substr(begin, end - begin));
  }
}

class FieldReader {
 public:
  FieldReader(std::string_view expression, const Field &field, std::string_view text)
      : expression_(expression), field_(field), text_(text) {}

  // Bit n: n. Of days of month, bit 0 is the last; of days of week, bit 7 is Sunday as well.
  uint64_t read() const {
    uint64_t bits = 0;
    for (std::string_view rest = text_;;) {
      size_t comma = rest.find(',');
      bits |= element(rest.substr(0, comma));
      if (comma == std::string_view::npos) return bits;
      rest.remove_prefix(comma + 1);
    }
  }

 private:
  uint64_t element(std::string_view text) const {
    if (text.empty()) wrong("it has an empty element");
    if (text == "$" && is_day_of_month()) return 1;
    size_t slash = text.find('/');
    std::string_view range = text.substr(0, slash);
    size_t dash = range.find('-');
    int first = field_.low, last = field_.high;
    if (range != "*") {
      first = last = value(range.substr(0, dash));
      if (dash != std::string_view::npos) last = end_of_range(first, range.substr(dash + 1));
      if (last < first) wrong("its range ends before it begins");
    }
    int step = 1;
    if (slash != std::string_view::npos) {
      step = number(text.substr(slash + 1));
      if (step < 1 || step > field_.most_step) wrong("its step is between 1 and " + std::to_string(field_.most_step));
      if (range != "*" && dash == std::string_view::npos) wrong("a step follows * or a range");
    }
    uint64_t bits = 0;
    for (int n = first; n <= last; n += step) bits |= uint64_t{1} << n;
    return bits;
  }

  // At the end of a range, Sunday is the day after Saturday.
  int end_of_range(int first, std::string_view text) const {
    int last = value(text);
    return last == 0 && first > 0 && !is_digit(text[0]) ? 7 : last;
  }

  int value(std::string_view text) const {
    int n = number(text);
    for (size_t i = 0; n < 0 && i < field_.names.size(); i += 3)
      if (is_word(text, field_.names.substr(i, 3))) n = field_.low + static_cast<int>(i / 3);
    if (n < field_.low || n > field_.high) wrong(std::string("it is ") + field_.range);
    return n;
  }

  // -1 if it is none; large ones are all the same.
  static int number(std::string_view text) {
    int n = text.empty() ? -1 : 0;
    for (char c : text) {
      if (!is_digit(c)) return -1;
      n = std::min(n * 10 + (c - '0'), 1000);
    }
    return n;
  }

  bool is_day_of_month() const { return field_.high == 31; }

  [[noreturn]] void wrong(const std::string &why) const {
    refuse(expression_, std::string("The ") + field_.name + " is " + quoted(text_) + ": " + why + ".");
  }

  std::string_view expression_;
  const Field &field_;
  std::string_view text_;
};

std::string_view meaning_of(std::string_view expression, std::string_view nickname) {
  for (const Nickname &known : kNicknames)
    if (is_word(nickname, known.name)) return known.meaning;
  if (is_word(nickname, "@reboot")) refuse(expression, "The start of the server is no time that a job can be due at.");
  refuse(expression, "There is no " + quoted(nickname) + ".");
}

bool may_be_minute_or_hour(std::string_view field) {
  return field.find_first_not_of("0123456789*,-/") == std::string_view::npos;
}

}  // namespace

Cron::Cron(std::string_view text) {
  if (text.size() > kMostCharacters)
    throw Error("22023", "invalid cron expression", "It has more than 1000 characters.", kHint);
  std::vector<std::string_view> fields = split(text);
  if (fields.size() == 1 && fields[0][0] == '@') fields = split(meaning_of(text, fields[0]));
  if (fields.size() != 5)
    refuse(text,
           "It has " + std::to_string(fields.size()) + (fields.size() == 1 ? " field" : " fields") + " and not five.");
  uint64_t bits[5];
  for (size_t i = 0; i < 5; ++i) bits[i] = FieldReader(text, kFields[i], fields[i]).read();
  minutes_ = bits[0];
  hours_ = static_cast<uint32_t>(bits[1]);
  days_ = static_cast<uint32_t>(bits[2] & ~uint64_t{1});
  last_day_ = (bits[2] & 1) != 0;
  months_ = static_cast<uint32_t>(bits[3]);
  weekdays_ = static_cast<uint32_t>((bits[4] | bits[4] >> 7) & 0x7f);
  any_hour_ = fields[1][0] == '*';
  any_day_ = fields[2][0] == '*';
  any_weekday_ = fields[4][0] == '*';
}

// An interval has no * and names a unit early; its @ stands before a number.
bool Cron::is_meant(std::string_view text) {
  std::vector<std::string_view> fields = split(text);
  if (fields.empty()) return false;
  if (fields[0][0] == '@') return fields[0].size() > 1 && is_letter(fields[0][1]);
  if (text.find('*') != std::string_view::npos) return true;
  return fields.size() >= 4 && may_be_minute_or_hour(fields[0]) && may_be_minute_or_hour(fields[1]);
}

}  // namespace pagila_repl
