// The hard-concrete distribution (Louizos, Welling and Kingma, 2018) as Voita et al. (2019) gate heads with it: a gate
// in [0, 1] that is exactly 0 or exactly 1 with a chance of its own, differentiable in log_a.
#pragma once

#include <ATen/TensorOperators.h>
#include <ATen/core/Tensor.h>

#include <cmath>

namespace hard_concrete {

struct Distribution {
  double beta = 0.33;   // temperature
  double gamma = -0.1;  // what 0 and 1 are stretched to
  double zeta = 1.1;
  double epsilon = 1e-6;  // how far uniform noise and chances stay from 0 and 1

  // Noise for sample(), of numbers from [0, 1).
  at::Tensor noise(const at::Tensor& uniform) const { return uniform * (1 - 2 * epsilon) + epsilon; }

  // s = sigmoid((ln u - ln(1 - u) + log_a) / beta), stretched to (gamma, zeta) and clipped to [0, 1].
  at::Tensor sample(const at::Tensor& log_a, const at::Tensor& u) const {
    return stretched(((u.log() - (1 - u).log() + log_a) / beta).sigmoid());
  }

  // Without noise, and without the temperature.
  at::Tensor test_gate(const at::Tensor& log_a) const { return stretched(log_a.sigmoid()); }

  // P(gate != 0) = sigmoid(log_a - beta ln(-gamma / zeta)), clipped to [epsilon, 1 - epsilon].
  at::Tensor chance_open(const at::Tensor& log_a) const {
    return (log_a - beta * std::log(-gamma / zeta)).sigmoid().clamp(epsilon, 1 - epsilon);
  }

 private:
  at::Tensor stretched(const at::Tensor& s) const { return (s * (zeta - gamma) + gamma).clamp(0, 1); }
};

}  // namespace hard_concrete
