#include "whisper.h"

#include <ATen/TensorOperators.h>
#include <ATen/core/grad_mode.h>
#include <ATen/ops/arange.h>
#include <ATen/ops/cat.h>
#include <c10/core/InferenceMode.h>
#include <espalier/error.h>

#include <algorithm>
#include <optional>
#include <utility>

#include "whisper_decoding.h"
#include "whisper_pass.h"

namespace espalier::families {
namespace {

using at::Tensor;

// On a CPU, what decoders read of their encoders is kept within so many bytes; larger batches are heard in even parts.
constexpr std::int64_t most_memory_bytes = std::int64_t{3} << 29;
// Written on a GPU between two looks of the host: each look waits for all that was launched.
constexpr std::int64_t tokens_a_look = 8;

// Sinusoids of the encoder's positions are no parameters: transformers freezes them as well.
constexpr const char* frozen = "model.encoder.embed_positions.weight";

// How many tokens of each example lie before the last label, it included.
std::vector<std::int64_t> asked_lengths(const Tensor& labels) {
  const auto places = at::arange(1, labels.size(1) + 1, at::kLong);                               // [T]
  const auto lengths = (labels.cpu().ne(not_asked).to(at::kLong) * places).amax(1).contiguous();  // [B]
  return {lengths.const_data_ptr<std::int64_t>(), lengths.const_data_ptr<std::int64_t>() + lengths.numel()};
}

Tensor joined(const std::vector<Tensor>& parts) { return parts.size() == 1 ? parts[0] : at::cat(parts); }

}  // namespace

Together together_on(const at::Device& device) { return device.is_cpu() ? Together::No : Together::Yes; }

SpeechModel::~SpeechModel() = default;

const SpeechModel* speech_model(const Model& model) { return dynamic_cast<const SpeechModel*>(&model); }

Whisper::~Whisper() = default;

bool Whisper::trains(const std::string& name) const { return name != frozen; }

std::map<std::string, Tensor> Whisper::outputs(const std::map<std::string, Tensor>& inputs) const {
  const at::NoGradGuard no_gradients;
  const auto [features, tokens] = whisper_inputs(inputs, config(), weights());
  const auto memory = whisper_encode(weights(), config(), features);                                   // [B*S, D]
  const auto logits = whisper_logits(weights(), whisper_decode(weights(), config(), tokens, memory));  // [B*T, V]
  return {{"logits", logits.view({tokens.size(0), tokens.size(1), config().vocabulary})}};
}

Tensor Whisper::decoded(const WhisperInputs& inputs, const Pass& pass) const {
  const bool plain = pass.gates == nullptr && pass.taps == nullptr && pass.dropout == Dropout::Off;
  if (pass.restart != nullptr && plain && !at::GradMode::is_enabled() && inputs.features.size(0) > 0) {
    KnownSounds known(weights(), config(), *pass.restart);
    WhisperReader reader(weights(), config(), known.memories(inputs.features, liked()));
    return known.read(reader, inputs.tokens, {});
  }
  return whisper_decode(weights(), config(), inputs.tokens, whisper_encode(weights(), config(), inputs.features, pass),
                        pass);
}

Tensor Whisper::asked_logits(std::span<const Batch> batches, const Pass& pass) const {
  std::vector<Tensor> parts;
  for (const auto& batch : batches) {
    const auto inputs = whisper_inputs(batch.inputs, config(), weights());
    const auto targets = whisper_targets(batch.labels, inputs, config());
    const auto states = decoded(inputs, pass);                                         // [B*T, D]
    parts.push_back(whisper_logits(weights(), states.index_select(0, targets.rows)));  // [asked, V]
  }
  return parts.empty() ? weights().tokens.new_empty({0, config().vocabulary}) : joined(parts);
}

std::string Whisper::reads_as() const {
  return family() + ' ' + std::to_string(config().mel_bins) + ' ' + std::to_string(config().frames()) + ' ' +
         device().str() + ' ' + c10::toString(weights().tokens.scalar_type());
}

std::shared_ptr<const PreparedInputs> Whisper::prepared(std::vector<Batch> batches) const {
  for (auto& batch : batches) {
    auto& features = batch.inputs.at("input_features");
    // To the device before to the type: the CPU takes longer to round than the way there.
    if (features.defined()) features = features.to(device()).to(weights().tokens.scalar_type());
  }
  return std::make_shared<const PreparedInputs>(std::move(batches));
}

Tensor Whisper::logits(std::span<const Batch> batches) const { return asked_logits(batches, {}); }

Tensor Whisper::training_logits(std::span<const Batch> batches, const Gates* gates) const {
  const auto table = gate_table(gates, attention(), sample_tensor());
  return asked_logits(batches, {.gates = table ? &*table : nullptr, .dropout = Dropout::On});
}

Tensor Whisper::losses_of(const Batch& batch, const Pass& pass) const {
  const auto inputs = whisper_inputs(batch.inputs, config(), weights());
  const auto targets = whisper_targets(batch.labels, inputs, config());
  const auto states = decoded(inputs, pass);  // [B*T, D]
  if (pass.loss == nullptr || pass.loss->kind == Loss::Kind::Task) return whisper_losses(weights(), states, targets);
  const auto logits = whisper_logits(weights(), states.index_select(0, targets.rows));  // [asked, V]
  return mean_of_examples(row_losses(logits, targets.labels, *pass.loss, teacher_logits(batch, pass)), targets);
}

void Whisper::run_sites(const Batch& batch, const Pass& pass) const {
  decoded(whisper_inputs(batch.inputs, config(), weights()), pass);
}

void Whisper::with_memories(const Tensor& features, Together together, const UseMemories& use) const {
  const auto examples = features.size(0);
  if (together == Together::Yes && examples > 0) {
    std::vector<HeldMemory> memories;
    memories.push_back(
        whisper_memory(weights(), whisper_encode(weights(), config(), features, {}, together), examples));
    return use(std::move(memories), 0, examples);
  }
  const auto fitting = std::max<std::int64_t>(
      1, most_memory_bytes / std::max<std::int64_t>(1, whisper_memory_bytes(weights(), config())));
  const auto parts = std::max<std::int64_t>(1, (examples + fitting - 1) / fitting);
  for (std::int64_t part = 0; part < parts; ++part) {
    const auto begin = examples * part / parts, end = examples * (part + 1) / parts;
    std::vector<HeldMemory> memories(static_cast<std::size_t>(end - begin));
    for_each_example(end - begin, [&](std::int64_t i) {
      const auto states =
          whisper_encode(weights(), config(), features.narrow(0, begin + i, 1), {}, together);  // [S, D]
      memories[static_cast<std::size_t>(i)] = whisper_memory(weights(), states, 1);
    });
    use(std::move(memories), begin, end - begin);
  }
}

Heard Whisper::hear(const Batch& batch, const DecodingRules& rules, Together together) const {
  const c10::InferenceMode ordinary(false);
  const at::NoGradGuard no_gradients;
  check_rules(rules, config());
  const auto inputs = whisper_inputs(batch.inputs, config(), weights());
  WhisperTargets targets;
  if (batch.labels.defined()) targets = whisper_targets(batch.labels, inputs, config());
  Heard heard;
  std::vector<Tensor> states;
  with_memories(
      inputs.features, together, [&](std::vector<HeldMemory> memories, std::int64_t begin, std::int64_t examples) {
        if (batch.labels.defined()) {
          states.push_back(WhisperReader(weights(), config(), memories).read(inputs.tokens.narrow(0, begin, examples)));
        }
        auto written = whisper_transcribe(weights(), config(), std::move(memories), rules,
                                          together == Together::Yes ? tokens_a_look : 1);
        std::move(written.begin(), written.end(), std::back_inserter(heard.transcriptions));
      });
  if (batch.labels.defined()) heard.losses = whisper_losses(weights(), joined(states), targets).cpu();
  return heard;
}

bool Whisper::holds_together(std::int64_t examples, Together together) const {
  return together == Together::Yes || examples * whisper_memory_bytes(weights(), config()) <= most_memory_bytes;
}

void Whisper::hear_known(const Batch& batch, const DecodingRules& rules, Together together, KnownSounds known,
                         WritingTogether& writing, std::int64_t most_writing_bytes, Heard& heard) const {
  const auto inputs = whisper_inputs(batch.inputs, config(), weights());
  auto memories = known.memories(inputs.features, together);
  if (batch.labels.defined()) {
    const auto targets = whisper_targets(batch.labels, inputs, config());
    WhisperReader reader(weights(), config(), memories);
    const auto states = known.read(reader, inputs.tokens, asked_lengths(batch.labels));  // [B*T, D]
    heard.losses = whisper_losses(weights(), states, targets).cpu();
    // A pass over windows whose reference is not known is not counted either.
    note_skipped(known.skipped_multiply_adds());
  }
  const auto step_by_step = [=, this, &rules](KnownSounds& sounds, std::vector<HeldMemory> own) {
    auto written =
        whisper_transcribe(weights(), config(), std::move(own), rules, together == Together::Yes ? tokens_a_look : 1);
    sounds.remember(written, rules);
    return written;
  };
  const auto examples = inputs.features.size(0);
  auto drafts = known.drafts(examples);
  const bool has_none = std::all_of(drafts.begin(), drafts.end(), [](const auto& some) { return some.empty(); });
  if (has_none || !drafts_decide_nothing(weights())) {
    heard.transcriptions = step_by_step(known, std::move(memories));
    return;
  }
  const auto bytes = examples * whisper_memory_bytes(weights(), config());
  while (!writing.is_idle() && writing.held_bytes() + bytes > most_writing_bytes) writing.go_on();
  writing.add(
      DraftedTranscripts(weights(), config(), std::move(memories), rules, std::move(drafts)),
      [=, &heard, &rules, features = inputs.features](std::optional<std::vector<Transcription>> written) mutable {
        if (written) known.remember(*written, rules);
        heard.transcriptions = written ? *std::move(written) : step_by_step(known, known.memories(features, together));
      });
}

std::vector<Heard> Whisper::hear_each(std::span<const Model* const> models, const PreparedInputs& inputs,
                                      const DecodingRules& rules, Together together) const {
  const c10::InferenceMode ordinary(false);
  const at::NoGradGuard no_gradients;
  check_rules(rules, config());
  const auto& batch = inputs.batches.at(0);
  const auto examples = batch.inputs.at("input_features").size(0);
  // What these models share is kept beyond them where there is room, and else while they are asked.
  std::unique_ptr<Prefixes> own;
  Prefixes* store = nullptr;
  bool keeps_all = true;
  std::optional<WritingTogether> writing;
  std::vector<Heard> all(models.size());
  for (std::size_t i = 0; i < models.size(); ++i) {
    const auto& whisper = dynamic_cast<const Whisper&>(*models[i]);
    const auto* place = whisper.place();
    const bool is_once = models.size() == 1 && inputs.number() == 0;
    if (place == nullptr || is_once || examples == 0 || !whisper.holds_together(examples, together)) {
      all[i] = whisper.hear(batch, rules, together);
      continue;
    }
    const auto known_in = [&](Prefixes& prefixes) {
      return KnownSounds(whisper.weights(), whisper.config(), prefixes, inputs.number(), place->versions, keeps_all);
    };
    if (store == nullptr) {
      auto& shared = *place->prefixes;
      const bool has_room = shared.bytes() < shared.most_bytes() / 2;
      const bool is_kept = inputs.number() != 0 && (has_room || known_in(shared).has_memories());
      if (!is_kept && models.size() > 1) own = std::make_unique<Prefixes>(shared.most_bytes());
      store = own != nullptr ? own.get() : &shared;
      keeps_all = own != nullptr || has_room;
      writing.emplace(whisper.weights(), rules);
    }
    whisper.hear_known(batch, rules, together, known_in(*store), *writing, store->most_bytes() / 2, all[i]);
  }
  while (writing && !writing->is_idle()) writing->go_on();
  return all;
}

std::vector<std::int64_t> Whisper::languages(const Tensor& features, const DecodingRules& rules,
                                             Together together) const {
  const c10::InferenceMode ordinary(false);
  const at::NoGradGuard no_gradients;
  check_rules(rules, config());
  if (!rules.detects_language()) throw SettingsError("the decoding rules give the language: none is to be detected");
  const auto inputs = whisper_inputs({{"input_features", features}}, config(), weights());
  std::vector<std::int64_t> found;
  with_memories(inputs.features, together, [&](std::vector<HeldMemory> memories, std::int64_t, std::int64_t) {
    const auto some = whisper_languages(weights(), config(), std::move(memories), rules);
    found.insert(found.end(), some.begin(), some.end());
  });
  return found;
}

std::unique_ptr<Model> Whisper::with_head(const std::vector<std::string>&, std::uint64_t) const {
  throw InputError(
      "a Whisper model writes text and has no classification head\n    expected a BERT or AST checkpoint for classes, "
      "or a dataset of speech with transcripts");
}

std::int64_t Whisper::multiply_adds(std::int64_t tokens) const {
  const auto positions = config().source_positions;
  auto count = config().frames() * weights().first_convolution.weight.numel() +
               positions * weights().second_convolution.weight.numel();
  const auto feed_forward = [](const WhisperFeedForward& block) {
    return block.inner.weight.numel() + block.outer.weight.numel();
  };
  for (const auto& layer : weights().encoder)
    count += layer.self.site.multiply_adds(positions, positions) + positions * feed_forward(layer.feed_forward);
  for (const auto& layer : weights().decoder) {
    count += layer.self.site.multiply_adds(tokens, tokens) + layer.cross.site.multiply_adds(tokens, positions) +
             tokens * feed_forward(layer.feed_forward);
  }
  return count + tokens * weights().head_weight().numel();
}

Operations Whisper::operations(std::int64_t tokens) const {
  const WhisperShape shape{.mel_bins = config().mel_bins,
                           .source_positions = config().source_positions,
                           .tokens = tokens,
                           .width = config().width,
                           .encoder_layers = config().encoder.layers,
                           .encoder_intermediate = config().encoder.intermediate_size,
                           .decoder_layers = config().decoder.layers,
                           .decoder_intermediate = config().decoder.intermediate_size,
                           .vocabulary = config().vocabulary};
  std::vector<AttentionSite> encoder_self, decoder_self, decoder_cross;
  for (const auto& layer : weights().encoder) encoder_self.push_back(layer.self.site);
  for (const auto& layer : weights().decoder) {
    decoder_self.push_back(layer.self.site);
    decoder_cross.push_back(layer.cross.site);
  }
  return whisper_flops(shape, {totals_of(encoder_self), totals_of(decoder_self), totals_of(decoder_cross)});
}

std::vector<Operations> Whisper::site_operations(std::int64_t tokens) const {
  const auto positions = config().source_positions;
  std::vector<Operations> operations;
  WhisperWeights::each_site(weights(), [&](const AttentionSite& site) {
    const auto& kind = sites()[operations.size()].kind;
    const auto queries = kind == SiteKind::EncoderSelf ? positions : tokens;
    const auto keys = kind == SiteKind::DecoderSelf ? tokens : positions;
    operations.push_back(operations_of_sites({&site, 1}, queries, keys).front());
  });
  return operations;
}

}  // namespace espalier::families
