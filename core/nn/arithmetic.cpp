#include "nn/arithmetic.h"

#include <ATen/Context.h>
#include <ATen/autocast_mode.h>
#include <espalier/error.h>

#include "nn/device.h"
#include "nn/network.h"

namespace espalier::nn {
namespace {

bool is_half(ComputeType type) { return type == ComputeType::BFloat16 || type == ComputeType::Float16; }

at::ScalarType scalar_of(ComputeType type) {
  switch (type) {
    case ComputeType::BFloat16: return at::kBFloat16;
    case ComputeType::Float16: return at::kHalf;
    case ComputeType::Float32:
    case ComputeType::Tf32: return at::kFloat;
  }
  return at::kFloat;
}

bool allows_tf32() { return at::globalContext().float32MatmulPrecision() != at::Float32MatmulPrecision::HIGHEST; }

// Of matrix products and of convolutions, which cuDNN would round by default.
void allow_tf32(bool allowed) {
  at::globalContext().setFloat32MatmulPrecision(allowed ? "high" : "highest");
  at::globalContext().setAllowTF32CuDNN(allowed);
}

}  // namespace

ComputeGuard::ComputeGuard(ComputeType type, const at::Device& device, Purpose purpose) : device_(device.type()) {
  const bool on_gpu = !device.is_cpu();
  if (type == ComputeType::Tf32 && !on_gpu) {
    throw SettingsError(
        "compute = \"tf32\" is arithmetic of NVIDIA GPUs, and this process computes on the CPU\n    choose a GPU "
        "(--device cuda), or another compute type");
  }
  if (on_gpu) {
    had_tf32_ = allows_tf32();
    allow_tf32(type == ComputeType::Tf32);
  }
  // A device of tests has no autocast of its own.
  autocasts_ = device_ != at::kPrivateUse1;
  if (!autocasts_) return;
  was_enabled_ = at::autocast::is_autocast_enabled(device_);
  had_type_ = at::autocast::get_autocast_dtype(device_);
  const bool casts = is_half(type) && (!on_gpu || purpose == Purpose::Gradients);
  if (casts) at::autocast::set_autocast_dtype(device_, scalar_of(type));
  at::autocast::set_autocast_enabled(device_, casts);
  at::autocast::increment_nesting();
}

ComputeGuard::~ComputeGuard() {
  if (device_ != at::kCPU) allow_tf32(had_tf32_);
  if (!autocasts_) return;
  if (at::autocast::decrement_nesting() == 0) at::autocast::clear_cache();
  at::autocast::set_autocast_enabled(device_, was_enabled_);
  at::autocast::set_autocast_dtype(device_, had_type_);
}

void forget_cast_weights() { at::autocast::clear_cache(); }

ComputeType for_gradients(ComputeType type) { return type == ComputeType::Float16 ? ComputeType::Float32 : type; }

ForInference::ForInference(const Model& model, ComputeType type) : model_(&model) {
  if (!is_half(type)) return;
  const auto& network = dynamic_cast<const Network&>(model);
  converted_ = facts_of(model.device()).half_stream ? network.converted(scalar_of(type), model.device())
                                                    : network.with_linear_weights(scalar_of(type));
  model_ = converted_.get();
}

ForInference::~ForInference() = default;

}  // namespace espalier::nn
