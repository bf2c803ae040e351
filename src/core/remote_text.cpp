// Text of another server in our messages.

#include "core/remote_text.hpp"

#include <algorithm>
#include <cstdio>

namespace pagila_repl {

namespace {

bool is_state(std::string_view text) {
  return text.size() == 5 &&
         std::all_of(text.begin(), text.end(), [](char c) { return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z'); });
}

// The code point of a control or direction character of Unicode of which the text begins with the bytes, else 0.
unsigned invisible(std::string_view text) {
  auto byte = [&](size_t i) { return static_cast<unsigned char>(text[i]); };
  if (text.size() >= 2 && byte(0) == 0xC2 && byte(1) >= 0x80 && byte(1) <= 0x9F) return byte(1);
  if (text.size() < 3 || byte(0) != 0xE2) return 0;
  unsigned code = 0x2000 | (byte(1) & 0x3F) << 6 | (byte(2) & 0x3F);
  bool is_one =
      (code >= 0x200E && code <= 0x200F) || (code >= 0x2028 && code <= 0x202E) || (code >= 0x2066 && code <= 0x2069);
  return is_one ? code : 0;
}

// Takes the first line off the text, without the blanks around it.
std::string_view next_line(std::string_view &text) {
  size_t end = std::min(text.find('\n'), text.size());
  std::string_view line = text.substr(0, end);
  text.remove_prefix(std::min(end + 1, text.size()));
  size_t first = line.find_first_not_of(" \t\r");
  return first == std::string_view::npos ? std::string_view()
                                         : line.substr(first, line.find_last_not_of(" \t\r") - first + 1);
}

// "FATAL:  28P01: password authentication failed": where the state begins, npos if there is none.
size_t find_state(std::string_view line) {
  for (size_t at = line.find(":  "); at != std::string_view::npos; at = line.find(":  ", at + 1))
    if (is_state(line.substr(at + 3, 5)) && line.substr(at + 8, 2) == ": ") return at + 3;
  return std::string_view::npos;
}

// "LOCATION:  auth_failed, auth.c:338", in whatever language.
bool is_location(std::string_view line) {
  size_t source = line.rfind(".c:");
  return source != std::string_view::npos && line.find(":  ") < source &&
         line.find_first_not_of("0123456789", source + 3) == std::string_view::npos;
}

}  // namespace

std::string escape_controls(std::string_view text, bool is_utf8) {
  std::string escaped;
  char code[16];
  for (size_t i = 0; i < text.size(); ++i) {
    auto byte = static_cast<unsigned char>(text[i]);
    if (byte == '\n') {
      escaped += "\\n";
    } else if (byte == '\t') {
      escaped += "\\t";
    } else if (byte == '\r') {
      escaped += "\\r";
    } else if (byte < 0x20 || byte == 0x7F) {
      snprintf(code, sizeof code, "\\x%02X", byte);
      escaped += code;
    } else if (unsigned point = is_utf8 ? invisible(text.substr(i)) : 0; point != 0) {
      snprintf(code, sizeof code, "\\u%04X", point);
      escaped += code;
      i += point < 0x800 ? 1 : 2;
    } else {
      escaped += text[i];
    }
  }
  return escaped;
}

std::string one_line(std::string_view text) {
  std::string joined;
  while (!text.empty()) {
    std::string_view line = next_line(text);
    if (!line.empty()) joined.append(joined.empty() ? "" : " ").append(line);
  }
  return joined;
}

std::string error_state(std::string_view sqlstate, const char *otherwise) {
  bool is_error = is_state(sqlstate) && sqlstate.substr(0, 2) != "00" && sqlstate.substr(0, 2) != "01" &&
                  sqlstate.substr(0, 2) != "02";
  return is_error ? std::string(sqlstate) : otherwise;
}

ConnectFailure read_connect_failure(std::string_view text) {
  ConnectFailure failure;
  bool has_message = false;
  while (!text.empty()) {
    std::string line(next_line(text));
    if (line.empty() || is_location(line)) continue;
    size_t state = find_state(line);
    bool is_first_state = state != std::string::npos && failure.sqlstate.empty();
    if (is_first_state) failure.sqlstate = line.substr(state, 5);
    if (state != std::string::npos) line.erase(state, 7);
    if (!has_message || is_first_state) {
      // The address that answered says more than those that did not.
      if (has_message) failure.detail = failure.message + (failure.detail.empty() ? "" : " ") + failure.detail;
      failure.message = line;
      has_message = true;
    } else {
      failure.detail += (failure.detail.empty() ? "" : " ") + line;
    }
  }
  return failure;
}

}  // namespace pagila_repl
