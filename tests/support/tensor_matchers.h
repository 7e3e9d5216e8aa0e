// Equality of tensors: dtype and shape before values, the worst place printed.
#pragma once

#include <ATen/ATen.h>
#include <gtest/gtest.h>

namespace espalier::test {

struct Tolerance {
  double relative = 0;
  double absolute = 0;
};

inline ::testing::AssertionResult is_close(const at::Tensor& actual, const at::Tensor& expected,
                                           Tolerance tolerance = {}) {
  if (!actual.defined() || !expected.defined()) return ::testing::AssertionFailure() << "a tensor is undefined";
  if (actual.dtype() != expected.dtype()) {
    return ::testing::AssertionFailure() << "dtype " << actual.dtype() << ", expected " << expected.dtype();
  }
  if (actual.sizes() != expected.sizes()) {
    return ::testing::AssertionFailure() << "shape " << actual.sizes() << ", expected " << expected.sizes();
  }
  if (actual.numel() == 0) return ::testing::AssertionSuccess();
  const auto a = actual.to(at::kDouble).flatten(), e = expected.to(at::kDouble).flatten();
  if (!a.isnan().equal(e.isnan())) return ::testing::AssertionFailure() << "NaN in other places";
  const auto difference = (a - e).abs().nan_to_num(0.0, 0.0, 0.0);
  const auto excess = difference - tolerance.absolute - tolerance.relative * e.abs().nan_to_num(0.0);
  const auto worst = excess.argmax().item<std::int64_t>();
  if (excess[worst].item<double>() <= 0) return ::testing::AssertionSuccess();
  return ::testing::AssertionFailure() << "element " << worst << " of " << actual.sizes() << " is "
                                       << a[worst].item<double>() << ", expected " << e[worst].item<double>()
                                       << " (difference " << difference[worst].item<double>() << ")";
}

}  // namespace espalier::test
