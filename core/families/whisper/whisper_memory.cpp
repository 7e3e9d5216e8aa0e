#include "whisper_memory.h"

#include <ATen/ops/stack.h>

namespace espalier::families {

using at::Tensor;

std::vector<CrossHead> cross_heads(const WhisperWeights& weights) {
  std::vector<CrossHead> heads;
  for (std::size_t layer = 0; layer < weights.decoder.size(); ++layer) {
    const auto& site = weights.decoder[layer].cross.site;
    const auto add = [&](bool is_key, const Head& head, std::int64_t row, std::int64_t width) {
      const auto& [weight, bias] = site.qkv;
      const Linear own{weight.narrow(0, row, width), bias.defined() ? bias.narrow(0, row, width) : Tensor()};
      heads.push_back({layer, is_key, head.index, is_key ? head.qk : head.vo, own});
    };
    auto key = site.qk_total(), value = 2 * site.qk_total();
    for (const auto& group : site.groups) {
      for (const auto& head : group.heads) {
        add(/*is_key=*/true, head, key, group.qk);
        add(/*is_key=*/false, head, value, group.vo);
        key += group.qk;
        value += group.vo;
      }
    }
  }
  return heads;
}

HeldMemory memory_of_heads(const WhisperWeights& weights, std::span<const Tensor> heads, std::int64_t examples) {
  HeldMemory memory{examples, {}};
  auto next = heads.begin();
  for (const auto& layer : weights.decoder) {
    auto& held = memory.layers.emplace_back();
    for (const auto& group : layer.cross.site.groups) {
      std::vector<Tensor> keys, values;
      for (std::int64_t head = 0; head < group.size(); ++head) {
        for (auto* parts : {&keys, &values}) {
          const auto& said = *next++;
          parts->push_back(said.view({examples, said.size(0) / examples, said.size(1)}));  // [examples, S, width]
        }
      }
      held.key.push_back(at::stack(keys, 1));      // [examples, H, S, q]
      held.value.push_back(at::stack(values, 1));  // [examples, H, S, v]
      // Heads without QK channels read the mean, whatever is asked.
      if (group.qk == 0) held.value.back() = held.value.back().mean(2, /*keepdim=*/true);
    }
  }
  return memory;
}

HeldMemory whisper_memory(const WhisperWeights& weights, const Tensor& states, std::int64_t examples) {
  std::vector<Tensor> said;
  for (const auto& head : cross_heads(weights)) said.push_back(head(states));  // [examples*S, width]
  return memory_of_heads(weights, said, examples);
}

std::int64_t whisper_memory_bytes(const WhisperWeights& weights, const WhisperConfig& config) {
  std::int64_t channels = 0;
  for (const auto& layer : weights.decoder) channels += layer.cross.site.qk_total() + layer.cross.site.vo_total();
  return channels * config.source_positions * static_cast<std::int64_t>(weights.tokens.element_size());
}

}  // namespace espalier::families
