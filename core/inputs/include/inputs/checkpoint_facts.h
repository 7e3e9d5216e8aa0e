// What a checkpoint says of itself, in config.json and in the header of its weights: read without a tensor, so that what
// could not be loaded, or could not answer, is refused before anything is trained.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "cells/cell_settings.h"

namespace espalier::inputs {

struct CheckpointFacts {
  std::string model_type;           // as config.json has it; empty: it does not say
  std::vector<std::string> labels;  // class names, in order; empty where they cannot be read
  std::string problem_type;
  std::optional<std::int64_t> positions;  // longest text that it can read; of bert
  std::optional<bool> has_head;           // unknown where the weights are not looked at
  std::vector<std::string> problems;      // what is malformed or does not fit, each "FILE: what is wrong"
};

// Of a folder that has the files; `with_weights` also reads the header of model.safetensors.
CheckpointFacts checkpoint_facts(const std::filesystem::path& folder, Family family, bool with_weights);

// How many attention heads a model has at the sites of a filter, by its config.json; a key that is absent has the default
// of transformers. Nothing where the file cannot be read or makes no sense.
std::optional<std::int64_t> head_count(const ModelSettings& model, SiteFilter sites);

}  // namespace espalier::inputs
