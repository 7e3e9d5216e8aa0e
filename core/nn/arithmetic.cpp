#include "nn/arithmetic.h"

#include <ATen/autocast_mode.h>

namespace espalier::nn {

ComputeGuard::ComputeGuard(ComputeType type) : was_enabled_(at::autocast::is_autocast_enabled(at::kCPU)) {
  at::autocast::set_autocast_dtype(at::kCPU, at::kBFloat16);
  at::autocast::set_autocast_enabled(at::kCPU, type == ComputeType::BFloat16);
  at::autocast::increment_nesting();
}

ComputeGuard::~ComputeGuard() {
  if (at::autocast::decrement_nesting() == 0) at::autocast::clear_cache();
  at::autocast::set_autocast_enabled(at::kCPU, was_enabled_);
}

}  // namespace espalier::nn
