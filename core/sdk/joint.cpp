#include <espalier/joint.h>

namespace espalier {

SharesPasses::~SharesPasses() = default;
GateGradients::~GateGradients() = default;

at::Tensor gate_gradients(PrunableModel& model, const Batch& batch, const Units& units,
                          const std::vector<std::int64_t>& shape, LossOfBatch loss) {
  if (auto* joint = dynamic_cast<GateGradients*>(&model)) return joint->gate_gradients(batch, units, shape, loss);
  auto gates = model.open_gates(shape);
  const auto losses = model.losses(batch, units, gates);  // [examples]
  (loss == LossOfBatch::Sum ? losses.sum() : losses.mean()).backward();
  return gates.grad();
}

}  // namespace espalier
