// How far what was heard is from what was said: substitutions, deletions and insertions of words and characters.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace espalier::speech {

struct EditCounts {
  std::int64_t substitutions = 0, deletions = 0, insertions = 0;
  std::int64_t reference = 0;  // words or characters said

  std::int64_t errors() const { return substitutions + deletions + insertions; }
  EditCounts& operator+=(const EditCounts& other);
  // Errors over what was said. Where nothing was said each insertion counts as one wrong word out of one: never
  // infinite, and 0 only where nothing was heard either. (Other programs give the number of insertions there.)
  double rate() const;
};

// The fewest edits (Levenshtein, 1966) that turn the reference into the hypothesis; where several ways are equally
// short, a substitution is taken before a deletion, a deletion before an insertion, from the end backwards. Time grows
// with the length of the texts times the edits between them, over 64; memory hardly faster than the texts.
EditCounts word_errors(const std::string& reference, const std::string& hypothesis);
// The same of Unicode characters, spaces included. Texts are UTF-8.
EditCounts character_errors(const std::string& reference, const std::string& hypothesis);

// Words between white space.
std::vector<std::string> words_of(const std::string& text);

}  // namespace espalier::speech
