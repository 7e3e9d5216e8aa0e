// The numbers that say how good a model is, a row each: which way is better, and how they are shown and bounded.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "cells/vocabulary.h"

namespace espalier {

struct MetricFacts {
  const char* name;
  bool more_is_better;
  int decimals;                 // that a table shows
  bool is_share;                // from 0 to 1, and may be shown in percent
  std::vector<Format> formats;  // of data that it is measured on
  bool bounds_a_loss;           // the budget loss_of_metric can be of it
  double most_loss = 1;         // what it can lose at most
  const char* counts = "in fractions";

  bool is_of(Format format) const;
};

// Those of a format in a row, its main metric first.
const std::vector<MetricFacts>& all_metrics();
// Null where a name is none: a count beside the metrics, a word of somebody else's.
const MetricFacts* find_metric(std::string_view name);
// Of a format, in order: all, or those that a loss can be bounded of.
std::vector<std::string> metrics_of(Format format);
std::vector<std::string> bounded_metrics_of(Format format);
// The first bounded, then the cross-entropy: what decides which of two models is the better one.
std::vector<std::string> ranking_metrics_of(Format format);

}  // namespace espalier
