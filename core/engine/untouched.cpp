#include "engine/untouched.h"

#include <ATen/Parallel.h>
#include <ATen/TensorOperators.h>
#include <ATen/core/Tensor.h>
#include <ATen/ops/arange.h>
#include <ATen/ops/cat.h>
#include <c10/core/InferenceMode.h>

#include <algorithm>
#include <bit>
#include <cstring>

#include "words/names.h"

namespace espalier::engine {
namespace {

// Of a tensor whose storage a plugin has taken away; no digest of bits is made to be avoided for it.
constexpr std::uint64_t gone = 0;

// An odd number with about as many ones as zeros.
constexpr std::int64_t multiplier = 0x1e3779b97f4a7c15;

// Each step turns different states or different words into different states, so that one changed word is always seen;
// four chains side by side keep up with the memory.
std::uint64_t digest_of_bytes(const void* data, std::size_t size) {
  constexpr std::uint64_t odd = 0x9e3779b97f4a7c15u;
  std::uint64_t chains[4] = {1, 2, 3, 4};
  const auto take = [&](std::uint64_t& chain, std::uint64_t word) { chain = std::rotl(chain ^ word, 29) * odd; };
  const auto* bytes = static_cast<const unsigned char*>(data);
  std::size_t at = 0;
  for (; at + 32 <= size; at += 32) {
    std::uint64_t words[4];
    std::memcpy(words, bytes + at, 32);
    for (int i = 0; i < 4; ++i) take(chains[i], words[i]);
  }
  for (; at < size; ++at) take(chains[0], bytes[at]);
  std::uint64_t all = size;
  for (const auto chain : chains) take(all, chain);
  return all;
}

std::uint64_t digest_of_tensor(const at::Tensor& tensor) {
  const auto needed = tensor.storage_offset() * static_cast<std::int64_t>(tensor.element_size()) + tensor.nbytes();
  if (!tensor.has_storage() || tensor.storage().nbytes() < static_cast<std::size_t>(needed)) return gone;
  const auto here = tensor.is_cpu() && tensor.is_contiguous() ? tensor : tensor.detach().cpu().contiguous();
  return digest_of_bytes(here.const_data_ptr(), here.nbytes());
}

// The same where the weights are, so that they are not fetched: each word times an odd number of its own, so that one
// changed word always changes the sum. [1], on the device.
at::Tensor digest_on_device(const at::Tensor& tensor) {
  const auto words = tensor.detach().contiguous().view({-1}).view(tensor.element_size() == 2 ? at::kShort : at::kInt);
  const auto factors = at::arange(1, 2 * words.size(0), 2, words.options().dtype(at::kLong)) * multiplier;
  return (words.to(at::kLong) * factors).sum(0, /*keepdim=*/true);
}

// Those of all tensors, in one transfer.
void digest_on_device(const std::vector<at::Tensor>& tensors, ModelDigest& digests) {
  std::vector<at::Tensor> sums;
  for (const auto& tensor : tensors) sums.push_back(digest_on_device(tensor));
  const auto fetched = at::cat(sums).cpu();
  for (std::size_t i = 0; i < digests.size(); ++i)
    digests[i].digest = static_cast<std::uint64_t>(fetched.const_data_ptr<std::int64_t>()[i]);
}

}  // namespace

ModelDigest digest_of(const nn::Model& model) {
  ModelDigest digests;
  std::vector<at::Tensor> tensors;
  model.each_tensor([&](const std::string& name, const at::Tensor& tensor) {
    if (!tensor.defined() || tensor.numel() == 0) return;
    digests.push_back({name, 0});
    tensors.push_back(tensor);
  });
  if (!model.device().is_cpu()) {
    const c10::InferenceMode ordinary(false);
    digest_on_device(tensors, digests);
    return digests;
  }
  at::parallel_for(0, static_cast<std::int64_t>(tensors.size()), 1, [&](std::int64_t begin, std::int64_t end) {
    for (auto i = begin; i < end; ++i) {
      const auto place = static_cast<std::size_t>(i);
      digests[place].digest = digest_of_tensor(tensors[place]);
    }
  });
  return digests;
}

std::vector<std::string> changed_tensors(const nn::Model& model, const ModelDigest& before) {
  const auto now = digest_of(model);
  std::vector<std::string> changed;
  for (std::size_t i = 0; i < before.size(); ++i) {
    if (i >= now.size() || now[i] != before[i]) changed.push_back(before[i].name);
  }
  return changed;
}

void Untouched::add(const nn::Model& model, const ModelDigest* before) {
  const bool known =
      std::any_of(models_.begin(), models_.end(), [&](const Watched& other) { return other.model == &model; });
  if (!known) models_.push_back({&model, before != nullptr ? *before : digest_of(model)});
}

void Untouched::check(const std::string& plugin) const {
  for (const auto& [model, before] : models_) {
    auto changed = changed_tensors(*model, before);
    if (changed.empty()) continue;
    const auto count = changed.size();
    constexpr std::size_t shown = 3;
    if (count > shown) changed.resize(shown);
    throw WeightsChanged(plugin + " changed weights of the model it was shown: " + join(changed) +
                         (count > shown ? " and " + std::to_string(count - shown) + " tensors more" : "") +
                         "\n    a plugin leaves weights as it finds them: work on a copy, weights(...).clone()"
                         "\n    nothing of this cell is kept, and the model is read again for the next");
  }
}

}  // namespace espalier::engine
