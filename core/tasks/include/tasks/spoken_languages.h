// What language each utterance is in, where the checkpoint's rules leave it open: found once, by the dense model, and kept,
// so that losses, scores, training, proofs and times of all its pruned models are taken under one prompt.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <string>
#include <vector>

#include "audio/feature_set.h"
#include "families/speech.h"
#include "nn/device.h"
#include "nn/model.h"
#include "words/watch.h"

namespace espalier::tasks {

// The token of each example's language, as the model hears it in the first window, from the cache folder or found now in
// float32. `digest`: of the sounds, of how they are read, and of the checkpoint. `dense` is asked for only where they are
// not known yet; `device`: where it computes.
std::vector<std::int64_t> spoken_languages(const audio::FeatureSet& features, const families::DecodingRules& rules,
                                           const std::string& digest, const std::filesystem::path& cache_folder,
                                           const std::function<const nn::Model&()>& dense, const Watch& watch,
                                           const nn::Device& device = {});

// Examples of so many frames that are heard together on a device: what decoders read of their encoders is kept for all.
std::int64_t heard_together(const nn::Model& model, std::int64_t frames, const nn::Device& device);

}  // namespace espalier::tasks
