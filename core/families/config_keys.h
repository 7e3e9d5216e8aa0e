// Reading config.json: checked numbers, class names, sites, and the widths of a compacted checkpoint. Every complaint names
// the file and the key.
#pragma once

#include <espalier/units.h>

#include <array>
#include <cstdint>
#include <filesystem>
#include <map>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "nn/layers.h"
#include "nn_names.h"

namespace espalier::families {

// The file as it is, and its model_type ("" if it has none), for choosing the family. Throws InputError: missing, not
// JSON, not an object.
nlohmann::ordered_json read_config(const std::filesystem::path& path);
std::string model_type(const nlohmann::ordered_json& config);

// Keys of one object. A key that is absent (where said also null) has the given value.
class ConfigKeys {
 public:
  ConfigKeys(std::string path, const nlohmann::ordered_json& json) : path_(std::move(path)), json_(json) {}

  std::int64_t whole(const char* key, std::int64_t absent, std::int64_t smallest, std::int64_t largest) const;
  double real(const char* key, double absent, double smallest, double largest) const;
  std::string text(const char* key, const char* absent) const;
  bool boolean(const char* key, bool absent) const;
  Activation activation(const char* key, const char* absent) const;
  // Whole numbers from `smallest` to `largest`; absent or null: none.
  std::vector<std::int64_t> whole_numbers(const char* key, std::int64_t smallest, std::int64_t largest) const;
  bool has(const char* key) const { return json_.contains(key) && !json_[key].is_null(); }
  const nlohmann::ordered_json& at(const char* key) const { return json_[key]; }
  const std::string& path() const { return path_; }
  [[noreturn]] void complain(const std::string& key, const std::string& expected) const;

 private:
  std::string path_;
  const nlohmann::ordered_json& json_;
};

// Class names in order: id2label, else num_labels (2 if absent) times LABEL_i.
std::vector<std::string> labels_of(const ConfigKeys& keys);
// Writes id2label and label2id.
void write_labels(nlohmann::ordered_json& json, const std::vector<std::string>& labels);

// Widths of one site of a compacted checkpoint, by the heads it keeps.
struct SiteWidths {
  std::vector<std::int64_t> heads;  // numbers in the dense site, ascending
  std::vector<std::int64_t> qk, vo;
  std::vector<double> scale;
};

// A dense site as config.json describes it, under its name without the checkpoint's prefix.
struct SiteFrame {
  std::string name;
  std::int64_t heads = 0, head_dim = 0;
};

// A site as config.json describes it, before its weights are read. Names are those without the checkpoint's prefix.
struct SitePlace {
  SiteFrame frame;
  SiteKind kind = SiteKind::EncoderSelf;
  std::array<std::string, 4> linears;  // the modules of Q, K, V and O
  std::array<bool, 4> has_bias = {true, true, true, true};
};

// What every family's config.json gives.
struct CheckpointConfig {
  std::vector<std::string> labels;           // as a checkpoint with a head has them
  std::map<std::string, SiteWidths> widths;  // by site without prefix; absent: dense
  nlohmann::ordered_json source;             // the file as it is

  // Null: dense.
  const SiteWidths* widths_of(const SiteFrame& frame) const;
};

// An encoder of equal layers, under the keys that BERT and its like give it.
struct EncoderConfig : CheckpointConfig {
  std::int64_t hidden_size = 768, heads = 12, layers = 12, intermediate_size = 3072;
  double layer_norm_epsilon = 1e-12, hidden_dropout = 0, attention_dropout = 0, initializer_range = 0.02;
  Activation activation = Activation::Gelu;

  std::int64_t head_dim() const { return hidden_size / heads; }
  std::int64_t classes() const { return static_cast<std::int64_t>(labels.size()); }
};
// Keys that are absent leave what `config` has.
void read_encoder(const ConfigKeys& keys, EncoderConfig& config);

// "espalier": {"format": 1, "sites": {NAME: {"heads": [...], "qk": [...], "vo": [...], "scale": [...]}}}, by the names
// of `frames`; sites of the file may have a prefix. Empty where the key is absent.
std::map<std::string, SiteWidths> read_site_widths(const ConfigKeys& keys, const std::vector<SiteFrame>& frames);
// The same into a configuration, for its sites.
void read_site_widths(const ConfigKeys& keys, const std::vector<SitePlace>& places, CheckpointConfig& config);

}  // namespace espalier::families
