#include "definitions.h"

#include <espalier/error.h>
#include <fmt/format.h>

#include <algorithm>
#include <iterator>

#include "cells/families.h"
#include "cells/formats.h"
#include "reading.h"
#include "vocabulary.h"
#include "words/names.h"

namespace espalier::grid {
namespace {

std::string title_of(const std::string& kind, const std::string& name) {
  return name.empty() ? "this " + kind : fmt::format("[{}.{}]", kind, name);
}

std::optional<TrainSettings> read_train(const Value& value, const std::string& title, Complaints& complaints) {
  if (!expect_table(value, "train", complaints)) return std::nullopt;
  TrainSettings train;
  TableReader reader(value, title + " train", complaints);
  reader.fields(train);
  reader.finish();
  return train;
}

bool reads_sounds(const FamilyFacts& family) {
  return std::any_of(family.reads.begin(), family.reads.end(),
                     [](const auto format) { return facts_of(format).of_sounds; });
}

// What the engine cannot train is refused where it is asked for.
void check_recipe(const ModelSettings& model, const Value& place, Complaints& complaints) {
  const auto& train = *model.train;
  const auto& family = facts_of(model.family);
  if (!family.trains) {
    complaints.add(place.place, fmt::format("a {} model is used as its checkpoint is: 'train' fine-tunes {} only",
                                            family.title, families_that(&FamilyFacts::trains)));
  }
  if (train.start == TrainingStart::Scratch && !family.from_scratch) {
    complaints.add(place.place,
                   fmt::format("start = \"scratch\" makes the weights of an {} model; this is {}\n    give "
                               "a checkpoint with weights and leave 'start' out",
                               families_that(&FamilyFacts::from_scratch), to_string(model.family)));
  }
  const bool augments =
      train.mixup > 0 || train.frequency_mask > 0 || train.time_mask > 0 || train.shift > 0 || train.noise > 0;
  if (augments && !reads_sounds(family)) {
    complaints.add(place.place,
                   fmt::format("mixup, frequency_mask, time_mask, shift and noise augment audio; a {} model reads text",
                               to_string(model.family)));
  }
}

// Parts are joined where a text is written.
void refuse_chunks_of_sounds(const Value& table, const DatasetSettings& dataset, Complaints& complaints) {
  const auto& format = facts_of(dataset.format);
  if (dataset.long_audio != LongAudio::Chunk || !format.of_sounds || !format.has_classes) return;
  complaints.add(table.find("long_audio")->value.place,
                 fmt::format("'chunk' joins what a Whisper model writes of each part; {} data is not written\n"
                             "    expected refuse or cut",
                             to_string(dataset.format)));
}

// Keys that mean nothing for a format are mistakes.
void refuse_keys_of_other_formats(const Value& table, const std::string& title, Format format, Complaints& complaints) {
  const DatasetSettings any;
  each_field(any, [&](const auto& field, const auto&) {
    const auto* entry = table.find(field.name);
    const auto& of = field.formats;
    if (entry == nullptr || of.empty() || std::find(of.begin(), of.end(), format) != of.end()) return;
    std::vector<std::string> belongs;
    for (const auto one : of) belongs.emplace_back(to_string(one));
    complaints.add(entry->place, fmt::format("'{}' means nothing to {} data ({})\n    it belongs to {}", field.name,
                                             to_string(format), title, join(belongs)));
  });
}

void refuse_one_column_twice(const Value& table, const DatasetSettings& dataset, Complaints& complaints) {
  std::vector<std::pair<const char*, std::string>> columns;
  if (dataset.format == Format::TextClassification) {
    columns = {{"text", dataset.text}, {"pair", dataset.pair}, {"label", dataset.label}};
  } else if (dataset.format == Format::SpeechRecognition) {
    columns = {{"path", "path"}, {"text", dataset.text}};
  } else {
    columns = {{"path", "path"}, {"label", dataset.label}};
  }
  for (auto a = columns.begin(); a != columns.end(); ++a) {
    for (auto b = std::next(a); b != columns.end(); ++b) {
      if (a->second.empty() || a->second != b->second) continue;
      const auto* written = table.find(a->first) != nullptr ? table.find(a->first) : table.find(b->first);
      complaints.add(written == nullptr ? table.place : written->value.place,
                     fmt::format("'{}' and '{}' both name the column '{}'", a->first, b->first, a->second));
    }
  }
}

std::optional<SettingValue> setting_of(const Value& value) {
  switch (value.kind) {
    case Value::Kind::Bool: return value.boolean;
    case Value::Kind::Integer: return value.integer;
    case Value::Kind::Real: return value.real;
    case Value::Kind::Text: return value.text;
    default: return std::nullopt;
  }
}

std::string plain(const Value& value) {
  switch (value.kind) {
    case Value::Kind::Bool: return value.boolean ? "true" : "false";
    case Value::Kind::Integer: return fmt::format("{}", value.integer);
    case Value::Kind::Real: return fmt::format("{}", value.real);
    default: return value.text;
  }
}

Splits split_of(const Settings& settings, Splits otherwise) {
  const auto found = settings.values().find(host::split);
  if (found == settings.values().end()) return otherwise;
  if (found->second == SettingValue("train")) return train_split;
  if (found->second == SettingValue("validation")) return validation_split;
  return otherwise;
}

// A searcher's evaluator and the choice of the best epoch look at validation; a recovery trains, and so do some searchers.
void find_splits(PluginDefinition& plugin, const PluginDescription& description) {
  const bool is_recovery = plugin.role == "recovery";
  if (is_recovery || description.has(needs_data)) {
    plugin.needs = split_of(plugin.settings.settings, is_recovery ? train_split : validation_split);
  }
  if (description.has(trains)) plugin.needs |= train_split;
  if (description.has(evaluates)) plugin.needs |= validation_split;
  plugin.uses = plugin.needs;
  if (is_recovery || description.has(trains)) plugin.uses |= validation_split;
}

void describe(PluginDefinition& plugin, const PluginDescription& description) {
  plugin.traits = description.traits;
  plugin.budgets = description.budgets();
  find_splits(plugin, description);
}

}  // namespace

bool DefinitionReader::path(const Value& value, const std::string& key, std::string& target) {
  std::string text;
  if (!read_text(value, key, text, complaints_)) return false;
  if (text.empty() || text.find('\0') != std::string::npos || text.find('\n') != std::string::npos) {
    complaints_.add(value.place,
                    fmt::format("'{}' is not a path: it is empty or has a line break or a zero byte", key));
    return false;
  }
  const auto included = folders_.find(*value.place.source);
  const auto& folder = included == folders_.end() ? folder_ : included->second;
  const bool as_is = value.from_working_directory || folder.empty();
  target = as_is ? text : (folder / text).string();
  return true;
}

std::shared_ptr<ModelDefinition> DefinitionReader::model(const Value& table, const std::string& name) {
  if (!expect_table(table, title_of("model", name), complaints_)) return nullptr;
  auto definition = std::make_shared<ModelDefinition>();
  definition->place = table.place;
  auto& model = definition->settings;
  TableReader reader(table, title_of("model", name), complaints_);
  bool sound = true, knows_family = false;
  if (const auto* family = reader.need("family")) {
    knows_family = read_word(*family, "family", model.family, complaints_);
  }
  sound &= knows_family;
  if (const auto* checkpoint = reader.need("checkpoint")) sound &= path(*checkpoint, "checkpoint", model.checkpoint);
  if (const auto* train = reader.find("train")) {
    model.train = read_train(*train, title_of("model", name), complaints_);
    if (model.train && knows_family) check_recipe(model, *train, complaints_);
  }
  reader.finish();
  model.name = name;
  if (name.empty() && sound) {
    const std::filesystem::path folder(model.checkpoint);
    model.name = folder.has_filename() ? folder.filename().string() : folder.parent_path().filename().string();
  }
  return definition;
}

std::shared_ptr<DatasetDefinition> DefinitionReader::dataset(const Value& table, const std::string& name) {
  if (!expect_table(table, title_of("dataset", name), complaints_)) return nullptr;
  auto definition = std::make_shared<DatasetDefinition>();
  definition->place = table.place;
  auto& dataset = definition->settings;
  TableReader reader(table, title_of("dataset", name), complaints_);
  const auto* format = reader.need("format");
  const bool knows_format = format != nullptr && read_word(*format, "format", dataset.format, complaints_);
  for (const auto* split : split_names) {
    if (const auto* value = reader.find(split)) {
      std::string file;
      if (path(*value, split, file)) dataset.split[split] = file;
    }
  }
  reader.fields(dataset, [&](const Value& value, const char* key, std::string& target) { path(value, key, target); });
  if (const auto* limit = reader.find("limit"); limit != nullptr && expect_table(*limit, "limit", complaints_)) {
    TableReader limits(*limit, title_of("dataset", name) + " limit", complaints_);
    for (const auto* split : split_names) {
      if (const auto* value = limits.find(split)) {
        read_integer(*value, std::string("limit.") + split, 1, dataset.limit[split], complaints_);
      }
    }
    limits.finish();
  }
  if (const auto* written = table.find("max_tokens")) definition->max_tokens_place = written->value.place;
  if (knows_format) {
    refuse_keys_of_other_formats(table, title_of("dataset", name), dataset.format, complaints_);
    refuse_one_column_twice(table, dataset, complaints_);
    refuse_chunks_of_sounds(table, dataset, complaints_);
  }
  reader.finish();
  dataset.name = name;
  if (name.empty()) {  // .../wordnet/test.tsv is wordnet
    const auto any =
        dataset.split.empty() ? std::filesystem::path() : std::filesystem::path(dataset.split.rbegin()->second);
    dataset.name = any.has_parent_path() ? any.parent_path().filename().string() : any.stem().string();
  }
  return definition;
}

const PluginDescription* DefinitionReader::find_plugin(const std::string& role, const std::string& name) const {
  for (const auto& plugin : plugins_) {
    if (plugin.role == role && plugin.name == name) return &plugin;
  }
  return nullptr;
}

std::vector<std::string> DefinitionReader::plugin_names(const std::string& role) const {
  std::vector<std::string> names;
  for (const auto& plugin : plugins_) {
    if (plugin.role == role) names.push_back(plugin.name);
  }
  return names;
}

std::shared_ptr<PluginDefinition> DefinitionReader::bare_plugin(const std::string& role,
                                                                const std::string& name) const {
  auto definition = std::make_shared<PluginDefinition>();
  definition->role = role;
  definition->settings.name = definition->settings.plugin = name;
  if (may_be_none(role) && name == "none") return definition;
  const auto* description = find_plugin(role, name);
  if (description == nullptr) return nullptr;
  definition->settings.version = description->version;
  definition->settings.settings = complete_settings(*description, {});
  describe(*definition, *description);
  return definition;
}

bool names_checkpoint(const std::string& setting, const SettingValue& value) {
  return setting == host::teacher && value != SettingValue("dense");
}

std::shared_ptr<PluginDefinition> DefinitionReader::plugin(const std::string& role, const Value& table,
                                                           const std::string& name) {
  const auto title = title_of(role, name);
  if (!expect_table(table, title, complaints_)) return nullptr;
  std::string plugin_name = name;
  const auto* given_name = table.find("plugin");
  if (given_name != nullptr && !read_text(given_name->value, "plugin", plugin_name, complaints_)) return nullptr;
  const auto* description = find_plugin(role, plugin_name);
  if (description == nullptr) {
    const auto known = plugin_names(role);
    if (given_name != nullptr) {
      complaints_.add(given_name->value.place,
                      unknown_here(role, plugin_name, known, where_name_belongs(plugin_name, role, {}, plugins_)));
    } else {
      complaints_.add(table.place, fmt::format("{} lacks the key 'plugin'\n    known: {}", title, join(known)));
    }
    return nullptr;
  }
  Settings given;
  std::map<std::string, std::string> written;
  std::map<std::string, Place> places;
  bool sound = true;
  for (const auto& entry : table.entries) {
    if (entry.key == "plugin") continue;
    const auto value = setting_of(entry.value);
    if (!value) {
      complaints_.add(entry.value.place,
                      fmt::format("'{}' is {}, expected one value\n    to compare several, name a definition for each",
                                  entry.key, describe(entry.value)));
      sound = false;
      continue;
    }
    try {  // one at a time, so that each complaint has its place
      Settings one;
      one.set(entry.key, *value);
      complete_settings(*description, one);
      given.set(entry.key, *value);
      if (names_checkpoint(entry.key, *value)) {
        std::string checkpoint;
        if (!path(entry.value, entry.key, checkpoint)) {
          sound = false;
          continue;
        }
        given.set(entry.key, checkpoint);
      }
      written[entry.key] = plain(entry.value);
      places[entry.key] = entry.value.place;
    } catch (const SettingsError& error) {
      complaints_.add(entry.place, error.what());
      sound = false;
    }
  }
  if (!sound) return nullptr;
  auto definition = std::make_shared<PluginDefinition>();
  definition->role = role;
  definition->unnamed = name.empty();
  definition->settings = {name.empty() ? plugin_name : name, plugin_name, description->version,
                          complete_settings(*description, given)};
  for (const auto& [key, value] : written)
    definition->given += (definition->given.empty() ? "" : ",") + key + "=" + value;
  definition->places = std::move(places);
  describe(*definition, *description);
  return definition;
}

CellLimits read_limits(const Value& table, Complaints& complaints) {
  if (!expect_table(table, "limits", complaints)) return {};
  LimitSettings settings;
  TableReader reader(table, "[limits]", complaints);
  reader.fields(settings);
  reader.finish();
  // Each key for itself, so that both are complained of.
  const auto read = [&](const char* key, const LimitSettings& one) {
    try {
      return limits_from(one);
    } catch (const SettingsError& error) {
      complaints.add(table.find(key)->value.place, error.what());
      return CellLimits();
    }
  };
  CellLimits limits;
  limits.timeout_seconds = read("cell_timeout", {settings.cell_timeout, ""}).timeout_seconds;
  limits.memory_bytes = read("cell_memory", {"", settings.cell_memory}).memory_bytes;
  limits.attempts = settings.attempts;
  return limits;
}

MeasureSettings read_measure(const Value& table, Complaints& complaints) {
  MeasureSettings measure;
  if (!expect_table(table, "measure", complaints)) return measure;
  TableReader reader(table, "[measure]", complaints);
  reader.fields(measure);
  if (const auto* latency = reader.find("latency");
      latency != nullptr && expect_table(*latency, "latency", complaints)) {
    measure.latency.emplace();
    TableReader inner(*latency, "[measure] latency", complaints);
    inner.need("batch");
    inner.fields(*measure.latency);
    inner.finish();
  }
  reader.finish();
  return measure;
}

}  // namespace espalier::grid
