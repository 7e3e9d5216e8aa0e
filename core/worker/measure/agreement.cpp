#include "measure/agreement.h"

#include <ATen/TensorOperators.h>
#include <ATen/ops/equal.h>
#include <ATen/ops/where.h>
#include <c10/core/InferenceMode.h>
#include <espalier/error.h>
#include <fmt/format.h>

#include <algorithm>
#include <cmath>

namespace espalier::worker {
namespace {

// Of float32 sums in another order, beside the largest number there is.
constexpr double rounding = 1e-3;

[[noreturn]] void disagree(const std::string& names, const std::string& found) {
  throw Error(
      ExitCode::NegativeVerdict,
      fmt::format("{} disagree: {}\n    expected the same answers up to rounding ({:g} of the largest); times of "
                  "wrong answers are worth nothing\n    please report it with the model and the data",
                  names, found, rounding));
}

// The largest difference; what is equal, or not a number in both, is none.
double largest_difference(const at::Tensor& one, const at::Tensor& other) {
  if (one.numel() == 0) return 0;
  const auto alike = one.eq(other).logical_or(one.isnan().logical_and(other.isnan()));
  return (one - other).abs().masked_fill(alike, 0).max().item<double>();
}

double require_close(const at::Tensor& one, const at::Tensor& other, const std::string& what,
                     const std::string& names) {
  const double difference = largest_difference(one, other);
  const auto finite = at::where(one.isfinite(), one, 0).abs();
  const double most = rounding * std::max(one.numel() == 0 ? 0 : finite.max().item<double>(), 1.0);
  if (!(difference <= most)) disagree(names, fmt::format("{} differ by {:g}", what, difference));
  return difference;
}

}  // namespace

void Agreement::add(const Agreement& other) {
  difference = std::max(difference, other.difference);
  predictions += other.predictions;
  rounded_apart += other.rounded_apart;
}

Agreement agreement_of(const tasks::Evaluation& one, const tasks::Evaluation& other, const std::string& names) {
  const c10::InferenceMode inference;
  Agreement agreement;
  agreement.predictions = one.examples;
  if (one.outputs.contains("tokens")) {
    if (!at::equal(one.outputs.at("tokens"), other.outputs.at("tokens"))) disagree(names, "transcripts differ");
    agreement.difference = require_close(one.outputs.at("losses"), other.outputs.at("losses"), "losses", names);
    return agreement;
  }
  const auto &logits = one.outputs.at("logits"), &others = other.outputs.at("logits");
  agreement.difference = require_close(logits, others, "logits", names);
  agreement.rounded_apart = logits.argmax(1).ne(others.argmax(1)).sum().item<std::int64_t>();
  return agreement;
}

void require_verdict(const Evaluated& answer, double at_least, double quality, double tolerance,
                     const std::string& names) {
  const bool is_right = answer.complete ? std::abs(answer.quality - quality) <= tolerance
                                        : quality <= at_least + tolerance && quality <= answer.quality + tolerance;
  if (is_right) return;
  disagree(names, fmt::format("the quality is {:g}, and was found to be {} {:g}", quality,
                              answer.complete ? "just" : "at most", answer.quality));
}

}  // namespace espalier::worker
