// Regular expressions over UTF-8, with what the reference normalisers' language means by white space.
#pragma once

#include <memory>
#include <string>
#include <vector>

namespace espalier::speech {

class Pattern {
 public:
  // ICU's syntax; "\s" stands for every kind of white space, control characters that separate included.
  explicit Pattern(const std::string& expression);
  ~Pattern();
  Pattern(Pattern&&) noexcept;

  // Every match replaced; $1 is the first group.
  std::string replaced(const std::string& text, const std::string& replacement) const;
  // What lies between the matches.
  std::vector<std::string> split(const std::string& text) const;
  struct Match {
    std::vector<std::string> groups;  // 0: the whole
  };
  // The text with each match replaced by what `give` makes of it.
  template <typename Give>
  std::string replaced_by(const std::string& text, Give&& give) const {
    std::string result;
    std::size_t place = 0;
    const auto found = matches(text);
    const auto between = split(text);
    for (; place < found.size(); ++place) result += between[place] + give(found[place]);
    return result + between.back();
  }

 private:
  std::vector<Match> matches(const std::string& text) const;
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace espalier::speech
