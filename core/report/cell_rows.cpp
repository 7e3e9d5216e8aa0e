#include "cell_rows.h"

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "cells/fields/cell_fields.h"
#include "flattened.h"
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

// The row of a cell of the file: what its settings say, and of the database what happened to it.
std::vector<store::Value> row_of(const store::Rows& stored, const std::vector<store::Value>* found,
                                 const store::NewCell& cell, const std::string& experiment) {
  const auto settings = parsed(cell.settings);
  std::vector<store::Value> row;
  row.reserve(stored.columns.size());
  for (std::size_t i = 0; i < stored.columns.size(); ++i) {
    const auto& column = stored.columns[i];
    auto of_settings = column_of(column, settings);
    if (of_settings)
      row.push_back(std::move(*of_settings));
    else if (column == "experiment")
      row.push_back(text_value(experiment));
    else if (column == "key")
      row.push_back(text_value(cell.key));
    else if (column == "settings")
      row.push_back(text_value(cell.settings));
    else if (column == "source")
      row.emplace_back();  // all of them stand for the files as they are now
    else if (found != nullptr)
      row.push_back((*found)[i]);
    else if (column == "state")
      row.push_back(text_value(std::string("waiting")));
    else
      row.emplace_back();
  }
  return row;
}

std::size_t place_of(const store::Rows& rows, const char* column) {
  return static_cast<std::size_t>(std::find(rows.columns.begin(), rows.columns.end(), column) - rows.columns.begin());
}

