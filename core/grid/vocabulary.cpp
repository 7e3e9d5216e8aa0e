#include "vocabulary.h"

#include <fmt/format.h>

#include <algorithm>
#include <iterator>

#include "cells/fields.h"
#include "cells/vocabulary.h"
#include "grid_table.h"
#include "words/names.h"

namespace espalier::grid {
namespace {

bool holds(const std::vector<std::string>& words, const std::string& word) {
  return std::find(words.begin(), words.end(), word) != words.end();
}

struct KeysOfTable {
  const char* title;  // as readers call it, as far as it is fixed
  const char* place;
  std::vector<std::string> keys;
};

std::vector<std::string> joined(std::vector<std::string> some, const std::vector<std::string>& more) {
  some.insert(some.end(), more.begin(), more.end());
  return some;
}

std::vector<std::string> without(std::vector<std::string> some, const std::vector<std::string>& others) {
  std::erase_if(some, [&](const std::string& one) { return holds(others, one); });
  return some;
}

// A key that two tables have is looked for in the first of them that has it.
const std::vector<KeysOfTable>& tables() {
  static const auto all = [] {
    const auto grid = joined(axis_names(), {"order", "linked", "skip"});
    const auto train = without(field_names<TrainSettings>(), grid);
    const std::vector<std::string> of_splits(std::begin(split_names), std::end(split_names));
    const auto dataset = joined({"format", "limit"}, joined(of_splits, field_names<DatasetSettings>()));
    return std::vector<KeysOfTable>{
        {"the experiment", "the top of the file", {"name", "question", "include", "espalier"}},
        {"[model.", "[model.NAME]", {"family", "checkpoint", "train"}},
        {" train", "[model.NAME] train = { ... }", train},
        {"[dataset.", "[dataset.NAME]", dataset},
        {"[measure]", "[measure]", joined(field_names<MeasureSettings>(), {"latency"})},
        {"[measure] latency", "[measure] latency = { ... }", without(field_names<LatencySettings>(), train)},
        {"schedule", "schedule = { ... }", without(field_names<ScheduleSettings>(), grid)},
        {"[[grid]]", "[[grid]]", without(grid, {"latency"})}};
  }();
  return all;
}

bool is_title_of(const KeysOfTable& table, std::string_view title) {
  const std::string_view fixed(table.title);
  if (fixed.starts_with(' ')) return title.ends_with(fixed);
  if (fixed.ends_with('.')) return title.starts_with(fixed) && title.ends_with(']');
  return title == fixed;
}

template <typename Definition>
std::string if_defined(const NamedDefinitions<Definition>& known, const std::string& name, const std::string& kind) {
  const auto found = known.find(name);
  if (found == known.end()) return "";
  return fmt::format("it is a {0}, defined at {1}; as such it is given as {0} = \"{2}\"", kind,
                     found->second.place.text(), name);
}

}  // namespace

std::string where_name_belongs(const std::string& name, std::string_view asked_as, const Definitions& definitions,
                               const std::vector<PluginDescription>& plugins) {
  std::string found;
  const auto take = [&](std::string_view kind, const std::string& words) {
    if (found.empty() && kind != asked_as) found = words;
  };
  take("model", if_defined(definitions.models, name, "model"));
  take("dataset", if_defined(definitions.datasets, name, "dataset"));
  for (const auto& [role, known] : definitions.plugins) take(role, if_defined(known, name, role));
  for (const auto& plugin : plugins) {
    if (plugin.name == name) take(plugin.role, fmt::format("it is a {0}: {0} = \"{1}\"", plugin.role, name));
  }
  const auto take_from = [&]<typename Enum>(const char* key, Vocabulary<Enum>) {
    const std::string kind = Vocabulary<Enum>::kind;
    if (find_name<Enum>(name))
      take(kind, fmt::format("it is {} {}: {} = \"{}\"", kind.starts_with('o') ? "an" : "a", kind, key, name));
  };
  take_from("granularity", Vocabulary<Granularity>());
  take_from("sites", Vocabulary<SiteFilter>());
  take_from("scope", Vocabulary<Scope>());
  take_from("compute", Vocabulary<ComputeType>());
  take_from("rounding", Vocabulary<Rounding>());
  take_from("softmax_scale", Vocabulary<SoftmaxScale::Kind>());
  take_from("order", Vocabulary<Order>());
  take_from("family", Vocabulary<Family>());
  take_from("format", Vocabulary<Format>());
  return found;
}

std::string where_key_belongs(const std::string& key, std::string_view title) {
  std::vector<std::string> places;
  for (const auto& table : tables()) {
    if (!is_title_of(table, title) && holds(table.keys, key)) places.emplace_back(table.place);
  }
  return places.empty() ? "" : "it belongs to " + join(places, ", or ");
}

std::string nearest_key_elsewhere(const std::string& key, std::string_view title) {
  std::vector<std::string> keys;
  for (const auto& table : tables()) {
    if (!is_title_of(table, title)) keys.insert(keys.end(), table.keys.begin(), table.keys.end());
  }
  const auto near = nearest_name(key, keys);
  if (!near) return "";
  for (const auto& table : tables()) {
    if (!is_title_of(table, title) && holds(table.keys, *near)) {
      return fmt::format("the nearest is '{}', of {}", *near, table.place);
    }
  }
  return "";
}

std::string unknown_here(std::string_view kind, std::string_view name, const std::vector<std::string>& known,
                         const std::string& belongs) {
  const auto message = unknown_name(kind, name, known);
  if (belongs.empty()) return message;
  const auto first_ends = message.find('\n');
  auto rest = message.substr(first_ends);
  if (rest.starts_with("\n    did you mean")) rest.erase(0, std::min(rest.find('\n', 1), rest.size()));
  return message.substr(0, first_ends) + "\n    " + belongs + rest;
}

}  // namespace espalier::grid
