// What scores made of gradients need beside them; gradients may be on a GPU.
#pragma once

#include <ATen/core/Tensor.h>

#include <espalier/export.h>
#include <espalier/settings.h>

namespace espalier {

// Throws InputError where every gradient is zero: scores of them would rank nothing. Said to the user: why that may be.
ESPALIER_SDK_API void require_gradients(const at::Tensor& gradients);

}  // namespace espalier

// Settings of every plugin that looks at gradients: what they are of. The host carries them out.
#define ESPALIER_LOSS_SETTINGS                                                                                     \
  ::espalier::Setting{::espalier::host::loss, "task", "what the gradients are of", "task|bce|distillation"},       \
      ::espalier::Setting{::espalier::host::teacher, "dense", "of a distillation: dense, or a checkpoint folder"}, \
      ::espalier::Setting {                                                                                        \
    ::espalier::host::temperature, 2.0, "of a distillation", "0<.."                                                \
  }
