// What the networks of all families share: names, sites, copies with other tensors, reading and saving.
//
// A family is a class FAMILY : FamilyNetwork<FAMILY, CONFIG, WEIGHTS>. CONFIG is a CheckpointConfig with
//   site_places()              its sites in the order of a pass
// WEIGHTS is a value over tensors with
//   each_site(self, visit)     its sites in the same order; static, for weights that may or may not change
//   each_tensor(self, visit)   every tensor with its name (without prefix) and role, likewise
//   sample(), has_head()       any tensor of it; whether it ends in classes
// FAMILY says
//   facts                      its row of cells/families.h: what it and its model_type are called
//   encoder_prefix             what a checkpoint with a head writes before its encoder's names
//   headless, headed           the classes of transformers, for "architectures"
//   read_config, read_weights  its functions from config.json to CONFIG, from model.safetensors to Checkpoint<WEIGHTS>
#pragma once

#include <ATen/core/grad_mode.h>
#include <c10/core/InferenceMode.h>

#include <filesystem>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <utility>
#include <vector>

#include "cells/families.h"
#include "checkpoint_reading.h"
#include "checkpoint_writing.h"
#include "config_keys.h"
#include "nn/network.h"

namespace espalier::families {

template <typename Derived, typename Config, typename Weights>
class FamilyNetwork : public Network {
 public:
  FamilyNetwork(std::shared_ptr<const Config> config, Weights weights, std::string prefix,
                std::vector<std::string> skipped)
      : config_(std::move(config)),
        weights_(std::move(weights)),
        prefix_(std::move(prefix)),
        skipped_(std::move(skipped)) {
    const auto places = config_->site_places();
    std::vector<Site> sites;
    Weights::each_site(weights_, [&](const AttentionSite& site) {
      const auto& place = places.at(sites.size());
      sites.push_back(site_of(site, full_name(place.frame.name), place.kind));
    });
    set_sites(std::move(sites));
    if (weights_.has_head()) labels_ = config_->labels;
  }

  const std::string& family() const override {
    static const std::string name = to_string(Derived::facts);
    return name;
  }
  TaskKind task_kind() const override { return weights_.has_head() ? TaskKind::Classes : TaskKind::None; }
  const std::vector<std::string>& labels() const override { return labels_; }
  const std::vector<std::string>& skipped() const override { return skipped_; }
  const at::Tensor& sample_tensor() const override { return weights_.sample(); }

  std::vector<AttentionSite> attention() const override {
    std::vector<AttentionSite> sites;
    Weights::each_site(weights_, [&](const AttentionSite& site) { sites.push_back(site); });
    return sites;
  }
  std::unique_ptr<Network> with_attention(std::vector<AttentionSite> attention) const override {
    auto weights = weights_;
    std::size_t next = 0;
    Weights::each_site(weights, [&](AttentionSite& site) { site = std::move(attention.at(next++)); });
    return with(std::move(weights));
  }
  std::unique_ptr<Network> changed(const Change& change) const override {
    auto weights = weights_;
    Weights::each_tensor(weights,
                         [&](const std::string& name, at::Tensor& tensor, Role) { tensor = change(name, tensor); });
    return with(std::move(weights));
  }

  void save(const std::filesystem::path& folder) const override {
    const at::NoGradGuard no_gradients;
    const std::string prefix = weights_.has_head() ? Derived::encoder_prefix : prefix_;
    auto saved = saved_tensors(weights_, config_->site_places(),
                               [&](const std::string& name) { return prefixed(prefix, name); });
    auto json = config_->source;
    json["model_type"] = facts_of(Derived::facts).model_type;
    json["architectures"] = {weights_.has_head() ? Derived::headed : Derived::headless};
    if (weights_.has_head()) write_labels(json, config_->labels);
    write_widths(json, saved.sites);
    write_checkpoint(folder, std::move(json), std::move(saved.file));
  }

 protected:
  const Config& config() const { return *config_; }
  const Weights& weights() const { return weights_; }

  void visit(const Visit& visit) const override { Weights::each_tensor(weights_, visit); }
  std::string full_name(const std::string& name) const override { return prefixed(prefix_, name); }
  // What config.json says of sites that are not dense.
  virtual void write_widths(nlohmann::ordered_json& json, const std::vector<SavedSite>& sites) const {
    write_site_widths(json, sites);
  }

  std::unique_ptr<Derived> with(Weights weights) const {
    return std::make_unique<Derived>(config_, std::move(weights), prefix_, skipped_);
  }

 private:
  // A head stands beside the encoder, not in it.
  static std::string prefixed(const std::string& prefix, const std::string& name) {
    return name.starts_with("classifier.") ? name : prefix + name;
  }

  std::shared_ptr<const Config> config_;
  Weights weights_;
  std::string prefix_;
  std::vector<std::string> labels_, skipped_;
};

// A model of this family from its folder; `json`: its config.json.
template <typename Derived>
std::unique_ptr<Model> read_family(const std::filesystem::path& folder, nlohmann::ordered_json json) {
  const c10::InferenceMode ordinary(false);
  const auto config = std::make_shared<const decltype(Derived::read_config({}, {}))>(
      Derived::read_config(folder / "config.json", std::move(json)));
  const auto file = folder / "model.safetensors";
  auto checkpoint = Derived::read_weights(file, *config);
  auto model = std::make_unique<Derived>(config, std::move(checkpoint.weights), std::move(checkpoint.prefix),
                                         std::move(checkpoint.skipped));
  model->check_counts(file, checkpoint.elements);
  return model;
}

}  // namespace espalier::families
