// Proof that a mask was applied and that the smaller model computes the same: kept with every pruned point.
#pragma once

#include <vector>

#include "cells/point.h"
#include "nn/model.h"
#include "tasks/task.h"

namespace espalier::engine {

// Largest accepted difference of logits, relative to their spread, and of one site's output relative to its own.
inline constexpr double proof_tolerance = 1e-4;

// Always in float32 and at the original softmax scale. `examples` are the rows the logits are compared on.
Proof prove(const nn::Model& dense, const Mask& mask, const std::vector<Batch>& examples);

}  // namespace espalier::engine
