#include "words/command_line.h"

#include <algorithm>
#include <charconv>
#include <optional>

#include "words/names.h"

namespace espalier {
namespace {

std::optional<double> number_in(std::string text) {
  double number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (text.empty() || error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return number;
}

std::string plain(double number) {
  char buffer[32];
  const auto [end, error] = std::to_chars(buffer, buffer + sizeof buffer, number);
  return error == std::errc() ? std::string(buffer, end) : "?";
}

// 50% is a share of 0.5; 0,5 has a comma for a point.
std::string meant(const std::string& given) {
  if (given.ends_with('%')) {
    if (const auto percent = number_in(given.substr(0, given.size() - 1))) {
      return "\n    did you mean " + plain(*percent / 100) + "?";
    }
  }
  if (auto point = given.find(','); point != std::string::npos) {
    auto text = given;
    text[point] = '.';
    if (number_in(text)) return "\n    did you mean " + text + "?";
  }
  return "";
}

std::string expected(bool whole, const std::string& least, const std::string& most) {
  const std::string kind = whole ? "a whole number" : "a number";
  const auto low = number_in(least), high = number_in(most);
  constexpr double endless = 1e300;
  if (!low || !high) return kind;
  if (*high < endless) return kind + " from " + plain(*low) + " to " + plain(*high);
  if (whole) return kind + " of at least " + (*low > 0 ? "1" : plain(*low));
  return kind + (*low > 0 ? " above 0" : " of at least " + plain(*low));
}

struct Parts {
  std::string first, second, third;
};

// "A: Value B not in range C" of "A", ": Value ", " not in range ".
std::optional<Parts> parts_of(const std::string& text, const std::string& before, const std::string& between) {
  const auto begin = text.find(before);
  if (begin == std::string::npos) return std::nullopt;
  const auto middle = text.find(between, begin + before.size());
  if (middle == std::string::npos) return std::nullopt;
  return Parts{text.substr(0, begin), text.substr(begin + before.size(), middle - begin - before.size()),
               text.substr(middle + between.size())};
}

bool takes_whole(const std::string& name, const std::vector<KnownOption>& known) {
  return std::any_of(known.begin(), known.end(),
                     [&](const KnownOption& option) { return option.name == name && option.whole; });
}

std::optional<std::string> in_our_words(const std::string& said, const std::vector<KnownOption>& known) {
  if (const auto range = parts_of(said, ": Value ", " not in range ")) {
    const auto to = range->third.find(" to ");
    return range->first + " is '" + range->second + "', expected " +
           expected(takes_whole(range->first, known), range->third.substr(0, to),
                    to == std::string::npos ? "" : range->third.substr(to + 4)) +
           meant(range->second);
  }
  if (const auto conversion = parts_of(said, "Could not convert: ", " = ")) {
    const auto& name = conversion->second;
    return name + " is '" + conversion->third + "', expected " +
           (takes_whole(name, known) ? "a whole number" : "a number") + meant(conversion->third);
  }
  if (const auto member = parts_of(said, ": ", " not in {"); member && said.ends_with('}')) {
    std::vector<std::string> words;
    for (std::size_t begin = 0; begin < member->third.size();) {
      const auto end = std::min(member->third.find_first_of(",}", begin), member->third.size());
      words.push_back(member->third.substr(begin, end - begin));
      begin = end + 1;
    }
    return unknown_name("value of " + member->first, member->second, words);
  }
  return std::nullopt;
}

}  // namespace

std::string option_mistake(const std::string& said, const std::vector<std::string>& words,
                           const std::vector<KnownOption>& known) {
  std::vector<std::string> names;
  for (const auto& option : known) names.push_back(option.name);
  for (const auto& word : words) {
    const auto name = word.substr(0, word.find('='));
    if (name == "--") break;
    if (!name.starts_with("--") || std::find(names.begin(), names.end(), name) != names.end()) continue;
    const auto near = nearest_name(name, names);
    return "unknown option '" + name + "'" + (near ? did_you_mean(name, *near) : "");
  }
  auto sentence = said.substr(0, said.find_last_not_of(" \n") + 1);
  return in_our_words(sentence, known).value_or(sentence);
}

}  // namespace espalier
