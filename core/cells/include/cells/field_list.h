// The fields of a cell's settings in words, for the documentation: key, what it may be, default, meaning.
#pragma once

#include <fmt/format.h>

#include <cstdint>
#include <optional>
#include <string>
#include <type_traits>
#include <vector>

#include "cells/fields.h"

namespace espalier {

struct KeyLine {
  std::string key;
  std::string value;      // what it may be, with its range
  std::string otherwise;  // its default; empty: none
  std::string says;
};

// "`a`, `b` or `c`"
std::string words_of(const std::vector<std::string>& names);
// "an integer of at least 1"
std::string integer_of(const Range& range);
// A table of Markdown.
std::string as_markdown(const std::vector<KeyLine>& lines);

namespace detail {

template <typename Value>
struct InWords;  // of a type that a field may have: what it may be, and its default

template <>
struct InWords<bool> {
  static std::string value(const Range&, const char*) { return "true or false"; }
  static std::string otherwise(bool value) { return value ? "true" : "false"; }
};
template <>
struct InWords<std::int64_t> {
  static std::string value(const Range& range, const char*) { return integer_of(range); }
  static std::string otherwise(std::int64_t value) { return std::to_string(value); }
};
template <>
struct InWords<double> {
  static std::string value(const Range& range, const char*) { return range.words; }
  static std::string otherwise(double value) { return fmt::format("{}", value); }
};
template <>
struct InWords<std::string> {
  static std::string value(const Range&, const char* path) {
    const std::string kind = path;
    return kind.empty() ? "a text" : kind == "DIR" ? "the path of a folder" : "the path of a file";
  }
  static std::string otherwise(const std::string& value) { return value.empty() ? "" : '"' + value + '"'; }
};
template <>
struct InWords<std::vector<std::int64_t>> {
  static std::string value(const Range& range, const char*) { return integer_of(range) + ", or a list of them"; }
  static std::string otherwise(const std::vector<std::int64_t>&) { return ""; }
};
template <Worded Enum>
struct InWords<Enum> {
  static std::string value(const Range&, const char*) { return words_of(names<Enum>()); }
  static std::string otherwise(Enum value) { return std::string("\"") + to_string(value) + '"'; }
};
template <Worded Enum>
struct InWords<std::optional<Enum>> {
  static std::string value(const Range&, const char*) { return words_of(names<Enum>()); }
  static std::string otherwise(const std::optional<Enum>& value) {
    return value ? InWords<Enum>::otherwise(*value) : std::string();
  }
};

}  // namespace detail

template <typename Settings>
std::vector<KeyLine> key_lines() {
  std::vector<KeyLine> lines;
  const Settings defaults;
  each_field(defaults, [&](const auto& field, const auto& value) {
    using InWords = detail::InWords<std::remove_cvref_t<decltype(value)>>;
    std::vector<std::string> formats;
    for (const auto format : field.formats) formats.emplace_back(to_string(format));
    const auto of = formats.empty() ? std::string() : "; of " + words_of(formats);
    lines.push_back({field.name, InWords::value(field.range, field.path), InWords::otherwise(value), field.says + of});
  });
  return lines;
}

}  // namespace espalier
