#include "measured_rows.h"

#include <algorithm>
#include <set>

namespace espalier::report {

MeasuredRows::MeasuredRows(CellRows cells, store::Rows points, store::Rows latencies, bool by_point, bool by_experiment)
    : cells_(std::move(cells)), points_(std::move(points)), latencies_(std::move(latencies)) {
  for (std::size_t row = 0; row < cells_.rows().size(); ++row)
    cell_of_.try_emplace(cells_.rows().text(row, "key"), row);
  see_points(by_point);
  see_latencies();
  see_cells(by_experiment);
}

void MeasuredRows::see_points(bool by_point) {
  for (std::size_t row = 0; row < points_.size(); ++row) {
    const auto key = points_.text(row, "key");
    if (cell_of_.count(key) == 0) continue;
    const bool dense = points_.text(row, "kind") == "dense";
    if (dense) dense_.push_back(row);
    if (!(by_point ? !dense : points_.number(row, "last") == 1.0)) continue;
    auto& of_cell = points_of_[key];
    // A cell of two experiments has its points twice.
    const auto same = [&](std::size_t other) {
      return points_.text(other, "step") == points_.text(row, "step") &&
             points_.text(other, "kind") == points_.text(row, "kind");
    };
    if (std::none_of(of_cell.begin(), of_cell.end(), same)) of_cell.push_back(row);
  }
}

void MeasuredRows::see_latencies() {
  std::set<std::string> batches;
  for (std::size_t row = 0; row < latencies_.size(); ++row) {
    const auto key = latencies_.text(row, "key");
    if (cell_of_.count(key) == 0) continue;
    auto& of_cell = latencies_of_[key];
    const auto same = [&](std::size_t other) {
      return latencies_.text(other, "batch") == latencies_.text(row, "batch");
    };
    if (std::none_of(of_cell.begin(), of_cell.end(), same)) of_cell.push_back(row);
    if (batches.insert(latencies_.text(row, "batch")).second) one_of_each_batch_.push_back(row);
  }
}

void MeasuredRows::see_cells(bool by_experiment) {
  const auto& rows = cells_.rows();
  std::set<std::string> seen, experiments;
  for (std::size_t row = 0; row < rows.size(); ++row) {
    const auto key = rows.text(row, "key"), experiment = rows.text(row, "experiment");
    experiments.insert(experiment);
    const auto identity = by_experiment ? experiment + '\n' + key : key;
    // What has no key yet is a cell of its own.
    if (!key.empty() && !seen.insert(identity).second) continue;
    const auto found = key.empty() ? points_of_.end() : points_of_.find(key);
    if (found == points_of_.end()) {
      add(row, std::nullopt);
    } else {
      for (const auto point : found->second) add(row, point);
    }
  }
  several_experiments_ = experiments.size() > 1;
}

// A cell without latencies, failed or not run, stands in the column of each batch.
void MeasuredRows::add(std::size_t cell, std::optional<std::size_t> point) {
  const auto found = latencies_of_.find(cells_.rows().text(cell, "key"));
  const bool timed = point && found != latencies_of_.end();
  const auto& latencies = timed ? found->second : one_of_each_batch_;
  if (latencies.empty()) {
    entries_.push_back({cell, point, std::nullopt});
    return;
  }
  for (const auto latency : latencies) entries_.push_back({cell, timed || !point ? point : std::nullopt, latency});
}

AxisValue MeasuredRows::axis(const Entry& entry, const std::string& axis) const {
  if (is_axis_of_latency(axis)) return entry.latency ? latencies_.axis(*entry.latency, axis) : AxisValue{"none", {}};
  if (is_axis_of_points(axis)) return entry.point ? points_.axis(*entry.point, axis) : AxisValue{"none", {}};
  return cells_.axis(entry.cell, axis);
}

std::vector<AxisValue> MeasuredRows::axes(const Entry& entry, const std::vector<std::string>& axes) const {
  std::vector<AxisValue> values;
  values.reserve(axes.size());
  for (const auto& name : axes) values.push_back(axis(entry, name));
  return values;
}

std::optional<double> MeasuredRows::value(const Entry& entry, const std::string& value) const {
  if (!is_latency(value)) return entry.point ? points_.number(*entry.point, value) : std::nullopt;
  const bool timed = entry.latency && latencies_.text(*entry.latency, "key") == cells_.rows().text(entry.cell, "key");
  if (!timed) return std::nullopt;
  // Without a name before them, they are those of the pruned model.
  if (value == "milliseconds" || value == "joules" || value == "peak_bytes")
    return latencies_.number(*entry.latency, "pruned_" + value);
  return latencies_.number(*entry.latency, value);
}

bool MeasuredRows::is_no_number(const Entry& entry, const std::string& value) const {
  if (!entry.point || !is_metric(value)) return false;
  const auto names = ' ' + points_.text(*entry.point, "not_numbers") + ' ';
  return names.find(' ' + value + ' ') != std::string::npos;
}

}  // namespace espalier::report
