// One JSON object a line.
#include <algorithm>
#include <nlohmann/json.hpp>

#include "table_file.h"

namespace espalier::tables {
namespace {

using nlohmann::json;

// A string as it is; numbers, true and false as they are written.
std::optional<std::string> text_of(const json& value) {
  if (value.is_string()) return value.get<std::string>();
  if (value.is_number() || value.is_boolean()) return value.dump();
  return std::nullopt;
}

// nullopt: the line is a problem.
std::optional<FoundRow> row_of(TableFile& file, const json& object, std::int64_t line, const WantedColumns& wanted) {
  FoundRow row;
  row.line = line;
  std::vector<std::string> missing;
  for (const auto& name : wanted.names) {
    const auto member = object.find(name);
    if (member == object.end()) {
      missing.push_back(name);
      continue;
    }
    auto text = text_of(*member);
    if (!text) {
      file.problem(line, "'" + name + "' is a JSON " + member->type_name() + ", expected a string or a number");
      return std::nullopt;
    }
    if (text->find('\0') != std::string::npos) {
      file.problem(line, "'" + name + "' holds a NUL character, expected text");
      return std::nullopt;
    }
    row.values.push_back(std::move(*text));
  }
  if (missing.empty()) return row;
  std::vector<std::string> keys;
  for (const auto& [key, value] : object.items()) keys.push_back(key);
  file.problem(line, missing_columns(wanted, missing, keys));
  return std::nullopt;
}

}  // namespace

void read_json_lines(TableFile& file, const WantedColumns& wanted, const std::function<bool()>& full,
                     const std::function<void(FoundRow)>& take) {
  const auto content = file.content();
  std::int64_t line = 0;
  for (std::size_t start = 0; start < content.size() && !full();) {
    const std::size_t end = std::min(content.find('\n', start), content.size());
    const std::string_view text = content.substr(start, end - start);
    const std::size_t offset = start;
    start = end + 1;
    ++line;
    if (text.find_first_not_of(" \t\r") == std::string_view::npos) continue;
    if (!file.is_text(text, line, offset)) continue;
    json object;
    try {
      object = json::parse(text);
    } catch (const json::parse_error& error) {
      file.problem(line, "is not valid JSON (character " + std::to_string(error.byte) + " of the line)");
      continue;
    } catch (const json::out_of_range&) {
      file.problem(line, "is JSON with a number that is too large");
      continue;
    }
    if (!object.is_object()) {
      file.problem(line, "is a JSON " + std::string(object.type_name()) + ", expected an object");
      continue;
    }
    if (auto row = row_of(file, object, line, wanted)) take(std::move(*row));
  }
}

}  // namespace espalier::tables
