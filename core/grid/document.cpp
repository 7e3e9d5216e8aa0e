#include "document.h"

#include <espalier/error.h>
#include <fmt/format.h>

// A debug build's toml++ aborts on files such as "[[[": its assertions are looser than its checks, which follow them.
#define TOML_ASSERT(expression) static_assert(true)
#include <toml++/toml.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <tuple>

#include "toml_mistakes.h"
#include "words/unicode.h"

namespace espalier::grid {
namespace {

using Source = std::shared_ptr<const std::string>;

Place place_of(const toml::source_region& region, const Source& source) {
  return {source, region.begin.line, region.begin.column};
}

Value convert(const toml::node& node, const Source& source) {
  Value value;
  value.place = place_of(node.source(), source);
  if (const auto* table = node.as_table()) {
    value.kind = Value::Kind::Table;
    for (const auto& [key, child] : *table) {
      value.entries.push_back({composed(key.str()), place_of(key.source(), source), convert(child, source)});
    }
    std::stable_sort(value.entries.begin(), value.entries.end(), [](const Entry& a, const Entry& b) {
      return std::tie(a.place.line, a.place.column) < std::tie(b.place.line, b.place.column);
    });
  } else if (const auto* list = node.as_array()) {
    value.kind = Value::Kind::List;
    value.items.reserve(list->size());
    for (const auto& child : *list) value.items.push_back(convert(child, source));
  } else if (const auto* boolean = node.as_boolean()) {
    value.kind = Value::Kind::Bool;
    value.boolean = boolean->get();
  } else if (const auto* integer = node.as_integer()) {
    value.kind = Value::Kind::Integer;
    value.integer = integer->get();
  } else if (const auto* real = node.as_floating_point()) {
    value.kind = Value::Kind::Real;
    value.real = real->get();
  } else if (const auto* text = node.as_string()) {
    value.kind = Value::Kind::Text;
    value.text = text->get();
  } else {
    value.kind = Value::Kind::Date;
  }
  return value;
}

// Where a dotted key nests deeper than any experiment does; toml++ recurses on it without a bound.
std::optional<Place> too_deep(std::string_view text, const Source& source) {
  constexpr int deepest = 200;
  int dots = 0;
  Place place{source, 1, 0};
  for (const char c : text) {
    ++place.column;
    if (c == '.') {
      if (++dots > deepest) return place;
    } else if (c == '\n') {
      ++place.line;
      place.column = 0;
      dots = 0;
    } else if (c == ',' || c == '=' || c == '[' || c == '{' || c == '#') {
      dots = 0;
    }
  }
  return std::nullopt;
}

bool is_utf8(const std::string& text) {
  try {
    nlohmann::json(text).dump();
    return true;
  } catch (const nlohmann::json::exception&) {
    return false;
  }
}

using Environment = std::function<std::optional<std::string>(const std::string&)>;

void expand_text(Value& value, const Environment& environment, Complaints& complaints) {
  const std::string& text = value.text;
  std::string expanded;
  std::size_t end = 0;
  for (std::size_t begin = 0; (begin = text.find("${", end)) != std::string::npos;) {
    expanded.append(text, end, begin - end);
    const auto close = text.find('}', begin);
    if (close == std::string::npos) {
      complaints.add(value.place, fmt::format("'{}' opens a variable with '${{' and does not close it\n"
                                              "    write ${{NAME}} or ${{NAME:-text}}",
                                              text));
      return;
    }
    auto name = text.substr(begin + 2, close - begin - 2);
    std::optional<std::string> otherwise;
    if (const auto dash = name.find(":-"); dash != std::string::npos) {
      otherwise = name.substr(dash + 2);
      name.resize(dash);
    }
    auto found = environment(name);
    if (found && found->empty() && otherwise) found.reset();
    if (!found) found = otherwise;
    if (!found) {
      complaints.add(value.place, fmt::format("the variable '{0}' is not defined\n"
                                              "    set it in the environment, or give a default: ${{{0}:-text}}",
                                              name));
      return;
    }
    if (begin == 0 && name == "ESPALIER_DATA") value.from_working_directory = true;
    expanded += *found;
    end = close + 1;
  }
  expanded.append(text, end);
  value.text = expanded;
  if (!is_utf8(value.text)) complaints.add(value.place, "this text is not UTF-8");
}

}  // namespace

std::string Place::text() const { return line == 0 ? *source : fmt::format("{}:{}:{}", *source, line, column); }

void Complaints::add(const Place& place, const std::string& message) { found_.emplace_back(place, message); }

void Complaints::throw_if_any() const {
  if (found_.empty()) return;
  auto sorted = found_;
  std::stable_sort(sorted.begin(), sorted.end(), [](const auto& a, const auto& b) {
    return std::tie(a.first.line, a.first.column) < std::tie(b.first.line, b.first.column);
  });
  // One override that reaches several grids is one mistake.
  std::vector<std::string> texts;
  for (const auto& [place, message] : sorted) {
    auto text = place.text() + ": " + message;
    if (texts.empty() || texts.back() != text) texts.push_back(std::move(text));
  }
  constexpr std::size_t most = 20;
  std::string all;
  for (std::size_t i = 0; i < std::min(most, texts.size()); ++i) all += (i == 0 ? "" : "\n") + texts[i];
  if (texts.size() > most) all += fmt::format("\n... and {} more", texts.size() - most);
  throw SettingsError(all);
}

Entry* Value::find(std::string_view key) {
  const auto found = std::find_if(entries.begin(), entries.end(), [&](const Entry& entry) { return entry.key == key; });
  return found == entries.end() ? nullptr : &*found;
}

const Entry* Value::find(std::string_view key) const { return const_cast<Value*>(this)->find(key); }

std::string describe(const Value& value) {
  switch (value.kind) {
    case Value::Kind::Bool: return value.boolean ? "true" : "false";
    case Value::Kind::Integer: return fmt::format("the integer {}", value.integer);
    case Value::Kind::Real: return fmt::format("the number {}", value.real);
    case Value::Kind::Text: return fmt::format("the text '{}'", value.text);
    case Value::Kind::List: return value.items.empty() ? "an empty list" : "a list";
    case Value::Kind::Table: return "a table";
    case Value::Kind::Date: return "a date or time";
  }
  return "nothing";
}

std::optional<Value> parse_document(std::string_view text, const std::string& source, Complaints& complaints) {
  const auto shared = std::make_shared<const std::string>(source);
  if (const auto place = too_deep(text, shared)) {
    complaints.add(*place, "this key is nested too deeply\n    an experiment's keys have at most a few parts");
    return std::nullopt;
  }
  try {
    auto root = convert(toml::parse(text), shared);
    root.place = {shared, 1, 1};
    return root;
  } catch (const toml::parse_error& error) {
    const auto place = place_of(error.source(), shared);
    if (const auto mistake = toml_mistake(text); mistake && mistake->line <= place.line) {
      complaints.add({shared, mistake->line, mistake->column}, mistake->message);
    } else {
      complaints.add(place, fmt::format("this is not TOML: {}", error.description()));
    }
    return std::nullopt;
  }
}

void expand_variables(Value& root, const Environment& environment, Complaints& complaints) {
  if (root.kind == Value::Kind::Text) expand_text(root, environment, complaints);
  for (auto& item : root.items) expand_variables(item, environment, complaints);
  for (auto& entry : root.entries) expand_variables(entry.value, environment, complaints);
}

}  // namespace espalier::grid
