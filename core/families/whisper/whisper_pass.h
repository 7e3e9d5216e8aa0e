// The computation of Whisper: sound to states of the encoder, those and tokens to states of the decoder, those to
// logits.
//
// Letters: B examples, F frames of log-mel features, S positions of the encoder, T tokens of the decoder, D the width of
// the model, V tokens of the vocabulary.
#pragma once

#include <espalier/model.h>
#include <families/speech.h>

#include <functional>

#include "nn/network.h"
#include "whisper_config.h"
#include "whisper_weights.h"

namespace espalier::families {

// A label that no loss is asked of.
inline constexpr std::int64_t not_asked = -100;

// One batch, checked, where the weights are.
struct WhisperInputs {
  at::Tensor features;  // [B, mels, F]
  at::Tensor tokens;    // [B, T], what the decoder reads
};

// Throws InputError: unknown names, dtypes, shapes, ids and lengths outside the model's, masks that leave anything out.
// Without decoder_input_ids the decoder reads the start token alone.
WhisperInputs whisper_inputs(const Inputs& inputs, const WhisperConfig& config, const WhisperWeights& weights);

// Which states of the decoder are asked for a token, and which token it should be.
struct WhisperTargets {
  at::Tensor rows;          // [asked], into B*T
  at::Tensor labels;        // [asked]
  at::Tensor counts;        // [B], how many each example has
  std::int64_t tokens = 0;  // T
};

// Throws InputError: labels that are missing or do not fit the tokens, an example without any.
WhisperTargets whisper_targets(const at::Tensor& labels, const WhisperInputs& inputs, const WhisperConfig& config);

// Calls compute(i) for every example, each on one thread, in the caller's arithmetic: threads that share no example wait
// for each other once, and their activations stay in their own caches. The few examples that are left over share all
// threads. For callers that record no gradients.
void for_each_example(std::int64_t examples, const std::function<void(std::int64_t)>& compute);

// [B*S, D]
at::Tensor whisper_encode(const WhisperWeights& weights, const WhisperConfig& config, const at::Tensor& features,
                          const Pass& pass, Together together);
// As the device of the weights likes it.
at::Tensor whisper_encode(const WhisperWeights& weights, const WhisperConfig& config, const at::Tensor& features,
                          const Pass& pass = {});
// [B*T, D]
at::Tensor whisper_decode(const WhisperWeights& weights, const WhisperConfig& config, const at::Tensor& tokens,
                          const at::Tensor& memory, const Pass& pass = {});

// The feed-forward block with its sum: hidden + fc2(gelu(fc1(norm(hidden)))), [N, D].
at::Tensor whisper_feed_forward(const WhisperFeedForward& block, const WhisperConfig& config, const at::Tensor& hidden,
                                Dropout dropout = Dropout::Off);

// Logits of states of the decoder: [N, D] -> [N, V]; float32 where the weights are of a half type.
at::Tensor whisper_logits(const WhisperWeights& weights, const at::Tensor& hidden);
// The mean over each example's tokens, [B], of one number a token, [asked].
at::Tensor mean_of_examples(const at::Tensor& of_tokens, const WhisperTargets& targets);
// The mean cross-entropy of each example's tokens, [B], from states of the decoder [B*T, D].
at::Tensor whisper_losses(const WhisperWeights& weights, const at::Tensor& hidden, const WhisperTargets& targets);

}  // namespace espalier::families
