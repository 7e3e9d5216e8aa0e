#include "report/significance/kept_answers.h"

#include <fmt/format.h>

#include <set>

#include "answers.h"
#include "axes.h"

namespace espalier::report {

std::string in_words(const ContradictedValue& value) {
  return fmt::format("{} of the {} model is recorded as {:.6g}, and what is kept of its examples gives {:.6g}",
                     value.metric, value.kind == "dense" ? "dense" : "pruned", value.recorded, value.again);
}

std::vector<ContradictedValue> contradicted_values(const store::ResultStore& store, const std::string& experiment) {
  const std::vector<std::string> metrics = {"accuracy", "wer", "cer", "macro_f1"};
  std::vector<std::string> columns = {"key", "step", "kind"};
  columns.insert(columns.end(), metrics.begin(), metrics.end());
  const AnswerBook book(store, experiment);
  const NamedRows points(store.points_with(experiment, columns));
  std::vector<ContradictedValue> contradicted;
  std::set<ComputedPoint> seen;  // a cell of two experiments stands in both
  for (std::size_t row = 0; row < points.size(); ++row) {
    const ComputedPoint point{points.text(row, "key"), points.text(row, "step"), points.text(row, "kind")};
    if (!seen.insert(point).second) continue;
    for (const auto& metric : metrics) {
      const auto recorded = points.number(row, metric);
      if (!recorded) continue;
      if (const auto again = book.contradicting(point, metric, *recorded))
        contradicted.push_back({point.key, point.kind, metric, std::stoll(point.step), *recorded, *again});
    }
  }
  return contradicted;
}

}  // namespace espalier::report
