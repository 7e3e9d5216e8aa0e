#include "spread.h"

#include <espalier/error.h>

#include <algorithm>
#include <cmath>

#include "statistics/ranks.h"
#include "words/names.h"

namespace espalier::report {

Spread spread_from(const std::string& word) {
  if (word.empty()) return Spread::Usual;
  if (word == "interval") return Spread::Interval;
  if (word == "sd") return Spread::Deviation;
  if (word == "se") return Spread::Error;
  if (word == "range") return Spread::Range;
  if (word == "none") return Spread::None;
  throw SettingsError(unknown_name("spread", word, {"interval", "sd", "se", "range", "none"}));
}

void summarise(const std::vector<double>& values, Spread spread, TableCell& cell) {
  cell.n = static_cast<std::int64_t>(values.size());
  if (values.empty()) return;
  const auto [low, high] = std::minmax_element(values.begin(), values.end());
  // Equal values keep their bits: summing and dividing would leave a trace of an interval.
  if (*low == *high) {
    cell.mean = *low;
    return;
  }
  double sum = 0, squares = 0;
  for (const double value : values) sum += value;
  const double n = static_cast<double>(values.size()), mean = sum / n;
  for (const double value : values) squares += (value - mean) * (value - mean);
  cell.mean = mean;
  cell.deviation = std::sqrt(squares / (n - 1));
  const double error = cell.deviation / std::sqrt(n);
  if (spread == Spread::Usual) spread = values.size() == 2 ? Spread::Range : Spread::Interval;
  switch (spread) {
    case Spread::Usual:
    case Spread::None: break;
    case Spread::Interval: cell.half_width = statistics::t_quantile(0.975, n - 1) * error; break;
    case Spread::Deviation: cell.half_width = cell.deviation; break;
    case Spread::Error: cell.half_width = error; break;
    case Spread::Range:
      cell.low = *low;
      cell.high = *high;
      break;
  }
}

}  // namespace espalier::report
