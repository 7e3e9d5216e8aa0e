#include "pattern.h"

#include <espalier/error.h>
#include <unicode/regex.h>
#include <unicode/unistr.h>

namespace espalier::speech {
namespace {

constexpr const char* white_space = "[\\s\\x{0B}\\x{1C}-\\x{1F}\\x{85}]";

icu::UnicodeString unicode(const std::string& text) { return icu::UnicodeString::fromUTF8(text); }

std::string utf8(const icu::UnicodeString& text) {
  std::string bytes;
  text.toUTF8String(bytes);
  return bytes;
}

}  // namespace

struct Pattern::State {
  std::unique_ptr<icu::RegexPattern> pattern;
  std::unique_ptr<icu::RegexMatcher> matcher(const icu::UnicodeString& text) const {
    UErrorCode status = U_ZERO_ERROR;
    return std::unique_ptr<icu::RegexMatcher>(pattern->matcher(text, status));
  }
};

Pattern::Pattern(const std::string& expression) : state_(std::make_unique<State>()) {
  std::string own = expression;
  for (std::size_t place = 0; (place = own.find("\\s", place)) != std::string::npos;) {
    own.replace(place, 2, white_space);
    place += std::string(white_space).size();
  }
  UErrorCode status = U_ZERO_ERROR;
  UParseError where{};
  state_->pattern.reset(icu::RegexPattern::compile(unicode(own), where, status));
  if (U_FAILURE(status) != 0) throw SettingsError("this ICU cannot compile the expression " + expression);
}
Pattern::~Pattern() = default;
Pattern::Pattern(Pattern&&) noexcept = default;

std::string Pattern::replaced(const std::string& text, const std::string& replacement) const {
  const auto input = unicode(text);
  UErrorCode status = U_ZERO_ERROR;
  return utf8(state_->matcher(input)->replaceAll(unicode(replacement), status));
}

std::vector<std::string> Pattern::split(const std::string& text) const {
  const auto input = unicode(text);
  const auto matcher = state_->matcher(input);
  std::vector<std::string> parts;
  std::int32_t begin = 0;
  UErrorCode status = U_ZERO_ERROR;
  while (matcher->find() != 0) {
    parts.push_back(utf8(input.tempSubStringBetween(begin, matcher->start(status))));
    begin = matcher->end(status);
  }
  parts.push_back(utf8(input.tempSubString(begin)));
  return parts;
}

std::vector<Pattern::Match> Pattern::matches(const std::string& text) const {
  const auto input = unicode(text);
  const auto matcher = state_->matcher(input);
  std::vector<Match> found;
  while (matcher->find() != 0) {
    Match match;
    UErrorCode status = U_ZERO_ERROR;
    for (std::int32_t group = 0; group <= matcher->groupCount(); ++group)
      match.groups.push_back(utf8(matcher->group(group, status)));
    found.push_back(std::move(match));
  }
  return found;
}

}  // namespace espalier::speech
