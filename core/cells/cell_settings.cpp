#include "cells/cell_settings.h"

#include <espalier/error.h>

#include <nlohmann/json.hpp>

#include "words/plugin_description.h"

namespace espalier {
namespace {

using nlohmann::json;

TrainSettings train_from_json(const json& entry) {
  TrainSettings train;
  train.epochs = entry.at("epochs");
  train.batch = entry.at("batch");
  train.learning_rate = entry.at("learning_rate");
  train.weight_decay = entry.at("weight_decay");
  train.warmup = entry.at("warmup");
  train.clip_norm = entry.at("clip_norm");
  train.seed = entry.at("seed");
  train.start = entry.value("start", train.start);
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

CellSettings read_cell(const json& entry) {
  CellSettings cell;
  const auto& model = entry.at("model");
  cell.model.name = model.at("name");
  cell.model.family = model.at("family");
  cell.model.checkpoint = model.at("checkpoint");
  if (!model.at("train").is_null()) cell.model.train = train_from_json(model.at("train"));
  const auto& dataset = entry.at("dataset");
  cell.dataset.name = dataset.at("name");
  cell.dataset.format = dataset.at("format");
  cell.dataset.split = dataset.at("split").get<std::map<std::string, std::string>>();
  cell.dataset.text = dataset.at("text");
  cell.dataset.pair = dataset.at("pair");
  cell.dataset.label = dataset.at("label");
  cell.dataset.limit = dataset.at("limit").get<std::map<std::string, std::int64_t>>();
  cell.dataset.max_tokens = dataset.at("max_tokens");
  cell.dataset.audio_folder = dataset.value("audio", "");
  cell.dataset.classes = dataset.value("classes", "");
  cell.dataset.bad_files = dataset.value("bad_files", cell.dataset.bad_files);
  cell.dataset.long_audio = dataset.value("long_audio", "");
  cell.dataset.normalizer = dataset.value("normalizer", "");
  cell.dataset.language = dataset.value("language", "");
  cell.dataset.task = dataset.value("task", cell.dataset.task);
  cell.dataset.max_new_tokens = dataset.value("max_new_tokens", std::int64_t{0});
  cell.granularity = entry.at("granularity");
  cell.sites = entry.at("sites");
  cell.scorer = plugin_settings_from_json(entry.at("scorer"));
  cell.searcher = plugin_settings_from_json(entry.at("searcher"));
  cell.recovery = plugin_settings_from_json(entry.at("recovery"));
  cell.scope = entry.at("scope");
  cell.budget = {entry.at("budget").at("kind"), entry.at("budget").at("value")};
  cell.rounding = entry.at("rounding");
  cell.count_output_bias = entry.at("count_output_bias");
  cell.softmax_scale = entry.at("softmax_scale");
  cell.compute = entry.at("compute");
  if (const auto& schedule = entry.at("schedule"); !schedule.is_null()) {
    cell.schedule = ScheduleSettings{schedule.at("steps"), schedule.at("fraction"), schedule.at("of"),
                                     schedule.at("rounding"), schedule.value("shape", "")};
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
  if (train.start == "scratch") {
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
  if (dataset.format == "text-classification") return entry;
  entry.update({{"audio", dataset.audio_folder},
                {"classes", dataset.classes},
                {"bad_files", dataset.bad_files},
                {"long_audio", dataset.long_audio},
                {"normalizer", dataset.normalizer},
                {"language", dataset.language},
                {"task", dataset.task},
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

json to_json(const CellSettings& cell) {
  json schedule;
  if (cell.schedule) {
    schedule = {{"steps", cell.schedule->steps},
                {"fraction", cell.schedule->fraction},
                {"of", cell.schedule->of},
                {"rounding", cell.schedule->rounding}};
    if (!cell.schedule->shape.empty()) schedule["shape"] = cell.schedule->shape;
  }
  return {{"model", to_json(cell.model)},
          {"dataset", to_json(cell.dataset)},
          {"granularity", cell.granularity},
          {"sites", cell.sites},
          {"scorer", to_json(cell.scorer)},
          {"searcher", to_json(cell.searcher)},
          {"recovery", to_json(cell.recovery)},
          {"scope", cell.scope},
          {"budget", {{"kind", cell.budget.kind}, {"value", cell.budget.value}}},
          {"rounding", cell.rounding},
          {"count_output_bias", cell.count_output_bias},
          {"softmax_scale", cell.softmax_scale},
          {"compute", cell.compute},
          {"schedule", schedule},
          {"seed", cell.seed},
          {"base_seed", cell.base_seed},
          {"measure", to_json(cell.measure)}};
}

CellSettings cell_from_json(const json& entry) {
  try {
    return read_cell(entry);
  } catch (const json::exception& error) {
    throw StoreError("the settings of a cell in the database cannot be read: " + std::string(error.what()));
  }
}

}  // namespace espalier
