#include "nn/model.h"

#include <ATen/core/grad_mode.h>

namespace espalier::nn {

PreparedInputs::~PreparedInputs() = default;

std::int64_t PreparedInputs::bytes() const {
  std::int64_t sum = 0;
  for (const auto& batch : batches) {
    for (const auto& [name, tensor] : batch.inputs) sum += static_cast<std::int64_t>(tensor.nbytes());
  }
  return sum;
}

Model::~Model() = default;

std::shared_ptr<const PreparedInputs> Model::prepared(std::vector<Batch> batches) const {
  return std::make_shared<const PreparedInputs>(std::move(batches));
}

at::Tensor Model::logits_of(const PreparedInputs& inputs) const {
  const at::NoGradGuard no_gradients;
  return logits(std::span<const Batch>(inputs.batches));
}

}  // namespace espalier::nn
