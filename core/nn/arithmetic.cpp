#include "nn/arithmetic.h"

#include <ATen/autocast_mode.h>
#include <espalier/error.h>

#include "words/names.h"

namespace espalier::nn {

ComputeType::ComputeType(const std::string& name) : was_enabled_(at::autocast::is_autocast_enabled(at::kCPU)) {
  if (name != "float32" && name != "bfloat16") {
    throw SettingsError(unknown_name("compute type", name, {"float32", "bfloat16"}));
  }
  at::autocast::set_autocast_dtype(at::kCPU, at::kBFloat16);
  at::autocast::set_autocast_enabled(at::kCPU, name == "bfloat16");
  at::autocast::increment_nesting();
}

ComputeType::~ComputeType() {
  if (at::autocast::decrement_nesting() == 0) at::autocast::clear_cache();
  at::autocast::set_autocast_enabled(at::kCPU, was_enabled_);
}

}  // namespace espalier::nn
