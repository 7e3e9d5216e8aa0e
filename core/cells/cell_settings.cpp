#include "cells/cell_settings.h"

#include <espalier/error.h>
#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "words/plugin_description.h"

namespace espalier {
namespace {

using nlohmann::json;

constexpr const char* by_schedule = "schedule";

template <typename Enum>
Enum word(const json& entry, const char* key) {
  return from_name<Enum>(entry.at(key).get_ref<const std::string&>());
}

template <typename Enum>
std::optional<Enum> word_or_nothing(const json& entry, const char* key) {
  return entry.contains(key) ? from_name_or_empty<Enum>(entry.at(key).get_ref<const std::string&>()) : std::nullopt;
}

TrainSettings train_from_json(const json& entry) {
  TrainSettings train;
  train.epochs = entry.at("epochs");
  train.batch = entry.at("batch");
  train.learning_rate = entry.at("learning_rate");
  train.weight_decay = entry.at("weight_decay");
  train.warmup = entry.at("warmup");
  train.clip_norm = entry.at("clip_norm");
  train.seed = entry.at("seed");
  train.start = word_or_nothing<TrainingStart>(entry, "start").value_or(train.start);
  train.initializer_range = entry.value("initializer_range", train.initializer_range);
  train.token_deviation = entry.value("token_deviation", train.token_deviation);
  train.patch_deviation = entry.value("patch_deviation", train.patch_deviation);
  train.mixup = entry.value("mixup", train.mixup);
  train.frequency_mask = entry.value("frequency_mask", train.frequency_mask);
  train.time_mask = entry.value("time_mask", train.time_mask);
  train.shift = entry.value("shift", train.shift);
  train.noise = entry.value("noise", train.noise);
  return train;
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
  if (!model.at("train").is_null()) cell.model.train = train_from_json(model.at("train"));
  const auto& dataset = entry.at("dataset");
  cell.dataset.name = dataset.at("name");
  cell.dataset.format = word<Format>(dataset, "format");
  cell.dataset.split = dataset.at("split").get<std::map<std::string, std::string>>();
  cell.dataset.text = dataset.at("text");
  cell.dataset.pair = dataset.at("pair");
  cell.dataset.label = dataset.at("label");
  cell.dataset.limit = dataset.at("limit").get<std::map<std::string, std::int64_t>>();
  cell.dataset.max_tokens = dataset.at("max_tokens");
  cell.dataset.audio_folder = dataset.value("audio", "");
  cell.dataset.classes = dataset.value("classes", "");
  cell.dataset.bad_files = word_or_nothing<BadFiles>(dataset, "bad_files").value_or(cell.dataset.bad_files);
  cell.dataset.long_audio = word_or_nothing<LongAudio>(dataset, "long_audio");
  cell.dataset.normalizer = word_or_nothing<Normalizer>(dataset, "normalizer");
  cell.dataset.language = dataset.value("language", "");
  cell.dataset.task = word_or_nothing<SpeechTask>(dataset, "task");
  cell.dataset.max_new_tokens = dataset.value("max_new_tokens", std::int64_t{0});
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
  if (const auto& schedule = entry.at("schedule"); !schedule.is_null()) {
    cell.schedule =
        ScheduleSettings{schedule.at("steps"), schedule.at("fraction"), word<BudgetShare>(schedule, "of"),
                         word<Rounding>(schedule, "rounding"), word_or_nothing<ScheduleShape>(schedule, "shape")};
  }
  cell.seed = entry.at("seed");
  cell.base_seed = entry.at("base_seed");
  const auto& measure = entry.at("measure");
  cell.measure.proof = measure.at("proof");
  if (const auto& latency = measure.at("latency"); !latency.is_null()) {
    cell.measure.latency = LatencySettings{latency.at("batch"), latency.at("repeats")};
  }
  return cell;
}

}  // namespace

// What is at its default is not written where a key came later than the first cells: their keys stay what they were.
json to_json(const TrainSettings& train) {
  static const TrainSettings defaults;
  json entry = {{"epochs", train.epochs},
                {"batch", train.batch},
                {"learning_rate", train.learning_rate},
                {"weight_decay", train.weight_decay},
                {"warmup", train.warmup},
                {"clip_norm", train.clip_norm},
                {"seed", train.seed}};
  const auto add = [&](const char* key, auto TrainSettings::*value) {
    if (train.*value != defaults.*value) entry[key] = train.*value;
  };
  add("start", &TrainSettings::start);
  if (train.start == TrainingStart::Scratch) {
    entry["initializer_range"] = train.initializer_range;
    entry["token_deviation"] = train.token_deviation;
    entry["patch_deviation"] = train.patch_deviation;
  }
  add("mixup", &TrainSettings::mixup);
  add("frequency_mask", &TrainSettings::frequency_mask);
  add("time_mask", &TrainSettings::time_mask);
  add("shift", &TrainSettings::shift);
  add("noise", &TrainSettings::noise);
  return entry;
}

json to_json(const ModelSettings& model) {
  return {{"name", model.name},
          {"family", model.family},
          {"checkpoint", model.checkpoint},
          {"train", model.train ? to_json(*model.train) : json()}};
}

json to_json(const DatasetSettings& dataset) {
  json entry = {
      {"name", dataset.name}, {"format", dataset.format}, {"split", dataset.split}, {"text", dataset.text},
      {"pair", dataset.pair}, {"label", dataset.label},   {"limit", dataset.limit}, {"max_tokens", dataset.max_tokens}};
  if (dataset.format == Format::TextClassification) return entry;
  entry.update({{"audio", dataset.audio_folder},
                {"classes", dataset.classes},
                {"bad_files", dataset.bad_files},
                {"long_audio", name_or_empty(dataset.long_audio)},
                {"normalizer", name_or_empty(dataset.normalizer)},
                {"language", dataset.language},
                {"task", name_or_empty(dataset.task)},
                {"max_new_tokens", dataset.max_new_tokens}});
  return entry;
}

json to_json(const PluginSettings& plugin) {
  return {{"name", plugin.name},
          {"plugin", plugin.plugin},
          {"version", plugin.version},
          {"settings", to_json(plugin.settings)}};
}

json to_json(const MeasureSettings& measure) {
  json latency;
  if (measure.latency) latency = {{"batch", measure.latency->batch}, {"repeats", measure.latency->repeats}};
  return {{"proof", measure.proof}, {"latency", latency}};
}

json to_json(const Budget& budget) { return {{"kind", name_of(budget)}, {"value", budget.value}}; }

json to_json(const ScheduleSettings& schedule) {
  json entry = {
      {"steps", schedule.steps}, {"fraction", schedule.fraction}, {"of", schedule.of}, {"rounding", schedule.rounding}};
  if (schedule.shape) entry["shape"] = *schedule.shape;
  return entry;
}

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

std::string name_of(const Budget& budget) { return budget.kind ? to_string(*budget.kind) : by_schedule; }

std::string name_of(const ScheduleSettings& schedule) {
  return schedule.shape ? fmt::format("{}-{}", schedule.steps, to_string(*schedule.shape))
                        : fmt::format("{}x{}", schedule.steps, schedule.fraction);
}

}  // namespace espalier
