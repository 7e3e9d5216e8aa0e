// One fully resolved cell, as both programs know it: espalier writes it into the database as JSON, the worker reads
// it back. Every default is filled in. Paths are as the machine needs them; a cell's key leaves them out.
#pragma once

#include <cstdint>
#include <map>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <vector>

#include <espalier/settings.h>

#include "cells/softmax_scale.h"
#include "cells/vocabulary.h"

namespace espalier {

// How a base model is fine-tuned. Defaults are the recipe for BERT classification.
struct TrainSettings {
  std::int64_t epochs = 2;
  std::int64_t batch = 32;
  double learning_rate = 5e-5;
  double weight_decay = 0.01;
  double warmup = 0.06;    // share of the steps
  double clip_norm = 1.0;  // largest norm of the whole gradient; 0: no clipping
  std::int64_t seed = 0;

  // Weights from scratch are made anew from config.json (AST): they are drawn with deviation initializer_range,
  // class tokens and positions with token_deviation, the patch convolution with patch_deviation (0: one over the root of
  // what it sums).
  TrainingStart start = TrainingStart::Checkpoint;
  double initializer_range = 0.06, token_deviation = 0.3, patch_deviation = 0;
  // Augmentation of audio features; 0: off.
  double mixup = 0;                                // alpha of the Beta distribution that pairs are mixed by
  std::int64_t frequency_mask = 0, time_mask = 0;  // at most so many mel bins and frames are blanked
  std::int64_t shift = 0;                          // at most so many frames are rolled around
  double noise = 0;                                // largest amplitude of uniform noise on features

  bool operator==(const TrainSettings&) const = default;
};

struct ModelSettings {
  std::string name;  // as the experiment calls it; not part of the key
  Family family = Family::Bert;
  std::string checkpoint;              // a Hugging Face directory
  std::optional<TrainSettings> train;  // absent: the checkpoint is used as it is
};

struct DatasetSettings {
  std::string name;
  Format format = Format::TextClassification;
  std::map<std::string, std::string> split;  // train, validation, test -> path
  std::string text = "text";                 // column names
  std::string pair;                          // empty: no second text
  std::string label = "label";
  std::map<std::string, std::int64_t> limit;  // split -> first so many examples
  std::int64_t max_tokens = 128;

  // Of audio formats.
  std::string audio_folder;  // where an AudioSet table's files lie
  std::string classes;       // class_labels_indices.csv of AudioSet; empty: labels as they are written
  BadFiles bad_files = BadFiles::Refuse;
  std::optional<LongAudio> long_audio;   // absent: AST cuts, Whisper refuses
  std::optional<Normalizer> normalizer;  // absent: by the checkpoint
  std::string language;                  // of a multilingual checkpoint
  std::optional<SpeechTask> task;        // absent: transcribe
  std::int64_t max_new_tokens = 0;       // 0: as many as the checkpoint allows

  // Of a split; 0: all of its rows.
  std::int64_t limit_of(const std::string& of_split) const {
    const auto found = limit.find(of_split);
    return found == limit.end() ? 0 : found->second;
  }
};

struct PluginSettings {
  std::string name;    // as the experiment calls it; not part of the key
  std::string plugin;  // the plugin's own name
  std::string version;
  Settings settings;  // complete
};

struct Budget {
  std::optional<BudgetKind> kind = BudgetKind::Sparsity;  // absent: a schedule by fractions says how much goes
  double value = 0;
};

// Pruning in steps: each removes a fraction of what remains or of all there is, or the sparsity asked for is reached along
// a shape.
struct ScheduleSettings {
  std::int64_t steps = 1;
  double fraction = 0;  // 0 where there is a shape
  BudgetShare of = BudgetShare::Remaining;
  Rounding rounding = Rounding::Ceil;
  std::optional<ScheduleShape> shape = std::nullopt;  // absent: by the fraction
};

struct LatencySettings {
  std::vector<std::int64_t> batch;
  std::int64_t repeats = 50;
  std::optional<LatencyDevice> device = std::nullopt;  // absent: whatever the run computes on
};

struct MeasureSettings {
  bool proof = true;
  std::optional<LatencySettings> latency;
};

struct CellSettings {
  ModelSettings model;
  DatasetSettings dataset;
  Granularity granularity = Granularity::Head;
  SiteFilter sites = SiteFilter::All;
  PluginSettings scorer;
  PluginSettings searcher;
  PluginSettings recovery;  // plugin "none": none
  Scope scope = Scope::Global;
  Budget budget;
  Rounding rounding = Rounding::Nearest;
  bool count_output_bias = false;
  SoftmaxScale softmax_scale;
  ComputeType compute = ComputeType::Float32;
  std::optional<ScheduleSettings> schedule;
  std::int64_t seed = 0;
  std::int64_t base_seed = 0;
  MeasureSettings measure;
};

nlohmann::json to_json(const TrainSettings& train);
nlohmann::json to_json(const ModelSettings& model);
nlohmann::json to_json(const DatasetSettings& dataset);
nlohmann::json to_json(const PluginSettings& plugin);
nlohmann::json to_json(const MeasureSettings& measure);
nlohmann::json to_json(const Budget& budget);
nlohmann::json to_json(const ScheduleSettings& schedule);
nlohmann::json to_json(const CellSettings& cell);
// Throws StoreError where the text is not what to_json wrote.
CellSettings cell_from_json(const nlohmann::json& json);
// nullopt where it is none, as null is.
std::optional<ScheduleSettings> schedule_from_json(const nlohmann::json& json);

// The kind of a budget, or "schedule".
std::string name_of(const Budget& budget);
// As patterns and tables call a schedule: "10x0.1", "4-linear".
std::string name_of(const ScheduleSettings& schedule);

}  // namespace espalier
