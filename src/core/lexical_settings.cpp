// The SET statements that change how the rest of a dump is to be read.
#include "core/lexical_settings.hpp"

#include <algorithm>
#include <iterator>
#include <optional>

#include "core/characters.hpp"

namespace pagila_repl {
namespace {

struct Setting {
  std::string name, value;
};

std::string in_lower_case(const std::string &text) {
  std::string result;
  std::transform(text.begin(), text.end(), std::back_inserter(result), lower);
  return result;
}

// The content of a word, a "name" or a plain 'string'; nothing for other ways of writing it.
std::optional<std::string> content(const std::string &token) {
  if (token.empty()) return std::nullopt;
  if (token[0] != '\'' && token[0] != '"') {
    if (token[0] == '$' || token.find_first_of("'\"") != std::string::npos) return std::nullopt;
    return token;
  }
  std::string inside = token.substr(1, token.size() - 2);
  if (inside.find_first_of("'\"\\") != std::string::npos) return std::nullopt;
  return inside;
}

// SET [SESSION | LOCAL] name {= | TO} value, or SET NAMES value. Anything else has no name, or a value that is empty if
// it is written in a way not understood here.
Setting setting_of(const StatementText &statement, const DumpInput &in) {
  auto &tokens = statement.tokens;
  if (tokens.size() < 3 || !is_word(tokens[0], "set")) return {};
  size_t name_at = is_word(tokens[1], "session") || is_word(tokens[1], "local") ? 2 : 1;
  size_t value_at = name_at + 2;
  Setting setting;
  if (is_word(tokens[name_at], "names")) {
    setting.name = "client_encoding";
    value_at = name_at + 1;
  } else {
    std::optional<std::string> name = content(tokens[name_at]);
    if (!name)
      throw in.error("0A000", "SET is not in the form pg_dump writes",
                     "The name of the setting is written with escapes.");
    setting.name = in_lower_case(*name);
  }
  if (statement.token_count == value_at + 1) setting.value = in_lower_case(content(tokens[value_at]).value_or(""));
  return setting;
}

// As the server compares the names of encodings.
std::string letters_and_digits(const std::string &name) {
  std::string result;
  std::copy_if(name.begin(), name.end(), std::back_inserter(result),
               [](char c) { return is_letter(c) || is_digit(c); });
  return result;
}

bool is_one_of(const std::string &word, std::initializer_list<const char *> words) {
  return std::any_of(words.begin(), words.end(), [&](const char *each) { return word == each; });
}

void set_client_encoding(const std::string &value, DumpInput &in) {
  std::string encoding = letters_and_digits(value);
  bool unsafe = is_one_of(
      encoding, {"sjis", "shiftjis", "mskanji", "win932", "windows932", "shiftjis2004", "big5", "win950", "windows950",
                 "gbk", "win936", "windows936", "uhc", "win949", "windows949", "gb18030", "johab"});
  // An empty name is one written in a way not understood here, and so may be any of them.
  if (unsafe || encoding.empty())
    throw in.error("0A000", "client_encoding of the dump is not supported",
                   "In some encodings a quote or a backslash can be a part of another character.",
                   "Make the dump with pg_dump --encoding=UTF8.");
  in.check_utf8(is_one_of(encoding, {"utf8", "unicode"}));
}

// As the server reads booleans: any beginning of the words that is not ambiguous.
std::optional<bool> boolean(const std::string &value) {
  auto begins = [&](std::string_view word) { return !value.empty() && word.substr(0, value.size()) == value; };
  if (begins("true") || begins("yes") || value == "on" || value == "1") return true;
  if (begins("false") || begins("no") || value == "of" || value == "off" || value == "0") return false;
  return std::nullopt;
}

}  // namespace

void reset_lexical_settings(DumpInput &in, SqlLexer &lexer) {
  in.check_utf8(true);
  lexer.set_standard_conforming_strings(true);
}

void apply_lexical_setting(const StatementText &statement, DumpInput &in, SqlLexer &lexer) {
  auto &tokens = statement.tokens;
  bool is_reset = tokens.size() == 2 && is_word(tokens[0], "reset");
  if (is_reset && is_word(tokens[1], "all")) return reset_lexical_settings(in, lexer);
  Setting setting =
      is_reset ? Setting{in_lower_case(content(tokens[1]).value_or("")), "default"} : setting_of(statement, in);
  if (setting.value == "default" && setting.name == "client_encoding") return in.check_utf8(true);
  if (setting.value == "default" && setting.name == "standard_conforming_strings")
    return lexer.set_standard_conforming_strings(true);
  if (setting.name == "client_encoding") set_client_encoding(setting.value, in);
  if (setting.name == "standard_conforming_strings") {
    std::optional<bool> on = boolean(setting.value);
    if (!on) throw in.error("22023", "standard_conforming_strings is set to something that is not on or off");
    lexer.set_standard_conforming_strings(*on);
  }
}

}  // namespace pagila_repl
