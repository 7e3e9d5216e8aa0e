#include "nn/layers.h"

#include <ATen/core/grad_mode.h>
#include <ATen/ops/gelu.h>
#include <ATen/ops/layer_norm.h>
#include <ATen/ops/linear.h>
#include <ATen/ops/relu.h>
#include <ATen/ops/silu.h>
#include <ATen/ops/tanh.h>

namespace espalier::nn {

const char* const known_activations = "gelu, gelu_new, gelu_pytorch_tanh, relu, silu, tanh";

at::Tensor Linear::operator()(const at::Tensor& input) const { return at::linear(input, weight, bias); }

at::Tensor LayerNorm::operator()(const at::Tensor& input) const {
  return at::layer_norm(input, weight.sizes(), weight, bias, epsilon);
}

std::optional<Activation> activation_from(const std::string& name) {
  if (name == "gelu") return Activation::Gelu;
  if (name == "gelu_new" || name == "gelu_pytorch_tanh") return Activation::GeluNew;
  if (name == "relu") return Activation::Relu;
  if (name == "silu" || name == "swish") return Activation::Silu;
  if (name == "tanh") return Activation::Tanh;
  return std::nullopt;
}

at::Tensor activate(Activation activation, at::Tensor input) {
  const bool in_place = !at::GradMode::is_enabled();
  switch (activation) {
    case Activation::Gelu: return in_place ? at::gelu_(input) : at::gelu(input);
    case Activation::GeluNew: return in_place ? at::gelu_(input, "tanh") : at::gelu(input, "tanh");
    case Activation::Relu: return in_place ? at::relu_(input) : at::relu(input);
    case Activation::Silu: return in_place ? at::silu_(input) : at::silu(input);
    case Activation::Tanh: return in_place ? at::tanh_(input) : at::tanh(input);
  }
  return input;
}

at::Tensor residual(at::Tensor a, const at::Tensor& b) {
  const bool in_place = !at::GradMode::is_enabled() && a.scalar_type() == b.scalar_type();
  return in_place ? a.add_(b) : a.add(b);
}

}  // namespace espalier::nn
