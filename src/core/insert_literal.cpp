// Turns the literals that pg_dump writes in INSERT into COPY text, piece by piece.
#include "core/insert_literal.hpp"

#include <array>

#include "core/characters.hpp"
#include "core/utf8.hpp"

namespace pagila_repl {
namespace {

// What ends a run of bytes that are the same in the literal and in COPY text.
constexpr std::array<bool, 256> make_stops() {
  std::array<bool, 256> stops{};
  for (int i = 0; i < 128; ++i) stops[static_cast<size_t>(i)] = copy_escape(static_cast<char>(i)) != 0;
  stops['\''] = true;
  return stops;
}
constexpr std::array<bool, 256> kStops = make_stops();

// More than numeric can hold.
constexpr size_t kMaxNumberDigits = 200000;

int digit_value(int c) { return is_digit(c) ? c - '0' : lower(static_cast<char>(c)) - 'a' + 10; }

Error escape_error(const DumpInput &in) {
  return in.error("42601", "invalid Unicode escape in a string",
                  "A string of an INSERT has an escape that is no character, or half of one.");
}

}  // namespace

void append_copy_escaped(std::string &out, char byte) {
  char letter = copy_escape(byte);
  if (letter != 0) {
    out.push_back('\\');
    out.push_back(letter);
  } else {
    out.push_back(byte);
  }
}

bool StringLiteral::read(DumpInput &in, std::string &out, size_t enough) {
  while (out.size() < enough) {
    std::string_view window = in.window().substr(0, enough - out.size());
    if (window.empty())
      throw in.error("42601", "unterminated quoted string",
                     "It begins on " + line_number(line_) + " and the file ends inside it.");
    size_t run = 0;
    if (kind_ == Kind::plain || kind_ == Kind::backslash)
      while (run < window.size() && !kStops[static_cast<unsigned char>(window[run])]) ++run;
    out.append(window.substr(0, run));
    in.advance(run, 0);
    if (run == window.size()) continue;

    int c = in.peek();
    if (c == '\'') {
      bool doubled = in.peek(1) == '\'';
      in.skip();
      if (!doubled) return true;
      in.skip();
      out.push_back('\'');
    } else if (kind_ == Kind::bits || kind_ == Kind::hex_digits) {
      take_digit(in, out);
    } else if (c == '\\' && kind_ == Kind::backslash) {
      in.skip();
      read_escape(in, out);
    } else {
      append_copy_escaped(out, static_cast<char>(c));
      in.skip();
    }
  }
  return false;
}

void StringLiteral::take_digit(DumpInput &in, std::string &out) {
  int c = in.peek();
  bool good = kind_ == Kind::bits ? c == '0' || c == '1' : is_hex_digit(c);
  if (!good)
    throw in.error("42601", "invalid digit in a bit string",
                   kind_ == Kind::bits ? "B'...' holds 0 and 1." : "X'...' holds hexadecimal digits.");
  out.push_back(static_cast<char>(c));
  in.skip();
}

// The input stands behind the backslash. As in scan.l; \v is the letter v there.
void StringLiteral::read_escape(DumpInput &in, std::string &out) {
  int c = in.peek();
  if (c == DumpInput::kEnd) return;
  if (c == 'u' || c == 'U') {
    std::string character;
    append_utf8(character, read_code_point(in));
    for (char byte : character) append_copy_escaped(out, byte);
    return;
  }
  int base = is_digit(c) && c < '8' ? 8 : c == 'x' && is_hex_digit(in.peek(1)) ? 16 : 0;
  if (base == 0) {
    const std::string_view letters = "bfnrt", bytes = "\b\f\n\r\t";
    size_t at = letters.find(static_cast<char>(c));
    append_copy_escaped(out, at == std::string_view::npos ? static_cast<char>(c) : bytes[at]);
    in.skip();
    return;
  }
  if (base == 16) in.skip();
  unsigned value = 0;
  for (int i = 0; i < (base == 8 ? 3 : 2); ++i) {
    int digit = in.peek();
    if (base == 8 ? !(is_digit(digit) && digit < '8') : !is_hex_digit(digit)) break;
    value = value * static_cast<unsigned>(base) + static_cast<unsigned>(digit_value(digit));
    in.skip();
  }
  if ((value & 0xFF) == 0)
    throw in.error("22021", "invalid byte sequence for encoding \"UTF8\": 0x00", "A string has an escape for NUL.");
  append_copy_escaped(out, static_cast<char>(value & 0xFF));
}

// \u and four hex digits, \U and eight, or two of them that are a surrogate pair.
unsigned StringLiteral::read_code_point(DumpInput &in) {
  auto read_one = [&] {
    int digits = in.peek() == 'u' ? 4 : 8;
    in.skip();
    uint64_t value = 0;
    for (int i = 0; i < digits; ++i) {
      if (!is_hex_digit(in.peek())) throw escape_error(in);
      value = value * 16 + static_cast<uint64_t>(digit_value(in.peek()));
      in.skip();
    }
    if (value == 0 || value > 0x10FFFF) throw escape_error(in);
    return static_cast<unsigned>(value);
  };
  unsigned value = read_one();
  if (value >= 0xDC00 && value <= 0xDFFF) throw escape_error(in);
  if (value >= 0xD800 && value <= 0xDBFF) {
    if (in.peek() != '\\' || (in.peek(1) != 'u' && in.peek(1) != 'U')) throw escape_error(in);
    in.skip();
    unsigned low = read_one();
    if (low < 0xDC00 || low > 0xDFFF) throw escape_error(in);
    value = 0x10000 + ((value - 0xD800) << 10) + (low - 0xDC00);
  }
  if (value > 0x7F && !in.checks_utf8())
    throw in.error("0A000", "Unicode escape in a dump that is not in UTF-8",
                   "A string of an INSERT has an escape that would have to be converted.",
                   "Make the dump with pg_dump --encoding=UTF8.");
  return value;
}

Number read_number(DumpInput &in, std::string &out) {
  auto take = [&] {
    out.push_back(static_cast<char>(in.peek()));
    in.skip();
  };
  auto take_digits = [&] {
    size_t digits = 0;
    for (; is_digit(in.peek()) && digits <= kMaxNumberDigits; ++digits) take();
    return digits;
  };
  if (in.peek() == '-' || in.peek() == '+') take();
  size_t whole = take_digits(), fraction = 0;
  bool decimal = in.peek() == '.';
  if (decimal) {
    take();
    fraction = take_digits();
  }
  if (whole + fraction == 0 || whole > kMaxNumberDigits || fraction > kMaxNumberDigits) return Number::none;
  if (in.peek() == 'e' || in.peek() == 'E') {
    decimal = true;
    take();
    if (in.peek() == '-' || in.peek() == '+') take();
    if (take_digits() == 0) return Number::none;
  }
  return decimal ? Number::decimal : Number::integer;
}

}  // namespace pagila_repl
