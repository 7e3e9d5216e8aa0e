#include "cell_rows.h"

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "cells/fields/cell_fields.h"
#include "flattened.h"
#include "store/open/described_columns.h"
#include "words/names.h"

namespace espalier::report {
namespace {

using nlohmann::json;

constexpr std::size_t digest_letters = 8;
constexpr std::size_t most_values = 4;
const std::array<const char*, 5> named = {"model", "dataset", "scorer", "searcher", "recovery"};

json parsed(const std::string& text) {
  auto document = json::parse(text, nullptr, false);
  return document.is_object() ? document : json::object();
}

std::string label_of(const json& settings, const char* part) {
  const auto found = settings.find(part);
  if (found == settings.end() || !found->is_object()) return "";
  const auto name = found->value("name", std::string());
  return name.empty() ? found->value("plugin", std::string()) : name;
}

store::Value text_value(const json& value) {
  if (value.is_null()) return {};
  if (value.is_number_integer()) return {store::Value::Kind::Integer, value.get<std::int64_t>(), 0, {}};
  if (value.is_number()) return {store::Value::Kind::Real, 0, value.get<double>(), {}};
  return {store::Value::Kind::Text, 0, 0, value.is_string() ? value.get<std::string>() : value.dump()};
}

store::Value text_value(std::string text) { return {store::Value::Kind::Text, 0, 0, std::move(text)}; }

// What the view `cells` has in this column for a cell with these settings; nothing where settings do not say.
std::optional<store::Value> column_of(const std::string& column, const json& settings) {
  const auto plugin = [&](const char* part) { return text_value(settings.at(part).at("plugin")); };
  const auto& budget = settings.at("budget");
  if (std::find(named.begin(), named.end(), column) != named.end())
    return text_value(label_of(settings, column.c_str()));
  if (column == "family") return text_value(settings.at("model").at("family"));
  if (column == "format") return text_value(settings.at("dataset").at("format"));
  if (column == "scorer_plugin") return plugin("scorer");
  if (column == "searcher_plugin") return plugin("searcher");
  if (column == "recovery_plugin") return plugin("recovery");
  if (column == "budget") return text_value(budget.at("kind"));
  if (column == "requested") return store::Value{store::Value::Kind::Real, 0, budget.at("value").get<double>(), {}};
  if (column == "sparsity" || column == "requested_sparsity") {
    if (budget.at("kind") != "sparsity") return store::Value{};
    return store::Value{store::Value::Kind::Real, 0, budget.at("value").get<double>(), {}};
  }
  for (const char* plain :
       {"granularity", "sites", "scope", "schedule", "rounding", "softmax_scale", "compute", "seed", "base_seed"}) {
    if (column == plain) return text_value(settings.at(plain));
  }
  return std::nullopt;
}

// What tells cells apart, and what is said of them beside an axis or a value.
std::vector<std::string> needed_columns(std::vector<std::string> columns) {
  auto needed = separate_axes();
  needed.insert(needed.end(), {"experiment", "key", "state", "message", "budget", "requested", "sparsity", "seed",
                               "base_seed", "current", "inserted", "source", "files", "computed_on", "memory_shortages",
                               "settings.measure", "settings.count_output_bias"});
  for (const char* part : named) needed.push_back(std::string("settings.") + part);
  for (auto& column : columns) {
    if (!contains(needed, column)) needed.push_back(std::move(column));
  }
  return needed;
}

// What the settings say themselves, the member of a column's name among it.
std::optional<store::Value> value_of_settings(const std::string& column, const std::string& text,
                                              const json& settings) {
  if (column == "settings") return text_value(text);
  if (!column.starts_with("settings.")) return column_of(column, settings);
  const auto value = member(text, std::string_view(column).substr(std::string_view("settings.").size()));
  return value.empty() ? store::Value() : text_value(std::string(value));
}

// Rows of the cells of a file: what their settings say, and of the database what happened to them.
store::CodedRows of_file(const store::CodedRows& stored, const std::string& experiment,
                         const std::vector<store::NewCell>& cells) {
  const auto& keys = *stored.find("key");
  const auto& experiments = *stored.find("experiment");
  std::unordered_map<std::string_view, std::size_t> by_key;
  for (std::size_t row = 0; row < stored.count; ++row) {
    const auto [known, is_new] = by_key.try_emplace(keys.at(row).text, row);
    if (!is_new && experiments.at(row).text == experiment) known->second = row;
  }
  store::CodedRows rows{stored.names, std::vector<store::CodedColumn>(stored.names.size()), cells.size()};
  for (const auto& cell : cells) {
    const auto settings = parsed(cell.settings);
    const auto found = cell.key.empty() ? by_key.end() : by_key.find(cell.key);
    for (std::size_t i = 0; i < stored.names.size(); ++i) {
      const auto& column = stored.names[i];
      auto& into = rows.columns[i];
      if (const auto of_settings = value_of_settings(column, cell.settings, settings))
        into.add(*of_settings);
      else if (column == "experiment")
        into.add(std::string_view(experiment));
      else if (column == "key")
        into.add(std::string_view(cell.key));
      else if (column == "source")
        into.add_null();  // all of them stand for the files as they are now
      else if (found != by_key.end())
        into.add(stored.columns[i].at(found->second));
      else if (column == "state")
        into.add(std::string_view("waiting"));
      else
        into.add_null();
    }
  }
  return rows;
}

std::string digest_or(const json& source, const char* name, const std::string& otherwise) {
  const auto found = source.find(name);
  return found == source.end() || !found->is_string() ? otherwise : found->get<std::string>().substr(0, digest_letters);
}

// The settings of one part by path; the digests of what its paths lead to instead of the paths, where they are known.
NamedPart part_of(const json& settings, const json& source, const char* part) {
  NamedPart made{label_of(settings, part), {}};
  const auto found = settings.find(part);
  if (found == settings.end() || !found->is_object()) return made;
  const std::string prefix = std::string(part) + ".";
  for (const auto& [path, value] : flattened(*found)) {
    if (path == "name" || path == "checkpoint" || path == "audio" || path == "classes" || path.starts_with("split."))
      continue;
    made.settings[prefix + (path.starts_with("settings.") ? path.substr(9) : path)] = value;
  }
  if (found->contains("checkpoint")) made.settings[prefix + "checkpoint"] = digest_or(source, "checkpoint", "unknown");
  if (found->contains("split") && found->at("split").is_object()) {
    for (const auto& [split, path] : found->at("split").items())
      made.settings[prefix + split] = digest_or(source, split.c_str(), "unknown");
  }
  return made;
}

// Numbers last: a person tells ways apart by settings before digests.
bool is_digest(const std::string& setting) {
  for (const char* name : {"model.checkpoint", "dataset.train", "dataset.validation", "dataset.test"}) {
    if (setting == name) return true;
  }
  return false;
}

std::string value_of(const NamedPart& part, const std::string& setting) {
  const auto found = part.settings.find(setting);
  return found == part.settings.end() ? "none" : found->second;
}

std::string listed(const std::set<std::string>& values) {
  std::vector<std::string> shown(values.begin(), values.end());
  const bool more = shown.size() > most_values;
  if (more) shown.resize(most_values);
  return join(shown) + (more ? ", ..." : "");
}

// Settings that these parts of one name do not share, those that people tell them apart by first.
std::vector<std::string> differing(const std::vector<const NamedPart*>& parts) {
  std::set<std::string> all;
  for (const auto* part : parts) {
    for (const auto& [setting, value] : part->settings) all.insert(setting);
  }
  std::vector<std::string> found;
  for (const auto& setting : all) {
    std::set<std::string> values;
    for (const auto* part : parts) values.insert(value_of(*part, setting));
    if (values.size() > 1) found.push_back(setting);
  }
  std::stable_partition(found.begin(), found.end(), [](const std::string& name) { return !is_digest(name); });
  return found;
}

// As few of them as tell all parts apart.
std::vector<std::string> needed(const std::vector<std::string>& settings, const std::vector<const NamedPart*>& parts) {
  std::vector<std::string> chosen;
  std::vector<std::string> told(parts.size());
  std::size_t classes = 1;
  for (const auto& setting : settings) {
    auto finer = told;
    for (std::size_t i = 0; i < parts.size(); ++i) finer[i] += value_of(*parts[i], setting) + '\n';
    const auto count = std::set<std::string>(finer.begin(), finer.end()).size();
    if (count == classes) continue;
    classes = count;
    told = std::move(finer);
    chosen.push_back(setting);
  }
  return chosen;
}

}  // namespace

std::vector<std::string> columns_of_cells() {
  std::vector<std::string> columns;
  for (const auto& column : store::described_view("cells").columns) columns.push_back(column.name);
  return columns;
}

CellRows::CellRows(const store::ResultStore& store, const std::string& experiment,
                   const std::vector<std::string>& columns)
    : stored_(store.cells_in_detail(experiment, needed_columns(columns))),
      rows_(std::move(stored_.rows)),
      stored_keys_(rows_.column("key").codes()) {
  // What is left out of a table later still says where its points are.
  auto kept = columns;
  kept.insert(kept.end(), {"experiment", "key", "state"});
  stored_.rows = {{}, {}, rows_.size()};
  for (const auto& column : kept) {
    if (stored_.rows.find(column) != nullptr) continue;
    stored_.rows.names.push_back(column);
    stored_.rows.columns.push_back(rows_.column(column));
  }
  take_apart();
}

CellRows::CellRows(const store::ResultStore& store, const std::string& experiment,
                   const std::vector<store::NewCell>& cells_of_file, const std::vector<std::string>& columns)
    : stored_(store.cells_in_detail("", needed_columns(columns))),
      rows_(of_file(stored_.rows, experiment, cells_of_file)) {
  std::unordered_map<std::string_view, std::uint32_t> known;
  const auto& keys = stored_.rows.find("key")->values();
  for (std::size_t code = 0; code < keys.size(); ++code) known.emplace(keys[code].text, code);
  for (const auto& cell : cells_of_file) {
    const auto found = cell.key.empty() ? known.end() : known.find(cell.key);
    stored_keys_.push_back(found == known.end() ? no_code : found->second);
  }
  take_apart();
  std::set<std::string> held;
  for (const auto& cell : cells_of_file) held.insert(cell.key);
  const NamedRows all(store.cells_in_detail(experiment, {"key"}).rows);
  for (std::size_t row = 0; row < all.size(); ++row) left_out_ += held.count(all.text(row, "key")) == 0 ? 1 : 0;
}

std::uint32_t CellRows::part(Part which, NamedPart made) {
  std::string identity = made.label + '\n';
  for (const auto& [setting, value] : made.settings) identity += setting + '\n' + value + '\n';
  const auto [found, is_new] =
      places_[which].try_emplace(std::move(identity), static_cast<std::uint32_t>(known_[which].size()));
  if (is_new) known_[which].push_back(std::move(made));
  return found->second;
}

Codes CellRows::parts_of(const Grouping& groups, Part which, const std::function<NamedPart(std::size_t)>& made) {
  Codes of_group, of_rows;
  for (std::size_t group = 0; group < groups.count(); ++group)
    of_group.push_back(part(which, made(groups.first(group))));
  of_rows.reserve(rows_.size());
  for (const auto group : groups.of_rows()) of_rows.push_back(of_group[group]);
  return of_rows;
}

// Many cells share what each part of their settings says: a text is parsed when it first comes.
void CellRows::take_apart() {
  const auto& sources = rows_.column("source");
  std::vector<json> read;  // by code
  for (const auto& source : sources.values()) read.push_back(parsed(source.text));
  const auto groups_of = [&](std::initializer_list<std::string> columns) {
    Grouping groups(rows_.size());
    for (const auto& column : columns) groups.split_by(rows_.column(column).codes());
    return groups;
  };
  const auto value_at = [&](std::size_t row, const std::string& column) {
    return json::parse(rows_.at(row, column).text, nullptr, false);
  };
  for (std::size_t i = 0; i < named.size(); ++i) {
    const auto column = std::string("settings.") + named[i];
    parts_[i] = parts_of(groups_of({"source", column}), static_cast<Part>(i), [&](std::size_t row) {
      return part_of(json{{named[i], value_at(row, column)}}, read[sources.code(row)], named[i]);
    });
  }
  parts_[Measure] =
      parts_of(groups_of({"source", "settings.measure", "settings.count_output_bias"}), Measure, [&](std::size_t row) {
        NamedPart made;
        for (const std::string name : {"measure", "count_output_bias"}) {
          if (rows_.text(row, "settings." + name).empty()) continue;
          for (const auto& [path, value] : flattened(json{{name, value_at(row, "settings." + name)}}))
            made.settings[path] = value;
        }
        const auto& source = read[sources.code(row)];
        if (const auto version = source.find("results_version"); version != source.end())
          made.settings["results_version"] = version->dump();
        return made;
      });
  parts_[Files] = parts_of(groups_of({"files"}), Files, [&](std::size_t row) {
    NamedPart digests;
    const auto document = parsed(rows_.text(row, "files"));
    for (const auto& [role, digest] : document.items()) {
      if (digest.is_string()) digests.settings[role + ".file"] = digest.get<std::string>().substr(0, digest_letters);
    }
    return digests;
  });
  tell_versions();
}

// Cells with nothing between them but their keys: files behind them changed while nobody kept their digests.
void CellRows::tell_versions() {
  Grouping groups(rows_.size());
  for (std::size_t i = 0; i <= Measure; ++i) groups.split_by(parts_[i]);
  for (const auto& axis : separate_axes()) groups.split_by(rows_.coded(axis).codes);
  for (const auto* axis : {"budget", "requested", "seed", "base_seed"}) groups.split_by(rows_.texts(axis).codes);
  if (groups.count() == rows_.size()) return;
  std::vector<std::map<std::uint32_t, std::int64_t>> alike(groups.count());  // by key: when it came
  const auto& keys = rows_.column("key");
  for (std::size_t row = 0; row < rows_.size(); ++row) {
    if (keys.at(row).text.empty()) continue;
    alike[groups.of(row)][keys.code(row)] = static_cast<std::int64_t>(rows_.number(row, "inserted").value_or(0));
  }
  if (std::all_of(alike.begin(), alike.end(), [](const auto& versions) { return versions.size() < 2; })) return;
  versions_.assign(rows_.size(), 1);
  for (std::size_t row = 0; row < rows_.size(); ++row) {
    auto& versions = alike[groups.of(row)];
    if (versions.size() < 2) continue;
    const auto mine = versions[keys.code(row)];
    for (const auto& [key, inserted] : versions) versions_[row] += inserted < mine ? 1 : 0;
  }
}

AxisValue CellRows::axis(std::size_t row, const std::string& axis) const {
  if (axis == "version") return {std::to_string(versions_.empty() ? 1 : versions_[row]), {}};
  if (!is_setting(axis) && axis != "count_output_bias" && axis != "results_version") return rows_.axis(row, axis);
  std::string text = "none";
  for (std::size_t i = 0; i < part_count; ++i) {
    const auto& settings = known_[i][parts_[i][row]].settings;
    if (const auto found = settings.find(axis); found != settings.end()) text = found->second;
  }
  const bool number = !is_digest(axis) && !axis.ends_with(".file");
  return {text, number ? number_in(text) : std::nullopt};
}

CodedAxis CellRows::coded(const std::string& axis) const {
  Grouping groups(rows_.size());
  if (axis == "version") {
    groups.split_by(versions_);
  } else if (!is_setting(axis) && axis != "count_output_bias" && axis != "results_version") {
    return rows_.coded(axis);
  } else {
    for (std::size_t i = 0; i < part_count; ++i) {
      const auto& known = known_[i];
      if (std::any_of(known.begin(), known.end(), [&](const auto& part) { return part.settings.contains(axis); }))
        groups.split_by(parts_[i]);
    }
  }
  return axis_of_groups(groups, [&](std::size_t row) { return this->axis(row, axis); });
}

bool CellRows::knows(const std::string& setting) const {
  return std::any_of(known_.begin(), known_.end(), [&](const std::vector<NamedPart>& parts) {
    return std::any_of(parts.begin(), parts.end(),
                       [&](const NamedPart& part) { return part.settings.count(setting) == 1; });
  });
}

std::vector<std::string> CellRows::settings() const {
  std::set<std::string> names;
  for (const auto& parts : known_) {
    for (const auto& part : parts) {
      for (const auto& [name, value] : part.settings) names.insert(name);
    }
  }
  return {names.begin(), names.end()};
}

Difference CellRows::differences() const {
  Difference difference;
  for (std::size_t i = 0; i < named.size(); ++i) {
    std::map<std::string, std::set<std::size_t>> by_label;
    std::vector<bool> held(known_[i].size());
    for (const auto way : parts_[i]) held[way] = true;
    for (std::size_t way = 0; way < held.size(); ++way) {
      if (held[way]) by_label[known_[i][way].label].insert(way);
    }
    for (const auto& [label, ways] : by_label) {
      if (ways.size() < 2) continue;
      std::vector<const NamedPart*> parts;
      for (const auto way : ways) parts.push_back(&known_[i][way]);
      const auto settings = differing(parts);
      for (const auto& axis : needed(settings, parts)) {
        if (!contains(difference.axes, axis)) difference.axes.push_back(axis);
      }
      std::vector<std::string> what;
      for (const auto& setting : settings) {
        if (what.size() == most_values) {
          what.push_back(fmt::format("and {} more", settings.size() - most_values));
          break;
        }
        std::set<std::string> values;
        for (const auto* part : parts) values.insert(value_of(*part, setting));
        what.push_back(setting + " (" + listed(values) + ")");
      }
      difference.sentences.push_back(
          fmt::format("{} '{}' stands for {} things, which differ in {}", named[i], label, ways.size(), join(what)));
    }
  }
  return difference;
}

void CellRows::leave_out_earlier() {
  std::vector<bool> keep;
  for (std::size_t row = 0; row < rows_.size(); ++row) keep.push_back(rows_.number(row, "current") != 0.0);
  if (std::find(keep.begin(), keep.end(), false) == keep.end()) return;
  std::set<std::uint32_t> present, earlier;
  for (std::size_t row = 0; row < keep.size(); ++row)
    (keep[row] ? present : earlier).insert(rows_.column("key").code(row));
  // A cell that another experiment holds is shown for that one.
  left_out_ += std::count_if(earlier.begin(), earlier.end(), [&](const auto key) { return present.count(key) == 0; });
  filter(keep);
}

void CellRows::filter(const std::vector<bool>& keep) {
  rows_.filter(keep);
  const auto filter_codes = [&](Codes& codes) {
    std::size_t kept = 0;
    for (std::size_t row = 0; row < codes.size(); ++row) {
      if (keep[row]) codes[kept++] = codes[row];
    }
    codes.resize(kept);
  };
  for (auto& codes : parts_) filter_codes(codes);
  filter_codes(versions_);
  filter_codes(stored_keys_);
}

}  // namespace espalier::report
