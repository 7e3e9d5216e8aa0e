#include "flattened.h"

#include <charconv>
#include <nlohmann/json.hpp>

namespace espalier::report {
namespace {

using nlohmann::json;

void flatten(const json& value, const std::string& path, std::vector<std::pair<std::string, std::string>>& into) {
  if (value.is_object()) {
    for (const auto& [name, inner] : value.items()) flatten(inner, path.empty() ? name : path + "." + name, into);
    return;
  }
  if (value.is_null())
    into.emplace_back(path, "none");
  else if (value.is_string())
    into.emplace_back(path, value.get<std::string>());
  else
    into.emplace_back(path, value.dump(-1, ' ', false, json::error_handler_t::replace));
}

}  // namespace

std::vector<std::pair<std::string, std::string>> flattened(const json& object) {
  std::vector<std::pair<std::string, std::string>> values;
  flatten(object, "", values);
  return values;
}

std::optional<double> number_in(const std::string& text) {
  double number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (text.empty() || error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return number;
}

}  // namespace espalier::report
