#include "overrides.h"

#include <fmt/format.h>

#include <algorithm>

#include "words/names.h"

namespace espalier::grid {
namespace {

std::string trimmed(const std::string& text) {
  const auto begin = text.find_first_not_of(" \t");
  return begin == std::string::npos ? "" : text.substr(begin, text.find_last_not_of(" \t") - begin + 1);
}

// Values of an override have no line of their own.
void place_at(Value& value, const Place& place) {
  value.place = place;
  for (auto& item : value.items) place_at(item, place);
  for (auto& entry : value.entries) {
    entry.place = place;
    place_at(entry.value, place);
  }
}

std::vector<std::string> parts_of(const std::string& key) {
  Complaints ignored;
  const auto parsed = parse_document(key + " = 0", key, ignored);
  std::vector<std::string> parts;
  if (!parsed || key.find_first_of("\n=") != std::string::npos) return parts;
  const Value* level = &*parsed;
  while (level->kind == Value::Kind::Table && level->entries.size() == 1) {
    parts.push_back(level->entries[0].key);
    level = &level->entries[0].value;
  }
  return parts;
}

Value value_of(const std::string& text, const Place& place) {
  Complaints ignored;
  auto parsed = parse_document("value = " + text, *place.source, ignored);
  Value value;
  if (parsed && parsed->entries.size() == 1 && parsed->entries[0].key == "value") {
    value = std::move(parsed->entries[0].value);
  } else {
    value.kind = Value::Kind::Text;
    value.text = text;
  }
  place_at(value, place);
  return value;
}

class Override {
 public:
  Override(Place place, std::vector<std::string> parts, Value value, Complaints& complaints)
      : place_(std::move(place)), parts_(std::move(parts)), value_(std::move(value)), complaints_(complaints) {}

  void apply(Value& level, std::size_t depth) {
    if (depth == 1 && level.kind == Value::Kind::List) {  // [[grid]]
      for (auto& item : level.items) apply(item, depth);
      return;
    }
    if (level.kind != Value::Kind::Table) {
      std::string path;
      for (std::size_t i = 0; i < depth; ++i) path += (i == 0 ? "" : ".") + parts_[i];
      complaints_.add(
          place_, fmt::format("'{}' is {}, expected a table with a key '{}'", path, describe(level), parts_[depth]));
      return;
    }
    Entry* entry = level.find(parts_[depth]);
    const bool last = depth + 1 == parts_.size();
    if (entry == nullptr) {
      level.entries.push_back({parts_[depth], place_, Value{}});
      entry = &level.entries.back();
      entry->value.place = place_;
    }
    if (last) {
      entry->value = value_;
      entry->place = place_;
    } else {
      apply(entry->value, depth + 1);
    }
  }

 private:
  Place place_;
  std::vector<std::string> parts_;
  Value value_;
  Complaints& complaints_;
};

}  // namespace

void apply_set(Value& root, const std::string& assignment, const std::vector<PluginDescription>& plugins,
               Complaints& complaints) {
  const Place place{std::make_shared<const std::string>("--set " + assignment), 0, 0};
  const auto equals = assignment.find('=');
  const auto parts = equals == std::string::npos ? std::vector<std::string>{} : parts_of(assignment.substr(0, equals));
  if (parts.empty()) {
    complaints.add(place, "is not an override\n    expected KEY=VALUE, for instance model.minilm.train.epochs=1");
    return;
  }
  const auto& kind = parts[0];
  const bool is_plugin = kind == "scorer" || kind == "searcher" || kind == "recovery";
  if (parts.size() > 1 && (kind == "model" || kind == "dataset" || is_plugin)) {
    std::vector<std::string> known;
    if (const auto* defined = root.find(kind)) {
      for (const auto& entry : defined->value.entries) known.push_back(entry.key);
    }
    for (const auto& plugin : plugins) {
      if (is_plugin && plugin.role == kind) known.push_back(plugin.name);
    }
    if (std::find(known.begin(), known.end(), parts[1]) == known.end()) {
      complaints.add(place, unknown_name(kind, parts[1], known));
      return;
    }
  }
  if (kind == "grid" && (parts.size() == 1 || root.find("grid") == nullptr)) {
    complaints.add(place, parts.size() == 1
                              ? "a whole grid cannot be given here\n    set one of its keys: grid.KEY=VALUE"
                              : "the file has no [[grid]]");
    return;
  }
  Override(place, parts, value_of(trimmed(assignment.substr(equals + 1)), place), complaints).apply(root, 0);
}

}  // namespace espalier::grid