store::Rows of_file(const store::Rows& stored, const std::string& experiment,
                    const std::vector<store::NewCell>& cells) {
  const auto key_at = place_of(stored, "key"), experiment_at = place_of(stored, "experiment");
  std::unordered_map<std::string, const std::vector<store::Value>*> by_key;
  for (const auto& row : stored.rows) {
    auto& known = by_key[row[key_at].text];
    if (known == nullptr || row[experiment_at].text == experiment) known = &row;
  }
  store::Rows rows{stored.columns, {}};
  rows.rows.reserve(cells.size());
  for (const auto& cell : cells) {
    const auto found = cell.key.empty() ? by_key.end() : by_key.find(cell.key);
    rows.rows.push_back(row_of(stored, found == by_key.end() ? nullptr : found->second, cell, experiment));
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

CellRows::CellRows(const store::ResultStore& store, const std::string& experiment)
    : rows_(store.cells_in_detail(experiment)) {
  take_apart();
}

CellRows::CellRows(const store::ResultStore& store, const std::string& experiment,
                   const std::vector<store::NewCell>& cells_of_file)
    : rows_(of_file(store.cells_in_detail(""), experiment, cells_of_file)) {
  take_apart();
  std::set<std::string> keys;
  for (const auto& cell : cells_of_file) keys.insert(cell.key);
  const NamedRows stored(store.cells(experiment));
  for (std::size_t row = 0; row < stored.size(); ++row) left_out_ += keys.count(stored.text(row, "key")) == 0 ? 1 : 0;
}

std::size_t CellRows::part(Part which, NamedPart made) {
  std::string identity = made.label + '\n';
  for (const auto& [setting, value] : made.settings) identity += setting + '\n' + value + '\n';
  const auto place = static_cast<std::size_t>(which);
  const auto [found, is_new] = places_[place].try_emplace(std::move(identity), known_[place].size());
  if (is_new) known_[place].push_back(std::move(made));
  return found->second;
}

// Many cells share what each part of their settings says: a text is parsed when it first comes.
class CellRows::PartsByText {
 public:
  explicit PartsByText(CellRows& rows) : rows_(rows) {}

  Parts parts(const std::string& settings, const std::string& source, const std::string& files) {
    const auto told = sources_.try_emplace(source, sources_.size()).first->second;
    if (told == read_.size()) read_.push_back(parsed(source));
    const auto texts = members(settings);
    const auto member_of = [&](std::string_view name) {
      const auto found = std::find_if(texts.begin(), texts.end(), [&](const auto& one) { return one.first == name; });
      return found == texts.end() ? std::string_view() : found->second;
    };
    Parts parts{};
    for (std::size_t i = 0; i < named.size(); ++i) {
      const auto text = member_of(named[i]);
      parts[i] = place(static_cast<Part>(i), identity(told, text), [&] {
        return part_of(json{{named[i], value_in(text)}}, read_[told], named[i]);
      });
    }
    const auto measure = member_of("measure"), bias = member_of("count_output_bias");
    parts[Measure] = place(Measure, identity(told, measure) + '\n' + std::string(bias), [&] {
      NamedPart made;
      for (const auto& [name, text] : {std::pair("measure", measure), std::pair("count_output_bias", bias)}) {
        if (text.empty()) continue;
        for (const auto& [path, value] : flattened(json{{name, value_in(text)}})) made.settings[path] = value;
      }
      const auto version = read_[told].find("results_version");
      if (version != read_[told].end()) made.settings["results_version"] = version->dump();
      return made;
    });
    parts[Files] = place(Files, files, [&] {
      NamedPart digests;
      const auto document = parsed(files);
      for (const auto& [role, digest] : document.items()) {
        if (digest.is_string()) digests.settings[role + ".file"] = digest.get<std::string>().substr(0, digest_letters);
      }
      return digests;
    });
    return parts;
  }

 private:
  static std::string identity(std::size_t source, std::string_view text) {
    return std::to_string(source) + ' ' + std::string(text);
  }
  static json value_in(std::string_view text) { return json::parse(text, nullptr, false); }

  template <class Made>
  std::size_t place(Part which, std::string text, const Made& made) {
    auto& known = known_[static_cast<std::size_t>(which)];
    if (const auto found = known.find(text); found != known.end()) return found->second;
    return known.emplace(std::move(text), rows_.part(which, made())).first->second;
  }

  CellRows& rows_;
  std::unordered_map<std::string, std::size_t> sources_;
  std::vector<json> read_;  // by the numbers of sources_
  std::array<std::unordered_map<std::string, std::size_t>, part_count> known_;
};

void CellRows::take_apart() {
  // Cells with nothing between them but their keys: files behind them changed while nobody kept their digests.
  std::unordered_map<std::string, std::map<std::string, std::int64_t>> alike;  // by all else: key to when it came
  PartsByText by_text(*this);
  std::vector<std::string> identities;
  parts_.reserve(rows_.size());
  for (std::size_t row = 0; row < rows_.size(); ++row) {
    const auto parts =
        by_text.parts(rows_.at(row, "settings").text, rows_.at(row, "source").text, rows_.at(row, "files").text);
    std::string identity;
    for (std::size_t i = 0; i < named.size(); ++i) identity += std::to_string(parts[i]) + ' ';
    identity += std::to_string(parts[Measure]);
    for (const auto& axis : separate_axes()) identity += '\n' + rows_.axis(row, axis).text;
    for (const auto* axis : {"budget", "requested", "seed", "base_seed"}) identity += '\n' + rows_.text(row, axis);
    if (const auto key = rows_.text(row, "key"); !key.empty())
      alike[identity][key] = static_cast<std::int64_t>(rows_.number(row, "inserted").value_or(0));
    identities.push_back(std::move(identity));
    parts_.push_back(parts);
  }
  versions_.resize(rows_.size());
  for (std::size_t row = 0; row < rows_.size(); ++row) {
    const auto found = alike.find(identities[row]);
    if (found == alike.end() || found->second.size() < 2) continue;
    const auto mine = found->second[rows_.text(row, "key")];
    std::int64_t before = 1;
    for (const auto& [key, inserted] : found->second) before += inserted < mine ? 1 : 0;
    versions_[row] = std::to_string(before);
  }
}

AxisValue CellRows::axis(std::size_t row, const std::string& axis) const {
  if (axis == "version") return {versions_[row].empty() ? "1" : versions_[row], {}};
  if (!is_setting(axis) && axis != "count_output_bias" && axis != "results_version") return rows_.axis(row, axis);
  std::string text = "none";
  for (std::size_t i = 0; i < part_count; ++i) {
    const auto& settings = known_[i][parts_[row][i]].settings;
    if (const auto found = settings.find(axis); found != settings.end()) text = found->second;
  }
  const bool number = !is_digest(axis) && !axis.ends_with(".file");
  return {text, number ? number_in(text) : std::nullopt};
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
    for (const auto& parts : parts_) by_label[known_[i][parts[i]].label].insert(parts[i]);
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
  std::vector<bool> keep(rows_.size(), true);
  std::set<std::string> present, earlier;
  for (std::size_t row = 0; row < keep.size(); ++row) {
    keep[row] = rows_.number(row, "current") != 0.0;
    (keep[row] ? present : earlier).insert(rows_.text(row, "key"));
  }
  // A cell that another experiment holds is shown for that one.
  left_out_ += std::count_if(earlier.begin(), earlier.end(), [&](const auto& key) { return present.count(key) == 0; });
  filter(keep);
}

void CellRows::filter(const std::vector<bool>& keep) {
  rows_.filter(keep);
  std::size_t kept = 0;
  for (std::size_t row = 0; row < parts_.size(); ++row) {
    if (!keep[row]) continue;
    parts_[kept] = parts_[row];
    versions_[kept] = versions_[row];
    ++kept;
  }
  parts_.resize(kept);
  versions_.resize(kept);
}

}  // namespace espalier::report
