#include "nn/model.h"

#include <ATen/core/grad_mode.h>

#include <atomic>

namespace espalier::nn {
namespace {

std::uint64_t next_number() {
  static std::atomic<std::uint64_t> last = 0;
  return ++last;
}

}  // namespace

PreparedInputs::~PreparedInputs() = default;

void PreparedInputs::expect_again() const {
  if (number_ == 0) number_ = next_number();
}

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

std::vector<at::Tensor> Model::logits_of_each(std::span<const Model* const> models,
                                              const PreparedInputs& inputs) const {
  std::vector<at::Tensor> all;
  for (const auto* model : models) all.push_back(model->logits_of(inputs));
  return all;
}

}  // namespace espalier::nn
