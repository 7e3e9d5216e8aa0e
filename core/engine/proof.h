// Proof that a mask was applied and that the smaller model computes the same: kept with every pruned point.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <vector>

#include "cells/point.h"
#include "nn/model.h"
#include "tasks/task.h"

namespace espalier::engine {

// Largest accepted difference of logits, relative to their spread, and of one site's output relative to its own.
inline constexpr double proof_tolerance = 1e-4;

// The rows that logits are compared on, as models of one checkpoint compute them.
class ProofRows {
 public:
  // `again`: a model that masks are proven of again and again. What its sites see and make of it is computed once, where
  // that is not much; the model outlives this.
  ProofRows(std::vector<Batch> batches, const nn::Model* again = nullptr);

  const nn::Model* again() const { return again_; }
  std::int64_t examples() const;
  // [examples, classes]
  at::Tensor logits_of(const nn::Model& model) const;
  // One batch of several tokens each: with a single token every query attends to itself, whatever it asks.
  const Batch& probe() const;
  // What enters each site of a dense model on that batch, and what one of them makes of it.
  std::vector<nn::SiteInput> inputs_of(const nn::Model& dense) const;
  at::Tensor output_of(const nn::Model& dense, std::int64_t site, const nn::SiteInput& input) const;

 private:
  std::vector<Batch> batches_;
  const nn::Model* again_;
  // Filled when they are first asked for.
  mutable std::shared_ptr<const nn::PreparedInputs> prepared_;
  mutable std::vector<nn::SiteInput> inputs_;
  mutable std::map<std::int64_t, at::Tensor> outputs_;
};

// Always in float32 and at the original softmax scale. `compacted`: the dense model compacted so by this mask, where it is
// there already.
Proof prove(const nn::Model& dense, const Mask& mask, const ProofRows& rows, const nn::Model* compacted = nullptr);

}  // namespace espalier::engine
