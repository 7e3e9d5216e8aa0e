#include "speech/normalizer.h"

#include <unicode/locid.h>
#include <unicode/normalizer2.h>
#include <unicode/uchar.h>
#include <unicode/unistr.h>

#include <map>
#include <sstream>
#include <unordered_map>
#include <utility>

#include "english_numbers.h"
#include "pattern.h"
#include "speech/english_spelling.h"
#include "speech/error_rate.h"

namespace espalier::speech {
namespace {

using icu::UnicodeString;

std::string utf8_of(const UnicodeString& text) {
  std::string bytes;
  text.toUTF8String(bytes);
  return bytes;
}

std::string lower(const std::string& text) {
  return utf8_of(UnicodeString::fromUTF8(text).toLower(icu::Locale::getRoot()));
}

UnicodeString composed(const std::string& text, const icu::Normalizer2* form) {
  UErrorCode status = U_ZERO_ERROR;
  return form->normalize(UnicodeString::fromUTF8(text), status);
}

const icu::Normalizer2* nfkd() {
  UErrorCode status = U_ZERO_ERROR;
  return icu::Normalizer2::getNFKDInstance(status);
}
const icu::Normalizer2* nfkc() {
  UErrorCode status = U_ZERO_ERROR;
  return icu::Normalizer2::getNFKCInstance(status);
}

// Marks, symbols and punctuation: what separates words, or is nothing.
bool separates(UChar32 c) { return (U_GET_GC_MASK(c) & (U_GC_M_MASK | U_GC_S_MASK | U_GC_P_MASK)) != 0; }

// Letters that normalisation leaves whole, taken apart.
const std::map<UChar32, const char*>& whole_letters() {
  static const std::map<UChar32, const char*> letters = {
      {0x153, "oe"}, {0x152, "OE"}, {0xF8, "o"}, {0xD8, "O"}, {0xE6, "ae"}, {0xC6, "AE"}, {0xDF, "ss"}, {0x1E9E, "SS"},
      {0x111, "d"},  {0x110, "D"},  {0xF0, "d"}, {0xD0, "D"}, {0xFE, "th"}, {0xDE, "th"}, {0x142, "l"}, {0x141, "L"}};
  return letters;
}

// Diacritics go, other marks, symbols and punctuation become spaces, but for those that numbers need.
std::string plain_letters(const std::string& text) {
  static const UnicodeString kept = UnicodeString::fromUTF8(".%$¢€£");
  const auto apart = composed(text, nfkd());
  UnicodeString result;
  for (std::int32_t i = 0; i < apart.length(); i = apart.moveIndex32(i, 1)) {
    const auto c = apart.char32At(i);
    const auto letters = whole_letters().find(c);
    if (kept.indexOf(c) >= 0)
      result.append(c);
    else if (letters != whole_letters().end())
      result.append(UnicodeString::fromUTF8(letters->second));
    else if (u_charType(c) == U_NON_SPACING_MARK)
      continue;
    else
      result.append(separates(c) ? UChar32{' '} : c);
  }
  return utf8_of(result);
}

std::string without_symbols(const std::string& text) {
  const auto whole = composed(text, nfkc());
  UnicodeString result;
  for (std::int32_t i = 0; i < whole.length(); i = whole.moveIndex32(i, 1)) {
    const auto c = whole.char32At(i);
    result.append(separates(c) ? UChar32{' '} : c);
  }
  return utf8_of(result);
}

std::string without_brackets(const std::string& text) {
  static const Pattern brackets("[<\\[][^>\\]]*[>\\]]"), parentheses("\\(([^)]+?)\\)");
  return parentheses.replaced(brackets.replaced(text, ""), "");
}

std::string single_spaced(const std::string& text) {
  static const Pattern space("\\s+");
  return space.replaced(text, " ");
}

struct Replacement {
  Pattern pattern;
  std::string by;
};

// Contractions, titles and tenses, in this order: what comes first decides.
const std::vector<Replacement>& english_replacements() {
  static const std::vector<Replacement> all = [] {
    std::vector<Replacement> made;
    const std::pair<const char*, const char*> words[] = {
        {"won't", "will not"},      {"can't", "can not"},      {"let's", "let us"},      {"ain't", "aint"},
        {"y'all", "you all"},       {"wanna", "want to"},      {"gotta", "got to"},      {"gonna", "going to"},
        {"i'ma", "i am going to"},  {"imma", "i am going to"}, {"woulda", "would have"}, {"coulda", "could have"},
        {"shoulda", "should have"}, {"ma'am", "madam"},        {"mr", "mister "},        {"mrs", "missus "},
        {"st", "saint "},           {"dr", "doctor "},         {"prof", "professor "},   {"capt", "captain "},
        {"gov", "governor "},       {"ald", "alderman "},      {"gen", "general "},      {"sen", "senator "},
        {"rep", "representative "}, {"pres", "president "},    {"rev", "reverend "},     {"hon", "honorable "},
        {"asst", "assistant "},     {"assoc", "associate "},   {"lt", "lieutenant "},    {"col", "colonel "},
        {"jr", "junior "},          {"sr", "senior "},         {"esq", "esquire "}};
    for (const auto& [word, by] : words) made.push_back({Pattern("\\b" + std::string(word) + "\\b"), by});
    const std::pair<const char*, const char*> endings[] = {{"'d been", " had been"},
                                                           {"'s been", " has been"},
                                                           {"'d gone", " had gone"},
                                                           {"'s gone", " has gone"},
                                                           {"'d done", " had done"},
                                                           {"'s got", " has got"},
                                                           {"n't", " not"},
                                                           {"'re", " are"},
                                                           {"'s", " is"},
                                                           {"'d", " would"},
                                                           {"'ll", " will"},
                                                           {"'t", " not"},
                                                           {"'ve", " have"},
                                                           {"'m", " am"}};
    for (const auto& [ending, by] : endings) made.push_back({Pattern(std::string(ending) + "\\b"), by});
    return made;
  }();
  return all;
}

const std::unordered_map<std::string, std::string>& american_spellings() {
  static const std::unordered_map<std::string, std::string> spellings = [] {
    std::unordered_map<std::string, std::string> table;
    std::istringstream lines(english_spelling_table);
    for (std::string british, american; std::getline(lines, british, '\t') && std::getline(lines, american);)
      table.emplace(british, american);
    return table;
  }();
  return spellings;
}

std::string in_american(const std::string& text) {
  std::string result;
  for (const auto& word : words_of(text)) {
    const auto found = american_spellings().find(word);
    result += (result.empty() ? "" : " ") + (found == american_spellings().end() ? word : found->second);
  }
  return result;
}

std::string whisper_english(const std::string& text) {
  static const Pattern hesitations("\\b(hmm|mm|mhm|mmm|uh|um)\\b"), before_apostrophe("\\s+'"), commas("(\\d),(\\d)"),
      periods("\\.([^0-9]|$)"), lone_prefix("[.$¢€£]([^0-9])"), lone_percent("([^0-9])%");
  auto result = without_brackets(lower(text));
  result = hesitations.replaced(result, "");
  result = before_apostrophe.replaced(result, "'");
  for (const auto& [pattern, by] : english_replacements()) result = pattern.replaced(result, by);
  result = commas.replaced(result, "$1$2");
  result = periods.replaced(result, " $1");
  result = in_american(with_digits(plain_letters(result)));
  result = lone_prefix.replaced(result, " $1");
  result = lone_percent.replaced(result, "$1 ");
  return single_spaced(result);
}

std::string whisper_basic(const std::string& text) {
  return single_spaced(lower(without_symbols(without_brackets(lower(text)))));
}

std::string ascii(const std::string& text) {
  const auto apart = composed(text, nfkd());
  std::string result;
  for (std::int32_t i = 0; i < apart.length(); i = apart.moveIndex32(i, 1)) {
    const auto c = apart.char32At(i);
    if (c >= 0x80) continue;
    const char letter = static_cast<char>(c >= 'A' && c <= 'Z' ? c + 32 : c);
    const bool word = (letter >= 'a' && letter <= 'z') || (letter >= '0' && letter <= '9') || letter == '\'';
    if (word)
      result += letter;
    else if (!result.empty() && result.back() != ' ')
      result += ' ';
  }
  if (!result.empty() && result.back() == ' ') result.pop_back();
  return result;
}

}  // namespace

std::string normalized(Normalizer normalizer, const std::string& text) {
  switch (normalizer) {
    case Normalizer::WhisperEnglish: return whisper_english(text);
    case Normalizer::WhisperBasic: return whisper_basic(text);
    case Normalizer::Ascii: return ascii(text);
  }
  return text;
}

}  // namespace espalier::speech
