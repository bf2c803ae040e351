// Reads the option database_objects.

#include "core/database_object_kinds.hpp"

#include "core/run_choices.hpp"

namespace pagila_repl {

namespace {

struct Word {
  const char *word;
  bool DatabaseObjectKinds::*member;
};

constexpr Word kWords[] = {{"publications", &DatabaseObjectKinds::publications},
                           {"settings", &DatabaseObjectKinds::settings},
                           {"event_triggers", &DatabaseObjectKinds::event_triggers}};

}  // namespace

DatabaseObjectKinds database_object_kinds(const std::vector<std::string> &words) {
  DatabaseObjectKinds kinds;
  for (const std::string &word : words) {
    bool is_known = false;
    for (const Word &known : kWords)
      if (word == known.word) kinds.*known.member = is_known = true;
    if (!is_known)
      refuse_value("database_objects", word,
                   "It is an array of any of \"publications\", \"settings\" and \"event_triggers\".");
  }
  return kinds;
}

std::vector<std::string> words_of(const DatabaseObjectKinds &kinds) {
  std::vector<std::string> words;
  for (const Word &known : kWords)
    if (kinds.*known.member) words.emplace_back(known.word);
  return words;
}

}  // namespace pagila_repl
