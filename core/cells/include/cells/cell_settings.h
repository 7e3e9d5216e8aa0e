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

  // Where weights start: "checkpoint", or "scratch", made anew from config.json (AST). Then weights are drawn with
  // deviation initializer_range, class tokens and positions with token_deviation, the patch convolution with
  // patch_deviation (0: one over the root of what it sums).
  std::string start = "checkpoint";
  double initializer_range = 0.06, token_deviation = 0.3, patch_deviation = 0;
  // Augmentation of audio features; 0: off.
  double mixup = 0;                                // alpha of the Beta distribution that pairs are mixed by
  std::int64_t frequency_mask = 0, time_mask = 0;  // at most so many mel bins and frames are blanked
  std::int64_t shift = 0;                          // at most so many frames are rolled around
  double noise = 0;                                // largest amplitude of uniform noise on features

  bool operator==(const TrainSettings&) const = default;
};

struct ModelSettings {
  std::string name;                    // as the experiment calls it; not part of the key
  std::string family;                  // bert, ast or whisper
  std::string checkpoint;              // a Hugging Face directory
  std::optional<TrainSettings> train;  // absent: the checkpoint is used as it is
};

struct DatasetSettings {
  std::string name;
  std::string format;                        // text-classification, audio-classification, ...
  std::map<std::string, std::string> split;  // train, validation, test -> path
  std::string text = "text";                 // column names
  std::string pair;                          // empty: no second text
  std::string label = "label";
  std::map<std::string, std::int64_t> limit;  // split -> first so many examples
  std::int64_t max_tokens = 128;

  // Of audio formats.
  std::string audio_folder;          // where an AudioSet table's files lie
  std::string classes;               // class_labels_indices.csv of AudioSet; empty: labels as they are written
  std::string bad_files = "refuse";  // or "skip": left out and counted
  std::string long_audio;            // refuse, cut or chunk; empty: AST cuts, Whisper refuses
  std::string normalizer;            // whisper-english, whisper-basic, ascii; empty: by the checkpoint
  std::string language;              // of a multilingual checkpoint
  std::string task;                  // transcribe or translate; empty: transcribe
  std::int64_t max_new_tokens = 0;   // 0: as many as the checkpoint allows
};

struct PluginSettings {
  std::string name;    // as the experiment calls it; not part of the key
  std::string plugin;  // the plugin's own name
  std::string version;
  Settings settings;  // complete
};

struct Budget {
  std::string kind;  // sparsity, heads, macs, latency, loss_of_metric
  double value = 0;
};

// Pruning in steps: each removes a fraction of what remains or of all there is, or the sparsity asked for is reached along
// a shape.
struct ScheduleSettings {
  std::int64_t steps = 1;
  double fraction = 0;  // 0 where there is a shape
  std::string of = "remaining";
  std::string rounding = "ceil";
  std::string shape = "";  // linear or geometric; empty: by the fraction
};

struct LatencySettings {
  std::vector<std::int64_t> batch;
  std::int64_t repeats = 50;
};

struct MeasureSettings {
  bool proof = true;
  std::optional<LatencySettings> latency;
};

struct CellSettings {
  ModelSettings model;
  DatasetSettings dataset;
  std::string granularity;
  std::string sites = "all";
  PluginSettings scorer;
  PluginSettings searcher;
  PluginSettings recovery;  // plugin "none": none
  std::string scope = "global";
  Budget budget;
  std::string rounding = "nearest";  // nearest (halves down), floor, ceil
  bool count_output_bias = false;
  std::string softmax_scale = "original";  // original, pruned-width, or a number
  std::string compute = "float32";
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
nlohmann::json to_json(const CellSettings& cell);
// Throws StoreError where the text is not what to_json wrote.
CellSettings cell_from_json(const nlohmann::json& json);

}  // namespace espalier
