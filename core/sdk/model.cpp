#include <ATen/TensorOperators.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/isfinite.h>
#include <ATen/ops/stack.h>
#include <espalier/error.h>
#include <espalier/gradients.h>
#include <espalier/model.h>

#include <bit>
#include <utility>
#include <vector>

namespace espalier {

BatchStream::~BatchStream() = default;
PrunableModel::~PrunableModel() = default;

at::Tensor PrunableModel::losses_without_each(const Batch& batch, const Units& units) {
  auto gates = open_gates({units.count()}).detach();  // [units]
  std::vector<at::Tensor> all = {losses(batch, units, gates).detach()};
  for (std::int64_t i = 0; i < units.count(); ++i) {
    gates[i] = 0;
    all.push_back(losses(batch, units, gates).detach());
    gates[i] = 1;
  }
  return at::stack(all);  // [1 + units, examples]
}

void require_gradients(const at::Tensor& gradients) {
  if (!at::isfinite(gradients).all().item<bool>()) {
    throw InputError(
        "some gradients are not finite: the model's loss overflows on these examples\n"
        "    its weights are damaged, or its training diverged");
  }
  if (gradients.ne(0).any().item<bool>()) return;
  throw InputError(
      "all gradients are zero: the loss does not depend on the attention weights\n"
      "    with loss = \"distillation\" the teacher must not be the model itself");
}

// xoshiro256** (Blackman and Vigna, 2018), its state filled by splitmix64.
Random::Random(std::uint64_t seed) : state_{} {
  for (auto& word : state_) {
    std::uint64_t mixed = (seed += 0x9e3779b97f4a7c15ULL);
    mixed = (mixed ^ (mixed >> 30)) * 0xbf58476d1ce4e5b9ULL;
    mixed = (mixed ^ (mixed >> 27)) * 0x94d049bb133111ebULL;
    word = mixed ^ (mixed >> 31);
  }
}

std::uint64_t Random::next() {
  const std::uint64_t result = std::rotl(state_[1] * 5, 7) * 9;
  const std::uint64_t shifted = state_[1] << 17;
  state_[2] ^= state_[0];
  state_[3] ^= state_[1];
  state_[1] ^= state_[2];
  state_[0] ^= state_[3];
  state_[2] ^= shifted;
  state_[3] = std::rotl(state_[3], 45);
  return result;
}

double Random::uniform() { return static_cast<double>(next() >> 11) * 0x1.0p-53; }

at::Tensor Random::uniform(std::int64_t count) {
  auto values = at::empty({count}, at::kDouble);  // [count]
  auto* value = values.mutable_data_ptr<double>();
  for (std::int64_t i = 0; i < count; ++i) value[i] = uniform();
  return values;
}

std::vector<std::int64_t> Random::permutation(std::int64_t count) {
  std::vector<std::int64_t> order(static_cast<std::size_t>(count));
  for (std::size_t i = 0; i < order.size(); ++i) order[i] = static_cast<std::int64_t>(i);
  for (std::size_t i = order.size(); i > 1; --i) std::swap(order[i - 1], order[next() % i]);
  return order;
}

}  // namespace espalier
