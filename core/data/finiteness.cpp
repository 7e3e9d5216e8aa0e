#include "data/finiteness.h"

#include <ATen/TensorOperators.h>
#include <ATen/ops/isfinite.h>

#include <limits>

namespace espalier::data {

at::Tensor finite_rows(const at::Tensor& outputs) {
  if (outputs.numel() == 0) return at::isfinite(outputs.new_zeros({outputs.size(0)}));
  return at::isfinite(outputs).flatten(1).all(1);
}

std::int64_t rows_not_finite(const at::Tensor& outputs) {
  return outputs.size(0) - finite_rows(outputs).sum().item<std::int64_t>();
}

std::map<std::string, double> no_numbers(std::map<std::string, double> metrics, std::int64_t examples) {
  for (auto& [name, value] : metrics) value = std::numeric_limits<double>::quiet_NaN();
  metrics[not_finite] = static_cast<double>(examples);
  return metrics;
}

std::int64_t examples_not_finite(const std::map<std::string, double>& metrics) {
  const auto found = metrics.find(not_finite);
  return found == metrics.end() ? 0 : static_cast<std::int64_t>(found->second);
}

}  // namespace espalier::data
