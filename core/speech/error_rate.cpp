#include "speech/error_rate.h"

#include <unicode/unistr.h>

#include <algorithm>
#include <unordered_map>

#include "alignment.h"

namespace espalier::speech {
namespace {

std::vector<std::uint32_t> characters_of(const std::string& text) {
  const auto unicode = icu::UnicodeString::fromUTF8(text);
  std::vector<std::uint32_t> characters;
  for (std::int32_t i = 0; i < unicode.length(); i = unicode.moveIndex32(i, 1))
    characters.push_back(static_cast<std::uint32_t>(unicode.char32At(i)));
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
  std::unordered_map<std::string, std::uint32_t> known;
  const auto numbers_of = [&](const std::string& text) {
    std::vector<std::uint32_t> numbers;
    for (auto& word : words_of(text))
      numbers.push_back(known.emplace(std::move(word), static_cast<std::uint32_t>(known.size())).first->second);
    return numbers;
  };
  const auto said = numbers_of(reference);
  return edits(said, numbers_of(hypothesis));
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
