#include "whisper_series.h"

#include <ATen/ops/cat.h>
#include <ATen/ops/full.h>

#include <algorithm>
#include <utility>

#include "whisper_pass.h"

namespace espalier::families {
namespace {

using at::Tensor;

// Transcripts of a sound that are remembered: those of the latest models.
constexpr std::int64_t most_transcripts = 5;

}  // namespace

KnownSounds::KnownSounds(const WhisperWeights& weights, const WhisperConfig& config, Restart& restart)
    : weights_(weights),
      config_(config),
      states_([&restart](std::int64_t) -> PieceStates& { return restart.states; }),
      versions_(restart.versions),
      keeps_all_(true) {}

KnownSounds::KnownSounds(const WhisperWeights& weights, const WhisperConfig& config, Prefixes& prefixes,
                         std::uint64_t sounds, std::span<const std::int64_t> versions, bool keeps_all)
    : weights_(weights),
      config_(config),
      states_([&prefixes, sounds](std::int64_t piece) -> PieceStates& { return prefixes.of(sounds, piece); }),
      versions_(versions),
      keeps_all_(keeps_all) {}

// Behind the versions of the encoder's sites, which are not negative, nothing else of the same states begins like this.
SiteVersions KnownSounds::name_of(const CrossHead& head) const {
  const auto encoder = versions_.first(weights_.encoder.size());
  SiteVersions name(encoder.begin(), encoder.end());
  const auto layer = static_cast<std::int64_t>(head.layer);
  name.insert(name.end(), {-1 - 2 * layer - (head.is_key ? 1 : 0), head.head, head.projection.weight.size(0)});
  name.insert(name.end(), head.channels.begin(), head.channels.end());
  return name;
}

Tensor KnownSounds::found(const CrossHead& head) {
  const auto name = name_of(head);
  const auto state = states_(Heads + static_cast<std::int64_t>(head.layer)).furthest(name);
  return state.sites == std::ssize(name) ? state.hidden : Tensor();
}

bool KnownSounds::has_memories() {
  const auto heads = cross_heads(weights_);
  return std::all_of(heads.begin(), heads.end(), [&](const CrossHead& head) { return found(head).defined(); });
}

std::vector<HeldMemory> KnownSounds::memories(const Tensor& features, Together together) {
  const auto examples = features.size(0), positions = config_.source_positions;
  const auto heads = cross_heads(weights_);
  std::vector<Tensor> said(heads.size());  // [examples*S, width]
  bool all_known = true;
  for (std::size_t i = 0; i < heads.size(); ++i) {
    said[i] = found(heads[i]);
    all_known = all_known && said[i].defined();
    if (said[i].defined()) skipped_ += examples * positions * std::ssize(heads[i].channels) * weights_.tokens.size(1);
  }
  if (all_known) {
    skipped_ += examples * encoder_multiply_adds(weights_, config_);
  } else {
    compute(heads, said, features, together);
  }
  if (together == Together::Yes) return {memory_of_heads(weights_, said, examples)};
  std::vector<HeldMemory> memories(static_cast<std::size_t>(examples));
  for_each_example(examples, [&](std::int64_t example) {
    std::vector<Tensor> own;
    for (const auto& of_all : said) own.push_back(of_all.narrow(0, example * positions, positions));  // [S, width]
    memories[static_cast<std::size_t>(example)] = memory_of_heads(weights_, own, 1);
  });
  return memories;
}

void KnownSounds::compute(std::span<const CrossHead> heads, std::span<Tensor> said, const Tensor& features,
                          Together together) {
  const auto examples = features.size(0), positions = config_.source_positions;
  Restart restart{states_(Encoder), versions_.first(weights_.encoder.size())};
  const auto states = whisper_encode(weights_, config_, features, {.restart = &restart}, together);  // [B*S, D]
  skipped_ += examples * encoder_multiply_adds(weights_, config_, restart.skipped);
  std::vector<std::size_t> missing;
  for (std::size_t i = 0; i < heads.size(); ++i) {
    if (!said[i].defined()) missing.push_back(i);
  }
  if (together == Together::Yes) {
    for (const auto i : missing) said[i] = heads[i](states);  // [B*S, width]
  } else {
    std::vector<std::vector<Tensor>> parts(missing.size(), std::vector<Tensor>(static_cast<std::size_t>(examples)));
    for_each_example(examples, [&](std::int64_t example) {
      const auto own = states.narrow(0, example * positions, positions);  // [S, D]
      for (std::size_t i = 0; i < missing.size(); ++i)
        parts[i][static_cast<std::size_t>(example)] = heads[missing[i]](own);
    });
    for (std::size_t i = 0; i < missing.size(); ++i) said[missing[i]] = at::cat(parts[i]);  // [B*S, width]
  }
  if (!keeps_all_) return;
  for (const auto i : missing)
    states_(Heads + static_cast<std::int64_t>(heads[i].layer)).keep(name_of(heads[i]), said[i]);
}

Tensor KnownSounds::read(WhisperReader& reader, const Tensor& tokens, std::span<const std::int64_t> lengths) {
  if (!keeps_all_) return reader.read(tokens);
  Restart restart{states_(References), versions_};
  const auto states = reader.read_alone(tokens, restart);
  const auto positions = config_.source_positions;
  for (std::size_t layer = 0; layer < static_cast<std::size_t>(restart.skipped / 2); ++layer) {
    const auto& [self, cross, feed_forward] = weights_.decoder[layer];
    for (const auto length : lengths) {
      // Without keys and values of the sounds, which memories() counts.
      skipped_ += self.site.multiply_adds(length, length) + cross.site.multiply_adds(length, positions) -
                  cross.site.multiply_adds(0, positions) +
                  length * (feed_forward.inner.weight.numel() + feed_forward.outer.weight.numel());
    }
  }
  return states;
}

std::vector<std::vector<Draft>> KnownSounds::drafts(std::int64_t examples) {
  std::vector<std::vector<Draft>> all(static_cast<std::size_t>(examples));
  const auto known = states_(Transcripts).furthest({}).hidden;  // [transcripts, examples, longest]
  if (!known.defined() || known.size(1) != examples) return all;
  const auto* token = known.const_data_ptr<std::int64_t>();
  for (std::int64_t row = 0; row < known.size(0) * examples; ++row, token += known.size(2)) {
    Draft draft(token, std::find(token, token + known.size(2), -1));
    if (!draft.empty()) all[static_cast<std::size_t>(row % examples)].push_back(std::move(draft));
  }
  return all;
}

void KnownSounds::remember(const std::vector<Transcription>& written, const DecodingRules& rules) {
  const auto examples = std::ssize(written);
  auto kept = drafts(examples);
  std::int64_t longest = 1;
  for (std::size_t i = 0; i < written.size(); ++i) {
    auto draft = written[i].tokens;
    if (!written[i].cut) draft.push_back(rules.end);
    kept[i].insert(kept[i].begin(), std::move(draft));
    if (std::ssize(kept[i]) > most_transcripts) kept[i].pop_back();
    for (const auto& one : kept[i]) longest = std::max(longest, std::ssize(one));
  }
  const auto rows = at::full({most_transcripts, examples, longest}, -1, at::kLong);
  auto* tokens = rows.mutable_data_ptr<std::int64_t>();
  for (std::size_t i = 0; i < kept.size(); ++i) {
    for (std::size_t number = 0; number < kept[i].size(); ++number) {
      const auto row = static_cast<std::int64_t>(number) * examples + static_cast<std::int64_t>(i);
      std::copy(kept[i][number].begin(), kept[i][number].end(), tokens + row * longest);
    }
  }
  states_(Transcripts).keep({}, rows);
}

std::int64_t encoder_multiply_adds(const WhisperWeights& weights, const WhisperConfig& config) {
  return encoder_multiply_adds(weights, config, static_cast<std::int64_t>(weights.encoder.size()));
}

std::int64_t encoder_multiply_adds(const WhisperWeights& weights, const WhisperConfig& config, std::int64_t layers) {
  if (layers == 0) return 0;
  const auto positions = config.source_positions;
  auto count = config.frames() * weights.first_convolution.weight.numel() +
               positions * weights.second_convolution.weight.numel();
  for (const auto& layer : std::span(weights.encoder).first(static_cast<std::size_t>(layers))) {
    const auto& [norm, inner, outer] = layer.feed_forward;
    count +=
        layer.self.site.multiply_adds(positions, positions) + positions * (inner.weight.numel() + outer.weight.numel());
  }
  return count;
}

}  // namespace espalier::families
