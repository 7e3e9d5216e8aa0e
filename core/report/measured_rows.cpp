#include "measured_rows.h"

#include <algorithm>
#include <set>
#include <string_view>
#include <unordered_map>

namespace espalier::report {

MeasuredRows::MeasuredRows(CellRows cells, NamedRows points, NamedRows latencies, bool by_point, bool by_experiment)
    : cells_(std::move(cells)), points_(std::move(points)), latencies_(std::move(latencies)) {
  const auto keys = cells_.stored().rows.find("key")->values().size();
  first_cell_.assign(keys, nowhere);
  points_of_.resize(keys);
  latencies_of_.resize(keys);
  for (std::size_t row = 0; row < cells_.rows().size(); ++row) {
    const auto key = cells_.stored_key(row);
    if (key != no_code && first_cell_[key] == nowhere) first_cell_[key] = row;
  }
  see_points(by_point);
  if (latencies_.size() > 0) see_latencies();
  see_cells(by_experiment);
}

void MeasuredRows::see_points(bool by_point) {
  const auto &keys = points_.column("key"), &steps = points_.column("step"), &kinds = points_.column("kind");
  const auto& last = points_.column("last");
  for (std::size_t row = 0; row < points_.size(); ++row) {
    const auto key = keys.code(row);
    if (first_cell_[key] == nowhere) continue;
    const bool dense = kinds.at(row).text == "dense";
    if (dense) dense_.push_back(row);
    if (!(by_point ? !dense : last.at(row).integer == 1)) continue;
    auto& of_cell = points_of_[key];
    // A cell of two experiments has its points twice.
    const auto same = [&](std::size_t other) {
      return steps.code(other) == steps.code(row) && kinds.code(other) == kinds.code(row);
    };
    if (std::none_of(of_cell.begin(), of_cell.end(), same)) of_cell.push_back(row);
  }
}

void MeasuredRows::see_latencies() {
  std::unordered_map<std::string_view, std::size_t> known;
  const auto& stored = cells_.stored().rows.find("key")->values();
  for (std::size_t code = 0; code < stored.size(); ++code) known.emplace(stored[code].text, code);
  const auto &keys = latencies_.column("key"), &batches = latencies_.column("batch");
  std::set<std::uint32_t> seen;
  for (std::size_t row = 0; row < latencies_.size(); ++row) {
    const auto key = known.find(keys.at(row).text);
    if (key == known.end() || first_cell_[key->second] == nowhere) continue;
    auto& of_cell = latencies_of_[key->second];
    const auto same = [&](std::size_t other) { return batches.code(other) == batches.code(row); };
    if (std::none_of(of_cell.begin(), of_cell.end(), same)) of_cell.push_back(row);
    if (seen.insert(batches.code(row)).second) one_of_each_batch_.push_back(row);
  }
}

void MeasuredRows::see_cells(bool by_experiment) {
  const auto& rows = cells_.rows();
  const auto &keys = rows.column("key"), &experiments = rows.column("experiment");
  Grouping identities(rows.size()), of_experiment(rows.size());
  identities.split_by(keys.codes());
  of_experiment.split_by(experiments.codes());
  if (by_experiment) identities.split_by(experiments.codes());
  for (std::size_t row = 0; row < rows.size(); ++row) {
    // What has no key yet is a cell of its own.
    if (!keys.at(row).text.empty() && identities.first(identities.of(row)) != row) continue;
    const auto key = cells_.stored_key(row);
    if (key == no_code || points_of_[key].empty()) {
      add(row, std::nullopt);
    } else {
      for (const auto point : points_of_[key]) add(row, point);
    }
  }
  several_experiments_ = of_experiment.count() > 1;
  for (const auto& entry : entries_) cells_of_entries_.push_back(entry.cell);
}

// A cell without latencies, failed or not run, stands in the column of each batch.
void MeasuredRows::add(std::size_t cell, std::optional<std::size_t> point) {
  const auto key = cells_.stored_key(cell);
  const bool timed = point && key != no_code && !latencies_of_[key].empty();
  const auto& latencies = timed ? latencies_of_[key] : one_of_each_batch_;
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

const CodedAxis& MeasuredRows::coded(const std::string& axis) const {
  const auto found = coded_.find(axis);
  return found != coded_.end() ? found->second : coded_.emplace(axis, coded_now(axis)).first->second;
}

CodedAxis MeasuredRows::coded_now(const std::string& axis) const {
  const bool of_latency = is_axis_of_latency(axis);
  if (!of_latency && !is_axis_of_points(axis)) return cells_.coded(axis).arranged(cells_of_entries_);
  std::vector<std::size_t> rows;
  rows.reserve(entries_.size());
  // One row more, for what has no point and no latency.
  auto all = (of_latency ? latencies_ : points_).coded(axis);
  const auto none =
      std::find_if(all.values.begin(), all.values.end(), [](const auto& one) { return one.text == "none"; });
  all.codes.push_back(static_cast<std::uint32_t>(none - all.values.begin()));
  if (none == all.values.end()) all.values.push_back({"none", {}});
  for (const auto& entry : entries_)
    rows.push_back((of_latency ? entry.latency : entry.point).value_or(all.codes.size() - 1));
  return all.arranged(rows);
}

bool MeasuredRows::may_have(const std::string& value) const {
  if (is_latency(value)) return latencies_.size() > 0;
  const auto& values = points_.column(value).values();
  return std::any_of(values.begin(), values.end(),
                     [](const auto& one) { return one.kind != store::Value::Kind::Null; });
}

std::optional<double> MeasuredRows::value(const Entry& entry, const std::string& value) const {
  if (!is_latency(value)) return entry.point ? points_.number(*entry.point, value) : std::nullopt;
  const bool timed =
      entry.latency && latencies_.at(*entry.latency, "key").text == cells_.rows().at(entry.cell, "key").text;
  if (!timed) return std::nullopt;
  // Without a name before them, they are those of the pruned model.
  if (value == "milliseconds" || value == "joules" || value == "peak_bytes")
    return latencies_.number(*entry.latency, "pruned_" + value);
  return latencies_.number(*entry.latency, value);
}

bool MeasuredRows::is_no_number(const Entry& entry, const std::string& value) const {
  if (!entry.point || !is_metric(value)) return false;
  const auto& text = points_.at(*entry.point, "not_numbers").text;
  if (text.empty()) return false;
  const auto names = ' ' + text + ' ';
  return names.find(' ' + value + ' ') != std::string::npos;
}

}  // namespace espalier::report
