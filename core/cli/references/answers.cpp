// What two points said of the same examples, from the store.
#include <cmath>
#include <map>
#include <memory>
#include <tuple>
#include <utility>

#include "named_columns.h"
#include "own_points.h"

namespace espalier::cli {
namespace {

// Beyond rounding: answers of another evaluation than the value's.
constexpr double tolerance = 1e-6;

using Place = std::tuple<std::string, std::int64_t, std::string>;  // key, step, kind

// What a metric is a sum of, and what it is divided by; nothing: ones.
const std::map<std::string, std::pair<std::string, std::string>>& parts() {
  static const std::map<std::string, std::pair<std::string, std::string>> known = {
      {"accuracy", {"right", ""}}, {"wer", {"word_errors", "words"}}, {"cer", {"character_errors", "characters"}}};
  return known;
}

class AnswerReader {
 public:
  AnswerReader(const store::ResultStore& store, std::string experiment)
      : store_(store), experiment_(std::move(experiment)) {}

  std::optional<published::PairedAnswers> pair(const published::OwnPoint& first, const published::OwnPoint& second,
                                               const std::string& metric) {
    const auto part = parts().find(metric);
    if (part == parts().end()) return std::nullopt;
    published::PairedAnswers answers{numbers(first, part->second.first), numbers(second, part->second.first), {}};
    answers.weights = weights(first, part->second.second, answers.first.size());
    if (answers.first.empty() || answers.first.size() != answers.second.size() ||
        answers.weights.size() != answers.first.size() ||
        answers.weights != weights(second, part->second.second, answers.second.size()) ||
        !gives(answers.first, answers.weights, first.metrics.at(metric)) ||
        !gives(answers.second, answers.weights, second.metrics.at(metric)))
      return std::nullopt;
    return answers;
  }

 private:
  std::vector<double> weights(const published::OwnPoint& point, const std::string& name, std::size_t count) {
    return name.empty() ? std::vector<double>(count, 1) : numbers(point, name);
  }

  // Empty where they are not kept.
  std::vector<double> numbers(const published::OwnPoint& point, const std::string& name) {
    if (!is_read_) read_digests();
    const auto found = digests_.find({point.key, point.step, point.kind});
    if (found == digests_.end() || !found->second.contains(name)) return {};
    const auto& digest = found->second.at(name);
    std::vector<double> numbers;
    if (name == "right") {
      for (const bool right : store_.outcomes(digest)) numbers.push_back(right ? 1 : 0);
    } else {
      for (const auto number : store_.example_numbers(digest)) numbers.push_back(static_cast<double>(number));
    }
    return numbers;
  }

  void read_digests() {
    const auto rows = store_.example_digests(experiment_);
    const NamedColumns columns(rows);
    for (const auto& row : rows.rows)
      digests_[{columns.text(row, "key"), columns.integer(row, "step"), columns.text(row, "kind")}]
              [columns.text(row, "name")] = columns.text(row, "digest");
    is_read_ = true;
  }

  // A test of other answers than those of the value would say nothing of it.
  static bool gives(const std::vector<double>& values, const std::vector<double>& weights, double expected) {
    double sum = 0, weight = 0;
    for (std::size_t i = 0; i < values.size(); ++i) {
      sum += values[i];
      weight += weights[i];
    }
    return weight > 0 && std::abs(sum / weight - expected) <= tolerance * std::max(1.0, std::abs(expected));
  }

  const store::ResultStore& store_;
  std::string experiment_;
  std::map<Place, std::map<std::string, std::string>> digests_;
  bool is_read_ = false;
};

}  // namespace

published::AnswerSource answers_of(const store::ResultStore& store, const std::string& experiment) {
  const auto reader = std::make_shared<AnswerReader>(store, experiment);
  return [reader](const published::OwnPoint& first, const published::OwnPoint& second, const std::string& metric) {
    return reader->pair(first, second, metric);
  };
}

}  // namespace espalier::cli
