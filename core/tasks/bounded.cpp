#include "tasks/bounded.h"

#include <algorithm>
#include <cmath>
#include <iterator>
#include <limits>
#include <numeric>
#include <utility>

#include "data/metrics.h"
#include "speech/error_rate.h"

namespace espalier::tasks {
namespace {

constexpr double not_a_number = std::numeric_limits<double>::quiet_NaN();

// Whether all was computed, and some of it is no number.
bool ends_without_number(std::span<const std::int64_t> answers) {
  bool is_broken = false;
  for (const auto answer : answers) {
    if (answer == BoundedMetric::unseen) return false;
    is_broken = is_broken || answer == BoundedMetric::no_number;
  }
  return is_broken;
}

class OfClasses : public BoundedMetric {
 public:
  explicit OfClasses(const at::Tensor& labels) {
    const auto flat = labels.contiguous();
    labels_.assign(flat.const_data_ptr<std::int64_t>(), flat.const_data_ptr<std::int64_t>() + flat.numel());
  }

  // By how much the logit of the class exceeds the largest other. Rows that are no numbers are the least sure of all.
  std::vector<Found> found(const Evaluation& evaluation, std::span<const std::int64_t> examples) const final {
    const auto logits = evaluation.outputs.at("logits").to(at::kCPU, at::kFloat).contiguous();  // [examples, classes]
    const auto width = logits.size(1);
    const auto* row = logits.const_data_ptr<float>();
    std::vector<Found> all;
    for (const auto example : examples) {
      const auto label = labels_[static_cast<std::size_t>(example)];
      float other = -std::numeric_limits<float>::infinity();
      bool is_finite = true;
      for (std::int64_t index = 0; index < width; ++index) {
        is_finite = is_finite && std::isfinite(row[index]);
        if (index != label) other = std::max(other, row[index]);
      }
      if (is_finite)
        all.push_back({std::max_element(row, row + width) - row, row[label] - other});
      else
        all.push_back({no_number, -std::numeric_limits<double>::infinity()});
      row += width;
    }
    return all;
  }

 protected:
  const std::vector<std::int64_t>& labels() const { return labels_; }

 private:
  std::vector<std::int64_t> labels_;
};

double log_choices(std::int64_t all, std::int64_t taken) {
  const auto log_factorial = [](std::int64_t number) { return std::lgamma(static_cast<double>(number) + 1); };
  return log_factorial(all) - log_factorial(taken) - log_factorial(all - taken);
}

// Of `all` examples `right` are right: the probability that of `seen` drawn ones no more than `found` are.
double probability_of_at_most(std::int64_t found, std::int64_t seen, std::int64_t right, std::int64_t all) {
  double sum = 0;
  for (auto count = std::max<std::int64_t>(0, seen - (all - right)); count <= std::min(found, right); ++count) {
    sum += std::exp(log_choices(right, count) + log_choices(all - right, seen - count) - log_choices(all, seen));
  }
  return sum;
}

// All that is left may be right.
class Accuracy final : public OfClasses {
 public:
  using OfClasses::OfClasses;
  double at_most(std::span<const std::int64_t> answers) const override {
    if (ends_without_number(answers)) return not_a_number;
    std::int64_t right = 0;
    for (std::size_t example = 0; example < answers.size(); ++example)
      right += answers[example] == unseen || answers[example] == labels()[example] ? 1 : 0;
    return static_cast<double>(right) / static_cast<double>(answers.size());
  }
  // The most examples that can be right without a finding as low as this one being that improbable: exact, by counting
  // draws without replacement.
  std::optional<double> likely_at_most(std::span<const std::int64_t> answers, double error) const override {
    const auto all = std::ssize(answers);
    std::int64_t seen = 0, found = 0;
    for (std::size_t example = 0; example < answers.size(); ++example) {
      seen += answers[example] == unseen ? 0 : 1;
      found += answers[example] == labels()[example] ? 1 : 0;
    }
    auto possible = found, impossible = found + all - seen + 1;  // the more are right, the less probable
    while (possible + 1 < impossible) {
      const auto right = possible + (impossible - possible) / 2;
      (probability_of_at_most(found, seen, right, all) > error ? possible : impossible) = right;
    }
    return static_cast<double>(possible) / static_cast<double>(all);
  }
  double resolution() const override { return 1 / static_cast<double>(labels().size()); }
};

// The same: an answer that becomes right raises the F1 of its class and lowers that of none, and a class that is no label
// leaves the mean, to which it added nothing, once it is not predicted any more.
class MacroF1 final : public OfClasses {
 public:
  using OfClasses::OfClasses;
  double at_most(std::span<const std::int64_t> answers) const override {
    if (ends_without_number(answers)) return not_a_number;
    std::vector<data::ClassCounts> classes;
    const auto of = [&](std::int64_t index) -> data::ClassCounts& {
      if (index >= std::ssize(classes)) classes.resize(static_cast<std::size_t>(index) + 1);
      return classes[static_cast<std::size_t>(index)];
    };
    for (std::size_t example = 0; example < answers.size(); ++example) {
      const auto label = labels()[example];
      const auto answer = answers[example] == unseen ? label : answers[example];
      ++of(label).labelled;
      if (answer != no_number) ++of(answer).predicted;
      if (answer == label) ++of(label).both;
    }
    return data::macro_f1(classes);
  }
  double resolution() const override { return 0; }
};

// What is left may be without an error; what has no number counts as without one until all is computed.
class ErrorRate final : public BoundedMetric {
 public:
  ErrorRate(std::vector<std::int64_t> said, CountErrors errors)
      : said_(std::accumulate(said.begin(), said.end(), std::int64_t{0})), errors_(std::move(errors)) {}

  // Each example takes about as long as another: those with most errors decide soonest.
  std::vector<Found> found(const Evaluation& evaluation, std::span<const std::int64_t> examples) const override {
    std::vector<Found> all;
    for (const auto errors : errors_(evaluation, examples))
      all.push_back({errors, errors == no_number ? -std::numeric_limits<double>::infinity() : -double(errors)});
    return all;
  }
  double at_most(std::span<const std::int64_t> answers) const override {
    if (ends_without_number(answers)) return not_a_number;
    speech::EditCounts counts;
    counts.reference = said_;
    for (const auto answer : answers) counts.insertions += std::max<std::int64_t>(answer, 0);
    return -counts.rate();
  }
  double resolution() const override { return said_ == 0 ? 0 : 1 / static_cast<double>(said_); }

 private:
  std::int64_t said_;
  CountErrors errors_;
};

}  // namespace

BoundedMetric::~BoundedMetric() = default;

std::unique_ptr<BoundedMetric> bounded_by_classes(const Split& split, const std::string& metric) {
  if (!split.labels.defined() || split.labels.dim() != 1) return nullptr;
  if (metric == "accuracy") return std::make_unique<Accuracy>(split.labels);
  if (metric == "macro_f1") return std::make_unique<MacroF1>(split.labels);
  return nullptr;
}

std::unique_ptr<BoundedMetric> bounded_by_errors(std::vector<std::int64_t> said, CountErrors errors) {
  return std::make_unique<ErrorRate>(std::move(said), std::move(errors));
}

}  // namespace espalier::tasks
