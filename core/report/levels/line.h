// The measured states of one line of a table, by achieved sparsity.
#pragma once

#include <cstddef>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "axes.h"
#include "cells/lines/trajectory.h"
#include "report/table.h"

namespace espalier::report {

// States nearer to a level than this are measured at it.
constexpr double same_level = 0.0005;

// What every step of some cells came to; read once for a table.
class StepBook {
 public:
  explicit StepBook(store::Rows points) : points_(std::move(points)) {
    for (std::size_t row = 0; row < points_.size(); ++row) rows_of_[points_.text(row, "key")].push_back(row);
  }
  // Means over the computations, step by step; a step that one of them lacks is broken.
  std::vector<TrajectoryPoint> trajectory(const std::vector<ComputedPoint>& computations,
                                          const std::string& value) const;

 private:
  NamedRows points_;
  std::map<std::string, std::vector<std::size_t>> rows_of_;
};

struct Line {
  std::vector<TrajectoryPoint> points;   // in rising order
  std::vector<const TableCell*> places;  // of each point the place that it is, or none where it is a step
  std::int64_t computations = 0;         // behind each step
  bool unplaced = false;                 // a place without a value stands nobody knows where: nothing is read off

  void add(const TrajectoryPoint& point, const TableCell* place);
  void sort();
};

}  // namespace espalier::report
