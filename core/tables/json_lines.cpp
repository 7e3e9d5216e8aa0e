// One JSON object a line.
#include <algorithm>
#include <nlohmann/json.hpp>
#include <optional>

#include "table_reading.h"

namespace espalier {
namespace {

using nlohmann::json;

// A string as it is; numbers, true and false as they are written.
std::optional<std::string> text_of(const json& value) {
  if (value.is_string()) return value.get<std::string>();
  if (value.is_number() || value.is_boolean()) return value.dump();
  return std::nullopt;
}

void read_object(TableReading& reading, const json& object, std::int64_t line) {
  TextRow row;
  row.line = line;
  std::vector<std::string> missing;
  bool usable = true;
  const auto take = [&](const std::string& name, std::string& into) {
    const auto member = object.find(name);
    if (member == object.end()) {
      missing.push_back(name);
      return;
    }
    if (auto text = text_of(*member)) {
      into = std::move(*text);
    } else if (usable) {
      usable = false;
      reading.problem(line, "'" + name + "' is a JSON " + member->type_name() + ", expected a string or a number");
    }
  };
  take(reading.columns().text, row.text);
  if (!reading.columns().pair.empty()) take(reading.columns().pair, row.pair);
  take(reading.columns().label, row.label);
  if (!usable) return;
  if (missing.empty()) {
    reading.add(std::move(row));
    return;
  }
  std::vector<std::string> keys;
  for (const auto& [key, value] : object.items()) keys.push_back(key);
  reading.problem(line, reading.missing(missing, keys));
}

}  // namespace

void read_json_lines(TableReading& reading) {
  const std::string_view content = reading.content();
  std::int64_t line = 0;
  for (std::size_t start = 0; start < content.size() && !reading.full();) {
    const std::size_t end = std::min(content.find('\n', start), content.size());
    const std::string_view text = content.substr(start, end - start);
    const std::size_t offset = start;
    start = end + 1;
    ++line;
    if (text.find_first_not_of(" \t\r") == std::string_view::npos) continue;
    if (!reading.is_text(text, line, offset)) continue;
    json object;
    try {
      object = json::parse(text);
    } catch (const json::parse_error& error) {
      reading.problem(line, "is not valid JSON (character " + std::to_string(error.byte) + " of the line)");
      continue;
    } catch (const json::out_of_range&) {
      reading.problem(line, "is JSON with a number that is too large");
      continue;
    }
    if (!object.is_object()) {
      reading.problem(line, "is a JSON " + std::string(object.type_name()) + ", expected an object");
      continue;
    }
    read_object(reading, object, line);
  }
}

}  // namespace espalier
