// What scores made of gradients need beside them.
#pragma once

#include <ATen/core/Tensor.h>

#include <espalier/export.h>

namespace espalier {

// Throws InputError where every gradient is zero: scores of them would rank nothing. Said to the user: why that may be.
ESPALIER_SDK_API void require_gradients(const at::Tensor& gradients);

}  // namespace espalier
