// What a model makes of one split: logits, metrics, one outcome an example, and the work it took.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <functional>
#include <map>
#include <string>

#include "engine/text_task.h"
#include "nn/model.h"

namespace espalier::engine {

struct Evaluation {
  at::Tensor logits;  // [examples, classes], float32, in file order
  std::map<std::string, double> metrics;
  std::string outcomes;  // '1' where the example is right, '0' where not, in file order
  std::int64_t multiply_adds = 0;
};

// Thrown through a computation when the user interrupts it; not an error of anything.
struct Interrupted {};
using InterruptCheck = std::function<bool()>;

// Every shortcut of the engine gives these numbers; padding is not computed, pruned heads are left out.
Evaluation evaluate(const nn::Model& model, const Split& split, const InterruptCheck& interrupted = {});

// The same from logits that are already known.
Evaluation evaluation_of(const at::Tensor& logits, const Split& split, std::int64_t multiply_adds);

// Multiply-adds of one pass over the split.
std::int64_t multiply_adds_of(const nn::Model& model, const Split& split);

}  // namespace espalier::engine
