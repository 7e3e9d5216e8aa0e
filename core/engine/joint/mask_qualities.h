// What scorers are answered that ask how good a model is under masks.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <vector>

#include "engine/scoring.h"
#include "nn/series/mask_series.h"

namespace espalier::engine {

class MaskQualities {
 public:
  // `source` outlives this; `scorer` is named in messages.
  MaskQualities(const ScoreSource& source, std::string scorer, ComputeType type)
      : source_(source), scorer_(std::move(scorer)), type_(type) {}

  // By the task's first metric, larger is better. Throws SettingsError where there is no data.
  std::vector<double> of(std::span<const Mask> masks);

 private:
  const ScoreSource& source_;
  const std::string scorer_;
  const ComputeType type_;
  std::optional<nn::MaskSeries> series_;
};

}  // namespace espalier::engine
