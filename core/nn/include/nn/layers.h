// The plain layers between attention sites: values that hold tensors and compute.
#pragma once

#include <ATen/core/Tensor.h>

#include <optional>
#include <string>

namespace espalier::nn {

struct Linear {
  at::Tensor weight;                                     // [out, in]
  at::Tensor bias;                                       // [out]
  at::Tensor operator()(const at::Tensor& input) const;  // [..., in] -> [..., out]
};

struct LayerNorm {
  at::Tensor weight, bias;  // [width]
  double epsilon = 0;
  at::Tensor operator()(const at::Tensor& input) const;
};

enum class Activation { Gelu, GeluNew, Relu, Silu, Tanh };
// By the name that config.json uses; nullopt: not known.
std::optional<Activation> activation_from(const std::string& name);
extern const char* const known_activations;
// May overwrite its argument where nothing records gradients.
at::Tensor activate(Activation activation, at::Tensor input);

// a + b, into a where nothing records gradients. Of two types the wider: under autocast the stream stays float32.
at::Tensor residual(at::Tensor a, const at::Tensor& b);

}  // namespace espalier::nn
