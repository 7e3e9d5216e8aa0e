// Two computations of one cell side by side: which rung of reproducibility holds, by the digests of what they gave.
#pragma once

#include <espalier/vocabulary.h>

#include <filesystem>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <vector>

#include "store/cell_record.h"

namespace espalier::report {

// From the best down.
enum class Rung { Identical, Predictions, Mask, Different, Failed };

}  // namespace espalier::report

namespace espalier {
template <>
struct Vocabulary<report::Rung> {
  static constexpr const char* kind = "rung";
  static constexpr Word<report::Rung> words[] = {{report::Rung::Identical, "identical"},
                                                 {report::Rung::Predictions, "same predictions"},
                                                 {report::Rung::Mask, "same mask"},
                                                 {report::Rung::Different, "different"},
                                                 {report::Rung::Failed, "failed"}};
};
}  // namespace espalier

namespace espalier::report {

struct Repetition {
  std::string key;
  Rung rung = Rung::Identical;
  std::optional<bool> scores_equal;  // nullopt: there are none, or those of then are not kept any more
  bool masks_equal = true, predictions_equal = true, metrics_equal = true;
  double largest_difference = 0;           // of a metric
  std::string of_metric;                   // which
  std::vector<std::string> circumstances;  // what else is not as it was: "threads 2, then 1"
  std::string message;                     // of a failure

  // Whether this is what is promised: identical numbers under the same circumstances, else the same predictions.
  bool holds() const;
};

// The last attempts of both. The folders are caches, in which scores lie under the same names.
Repetition repetition_of(const store::CellRecord& before, const store::CellRecord& now,
                         const std::filesystem::path& cache_before = {}, const std::filesystem::path& cache_now = {});

std::string in_words(const Repetition& repetition);
nlohmann::json to_json(const Repetition& repetition);

}  // namespace espalier::report
