#include "toml_mistakes.h"

#include <fmt/format.h>

#include <algorithm>
#include <vector>

namespace espalier::grid {
namespace {

bool is_digit(char c) { return c >= '0' && c <= '9'; }
bool is_letter(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); }
bool is_bare(char c) { return is_letter(c) || is_digit(c) || c == '_' || c == '-' || c == '.' || c == '/' || c == '%'; }

class Glance {
 public:
  explicit Glance(std::string_view text) : text_(text) {}

  std::optional<TomlMistake> look() {
    while (!found_ && at_ < text_.size()) step();
    if (!found_ && !open_.empty() && open_.back().bracket == '[') {
      mistake(open_.back().line, open_.back().column, "a list is opened here with '[' and never closed");
    }
    return found_;
  }

 private:
  struct Opened {
    char bracket;
    std::uint32_t line, column;
  };

  void mistake(std::uint32_t line, std::uint32_t column, std::string message) {
    if (!found_) found_ = TomlMistake{line, column, std::move(message)};
  }
  void mistake_here(std::string message) { mistake(line_, column_, std::move(message)); }

  bool next_is(std::string_view what) const { return text_.substr(at_).starts_with(what); }

  // Columns count characters, as an editor does.
  void advance(std::size_t bytes) {
    for (; bytes > 0 && at_ < text_.size(); --bytes, ++at_) {
      if (text_[at_] == '\n') {
        ++line_;
        column_ = 1;
      } else if ((static_cast<unsigned char>(text_[at_]) & 0xC0) != 0x80) {
        ++column_;
      }
    }
  }

  void step() {
    const char c = text_[at_];
    if (c == '\n') return end_of_line();
    if (c == '#') return advance(std::min(text_.find('\n', at_), text_.size()) - at_);
    if (next_is("\"\"\"") || next_is("'''")) return long_text();
    if (c == '"' || c == '\'') return short_text();
    if (typographic_quote()) return;
    if (wants_value_ && (is_letter(c) || is_digit(c))) return bare_value();
    if (c == '[' || c == '{') {
      // A table's header begins a line outside of every value.
      const bool header = c == '[' && !wants_value_ && open_.empty();
      if (header) return advance(std::min(text_.find('\n', at_), text_.size()) - at_);
      open_.push_back({c, line_, column_});
      wants_value_ = c == '[';
    } else if (c == ']' || c == '}') {
      if (!open_.empty()) open_.pop_back();
      wants_value_ = false;
    } else if (c == '=') {
      wants_value_ = true;
    } else if (c == ',') {
      wants_value_ = !open_.empty() && open_.back().bracket == '[';
    }
    advance(1);
  }

  void end_of_line() {
    if (!open_.empty() && open_.back().bracket == '{') {
      mistake(open_.back().line, open_.back().column,
              "an inline table is opened here with '{' and does not end on its line\n    TOML wants it on one line; or "
              "give it a header of its own, as in [measure.latency]");
    }
    if (open_.empty()) wants_value_ = false;
    advance(1);
  }

  void long_text() {
    const auto quotes = text_.substr(at_, 3);
    const auto end = text_.find(quotes, at_ + 3);
    if (end == std::string_view::npos)
      mistake_here(fmt::format("a text is opened here with {} and never closed", quotes));
    advance(std::min(end, text_.size()) - at_ + 3);
    wants_value_ = false;
  }

  void short_text() {
    const char quote = text_[at_];
    std::size_t end = at_ + 1;
    while (end < text_.size() && text_[end] != quote && text_[end] != '\n') {
      end += quote == '"' && text_[end] == '\\' && end + 1 < text_.size() && text_[end + 1] != '\n' ? 2 : 1;
    }
    if (end >= text_.size() || text_[end] != quote) {
      mistake_here(
          fmt::format("a text is opened here with {0} and not closed on its line\n    close it with {0}, or "
                      "write {0}{0}{0} around a text of several lines",
                      quote));
    }
    advance(end + 1 - at_);
    wants_value_ = false;
  }

  bool typographic_quote() {
    struct Quote {
      const char* bytes;
      const char* code_point;
    };
    static constexpr Quote quotes[] = {{"\u201C", "U+201C"}, {"\u201D", "U+201D"}, {"\u201E", "U+201E"},
                                       {"\u2018", "U+2018"}, {"\u2019", "U+2019"}, {"\u00AB", "U+00AB"}};
    for (const auto& [bytes, code_point] : quotes) {
      if (!next_is(bytes)) continue;
      mistake_here(fmt::format("{} ({}) is no quote of TOML, expected the straight one: \"", bytes, code_point));
      return true;
    }
    return false;
  }

  // What stands without quotes where a value is expected: a number, a date, true or false, or a text that lacks them.
  void bare_value() {
    std::size_t end = at_;
    while (end < text_.size() && (is_bare(text_[end]) || text_[end] == ':' || text_[end] == '+')) ++end;
    const auto word = text_.substr(at_, end - at_);
    const bool is_range = is_digit(word[0]) && word.find("..") != std::string_view::npos;
    const bool is_percent = is_digit(word[0]) && word.ends_with('%');
    std::string lower(word);
    std::transform(lower.begin(), lower.end(), lower.begin(),
                   [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; });
    const bool is_word = word == "true" || word == "false" || word == "inf" || word == "nan";
    if (lower == "true" || lower == "false") {
      if (!is_word) mistake_here(fmt::format("'{}' is no value, expected {} in small letters", word, lower));
    } else if (is_range) {
      mistake_here(fmt::format("a range stands in quotes: \"{}\"", word));
    } else if (is_percent) {
      mistake_here(fmt::format("'{}' is no value: a share is a number from 0 to 1", word));
    } else if (is_letter(word[0]) && !is_word) {
      mistake_here(fmt::format("'{0}' is no value: a text stands in quotes, \"{0}\"", word));
    }
    advance(end - at_);
    wants_value_ = false;
  }

  std::string_view text_;
  std::size_t at_ = 0;
  std::uint32_t line_ = 1, column_ = 1;
  bool wants_value_ = false;
  std::vector<Opened> open_;
  std::optional<TomlMistake> found_;
};

}  // namespace

std::optional<TomlMistake> toml_mistake(std::string_view text) { return Glance(text).look(); }

}  // namespace espalier::grid
