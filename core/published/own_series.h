// Own points of one published series, in the order of their sparsity.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "cells/lines/trajectory.h"
#include "published/forensics.h"
#include "published/verdicts.h"

namespace espalier::published {

// What a published metric is called in a database, and what one of its units is there.
struct OwnMetric {
  std::string name;
  double factor = 1;  // printed = factor * own
  bool share_of_examples = false;
  bool time = false;  // of a pass over a batch
};
OwnMetric own_metric(const std::string& name, const PublishedMetric& metric);

// Means where several cells stand at one sparsity.
struct OwnSeries {
  std::vector<TrajectoryPoint> points;  // the dense one at 0 first; sparsities in percent; failed ones among them
  std::vector<std::string> keys;
  std::vector<std::int64_t> examples;
  std::vector<double> margins;                       // of times: half of their intervals
  std::vector<std::vector<const OwnPoint*>> behind;  // computations behind each; none: a cell failed or waits there
  std::int64_t failed = 0, waiting = 0, earlier = 0, other_device = 0, other_sites = 0;
  std::string failed_key;
  std::string device;    // of times
  std::string why_none;  // empty: the model and data set are there

  // The point with a value that is nearest to this sparsity.
  std::optional<std::size_t> nearest(double sparsity) const;
};

// The own points by model and data set; series are made once.
class SeriesBook {
 public:
  // Throws SettingsError for a name of the request that the table does not have.
  SeriesBook(const PublishedTable& table, const std::vector<OwnPoint>& points, const VerdictRequest& request);
  const OwnSeries& of(const PublishedCell& cell);

 private:
  struct Sum;
  void check_names() const;
  std::string places() const;  // "ast on keywords, ...", at most five
  OwnSeries made(const PublishedCell& cell) const;
  void see(const OwnPoint& point, const PublishedCell& cell, const OwnMetric& metric, std::map<std::int64_t, Sum>& sums,
           OwnSeries& own) const;

  const PublishedTable& table_;
  std::map<std::string, std::string> models_, datasets_;
  std::map<std::string, std::vector<const OwnPoint*>> by_place_;
  std::unordered_map<std::string, OwnSeries> series_;
};

}  // namespace espalier::published
