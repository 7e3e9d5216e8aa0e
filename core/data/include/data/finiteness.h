// What is measured on outputs that are not numbers is not a number.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <map>
#include <string>

namespace espalier::data {

// Beside metrics that are no numbers: examples whose outputs were none.
inline constexpr const char* not_finite = "not_finite";

// By row of outputs [examples, ...]: whether all its numbers are finite, [examples] bool.
at::Tensor finite_rows(const at::Tensor& outputs);
// Rows of which that does not hold.
std::int64_t rows_not_finite(const at::Tensor& outputs);

// The same metrics, each not a number, and the note not_finite.
std::map<std::string, double> no_numbers(std::map<std::string, double> metrics, std::int64_t examples);

// Examples that not_finite counts; 0 where metrics are numbers.
std::int64_t examples_not_finite(const std::map<std::string, double>& metrics);

}  // namespace espalier::data
