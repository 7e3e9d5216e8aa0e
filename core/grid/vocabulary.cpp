#include "vocabulary.h"

#include <fmt/format.h>

#include <algorithm>
#include <iterator>

#include "cells/budgets.h"
#include "cells/field_list.h"
#include "cells/fields.h"
#include "cells/vocabulary.h"
#include "grid/experiment.h"
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

template <typename One>
std::vector<One> joined(std::vector<One> some, const std::vector<One>& more) {
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
    const auto grid = joined(axis_names(), {"order", "priority", "linked", "skip"});
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
        {"[limits]", "[limits]", field_names<LimitSettings>()},
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

std::vector<KeyLine> keys_of_splits() {
  std::vector<KeyLine> lines;
  for (const auto* split : split_names)
    lines.push_back({split, "the path of a file", "", "the split's table; of sounds also a folder"});
  lines.push_back({"limit", "a table of integers by split", "", "only the first so many rows, `{ train = 4000 }`"});
  return lines;
}

template <typename Enum>
KeyLine axis_of(const char* key, Enum otherwise, const char* says) {
  return {key, words_of(names<Enum>()), fmt::format("\"{}\"", to_string(otherwise)), says};
}

std::vector<KeyLine> keys_of_budgets() {
  std::vector<KeyLine> lines;
  for (const auto& budget : all_budgets())
    lines.push_back({to_string(budget.kind), budget.range.words, "", budget.says});
  return lines;
}

std::vector<KeyLine> keys_of_grid() {
  static const CellSettings defaults;
  std::vector<KeyLine> lines = {
      {"model", "a name of `[model.NAME]`, or a table as there", "", "needed"},
      {"dataset", "a name of `[dataset.NAME]`, or a table as there", "", "needed"},
      {"granularity", words_of(names<Granularity>()), "", "needed: what is kept or pruned as one"},
      axis_of("sites", defaults.sites, "which attention sites are pruned; `all`: every one"),
      {"scorer", "a name of `[scorer.NAME]` or of a plugin", "\"none\"", "what each unit is worth"},
      {"searcher", "a name of `[searcher.NAME]` or of a plugin", "\"ranking\"", "what makes a mask of that"},
      axis_of("scope", defaults.scope, "whether all sites compete, or each gives the same share")};
  lines = joined(std::move(lines), keys_of_budgets());
  const std::vector<KeyLine> rest = {
      {"schedule", "`none` or a table, below", "\"none\"", "pruning in steps"},
      {"recovery", "a name of `[recovery.NAME]` or of a plugin", "\"none\"", "what trains after pruning"},
      axis_of("compute", defaults.compute, "the arithmetic of products"),
      {"softmax_scale", words_of(names<SoftmaxScale::Kind>()) + ", or a positive number", "\"original\"",
       "what attention scores of pruned heads are divided by"},
      axis_of("rounding", defaults.rounding, "of a share, to whole units"),
      {"count_output_bias", "true or false", "false", "whether biases of O count as parameters of attention"},
      {"seed", "an integer of at least 0", "0", "of scorer, searcher and recovery"},
      {"base_seed", "an integer of at least 0", "0", "of the training of the base model"}};
  lines = joined(std::move(lines), rest);
  lines.push_back(axis_of("order", Order::AsWritten, "in which cells are run"));
  lines.push_back(
      {"priority", "an integer of at least -1000000", "0", "cells of a higher one are run before all others"});
  lines.push_back({"linked", "a list of lists of axes", "", "axes that advance together"});
  lines.push_back({"skip", "a list of patterns", "", "cells that are left out"});
  return lines;
}

}  // namespace

std::vector<std::pair<std::string, std::string>> documented_keys() {
  const std::vector<KeyLine> top = {
      {"espalier", "`1`", "", "needed: the version of the format"},
      {"name", "letters, digits, `-`, `_` and `.`, at most 200", "", "needed: the experiment's name"},
      {"question", "a text", "", "what is asked"},
      {"include", "a path or a list of them", "", "files of definitions that experiments share"}};
  const std::vector<KeyLine> model = {
      {"family", words_of(names<Family>()), "", "needed"},
      {"checkpoint", "the path of a folder", "", "needed: a Hugging Face checkpoint"},
      {"train", "a table, below", "", "the recipe of a base model; without it the checkpoint is used as it is"}};
  const std::vector<KeyLine> format = {{"format", words_of(names<Format>()), "", "needed"}};
  const std::vector<KeyLine> plugin = {
      {"plugin", "the name of a plugin", "NAME", "every other key is one of its settings: `espalier plugins NAME`"}};
  const std::vector<KeyLine> latency = {{"latency", "a table, below", "", "passes of the model that are timed"}};
  return {{"The top of the file", as_markdown(top)},
          {"[model.NAME]", as_markdown(model)},
          {"[model.NAME] train", as_markdown(key_lines<TrainSettings>())},
          {"[dataset.NAME]", as_markdown(joined(joined(format, keys_of_splits()), key_lines<DatasetSettings>()))},
          {"[scorer.NAME], [searcher.NAME], [recovery.NAME]", as_markdown(plugin)},
          {"[measure]", as_markdown(joined(key_lines<MeasureSettings>(), latency))},
          {"[measure] latency", as_markdown(key_lines<LatencySettings>())},
          {"[limits]", as_markdown(key_lines<LimitSettings>())},
          {"[[grid]]", as_markdown(keys_of_grid())},
          {"schedule", as_markdown(key_lines<ScheduleSettings>())}};
}

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
