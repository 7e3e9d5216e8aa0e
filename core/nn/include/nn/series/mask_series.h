// Masks of one model, evaluated one after the other or together, with nothing computed twice: sites that several masks cut
// in the same way are compacted once, and what comes before the first site that differs is taken from what is known.
#pragma once

#include <espalier/units.h>
#include <nn/model.h>

#include <cstdint>
#include <list>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "nn/arithmetic.h"
#include "nn/attention.h"
#include "nn/series/prefixes.h"

namespace espalier::nn {

class Network;

// What a process keeps of activations on the CPU, and which share of its memory on a GPU.
std::int64_t prefix_bytes(const at::Device& device, std::int64_t device_memory_bytes);

// For one thread at a time. The models that it gives compute the numbers of model.compacted(mask, scale), and are to be
// dropped with it; what is made of one of them (a copy to train, another mask's) is outside the series.
class MaskSeries {
 public:
  // The model outlives this, and its weights stay as they are. `compute`: the arithmetic of inference. `most_bytes`: of
  // activations; half as much again of compacted sites, beside those in use.
  MaskSeries(const Model& model, ComputeType compute, SoftmaxScale scale, std::int64_t most_bytes);
  ~MaskSeries();
  MaskSeries(const MaskSeries&) = delete;
  MaskSeries& operator=(const MaskSeries&) = delete;

  const Model& model() const { return *model_; }  // with the weights that inference computes with
  ComputeType compute() const { return compute_; }
  // The smaller model of a mask. Throws InputError for a mask of another model.
  std::unique_ptr<Model> compacted(const Mask& mask);

  // The masks by number in the order that has most in common from one to the next, in groups whose weights fit into
  // memory together.
  std::vector<std::vector<std::size_t>> visits(std::span<const Mask> masks);

  // How often sites were compacted, and how often they were there already.
  std::int64_t compacted_sites() const { return compacted_sites_; }
  std::int64_t known_sites() const { return known_sites_; }

 private:
  using SiteVersion = std::pair<std::size_t, std::int64_t>;  // site, version
  struct KnownSite {
    SiteVersion version;
    AttentionSite attention;
    std::int64_t bytes;
  };
  SiteVersions versions_of(const Mask& closed);
  AttentionSite site_of(SiteVersion version, const Mask::SiteMask& closed);

  const ForInference model_;
  const Network& network_;
  const ComputeType compute_;
  const SoftmaxScale scale_;
  const std::vector<AttentionSite> dense_;
  const std::shared_ptr<Prefixes> prefixes_;
  std::vector<std::map<std::string, std::int64_t>> versions_;  // by site, of what a mask keeps of it
  std::int64_t next_version_ = 0;
  std::list<KnownSite> known_;  // most recently used first
  std::map<SiteVersion, std::list<KnownSite>::iterator> place_of_known_;
  const std::int64_t most_bytes_;
  std::int64_t known_bytes_ = 0, compacted_sites_ = 0, known_sites_ = 0;
};

}  // namespace espalier::nn
