#include "significance.h"

#include <espalier/error.h>
#include <fmt/format.h>

#include <cmath>
#include <map>
#include <optional>
#include <set>
#include <tuple>

#include "answers.h"
#include "axes.h"
#include "statistics/paired.h"
#include "words/names.h"

namespace espalier::report {
namespace {

// The same table, the same numbers.
constexpr std::uint64_t seed_of_resampling = 20240229;

struct Comparison {
  TableCell* cell = nullptr;
  bool with_dense = false;
  double p = 1;
  Tested apart = Tested::Same;  // by the means, where the test finds a difference
};

// A place of the table beside the dense model's, or beside the best of its column; none where there is no such place.
struct ComparedPlaces {
  TableCell* cell = nullptr;
  const TableCell* other = nullptr;
  std::size_t at = 0;
  bool with_dense = false;
};

class Tests {
 public:
  Tests(const store::ResultStore& store, const std::string& experiment, Table& table)
      : table_(table), book_(store, experiment) {}

  // How many draws a test takes depends on how many tests there are.
  void compare_all(double level) {
    const auto pairs = all_pairs();
    draws_ = statistics::draws_for(level, pairs.size());
    for (const auto& pair : pairs) compare(pair);
  }

  void correct(double level) {
    std::vector<double> p;
    for (const auto& comparison : comparisons_) p.push_back(comparison.p);
    const auto corrected = statistics::holm(p);
    for (std::size_t i = 0; i < corrected.size(); ++i) {
      const auto& one = comparisons_[i];
      const auto said = corrected[i] < level ? one.apart : Tested::Same;
      (one.with_dense ? one.cell->p_dense : one.cell->p_best) = corrected[i];
      (one.with_dense ? one.cell->beside_dense : one.cell->beside_best) = said;
    }
  }

  std::vector<std::string> sentences(double level) const {
    std::vector<std::string> said;
    if (!comparisons_.empty()) {
      said.push_back(fmt::format(
          "↑ better and ↓ worse than the dense model, ≈ not told apart from the best of its column: {} on the same "
          "examples, corrected by Holm for {} comparisons, level {}",
          join(std::vector<std::string>(tests_.begin(), tests_.end()), "; "), comparisons_.size(), level));
    }
    for (const auto& [reason, count] : untested_)
      said.push_back(fmt::format("not tested: {} {}: {}", count, count == 1 ? "comparison" : "comparisons", reason));
    return said;
  }

 private:
  std::vector<ComparedPlaces> all_pairs() {
    std::vector<ComparedPlaces> pairs;
    for (auto& row : table_.rows) {
      if (row.dense) continue;
      for (std::size_t at = 0; at < row.cells.size(); ++at) {
        auto& cell = row.cells[at];
        if (!cell.mean || cell.interpolated() || better(table_.value_of(at).name) == 0) continue;
        pairs.push_back({&cell, find(row, at, true), at, true});
        if (!cell.best) pairs.push_back({&cell, find(row, at, false), at, false});
      }
    }
    return pairs;
  }

  bool same_question(const TableRow& one, const TableRow& other) const {
    for (std::size_t i = 0; i < table_.row_axes.size(); ++i) {
      if (!is_axis_of_dense(table_.row_axes[i])) continue;
      const auto& text = other.names[i].text;
      // Where every row axis is of the model, the dense row says so in the last one.
      if (one.names[i].text != text && !(other.dense && text == one.names[i].text + " (dense)")) return false;
    }
    return true;
  }

  // The dense model's place beside this one, or the best of its column.
  const TableCell* find(const TableRow& row, std::size_t at, bool dense) const {
    for (const auto& other : table_.rows) {
      if (other.dense != dense || !other.cells[at].mean || !same_question(row, other)) continue;
      if (dense || other.cells[at].best) return &other.cells[at];
    }
    return nullptr;
  }

  void compare(const ComparedPlaces& pair) {
    if (pair.other == nullptr) return;
    const auto &cell = *pair.cell, &other = *pair.other;
    const auto name = table_.value_of(pair.at).name;
    if (!has_answers(name)) {
      ++untested_[name + " is no mean over examples"];
      return;
    }
    const auto one = book_.of(cell, name), two = book_.of(other, name);
    const auto& missing = one.missing.empty() ? two.missing : one.missing;
    const bool same_examples = name == "macro_f1" ? one.labels == two.labels : one.weights == two.weights;
    if (!missing.empty() || !same_examples) {
      ++untested_[missing.empty() ? "the two were measured on different examples" : missing];
      return;
    }
    const double ahead = better(name) * (*cell.mean - *other.mean);
    comparisons_.push_back(
        {pair.cell, pair.with_dense, p_of(one, two, name), ahead > 0 ? Tested::Better : Tested::Worse});
  }

  double p_of(const Answers& one, const Answers& two, const std::string& name) {
    if (name == "macro_f1") {
      tests_.insert("permutations of macro_f1");
      return statistics::macro_f1_permutation(one.labels, one.predicted, two.predicted, seed_of_resampling, draws_);
    }
    if (name == "accuracy" && one.computations == 1 && two.computations == 1) {
      tests_.insert("exact McNemar test");
      std::int64_t only_one = 0, only_two = 0;
      for (std::size_t i = 0; i < one.values.size(); ++i) {
        only_one += one.values[i] > two.values[i] ? 1 : 0;
        only_two += two.values[i] > one.values[i] ? 1 : 0;
      }
      return statistics::mcnemar(only_one, only_two);
    }
    if (name == "accuracy") {
      tests_.insert("exact McNemar test, of means over seeds by all signs of the examples' differences");
      return statistics::sign_flip(in_whole_numbers(one, two));
    }
    tests_.insert("bootstrap over utterances");
    return statistics::paired_bootstrap(one.values, two.values, one.weights, seed_of_resampling, draws_).p;
  }

  // Right answers of both, in a unit of one over the product of the numbers of seeds.
  static std::vector<std::int64_t> in_whole_numbers(const Answers& one, const Answers& two) {
    const auto unit = static_cast<double>(one.computations * two.computations);
    std::vector<std::int64_t> differences;
    for (std::size_t i = 0; i < one.values.size(); ++i)
      differences.push_back(std::llround((one.values[i] - two.values[i]) * unit));
    return differences;
  }

  Table& table_;
  AnswerBook book_;
  int draws_ = 0;
  std::vector<Comparison> comparisons_;
  std::set<std::string> tests_;
  std::map<std::string, std::int64_t> untested_;  // by reason
};

}  // namespace

bool ComputedPoint::operator<(const ComputedPoint& other) const {
  return std::tie(key, step, kind) < std::tie(other.key, other.step, other.kind);
}

void check_level(double level) {
  if (!(level > 0 && level < 1))
    throw SettingsError(fmt::format("--significance {}: expected a level between 0 and 1, as in 0.05", level));
}

std::vector<std::string> test_significance(const store::ResultStore& store, const std::string& experiment, double level,
                                           Table& table) {
  Tests tests(store, experiment, table);
  tests.compare_all(level);
  tests.correct(level);
  return tests.sentences(level);
}

}  // namespace espalier::report
