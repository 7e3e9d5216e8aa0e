#include "answers.h"

#include <cmath>

#include "axes.h"
#include "statistics/paired.h"

namespace espalier::report {
namespace {

// Beyond rounding: answers of another evaluation than the value's.
constexpr double tolerance = 1e-6;

struct Parts {
  const char* values;
  const char* weights;  // nothing: ones
};

const std::map<std::string, Parts>& parts() {
  static const std::map<std::string, Parts> known = {{"accuracy", {"right", ""}},
                                                     {"wer", {"word_errors", "words"}},
                                                     {"cer", {"character_errors", "characters"}},
                                                     {"macro_f1", {"predicted", "label"}}};
  return known;
}

double rate(const std::vector<double>& values, const std::vector<double>& weights) {
  double sum = 0, weight = 0;
  for (std::size_t i = 0; i < values.size(); ++i) {
    sum += values[i];
    weight += weights[i];
  }
  return sum / weight;
}

// A value that is no number is none that answers give.
bool is_same(double again, double recorded) {
  return std::abs(again - recorded) <= tolerance * std::max(1.0, std::abs(recorded));
}

}  // namespace

bool has_answers(const std::string& value) { return parts().contains(value); }

AnswerBook::AnswerBook(const store::ResultStore& store, const std::string& experiment) : store_(store) {
  const NamedRows rows(store.example_digests(experiment));
  for (std::size_t row = 0; row < rows.size(); ++row) {
    digests_[{rows.text(row, "key"), rows.text(row, "step"), rows.text(row, "kind")}][rows.text(row, "name")] =
        rows.text(row, "digest");
  }
}

std::string AnswerBook::digest(const ComputedPoint& point, const std::string& name) const {
  const auto found = digests_.find(point);
  if (found == digests_.end()) return "";
  const auto named = found->second.find(name);
  return named == found->second.end() ? "" : named->second;
}

std::vector<double> AnswerBook::numbers(const ComputedPoint& point, const std::string& name) const {
  const auto kept = digest(point, name);
  if (kept.empty()) return {};
  std::vector<double> numbers;
  if (name == "right") {
    for (const bool right : store_.outcomes(kept)) numbers.push_back(right ? 1 : 0);
  } else {
    for (const auto number : store_.example_numbers(kept)) numbers.push_back(static_cast<double>(number));
  }
  return numbers;
}

Answers AnswerBook::of(const TableCell& cell, const std::string& value) const {
  Answers answers;
  const auto& part = parts().at(value);
  for (const auto& point : cell.computations) {
    const auto values = numbers(point, part.values);
    auto weights =
        std::string(part.weights).empty() ? std::vector<double>(values.size(), 1) : numbers(point, part.weights);
    if (values.empty() || weights.size() != values.size()) {
      answers.missing = "what was said of each example is not kept";
      return answers;
    }
    if (answers.computations++ == 0) {
      answers.values = values;
      answers.weights = std::move(weights);
      continue;
    }
    if (weights != answers.weights) {
      answers.missing = "seeds were measured on different examples";
      return answers;
    }
    for (std::size_t i = 0; i < values.size(); ++i) answers.values[i] += values[i];
  }
  if (answers.computations == 0) {
    answers.missing = "nothing was measured";
    return answers;
  }
  for (auto& one : answers.values) one /= static_cast<double>(answers.computations);
  if (value == "macro_f1") {
    if (answers.computations > 1) {
      answers.missing = "macro_f1 of several seeds has no paired test here";
      return answers;
    }
    answers.predicted.assign(answers.values.begin(), answers.values.end());
    answers.labels.assign(answers.weights.begin(), answers.weights.end());
    answers.value = statistics::macro_f1(answers.labels, answers.predicted);
  } else {
    answers.value = rate(answers.values, answers.weights);
  }
  // A test of other answers than those of the value would say nothing of it.
  if (cell.mean && !is_same(answers.value, *cell.mean))
    answers.missing = "what is kept of the examples gives another value";
  return answers;
}

std::optional<double> AnswerBook::contradicting(const ComputedPoint& point, const std::string& value,
                                                double recorded) const {
  TableCell alone;
  alone.computations = {point};
  const auto answers = of(alone, value);
  if (!answers.missing.empty()) return std::nullopt;
  return is_same(answers.value, recorded) ? std::nullopt : std::optional(answers.value);
}

}  // namespace espalier::report
