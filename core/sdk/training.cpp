#include <espalier/training.h>
#include <torch/csrc/autograd/custom_function.h>

#include <utility>

namespace espalier {
namespace {

using Backward = std::function<at::Tensor(const at::Tensor&)>;

struct BackwardHolder : torch::CustomClassHolder {
  explicit BackwardHolder(Backward its_function) : function(std::move(its_function)) {}
  Backward function;
};

struct GivenGradient : torch::autograd::Function<GivenGradient> {
  static at::Tensor forward(torch::autograd::AutogradContext* context, const at::Tensor&, const at::Tensor& value,
                            const c10::intrusive_ptr<BackwardHolder>& backward) {
    context->saved_data["backward"] = c10::IValue::make_capsule(backward);
    return value.detach().clone();
  }
  static torch::autograd::variable_list backward(torch::autograd::AutogradContext* context,
                                                 const torch::autograd::variable_list& gradients) {
    const auto holder = c10::static_intrusive_pointer_cast<BackwardHolder>(context->saved_data["backward"].toCapsule());
    const at::NoGradGuard no_gradients;
    return {holder->function(gradients[0]), at::Tensor(), at::Tensor()};
  }
};

}  // namespace

TrainableModel::~TrainableModel() = default;

at::Tensor with_gradient(const at::Tensor& value, const at::Tensor& input, Backward backward) {
  return GivenGradient::apply(input, value, c10::make_intrusive<BackwardHolder>(std::move(backward)));
}

TrainingPlan training_plan(const Settings& settings) {
  TrainingPlan plan;
  plan.epochs = settings.get<std::int64_t>("epochs");
  plan.batch = settings.get<std::int64_t>(host::batch);
  plan.accumulate = settings.get<std::int64_t>("accumulate");
  plan.optimiser = settings.get<std::string>("optimiser");
  plan.momentum = settings.get<double>("momentum");
  plan.warmup = settings.get<double>("warmup");
  plan.decay = settings.get<std::string>("decay");
  plan.clip_norm = settings.get<double>("clip_norm");
  return plan;
}

std::vector<ParameterGroup> parameter_groups(const std::vector<TrainableTensor>& tensors, const Settings& settings) {
  const double rate = settings.get<double>("learning_rate");
  std::vector<ParameterGroup> groups = {{{}, rate, settings.get<double>("weight_decay")}, {{}, rate, 0}};
  for (const auto& tensor : tensors) groups[tensor.decays ? 0 : 1].tensors.push_back(tensor.value);
  return groups;
}

}  // namespace espalier
