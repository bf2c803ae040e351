// Turns psql's patterns into regular expressions, by the rules of its patternToSQLRegex.

#include "core/name_pattern.hpp"

#include <vector>

#include "core/error.hpp"

namespace pagila_repl {

namespace {

Error no_pattern(std::string_view text, const std::string &why) {
  return Error("42601", "invalid pattern \"" + std::string(text) + "\"", why,
               "Patterns are those of psql's \\d commands, such as film, film*, shop.* or \"Mixed Case\".");
}

bool has_meaning_in_regex(char c) { return std::string_view("|*+?()[]{}.^$\\").find(c) != std::string_view::npos; }

bool is_upper(char c) { return c >= 'A' && c <= 'Z'; }

// One regular expression per part between dots. Bytes of multibyte characters are never ASCII in a server's encoding, so
// they pass as they are.
std::vector<std::string> regexes(std::string_view text) {
  std::vector<std::string> parts{""};
  bool quoted = false, any = false;
  auto end_part = [&] {
    if (!any) throw no_pattern(text, "A name in it is empty.");
    parts.back() = "^(" + parts.back() + ")$";
    any = false;
  };
  for (size_t i = 0; i < text.size(); i++) {
    char c = text[i];
    char next = i + 1 < text.size() ? text[i + 1] : '\0';
    std::string &part = parts.back();
    if (c == '\0') throw no_pattern(text.substr(0, i), "It contains a zero byte.");
    if (c == '"' && !(quoted && next == '"')) {
      quoted = !quoted;
      continue;
    }
    if (!quoted && c == '.') {
      end_part();
      parts.emplace_back();
      continue;
    }
    any = true;
    if (c == '"') {
      part += '"';
      i++;
    } else if (!quoted && is_upper(c)) {
      part += static_cast<char>(c - 'A' + 'a');
    } else if (!quoted && c == '*') {
      part += ".*";
    } else if (!quoted && c == '?') {
      part += '.';
    } else {
      // A dollar is a character of names, and [] an array rather than a bracket expression.
      if (c == '$' || (quoted && has_meaning_in_regex(c)) || (c == '[' && next == ']')) part += '\\';
      part += c;
    }
  }
  if (quoted) throw no_pattern(text, "A double quote in it is not closed.");
  end_part();
  return parts;
}

}  // namespace

NamePattern schema_pattern(std::string_view text) {
  std::vector<std::string> parts = regexes(text);
  if (parts.size() > 1) throw no_pattern(text, "It has a dot, but is to match names of schemas.");
  return {{}, parts[0]};
}

NamePattern relation_pattern(std::string_view text) {
  std::vector<std::string> parts = regexes(text);
  if (parts.size() > 2) throw no_pattern(text, "It has more than one dot: only a schema may come before the name.");
  if (parts.size() == 1) return {{}, parts[0]};
  return {parts[0], parts[1]};
}

}  // namespace pagila_repl
