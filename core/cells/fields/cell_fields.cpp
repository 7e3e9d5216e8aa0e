#include "cells/fields/cell_fields.h"

#include <nlohmann/json.hpp>

namespace espalier {
namespace {

// The place after the string that starts at `start` (its opening quote).
std::size_t after_string(std::string_view text, std::size_t start) {
  for (std::size_t at = start + 1; at < text.size(); ++at) {
    if (text[at] == '\\') {
      ++at;
    } else if (text[at] == '"') {
      return at + 1;
    }
  }
  return text.size();
}

std::size_t after_value(std::string_view text, std::size_t start) {
  int depth = 0;
  for (std::size_t at = start; at < text.size();) {
    const char letter = text[at];
    if (letter == '"') {
      at = after_string(text, at);
      continue;
    }
    if (letter == '{' || letter == '[') ++depth;
    if (depth == 0 && (letter == ',' || letter == '}' || letter == ']')) return at;
    if (letter == '}' || letter == ']') --depth;
    ++at;
  }
  return text.size();
}

}  // namespace

std::optional<std::pair<std::string_view, std::string_view>> next_member(std::string_view object, std::size_t& at) {
  if (at >= object.size() || object[at] != '"') return std::nullopt;
  const auto name = at, name_end = after_string(object, at);
  if (name_end >= object.size() || object[name_end] != ':') return std::nullopt;
  const auto value_end = after_value(object, name_end + 1);
  at = value_end + 1;
  return std::pair(object.substr(name + 1, name_end - name - 2), object.substr(name_end + 1, value_end - name_end - 1));
}

std::vector<std::pair<std::string_view, std::string_view>> members(std::string_view object) {
  std::vector<std::pair<std::string_view, std::string_view>> found;
  std::size_t at = 1;
  while (const auto one = next_member(object, at)) found.push_back(*one);
  return found;
}

std::string_view member(std::string_view object, std::string_view name) {
  for (const auto& [key, value] : members(object)) {
    if (key == name) return value;
  }
  return {};
}

std::string plain_text(std::string_view value) {
  if (value.empty() || value.front() != '"') return std::string(value);
  const auto parsed = nlohmann::json::parse(value, nullptr, false);
  return parsed.is_string() ? parsed.get<std::string>() : std::string(value);
}

}  // namespace espalier
