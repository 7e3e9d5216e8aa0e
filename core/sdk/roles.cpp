#include <espalier/scorer.h>
#include <espalier/searcher.h>

#include <algorithm>
#include <cmath>

namespace espalier {

Scorer::~Scorer() = default;
Searcher::~Searcher() = default;

std::int64_t units_to_remove(double share, std::int64_t count, Rounding rounding) {
  const double exact = share * static_cast<double>(count);
  // A share such as 0.35 of 20 is 7 but for the last bits of the product.
  const double slack = 1e-9 * std::max(1.0, exact);
  double units = 0;
  switch (rounding) {
    case Rounding::Nearest: units = std::ceil(exact - 0.5 - slack); break;
    case Rounding::Floor: units = std::floor(exact + slack); break;
    case Rounding::Ceil: units = std::ceil(exact - slack); break;
  }
  return std::clamp<std::int64_t>(static_cast<std::int64_t>(units), 0, count);
}

}  // namespace espalier
