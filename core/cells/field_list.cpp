#include "cells/field_list.h"

#include "words/names.h"

namespace espalier {

std::string words_of(const std::vector<std::string>& names) {
  std::vector<std::string> quoted;
  for (const auto& name : names) quoted.push_back('`' + name + '`');
  return alternatives(quoted);
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
