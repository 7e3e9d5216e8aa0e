#include "fresh_weights.h"

#include <ATen/ops/index_select.h>
#include <ATen/ops/tensor.h>
#include <ATen/ops/zeros.h>
#include <espalier/error.h>
#include <words/class_names.h>

#include <algorithm>

namespace espalier::families {

Linear fresh_linear(std::int64_t out, std::int64_t in, double deviation, const at::Tensor& like,
                    at::Generator& generator) {
  auto weight = at::zeros({out, in}, at::kFloat).normal_(0, deviation, generator);
  return {weight.to(like.options()), at::zeros({out}, like.options())};
}

Linear rows_of_linear(const Linear& layer, const std::vector<std::int64_t>& rows) {
  const auto index = at::tensor(rows, layer.weight.options().dtype(at::kLong));
  return {layer.weight.index_select(0, index), layer.bias.index_select(0, index)};
}

void check_labels(const std::vector<std::string>& labels) {
  if (labels.empty()) throw InputError("a classification head needs at least one label");
  auto sorted = labels;
  std::sort(sorted.begin(), sorted.end());
  if (std::adjacent_find(sorted.begin(), sorted.end()) != sorted.end())
    throw InputError("a classification head needs labels that differ");
}

std::vector<std::int64_t> rows_by_name(const std::vector<std::string>& own, const std::vector<std::string>& labels) {
  return same_classes(own, labels).value_or(std::vector<std::int64_t>());
}

}  // namespace espalier::families
