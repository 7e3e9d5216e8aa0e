#include "speech/error_rate.h"

#include <unicode/unistr.h>

#include <algorithm>

namespace espalier::speech {
namespace {

enum class Step : std::uint8_t { Match, Substitute, Delete, Insert };

template <typename Item>
EditCounts edits(const std::vector<Item>& reference, const std::vector<Item>& hypothesis) {
  EditCounts counts;
  counts.reference = static_cast<std::int64_t>(reference.size());
  // Equal ends need no table.
  std::size_t start = 0, r_end = reference.size(), h_end = hypothesis.size();
  while (start < r_end && start < h_end && reference[start] == hypothesis[start]) ++start;
  while (r_end > start && h_end > start && reference[r_end - 1] == hypothesis[h_end - 1]) --r_end, --h_end;
  const std::size_t rows = r_end - start, columns = h_end - start;
  std::vector<std::uint32_t> above(columns + 1), now(columns + 1);
  std::vector<Step> steps((rows + 1) * (columns + 1), Step::Insert);
  for (std::size_t c = 0; c <= columns; ++c) above[c] = static_cast<std::uint32_t>(c);
  for (std::size_t r = 1; r <= rows; ++r) {
    now[0] = static_cast<std::uint32_t>(r);
    steps[r * (columns + 1)] = Step::Delete;
    for (std::size_t c = 1; c <= columns; ++c) {
      const bool same = reference[start + r - 1] == hypothesis[start + c - 1];
      const auto diagonal = above[c - 1] + (same ? 0 : 1);
      const auto deletion = above[c] + 1, insertion = now[c - 1] + 1;
      now[c] = std::min({diagonal, deletion, insertion});
      steps[r * (columns + 1) + c] = now[c] == diagonal   ? (same ? Step::Match : Step::Substitute)
                                     : now[c] == deletion ? Step::Delete
                                                          : Step::Insert;
    }
    std::swap(above, now);
  }
  for (std::size_t r = rows, c = columns; r > 0 || c > 0;) {
    switch (steps[r * (columns + 1) + c]) {
      case Step::Substitute: ++counts.substitutions; [[fallthrough]];
      case Step::Match: --r, --c; break;
      case Step::Delete: ++counts.deletions, --r; break;
      case Step::Insert: ++counts.insertions, --c; break;
    }
  }
  return counts;
}

std::vector<char32_t> characters_of(const std::string& text) {
  const auto unicode = icu::UnicodeString::fromUTF8(text);
  std::vector<char32_t> characters;
  for (std::int32_t i = 0; i < unicode.length(); i = unicode.moveIndex32(i, 1))
    characters.push_back(static_cast<char32_t>(unicode.char32At(i)));
  return characters;
}

}  // namespace

EditCounts& EditCounts::operator+=(const EditCounts& other) {
  substitutions += other.substitutions;
  deletions += other.deletions;
  insertions += other.insertions;
  reference += other.reference;
  return *this;
}

double EditCounts::rate() const {
  return static_cast<double>(errors()) / static_cast<double>(std::max<std::int64_t>(
                                             reference, std::max<std::int64_t>(1, reference == 0 ? insertions : 0)));
}

EditCounts word_errors(const std::string& reference, const std::string& hypothesis) {
  return edits(words_of(reference), words_of(hypothesis));
}

EditCounts character_errors(const std::string& reference, const std::string& hypothesis) {
  return edits(characters_of(reference), characters_of(hypothesis));
}

std::vector<std::string> words_of(const std::string& text) {
  std::vector<std::string> words;
  std::string word;
  for (const char c : text + ' ') {
    const bool space = c == ' ' || c == '\t' || c == '\n' || c == '\r' || c == '\v' || c == '\f';
    if (!space) {
      word += c;
    } else if (!word.empty()) {
      words.push_back(std::move(word));
      word.clear();
    }
  }
  return words;
}

}  // namespace espalier::speech
