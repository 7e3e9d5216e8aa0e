// Families of models: from a folder to a model, whatever the family.
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "nn/model.h"

namespace espalier::families {

// As Espalier calls them, in one order.
std::vector<std::string> family_names();

// Reads a Hugging Face directory (config.json, model.safetensors). Throws InputError naming the file inside and all that
// does not fit. `family` empty: by model_type. The model computes where `device` says.
std::unique_ptr<nn::Model> read_model(const std::filesystem::path& folder, const std::string& family = "",
                                      const at::Device& device = at::kCPU);

// How weights are drawn where there is no checkpoint. What transformers draws (0.02 for all) does not learn from
// spectrograms in reasonable time.
struct FreshWeights {
  double initializer_range = 0.06;  // deviation of linear weights; biases are 0, norms are 1
  double token_deviation = 0.3;     // of class and distillation tokens and of positions
  double patch_deviation = 0;       // of the patch convolution; 0: one over the root of what it sums
};
// A model with new weights of the sizes that config.json gives, the same on every device. Throws InputError for families
// that are not made anew.
std::unique_ptr<nn::Model> model_from_scratch(const std::filesystem::path& folder,
                                              const std::vector<std::string>& labels, const FreshWeights& fresh,
                                              std::uint64_t seed, const at::Device& device = at::kCPU);

// Which programs load a checkpoint that save() wrote into this folder, in a sentence: Espalier always does; transformers
// by version, and why not.
std::string loaded_by(const std::filesystem::path& folder);

// Tensors of the checkpoint that the model does not use, said by read_model; for messages.
std::vector<std::string> skipped_tensors(const nn::Model& model);

}  // namespace espalier::families
