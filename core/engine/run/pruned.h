// A model without what a mask removes, made when it is first asked for: a mask that is known costs no compaction.
#pragma once

#include <memory>
#include <utility>

#include "nn/model.h"

namespace espalier::engine {

class Pruned {
 public:
  // Both outlive this.
  Pruned(const nn::Model& model, const Mask& mask, const SoftmaxScale& scale)
      : model_(model), mask_(mask), scale_(scale) {}

  const nn::Model& model() const {
    if (!made_) made_ = model_.compacted(mask_, scale_);
    return *made_;
  }
  std::unique_ptr<nn::Model> release() {
    model();
    return std::move(made_);
  }
  // The same at the scale of the dense width: null where it has another.
  const nn::Model* at_original_scale() const {
    return scale_.kind == SoftmaxScale::Kind::Original ? &model() : nullptr;
  }

 private:
  const nn::Model& model_;
  const Mask& mask_;
  const SoftmaxScale scale_;
  mutable std::unique_ptr<nn::Model> made_;
};

}  // namespace espalier::engine
