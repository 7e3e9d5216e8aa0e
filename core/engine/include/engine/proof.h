// Proof that a mask was applied and that the smaller model computes the same: kept with every pruned point.
#pragma once

#include <string>
#include <vector>

#include "nn/model.h"
#include "tasks/task.h"

namespace espalier::engine {

// Largest accepted difference of logits, relative to their spread, and of one site's output relative to its own.
inline constexpr double proof_tolerance = 1e-4;

struct SiteProof {
  std::string site;
  double difference_from_dense = 0;   // largest, of the site's output under the mask, fed with the dense model's input
  double difference_from_zeroed = 0;  // compacted against zeroed weights
  bool answered = false;              // it changed (or what went contributes nothing), and both agree
};

struct Proof {
  bool passed = false;
  std::int64_t examples = 0;
  double largest_difference = 0;  // of logits, masked against compacted
  double spread = 0;              // standard deviation of the masked logits
  std::vector<SiteProof> sites;   // those that the mask touches
  std::string failure;            // what failed first; empty when passed
};

// Always in float32 and at the original softmax scale. `examples` are the rows the logits are compared on.
Proof prove(const nn::Model& dense, const Mask& mask, const std::vector<Batch>& examples);

std::string to_json_text(const Proof& proof);

}  // namespace espalier::engine
