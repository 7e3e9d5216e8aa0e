// From model.safetensors to the tensors that a config promises, whatever the family.
#pragma once

#include <ATen/core/Tensor.h>

#include <filesystem>
#include <functional>
#include <map>
#include <string>
#include <vector>

#include "config_keys.h"
#include "nn/attention.h"
#include "nn/layers.h"

namespace espalier::families {

// Tensors that config.json promises, and where they go.
class WantedTensors {
 public:
  struct Wanted {
    std::string name;
    std::vector<std::int64_t> shape;
    std::string because;  // which keys say so
    at::Tensor* target;
  };
  void tensor(const std::string& name, std::vector<std::int64_t> shape, const std::string& because, at::Tensor& target);
  void linear(const std::string& name, Linear& layer, std::int64_t out, std::int64_t in, const std::string& because,
              bool with_bias = true);
  void norm(const std::string& name, LayerNorm& layer, std::int64_t width, double epsilon, const std::string& because);
  const std::vector<Wanted>& list() const { return list_; }

 private:
  std::vector<Wanted> list_;
};

// The tensors of one file by name.
class HeldTensors {
 public:
  using Rename = std::function<std::string(const std::string&)>;
  // Throws InputError: missing (naming other formats that are there), unreadable.
  explicit HeldTensors(const std::filesystem::path& path, const Rename& rename = {});

  bool contains(const std::string& name) const { return tensors_.contains(name); }
  bool any_starts_with(const std::string& prefix) const;
  // Gives every wanted tensor as float32. Throws InputError that lists every tensor that is missing (with the nearest
  // name) or has another shape than config.json says, and which key says so; and every tensor that holds NaN or infinite
  // numbers, and how many.
  void give(const WantedTensors& wanted, const Rename& full_name = {});
  // Names that nobody wanted.
  std::vector<std::string> left() const;
  // Numbers in the tensors given so far.
  std::int64_t elements() const { return elements_; }

 private:
  std::filesystem::path path_;
  std::map<std::string, at::Tensor> tensors_;
  std::vector<std::string> names_, given_;
  std::int64_t elements_ = 0;
};

// "3 NaN and 1 infinite of 512 numbers" where a tensor, as float32, holds such; else "".
std::string not_finite(const at::Tensor& tensor);

// Q, K, V and O of a site as files hold them. Biases that the family or the checkpoint lacks are undefined.
struct SiteLinears {
  Linear query, key, value, output;
};

// What a file's tensors of this site measure: rows of Q and K, rows of V.
struct SiteRows {
  std::int64_t qk = 0, vo = 0;
};
SiteRows rows_of(const SiteFrame& frame, const SiteWidths* widths);

// The site with fused Q, K and V. `widths` null: dense, with `scale`.
AttentionSite read_site(const SiteFrame& frame, const SiteWidths* widths, double scale, const SiteLinears& parts);

// The sites of a file that config.json describes.
class SitesOfFile {
 public:
  // `width_key`: the key that gives the model's width, for messages.
  SitesOfFile(std::vector<SitePlace> places, const CheckpointConfig& config, std::int64_t model_width,
              std::string width_key);

  // Q, K, V and O of a site.
  void want(WantedTensors& wanted, std::size_t site);
  // The sites of `weights`, once their tensors are given.
  template <typename Weights>
  void read_into(Weights& weights) {
    std::size_t next = 0;
    Weights::each_site(weights, [&](AttentionSite& site) { site = read(next++); });
  }

 private:
  AttentionSite read(std::size_t site);

  std::vector<SitePlace> places_;
  const CheckpointConfig& config_;
  std::int64_t model_width_;
  std::string width_key_;
  std::vector<SiteLinears> parts_;
};

// What a checkpoint's file holds.
template <typename Weights>
struct Checkpoint {
  Weights weights;
  std::string prefix;                // of the encoder's names in a checkpoint with a head, or ""
  std::vector<std::string> skipped;  // tensors of the file that the model does not use
  std::int64_t elements = 0;         // numbers in those that it uses
};

// The same back: heads in ascending order, without padding.
SiteLinears site_linears(const AttentionSite& site);

}  // namespace espalier::families
