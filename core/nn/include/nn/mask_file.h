// Mask and score files, as DESIGN's file formats fix them.
//
// Of a compact checkpoint the tensors have the shape of the frame, [heads, head_dim], heads those that are left and
// head_dim the width of the widest. A place behind a narrower head's channels does not exist: in a mask it is written
// false, and read as false whatever it holds; in a score file it is written NaN, and not read.
#pragma once

#include <espalier/units.h>

#include <filesystem>
#include <map>
#include <string>
#include <vector>

namespace espalier::nn {

// Throws InputError: no mask file, another version, unknown site (nearest name), wrong dtype or shape, a model_digest
// that is there and differs. Site names match with or without the checkpoint's prefix; an absent site is kept whole.
Mask read_mask(const std::filesystem::path& path, const std::vector<Site>& sites, const std::string& model_digest = "");
// metadata: model_digest, granularity, cell; format and version are added.
void write_mask(const std::filesystem::path& path, const std::vector<Site>& sites, const Mask& mask,
                std::map<std::string, std::string> metadata);

struct Scores {
  at::Tensor values;                            // [units], float64
  std::map<std::string, std::string> metadata;  // scorer, settings, granularity, model_digest, data_digest
};
// The granularity of a score file, from its metadata or its tensor names.
Granularity granularity_of_scores(const std::filesystem::path& path);
Scores read_scores(const std::filesystem::path& path, const Units& units);
// As float32, the type of score files, or as float64, which keeps every bit.
void write_scores(const std::filesystem::path& path, const Units& units, const Scores& scores,
                  at::ScalarType type = at::kFloat);

}  // namespace espalier::nn
