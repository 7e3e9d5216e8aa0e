// New weights where a checkpoint has none: classification heads, and whole models trained from scratch.
#pragma once

#include <ATen/core/Generator.h>
#include <ATen/core/Tensor.h>

#include <cstdint>
#include <string>
#include <vector>

#include "nn/layers.h"
#include "nn_names.h"

namespace espalier::families {

// Weights drawn with this deviation, a bias of zeros.
Linear fresh_linear(std::int64_t out, std::int64_t in, double deviation, const at::Tensor& like,
                    at::Generator& generator);

// These rows of a layer, in this order.
Linear rows_of_linear(const Linear& layer, const std::vector<std::int64_t>& rows);

// Throws InputError where a head cannot be made for these labels: none, or one twice.
void check_labels(const std::vector<std::string>& labels);

// For each label the row of an existing head that has it; empty where the head is of other labels.
std::vector<std::int64_t> rows_by_name(const std::vector<std::string>& own, const std::vector<std::string>& labels);

}  // namespace espalier::families
