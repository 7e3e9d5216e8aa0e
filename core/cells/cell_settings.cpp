#include "cells/cell_settings.h"

#include <espalier/error.h>
#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "cells/fields.h"
#include "words/plugin_description.h"

namespace espalier {
namespace {

using nlohmann::json;

constexpr const char* by_schedule = "schedule";

template <typename Enum>
Enum word(const json& entry, const char* key) {
  return from_name<Enum>(entry.at(key).get_ref<const std::string&>());
}

template <typename Value>
void read(const json& entry, Value& value) {
  if constexpr (Worded<Value>)
    value = from_name<Value>(entry.get_ref<const std::string&>());
  else
    value = entry.get<Value>();
}

template <Worded Enum>
void read(const json& entry, std::optional<Enum>& value) {
  value = from_name_or_empty<Enum>(entry.get_ref<const std::string&>());
}

// What is not there is what it was before there was such a key: its default.
template <typename Settings>
Settings fields_from_json(const json& entry, Settings settings = {}) {
  each_field(settings, [&](const auto& field, auto& value) {
    if (field.is_always_written() || entry.contains(field.name)) read(entry.at(field.name), value);
  });
  return settings;
}

template <typename Value>
json json_of(const Value& value) {
  return value;
}

template <Worded Enum>
json json_of(const std::optional<Enum>& value) {
  return name_or_empty(value);
}

template <typename Settings>
json fields_to_json(const Settings& settings) {
  static const Settings defaults;
  auto entry = json::object();
  each_field(settings, [&](const auto& field, const auto& value) {
    if (field.is_written != nullptr && !field.is_written(settings)) return;
    if (field.since_default && value == defaults.*field.member) return;
    entry[field.name] = json_of(value);
  });
  return entry;
}

PluginSettings plugin_settings_from_json(const json& entry) {
  return {entry.at("name"), entry.at("plugin"), entry.at("version"), settings_from_json(entry.at("settings"))};
}

Budget budget_from_json(const json& entry) {
  const bool open = entry.at("kind") == by_schedule;
  return {open ? std::nullopt : std::optional(word<BudgetKind>(entry, "kind")), entry.at("value")};
}

CellSettings read_cell(const json& entry) {
  CellSettings cell;
  const auto& model = entry.at("model");
  cell.model.name = model.at("name");
  cell.model.family = word<Family>(model, "family");
  cell.model.checkpoint = model.at("checkpoint");
  if (!model.at("train").is_null()) cell.model.train = fields_from_json<TrainSettings>(model.at("train"));
  const auto& dataset = entry.at("dataset");
  cell.dataset = fields_from_json<DatasetSettings>(dataset);
  cell.dataset.name = dataset.at("name");
  cell.dataset.format = word<Format>(dataset, "format");
  cell.dataset.split = dataset.at("split").get<std::map<std::string, std::string>>();
  cell.dataset.limit = dataset.at("limit").get<std::map<std::string, std::int64_t>>();
  cell.granularity = word<Granularity>(entry, "granularity");
  cell.sites = word<SiteFilter>(entry, "sites");
  cell.scorer = plugin_settings_from_json(entry.at("scorer"));
  cell.searcher = plugin_settings_from_json(entry.at("searcher"));
  cell.recovery = plugin_settings_from_json(entry.at("recovery"));
  cell.scope = word<Scope>(entry, "scope");
  cell.budget = budget_from_json(entry.at("budget"));
  cell.rounding = word<Rounding>(entry, "rounding");
  cell.count_output_bias = entry.at("count_output_bias");
  cell.softmax_scale = softmax_scale_from(entry.at("softmax_scale"));
  cell.compute = word<ComputeType>(entry, "compute");
  if (const auto& schedule = entry.at("schedule"); !schedule.is_null())
    cell.schedule = fields_from_json<ScheduleSettings>(schedule);
  cell.seed = entry.at("seed");
  cell.base_seed = entry.at("base_seed");
  const auto& measure = entry.at("measure");
  cell.measure = fields_from_json<MeasureSettings>(measure);
  if (const auto& latency = measure.at("latency"); !latency.is_null())
    cell.measure.latency = fields_from_json<LatencySettings>(latency);
  return cell;
}

}  // namespace

json to_json(const TrainSettings& train) { return fields_to_json(train); }

json to_json(const ModelSettings& model) {
  return {{"name", model.name},
          {"family", model.family},
          {"checkpoint", model.checkpoint},
          {"train", model.train ? to_json(*model.train) : json()}};
}

json to_json(const DatasetSettings& dataset) {
  auto entry = fields_to_json(dataset);
  entry["name"] = dataset.name;
  entry["format"] = dataset.format;
  entry["split"] = dataset.split;
  entry["limit"] = dataset.limit;
  return entry;
}

json to_json(const PluginSettings& plugin) {
  return {{"name", plugin.name},
          {"plugin", plugin.plugin},
          {"version", plugin.version},
          {"settings", to_json(plugin.settings)}};
}

json to_json(const MeasureSettings& measure) {
  auto entry = fields_to_json(measure);
  entry["latency"] = measure.latency ? fields_to_json(*measure.latency) : json();
  return entry;
}

json to_json(const Budget& budget) { return {{"kind", name_of(budget)}, {"value", budget.value}}; }

json to_json(const ScheduleSettings& schedule) { return fields_to_json(schedule); }

json to_json(const CellSettings& cell) {
  return {{"model", to_json(cell.model)},
          {"dataset", to_json(cell.dataset)},
          {"granularity", cell.granularity},
          {"sites", cell.sites},
          {"scorer", to_json(cell.scorer)},
          {"searcher", to_json(cell.searcher)},
          {"recovery", to_json(cell.recovery)},
          {"scope", cell.scope},
          {"budget", to_json(cell.budget)},
          {"rounding", cell.rounding},
          {"count_output_bias", cell.count_output_bias},
          {"softmax_scale", to_string(cell.softmax_scale)},
          {"compute", cell.compute},
          {"schedule", cell.schedule ? to_json(*cell.schedule) : json()},
          {"seed", cell.seed},
          {"base_seed", cell.base_seed},
          {"measure", to_json(cell.measure)}};
}

CellSettings cell_from_json(const json& entry) {
  try {
    return read_cell(entry);
  } catch (const json::exception& error) {
    throw StoreError("the settings of a cell in the database cannot be read: " + std::string(error.what()));
  } catch (const SettingsError& error) {  // a word of another version
    throw StoreError("the settings of a cell in the database cannot be read: " + std::string(error.what()));
  }
}

std::optional<ScheduleSettings> schedule_from_json(const json& entry) {
  try {
    return fields_from_json<ScheduleSettings>(entry);
  } catch (const json::exception&) {
    return std::nullopt;
  } catch (const SettingsError&) {  // a word of another version
    return std::nullopt;
  }
}

std::string name_of(const Budget& budget) { return budget.kind ? to_string(*budget.kind) : by_schedule; }

std::string name_of(const ScheduleSettings& schedule) {
  return schedule.shape ? fmt::format("{}-{}", schedule.steps, to_string(*schedule.shape))
                        : fmt::format("{}x{}", schedule.steps, schedule.fraction);
}

}  // namespace espalier
