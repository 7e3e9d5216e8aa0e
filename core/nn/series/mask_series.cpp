#include "nn/series/mask_series.h"

#include <ATen/core/grad_mode.h>
#include <c10/core/InferenceMode.h>
#include <unistd.h>

#include <algorithm>
#include <numeric>
#include <set>
#include <utility>

#include "nn/compaction.h"
#include "nn/memory/batch_halvings.h"
#include "nn/network.h"

namespace espalier::nn {
namespace {

// Activations kept on a CPU: a share of what the machine has, for several workers share it; and the share of a GPU's memory.
constexpr std::int64_t most_cpu_bytes = std::int64_t{1} << 30, cpu_share = 16, gpu_share = 8;
// What compacted sites take beside activations: so much less.
constexpr std::int64_t sites_share = 2;
// Of one site, what is known by name; of all, what is kept.
constexpr std::size_t most_versions = 8192, most_known_sites = 4096;

const Network& network_of(const Model& model) { return dynamic_cast<const Network&>(model); }

// What a mask keeps of a site: its bits, projection by projection.
std::string key_of(const Mask::SiteMask& kept) {
  std::string key;
  for (const auto projection : all_projections) {
    const auto& channels = kept.of(projection);
    if (!channels.defined()) continue;
    const auto flat = channels.contiguous();
    const auto* bits = flat.const_data_ptr<bool>();
    unsigned char byte = 0;
    for (std::int64_t i = 0; i < flat.numel(); ++i) {
      byte = static_cast<unsigned char>(byte << 1 | (bits[i] ? 1 : 0));
      if (i % 8 == 7 || i + 1 == flat.numel()) key += static_cast<char>(std::exchange(byte, 0));
    }
  }
  return key;
}

std::int64_t bytes_of(const AttentionSite& site) {
  std::int64_t bytes = 0;
  for (const auto* tensor : {&site.qkv.weight, &site.qkv.bias, &site.output.weight, &site.output.bias}) {
    if (tensor->defined()) bytes += static_cast<std::int64_t>(tensor->nbytes());
  }
  return bytes;
}

}  // namespace

std::int64_t prefix_bytes(const at::Device& device, std::int64_t device_memory_bytes) {
  if (!device.is_cpu()) return halved(device_memory_bytes / gpu_share);
  const auto memory = std::int64_t{::sysconf(_SC_PHYS_PAGES)} * ::sysconf(_SC_PAGESIZE);
  return halved(std::min(most_cpu_bytes, memory / cpu_share));
}

MaskSeries::MaskSeries(const Model& model, ComputeType compute, SoftmaxScale scale, std::int64_t most_bytes)
    : model_(model, compute),
      network_(network_of(*model_)),
      compute_(compute),
      scale_(scale),
      dense_(network_.attention()),
      prefixes_(std::make_shared<Prefixes>(most_bytes)),
      versions_(dense_.size()),
      most_bytes_(most_bytes) {}

MaskSeries::~MaskSeries() = default;

SiteVersions MaskSeries::versions_of(const Mask& closed) {
  SiteVersions versions;
  for (std::size_t site = 0; site < versions_.size(); ++site) {
    auto& known = versions_[site];
    // Numbers are not given twice: what was forgotten and comes again is a new version.
    if (known.size() >= most_versions) known.clear();
    const auto [entry, is_new] = known.try_emplace(key_of(closed.site(static_cast<std::int64_t>(site))), next_version_);
    if (is_new) ++next_version_;
    versions.push_back(entry->second);
  }
  return versions;
}

AttentionSite MaskSeries::site_of(SiteVersion version, const Mask::SiteMask& closed) {
  if (const auto found = place_of_known_.find(version); found != place_of_known_.end()) {
    ++known_sites_;
    known_.splice(known_.begin(), known_, found->second);
    return found->second->attention;
  }
  const auto& dense = dense_[version.first];
  auto made = compacted_site(dense, closed, scale_);
  ++compacted_sites_;
  // A site that is whole shares the model's tensors.
  const bool is_own = !made.output.weight.is_same(dense.output.weight);
  known_.push_front({version, made, is_own ? bytes_of(made) : 0});
  place_of_known_[version] = known_.begin();
  known_bytes_ += known_.front().bytes;
  while (known_bytes_ > most_bytes_ / sites_share || known_.size() > most_known_sites) {
    known_bytes_ -= known_.back().bytes;
    place_of_known_.erase(known_.back().version);
    known_.pop_back();
  }
  return made;
}

std::unique_ptr<Model> MaskSeries::compacted(const Mask& mask) {
  const c10::InferenceMode ordinary(false);
  const at::NoGradGuard no_gradients;
  network_.require_fit(mask);
  const auto closed = mask.closure();
  auto versions = versions_of(closed);
  std::vector<AttentionSite> sites;
  for (std::size_t site = 0; site < dense_.size(); ++site)
    sites.push_back(site_of({site, versions[site]}, closed.site(static_cast<std::int64_t>(site))));
  auto model = network_.with_attention(std::move(sites));
  model->set_place(std::make_shared<const SeriesPlace>(SeriesPlace{prefixes_, std::move(versions)}));
  prefixes_->begin();
  return model;
}

std::vector<std::vector<std::size_t>> MaskSeries::visits(std::span<const Mask> masks) {
  std::vector<SiteVersions> versions;
  for (const auto& mask : masks) {
    network_.require_fit(mask);
    versions.push_back(versions_of(mask.closure()));
  }
  std::vector<std::size_t> order(masks.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::stable_sort(order.begin(), order.end(),
                   [&](std::size_t one, std::size_t other) { return versions[one] < versions[other]; });
  std::vector<std::vector<std::size_t>> groups;
  std::set<std::pair<std::size_t, std::int64_t>> of_group;
  std::int64_t bytes = 0;
  for (const auto number : order) {
    if (groups.empty() || bytes > most_bytes_ / sites_share) {
      groups.emplace_back();
      of_group.clear();
      bytes = 0;
    }
    groups.back().push_back(number);
    for (std::size_t site = 0; site < dense_.size(); ++site) {
      // Compacted sites are smaller; this is what they take at most.
      if (of_group.emplace(site, versions[number][site]).second) bytes += bytes_of(dense_[site]);
    }
  }
  return groups;
}

}  // namespace espalier::nn
