#include "cells/field_list.h"

namespace espalier {

std::string words_of(const std::vector<std::string>& names) {
  std::string text;
  for (std::size_t i = 0; i < names.size(); ++i)
    text += (i == 0 ? "`" : i + 1 < names.size() ? ", `" : " or `") + names[i] + '`';
  return text;
}

std::string integer_of(const Range& range) { return fmt::format("an integer of at least {:.0f}", range.least); }

std::string as_markdown(const std::vector<KeyLine>& lines) {
  std::string text = "| key | value | default | |\n| --- | --- | --- | --- |\n";
  for (const auto& line : lines) {
    const auto otherwise = line.otherwise.empty() ? "" : '`' + line.otherwise + '`';
    text += fmt::format("| `{}` | {} | {} | {} |\n", line.key, line.value, otherwise, line.says);
  }
  return text;
}

}  // namespace espalier
