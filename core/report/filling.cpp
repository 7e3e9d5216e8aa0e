#include "filling.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "report/escaping.h"

namespace espalier::report {
namespace {

constexpr double worth_a_footnote = 0.0005;

}  // namespace

Filling::Filling(const MeasuredRows& measured, const TableRequest& request, const std::vector<std::string>& differences,
                 Table& table, Findings& findings)
    : measured_(measured),
      request_(request),
      table_(table),
      findings_(findings),
      spread_(spread_from(request.spread)),
      values_(table.shown()),
      differences_(differences),
      dense_axes_({"model", "dataset", "base_seed", "compute"}) {
  for (const auto& axis : differences_) {
    if (is_axis_of_dense(axis)) dense_axes_.push_back(axis);
  }
}

void Filling::fill() {
  gather();
  see_dense();
  learn_what_seeds_change();
  order();
  fill_dense();
  fill_rows();
  mark_best();
  set_decimals();
}

void Filling::gather() {
  for (std::size_t entry = 0; entry < measured_.entries().size(); ++entry) see(entry);
}

// The points were read after the cells, so a cell that has one is done, whatever it was before.
void Filling::see(std::size_t index) {
  const auto& entry = measured_.entries()[index];
  const auto names = measured_.axes(entry, table_.row_axes), columns = measured_.axes(entry, table_.column_axes);
  row_order_.see(names);
  column_order_.see(columns);
  rows_.emplace(texts_of(names), names);
  columns_.emplace(texts_of(columns), columns);
  auto& place = places_[{texts_of(names), texts_of(columns)}];
  if (place.samples.empty()) {
    place.samples.resize(values_.size());
    place.without.resize(values_.size());
    place.not_numbers.resize(values_.size());
    place.diverged.resize(values_.size());
  }
  const auto state = measured_.cells().rows().text(entry.cell, "state");
  if (state == "failed" && !entry.point) {
    see_failed(entry, place);
  } else if (state != "done" && !entry.point) {
    ++place.cell.missing;
    findings_.missing += counted_cells_.insert(entry.cell).second ? 1 : 0;
  } else {
    ++findings_.measured;
    for (std::size_t value = 0; value < values_.size(); ++value) see_value(index, value, place);
  }
  for (const auto& axis : request_.average) findings_.averaged[axis].insert(measured_.axis(entry, axis).text);
}

// What cut a cell has a note of its own; only what failed by itself is listed with its reason.
void Filling::see_failed(const Entry& entry, Place& place) {
  const auto& cells = measured_.cells().rows();
  ++place.cell.failed;
  const auto cut = findings_.cut.find(cells.text(entry.cell, "key"));
  if (cut != findings_.cut.end()) count(cut->second, place.cell);
  if (!counted_cells_.insert(entry.cell).second) return;
  if (cut != findings_.cut.end()) {
    count(cut->second, findings_.cut_cells);
    return;
  }
  ++findings_.failed;
  ++findings_.failures[first_line(cells.text(entry.cell, "message"))];
}

void Filling::see_value(std::size_t index, std::size_t value, Place& place) {
  const auto& entry = measured_.entries()[index];
  const auto number = measured_.value(entry, values_[value].name);
  if (!number || !std::isfinite(*number)) {
    ++place.without[value];
    findings_.no_energy = findings_.no_energy || (entry.latency && is_energy(values_[value].name));
    const bool no_number = number || measured_.is_no_number(entry, values_[value].name);
    place.not_numbers[value] += no_number ? 1 : 0;
    // A cell of several points, batches or values is one cell in the footnotes.
    if (counted_cells_.insert(entry.cell).second) {
      ++findings_.without;
      findings_.not_numbers += no_number ? 1 : 0;
    }
    return;
  }
  place.samples[value].push_back({index, *number, group(entry)});
  if (measured_.points().text(*entry.point, "kind") == "diverged") ++place.diverged[value];
  if (value > 0) return;
  see_origin(entry);
  see_device(entry);
  see_achieved(entry, place.cell);
}

// Of "cuda:1" it is the kind that rounds in its own way. Attempts of early versions do not say it.
void Filling::see_device(const Entry& entry) {
  const auto kind_of = [](const std::string& device) { return device.substr(0, device.find(':')); };
  if (entry.latency && !contains(table_.row_axes, "device") && !contains(table_.column_axes, "device") &&
      std::any_of(values_.begin(), values_.end(), [](const TableValue& value) { return is_latency(value.name); })) {
    if (const auto device = measured_.latencies().text(*entry.latency, "device"); !device.empty())
      findings_.timed_on.insert(kind_of(device));
  }
  if (!placed_cells_.insert(entry.cell).second) return;
  const auto& cells = measured_.cells().rows();
  if (const auto device = cells.text(entry.cell, "computed_on"); !device.empty())
    ++findings_.computed_on[kind_of(device)];
  if (cells.number(entry.cell, "memory_shortages").value_or(0) > 0) ++findings_.in_smaller_pieces;
}

void Filling::see_origin(const Entry& entry) {
  const auto& cells = measured_.cells().rows();
  const auto& points = measured_.points();
  findings_.computes.insert(cells.text(entry.cell, "compute"));
  if (const auto seed = cells.number(entry.cell, "seed")) findings_.seeds.insert(static_cast<std::int64_t>(*seed));
  if (const auto seed = cells.number(entry.cell, "base_seed"))
    findings_.base_seeds.insert(static_cast<std::int64_t>(*seed));
  if (const auto split = points.text(*entry.point, "split"); !split.empty()) findings_.splits.insert(split);
  if (const auto examples = points.number(*entry.point, "examples"))
    findings_.examples.insert(static_cast<std::int64_t>(*examples));
  if (!counted_points_.insert(*entry.point).second) return;
  const auto kind = points.text(*entry.point, "kind");
  if (kind == "diverged") ++findings_.diverged;
  if (kind == "pruned" && points.number(*entry.point, "proof_passed") != 1.0) ++findings_.unproven;
}

void Filling::see_achieved(const Entry& entry, TableCell& cell) {
  const auto achieved = measured_.points().number(*entry.point, "achieved_sparsity");
  if (!achieved) return;
  cell.achieved_min = std::min(cell.achieved_min.value_or(*achieved), *achieved);
  cell.achieved_max = std::max(cell.achieved_max.value_or(*achieved), *achieved);
  const bool by_point = std::any_of(table_.row_axes.begin(), table_.row_axes.end(), tells_points_apart) ||
                        std::any_of(table_.column_axes.begin(), table_.column_axes.end(), tells_points_apart);
  const auto requested = by_point ? measured_.points().number(*entry.point, "requested_sparsity")
                                  : measured_.cells().rows().number(entry.cell, "sparsity");
  if (!requested || std::abs(*achieved - *requested) <= worth_a_footnote) return;
  cell.off_request = true;
  auto& range = findings_.achieved.emplace(*requested, std::pair(*achieved, *achieved)).first->second;
  range = {std::min(range.first, *achieved), std::max(range.second, *achieved)};
}

std::string Filling::method(const Entry& entry) const {
  std::string text;
  for (const char* axis : {"scorer", "searcher", "recovery", "schedule"})
    text += measured_.axis(entry, axis).text + '\n';
  for (const auto& axis : differences_) text += measured_.axis(entry, axis).text + '\n';
  return text;
}

std::string Filling::group(const Entry& entry) const {
  std::string text;
  for (const auto& axis : separate_axes()) text += measured_.axis(entry, axis).text + '\n';
  for (const char* axis : {"budget", "requested", "step", "kind", "batch", "version"})
    text += measured_.axis(entry, axis).text + '\n';
  for (const auto& axis : differences_) text += measured_.axis(entry, axis).text + '\n';
  return text;
}

// A method for which nowhere in the table another seed gives another mask, other predictions or another value computes one
// thing for all seeds; so does a model for all base seeds.
void Filling::learn_what_seeds_change() {
  std::map<std::string, std::string> by_base_seed,
      by_seed;  // what came out, by all but the seed, all but the base seed
  const auto& cells = measured_.cells().rows();
  for (const auto& [at, place] : places_) {
    for (std::size_t value = 0; value < values_.size(); ++value) {
      for (const auto& sample : place.samples[value]) {
        const auto& entry = measured_.entries()[sample.entry];
        const auto result = measured_.points().text(*entry.point, "mask_digest") + '\n' +
                            measured_.points().text(*entry.point, "predictions_digest") + '\n' +
                            fmt::format("{}", sample.value);
        const auto prefix = std::to_string(value) + '\n' + sample.group;
        const auto [one, first] =
            by_base_seed.try_emplace(prefix + "base " + cells.text(entry.cell, "base_seed"), result);
        if (!first && one->second != result) seeded_.insert(method(entry));
        const auto [other, new_one] = by_seed.try_emplace(prefix + "seed " + cells.text(entry.cell, "seed"), result);
        if (!new_one && other->second != result) base_seeded_.insert(cells.text(entry.cell, "model"));
      }
    }
  }
}

std::vector<const Filling::Sample*> Filling::distinct(const std::vector<Sample>& samples) {
  std::set<std::string> seen;
  std::vector<const Sample*> kept;
  const auto& cells = measured_.cells().rows();
  for (const auto& sample : samples) {
    const auto& entry = measured_.entries()[sample.entry];
    auto identity = sample.group;
    if (seeded_.count(method(entry)) == 1) identity += "seed " + cells.text(entry.cell, "seed");
    if (base_seeded_.count(cells.text(entry.cell, "model")) == 1)
      identity += "base " + cells.text(entry.cell, "base_seed");
    if (seen.insert(identity).second) kept.push_back(&sample);
  }
  findings_.shared = findings_.shared || kept.size() < samples.size();
  return kept;
}

void Filling::order() {
  for (const auto& [texts, values] : columns_) table_.columns.push_back(values);
  std::sort(table_.columns.begin(), table_.columns.end(),
            [&](const auto& one, const auto& other) { return column_order_.before(one, other); });
  for (const auto& [texts, values] : rows_) ordered_rows_.push_back(values);
  std::sort(ordered_rows_.begin(), ordered_rows_.end(),
            [&](const auto& one, const auto& other) { return row_order_.before(one, other); });
}

void Filling::fill_rows() {
  std::set<std::int64_t> counts;
  for (const auto& names : ordered_rows_) {
    TableRow row{names, false, {}};
    for (const auto& column : table_.columns) {
      const auto found = places_.find({texts_of(names), texts_of(column)});
      for (std::size_t value = 0; value < values_.size(); ++value) {
        const auto cell = found == places_.end() ? TableCell() : filled(found->second, value);
        if (cell.n > 0) counts.insert(cell.n);
        row.cells.push_back(cell);
      }
    }
    table_.rows.push_back(std::move(row));
  }
  table_.common_n = counts.size() == 1 ? *counts.begin() : 0;
}

TableCell Filling::filled(const Place& place, std::size_t value) {
  auto cell = place.cell;
  cell.without = place.without[value];
  cell.not_numbers = place.not_numbers[value];
  cell.diverged = place.diverged[value];
  const auto samples = distinct(place.samples[value]);
  std::vector<double> numbers, achieved;
  for (const auto* sample : samples) {
    numbers.push_back(sample->value);
    const auto point = *measured_.entries()[sample->entry].point;
    if (const auto sparsity = measured_.points().number(point, "achieved_sparsity")) achieved.push_back(*sparsity);
    if (request_.significance || !request_.at.empty()) cell.computations.push_back(computed_point(point));
  }
  if (!achieved.empty() && achieved.size() == samples.size()) {
    TableCell sparsity;
    summarise(achieved, Spread::None, sparsity);
    cell.achieved_mean = sparsity.mean;
  }
  summarise(numbers, spread_, cell);
  if (is_latency(values_[value].name)) fill_latency(samples, values_[value].name, cell);
  findings_.two_values = findings_.two_values || (spread_ == Spread::Usual && cell.low && numbers.size() == 2);
  return cell;
}

// The ratio of several cells is that of their times together, so that it agrees with the milliseconds beside it; that of
// one has the interval of its repeats.
void Filling::fill_latency(const std::vector<const Sample*>& samples, const std::string& value, TableCell& cell) const {
  if (value != "ratio" || samples.empty()) return;
  double pruned = 0, dense = 0;
  const auto& times = measured_.latencies();
  for (const auto* sample : samples) {
    const auto latency = *measured_.entries()[sample->entry].latency;
    pruned += times.number(latency, "pruned_milliseconds").value_or(0);
    dense += times.number(latency, "dense_milliseconds").value_or(0);
    const auto verdict = times.text(latency, "verdict");
    cell.verdict = cell.verdict.empty() || cell.verdict == verdict ? verdict : "mixed";
    if (samples.size() > 1 || spread_ == Spread::None) continue;
    cell.low = times.number(latency, "ratio_low");
    cell.high = times.number(latency, "ratio_high");
  }
  if (dense > 0) cell.mean = pruned / dense;
}

ComputedPoint Filling::computed_point(std::size_t point) const {
  const auto& points = measured_.points();
  return {points.text(point, "key"), points.text(point, "step"), points.text(point, "kind")};
}

void Filling::mark_best() {
  if (!request_.best && !request_.significance) return;
  const auto same_question = [&](const TableRow& one, const TableRow& other) {
    for (std::size_t i = 0; i < table_.row_axes.size(); ++i) {
      if (is_axis_of_dense(table_.row_axes[i]) && one.names[i].text != other.names[i].text) return false;
    }
    return !one.dense && !other.dense;
  };
  for (auto& row : table_.rows) {
    for (std::size_t at = 0; at < row.cells.size(); ++at) {
      const int direction = better(table_.value_of(at).name);
      if (direction == 0 || row.dense || !row.cells[at].mean) continue;
      row.cells[at].best = std::none_of(table_.rows.begin(), table_.rows.end(), [&](const TableRow& other) {
        const auto& mean = other.cells[at].mean;
        return mean && same_question(row, other) && direction * (*mean - *row.cells[at].mean) > 0;
      });
    }
  }
}

void Filling::set_decimals() {
  for (std::size_t value = 0; value < values_.size(); ++value) {
    if (request_.digits || !is_detail(values_[value].name)) continue;
    for (const auto& row : table_.rows) {
      for (std::size_t at = value; at < row.cells.size(); at += values_.size()) {
        const auto& mean = row.cells[at].mean;
        if (mean && *mean != std::floor(*mean)) values_[value].decimals = 1;
      }
    }
  }
  if (!table_.values.empty()) table_.values = values_;
  table_.decimals = values_.front().decimals;
}

}  // namespace espalier::report
