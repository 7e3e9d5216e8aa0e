#include "filling.h"

#include <fmt/format.h>

#include <algorithm>
#include <bit>
#include <cmath>

#include "report/escaping.h"

namespace espalier::report {
namespace {

constexpr double worth_a_footnote = 0.0005;

// The first of these rows for each value of the column that they hold.
std::vector<std::size_t> one_of_each(const store::CodedColumn& column, const std::vector<std::size_t>& rows) {
  std::vector<bool> seen(column.values().size());
  std::vector<std::size_t> first;
  for (const auto row : rows) {
    if (!seen[column.code(row)]) first.push_back(row);
    seen[column.code(row)] = true;
  }
  return first;
}

// Each once.
std::vector<std::size_t> distinct_rows(const std::vector<std::size_t>& rows, std::size_t count) {
  std::vector<bool> seen(count);
  std::vector<std::size_t> kept;
  for (const auto row : rows) {
    if (!seen[row]) kept.push_back(row);
    seen[row] = true;
  }
  return kept;
}

// Of "cuda:1" it is the kind that rounds in its own way.
std::string kind_of(const std::string& device) { return device.substr(0, device.find(':')); }

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
      dense_axes_({"model", "dataset", "base_seed", "compute"}),
      rows_(grouped(table.row_axes)),
      columns_(grouped(table.column_axes)),
      at_(rows_),
      groups_(0),
      methods_(0),
      counted_cells_(measured.cells().rows().size()),
      computations_(0),
      states_(measured.cells().rows().column("state")),
      kinds_(measured.points().column("kind")),
      achieved_(measured.points().column("achieved_sparsity")),
      requested_(measured.cells().rows().column("sparsity")) {
  for (const auto& axis : differences_) {
    if (is_axis_of_dense(axis)) dense_axes_.push_back(axis);
  }
  auto groups = separate_axes();
  groups.insert(groups.end(), {"budget", "requested", "step", "kind", "batch", "version"});
  groups.insert(groups.end(), differences_.begin(), differences_.end());
  groups_ = grouped(groups);
  Texts methods = {"scorer", "searcher", "recovery", "schedule"};
  methods.insert(methods.end(), differences_.begin(), differences_.end());
  methods_ = grouped(methods);
  for (const auto& value : values_)
    of_points_.push_back(is_latency(value.name) ? nullptr : &measured_.points().column(value.name));
}

Grouping Filling::grouped(const Texts& axes) const {
  Grouping groups(measured_.entries().size());
  for (const auto& axis : axes) groups.split_by(measured_.coded(axis).codes);
  return groups;
}

void Filling::fill() {
  gather();
  see_origins();
  see_dense();
  learn_what_seeds_change();
  tell_computations_apart();
  order();
  fill_dense();
  fill_rows();
  mark_best();
  set_decimals();
}

void Filling::gather() {
  at_.split_by(columns_.of_rows());
  places_.resize(at_.count());
  for (std::size_t number = 0; number < at_.count(); ++number) {
    auto& place = places_[number];
    place.row = rows_.of(at_.first(number));
    place.column = columns_.of(at_.first(number));
    place.samples.resize(values_.size());
    place.without.resize(values_.size());
    place.not_numbers.resize(values_.size());
    place.diverged.resize(values_.size());
    place_of_[(std::uint64_t{place.row} << 32) | place.column] = number;
  }
  for (std::size_t entry = 0; entry < measured_.entries().size(); ++entry) see(entry, places_[at_.of(entry)]);
  if (measured_.entries().empty()) return;
  for (const auto& axis : request_.average) {
    for (const auto& value : measured_.coded(axis).values) findings_.averaged[axis].insert(value.text);
  }
}

// A cell that has a point is done, whatever is said of it elsewhere.
void Filling::see(std::size_t index, Place& place) {
  const auto& entry = measured_.entries()[index];
  const auto& state = states_.at(entry.cell).text;
  if (state == "failed" && !entry.point) {
    see_failed(entry, place);
  } else if (state != "done" && !entry.point) {
    ++place.cell.missing;
    findings_.missing += counted_cells_[entry.cell] ? 0 : 1;
    counted_cells_[entry.cell] = true;
  } else {
    ++findings_.measured;
    for (std::size_t value = 0; value < values_.size(); ++value) see_value(index, value, place);
  }
}

// What cut a cell has a note of its own; only what failed by itself is listed with its reason.
void Filling::see_failed(const Entry& entry, Place& place) {
  const auto& cells = measured_.cells().rows();
  ++place.cell.failed;
  const auto cut = findings_.cut.find(cells.text(entry.cell, "key"));
  if (cut != findings_.cut.end()) count(cut->second, place.cell);
  if (counted_cells_[entry.cell]) return;
  counted_cells_[entry.cell] = true;
  if (cut != findings_.cut.end()) {
    count(cut->second, findings_.cut_cells);
    return;
  }
  ++findings_.failed;
  ++findings_.failures[first_line(cells.text(entry.cell, "message"))];
}

void Filling::see_value(std::size_t index, std::size_t value, Place& place) {
  const auto& entry = measured_.entries()[index];
  const auto* column = of_points_[value];
  std::optional<double> number;
  if (column == nullptr)
    number = measured_.value(entry, values_[value].name);
  else if (entry.point)
    number = number_of(column->at(*entry.point));
  if (!number || !std::isfinite(*number)) {
    ++place.without[value];
    findings_.no_energy = findings_.no_energy || (entry.latency && is_energy(values_[value].name));
    const bool no_number = number || measured_.is_no_number(entry, values_[value].name);
    place.not_numbers[value] += no_number ? 1 : 0;
    // A cell of several points, batches or values is one cell in the footnotes.
    if (counted_cells_[entry.cell]) return;
    counted_cells_[entry.cell] = true;
    ++findings_.without;
    findings_.not_numbers += no_number ? 1 : 0;
    return;
  }
  place.samples[value].push_back({index, *number, groups_.of(index)});
  if (kinds_.at(*entry.point).text == "diverged") ++place.diverged[value];
  if (value == 0) see_achieved(entry, place.cell);
}

// Where the values come from: of the first value, whose cells are those of all.
void Filling::see_origins() {
  std::vector<std::size_t> cells, points;
  for (const auto& place : places_) {
    for (const auto& sample : place.samples.front()) {
      const auto& entry = measured_.entries()[sample.entry];
      cells.push_back(entry.cell);
      points.push_back(*entry.point);
    }
  }
  cells = distinct_rows(cells, measured_.cells().rows().size());
  points = distinct_rows(points, measured_.points().size());
  see_seeds(cells, points);
  see_devices(cells);
  see_times();
  const auto& proofs = measured_.points().column("proof_passed");
  for (const auto point : points) {
    const auto& kind = kinds_.at(point).text;
    if (kind == "diverged") ++findings_.diverged;
    if (kind == "pruned" && number_of(proofs.at(point)) != 1.0) ++findings_.unproven;
  }
}

void Filling::see_seeds(const std::vector<std::size_t>& cells, const std::vector<std::size_t>& points) {
  const auto& of_cells = measured_.cells().rows();
  const auto& of_points = measured_.points();
  for (const auto row : one_of_each(of_cells.column("compute"), cells))
    findings_.computes.insert(of_cells.text(row, "compute"));
  const auto numbers = [](const NamedRows& rows, const char* column, const std::vector<std::size_t>& among,
                          std::set<std::int64_t>& into) {
    for (const auto row : one_of_each(rows.column(column), among)) {
      if (const auto number = rows.number(row, column)) into.insert(static_cast<std::int64_t>(*number));
    }
  };
  numbers(of_cells, "seed", cells, findings_.seeds);
  numbers(of_cells, "base_seed", cells, findings_.base_seeds);
  numbers(of_points, "examples", points, findings_.examples);
  for (const auto row : one_of_each(of_points.column("split"), points)) {
    if (const auto split = of_points.text(row, "split"); !split.empty()) findings_.splits.insert(split);
  }
}

// Attempts of early versions do not say where they ran.
void Filling::see_devices(const std::vector<std::size_t>& cells) {
  const auto& rows = measured_.cells().rows();
  const auto &devices = rows.column("computed_on"), &shortages = rows.column("memory_shortages");
  std::vector<std::int64_t> computed(devices.values().size());
  for (const auto cell : cells) {
    ++computed[devices.code(cell)];
    if (number_of(shortages.at(cell)).value_or(0) > 0) ++findings_.in_smaller_pieces;
  }
  for (const auto cell : one_of_each(devices, cells)) {
    if (const auto device = rows.text(cell, "computed_on"); !device.empty())
      findings_.computed_on[kind_of(device)] += computed[devices.code(cell)];
  }
}

void Filling::see_times() {
  if (contains(table_.row_axes, "device") || contains(table_.column_axes, "device")) return;
  if (std::none_of(values_.begin(), values_.end(), [](const TableValue& value) { return is_latency(value.name); }))
    return;
  for (const auto& place : places_) {
    for (const auto& sample : place.samples.front()) {
      const auto& latency = measured_.entries()[sample.entry].latency;
      if (!latency) continue;
      if (const auto device = measured_.latencies().text(*latency, "device"); !device.empty())
        findings_.timed_on.insert(kind_of(device));
    }
  }
}

void Filling::see_achieved(const Entry& entry, TableCell& cell) {
  const auto achieved = number_of(achieved_.at(*entry.point));
  if (!achieved) return;
  cell.achieved_min = std::min(cell.achieved_min.value_or(*achieved), *achieved);
  cell.achieved_max = std::max(cell.achieved_max.value_or(*achieved), *achieved);
  const bool by_point = std::any_of(table_.row_axes.begin(), table_.row_axes.end(), tells_points_apart) ||
                        std::any_of(table_.column_axes.begin(), table_.column_axes.end(), tells_points_apart);
  const auto requested =
      by_point ? measured_.points().number(*entry.point, "requested_sparsity") : number_of(requested_.at(entry.cell));
  if (!requested || std::abs(*achieved - *requested) <= worth_a_footnote) return;
  cell.off_request = true;
  auto& range = findings_.achieved.emplace(*requested, std::pair(*achieved, *achieved)).first->second;
  range = {std::min(range.first, *achieved), std::max(range.second, *achieved)};
}

// A method for which nowhere in the table another seed gives another mask, other predictions or another value computes one
// thing for all seeds; so does a model for all base seeds.
void Filling::learn_what_seeds_change() {
  const auto& models = measured_.coded("model");
  seeded_.assign(methods_.count(), false);
  base_seeded_.assign(models.values.size(), false);
  auto by_base_seed = groups_, by_seed = groups_;  // all but the seed, all but the base seed
  by_base_seed.split_by(measured_.coded("base_seed").codes);
  by_seed.split_by(measured_.coded("seed").codes);
  const auto &masks = measured_.points().column("mask_digest"),
             &predictions = measured_.points().column("predictions_digest");
  const auto same = [&](const Sample& one, const Sample& other) {
    const auto first = *measured_.entries()[one.entry].point, second = *measured_.entries()[other.entry].point;
    return std::bit_cast<std::uint64_t>(one.value) == std::bit_cast<std::uint64_t>(other.value) &&
           masks.at(first).text == masks.at(second).text && predictions.at(first).text == predictions.at(second).text;
  };
  for (std::size_t value = 0; value < values_.size(); ++value) {
    // What came out first.
    std::vector<const Sample*> of_base_seed(by_base_seed.count()), of_seed(by_seed.count());
    for (const auto& place : places_) {
      for (const auto& sample : place.samples[value]) {
        auto& one = of_base_seed[by_base_seed.of(sample.entry)];
        auto& other = of_seed[by_seed.of(sample.entry)];
        if (one == nullptr) one = &sample;
        if (other == nullptr) other = &sample;
        if (!same(*one, sample)) seeded_[methods_.of(sample.entry)] = true;
        if (!same(*other, sample)) base_seeded_[models.codes[sample.entry]] = true;
      }
    }
  }
}

void Filling::tell_computations_apart() {
  const auto &models = measured_.coded("model"), &seeds = measured_.coded("seed"),
             &base_seeds = measured_.coded("base_seed");
  Codes seed, base_seed;  // 0 where it changes nothing
  for (std::size_t entry = 0; entry < measured_.entries().size(); ++entry) {
    seed.push_back(seeded_[methods_.of(entry)] ? seeds.codes[entry] + 1 : 0);
    base_seed.push_back(base_seeded_[models.codes[entry]] ? base_seeds.codes[entry] + 1 : 0);
  }
  computations_ = groups_;
  computations_.split_by(seed);
  computations_.split_by(base_seed);
  counted_in_.assign(computations_.count(), nullptr);
}

std::vector<const Filling::Sample*> Filling::distinct(const std::vector<Sample>& samples) {
  std::vector<const Sample*> kept;
  for (const auto& sample : samples) {
    const void*& counted_in = counted_in_[computations_.of(sample.entry)];
    if (counted_in != &samples) kept.push_back(&sample);
    counted_in = &samples;
  }
  findings_.shared = findings_.shared || kept.size() < samples.size();
  return kept;
}

std::vector<AxisValue> Filling::names_of(std::size_t entry, const Texts& axes) const {
  std::vector<AxisValue> names;
  for (const auto& axis : axes) names.push_back(measured_.coded(axis).at(entry));
  return names;
}

// The groups as they stand in the table.
std::vector<std::size_t> Filling::ordered(const Grouping& groups, const Texts& axes) const {
  AxisOrder order;
  std::vector<std::vector<AxisValue>> names;
  std::map<Texts, std::size_t> by_texts;
  for (std::size_t group = 0; group < groups.count(); ++group) {
    names.push_back(names_of(groups.first(group), axes));
    order.see(names.back());
    by_texts.emplace(texts_of(names.back()), group);
  }
  std::vector<std::size_t> sorted;
  for (const auto& [texts, group] : by_texts) sorted.push_back(group);
  std::sort(sorted.begin(), sorted.end(),
            [&](std::size_t one, std::size_t other) { return order.before(names[one], names[other]); });
  return sorted;
}

void Filling::order() {
  ordered_rows_ = ordered(rows_, table_.row_axes);
  ordered_columns_ = ordered(columns_, table_.column_axes);
  for (const auto column : ordered_columns_)
    table_.columns.push_back(names_of(columns_.first(column), table_.column_axes));
}

const Filling::Place* Filling::place_at(std::size_t row, std::size_t column) const {
  const auto found = place_of_.find((std::uint64_t{row} << 32) | column);
  return found == place_of_.end() ? nullptr : &places_[found->second];
}

void Filling::fill_rows() {
  std::set<std::int64_t> counts;
  for (const auto group : ordered_rows_) {
    TableRow row{names_of(rows_.first(group), table_.row_axes), false, {}};
    for (const auto column : ordered_columns_) {
      const auto* place = place_at(group, column);
      for (std::size_t value = 0; value < values_.size(); ++value) {
        const auto cell = place == nullptr ? TableCell() : filled(*place, value);
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
    if (const auto sparsity = number_of(achieved_.at(point))) achieved.push_back(*sparsity);
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
