// One class from the highest score down: its precision and its curve.
#pragma once

#include <vector>

namespace espalier::data {

struct Scored {
  double score;
  bool positive;
};

struct ClassCurve {
  double average_precision = 0, area = 0;
  double positives = 0, negatives = 0;
};

// Sorts what is scored; examples of equal score are one threshold.
ClassCurve curve_of(std::vector<Scored>& scored);

}  // namespace espalier::data
