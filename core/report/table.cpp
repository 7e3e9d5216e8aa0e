#include "report/table.h"

#include <espalier/error.h>
#include <fmt/format.h>

#include <algorithm>
#include <boost/math/distributions/students_t.hpp>
#include <cmath>
#include <map>
#include <set>

#include "axes.h"
#include "escaping.h"
#include "footnotes.h"
#include "words/names.h"

namespace espalier::report {
namespace {

constexpr double worth_a_footnote = 0.0005;

using Texts = std::vector<std::string>;

// What meets in one place of the table, before it is summed up.
struct Place {
  std::vector<double> values;
  TableCell cell;
  std::set<Texts> variants;                           // by all separate axes, seed and base seed
  std::map<std::string, std::set<std::string>> seen;  // by axis
};

Texts texts_of(const std::vector<AxisValue>& values) {
  Texts texts;
  texts.reserve(values.size());
  for (const auto& value : values) texts.push_back(value.text);
  return texts;
}

void check_axes(const TableRequest& request) {
  std::set<std::string> used;
  for (const auto* axes : {&request.rows, &request.columns}) {
    if (axes->empty()) throw SettingsError("a table needs at least one axis for its rows and one for its columns");
    for (const auto& axis : *axes) {
      const auto& known = known_axes();
      if (std::find(known.begin(), known.end(), axis) == known.end())
        throw SettingsError(unknown_name("axis", axis, known));
      if (!used.insert(axis).second)
        throw SettingsError("the axis '" + axis + "' is given twice\n    expected it once, in rows or in columns");
    }
  }
  const auto& values = known_values();
  if (!request.value.empty() && std::find(values.begin(), values.end(), request.value) == values.end()) {
    throw SettingsError(unknown_name("value", request.value, values));
  }
}

bool needs_details(const TableRequest& request) {
  return is_detail(request.value) || std::any_of(request.rows.begin(), request.rows.end(), is_detail) ||
         std::any_of(request.columns.begin(), request.columns.end(), is_detail);
}

std::string caption_name(const store::ResultStore& store, const std::string& experiment) {
  std::vector<std::string> names;
  for (const auto& record : store.experiments()) names.push_back(record.name);
  if (experiment.empty()) return join(names);
  if (std::find(names.begin(), names.end(), experiment) == names.end()) {
    throw SettingsError(unknown_name("experiment", experiment, names));
  }
  return experiment;
}

// The first metric that was measured, in the order of tasks: classification, tagging, speech.
std::string main_metric(const NamedRows& points) {
  for (const auto* metric : {"accuracy", "map", "wer", "bleu", "macro_f1", "mcc", "cross_entropy"}) {
    for (std::size_t row = 0; row < points.size(); ++row) {
      if (points.number(row, metric)) return metric;
    }
  }
  return "accuracy";
}

int decimals_of(const std::string& value) {
  if (value.starts_with("parameters_") || value.starts_with("multiply_adds_") || value == "examples") return 0;
  if (is_detail(value)) return 0;  // counts; a mean that is none gets a decimal later
  if (value == "bleu" || value == "seconds" || value == "attempts") return 2;
  return 3;
}

void summarise(const std::vector<double>& values, TableCell& cell) {
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
  const boost::math::students_t distribution(n - 1);
  cell.mean = mean;
  cell.half_width = boost::math::quantile(distribution, 0.975) * std::sqrt(squares / (n - 1)) / std::sqrt(n);
}

// The axes that nobody asked for.
void fit(TableRequest& request, const NamedRows& cells) {
  if (request.fits_columns && cells.size() > 0) {
    const auto budget = cells.text(0, "budget");
    request.columns = {budget == "schedule" ? "sparsity" : budget};
  }
  if (!request.fits_rows) return;
  std::set<std::string> searchers;
  for (std::size_t row = 0; row < cells.size(); ++row) searchers.insert(cells.text(row, "searcher"));
  if (searchers.size() > 1) request.rows.insert(request.rows.begin() + 1, "searcher");
}

class Maker {
 public:
  Maker(NamedRows cells, NamedRows points, const TableRequest& request, Table& table)
      : cells_(std::move(cells)), points_(std::move(points)), table_(table) {
    table_.row_axes = request.rows;
    table_.column_axes = request.columns;
    table_.value = request.value.empty() ? main_metric(points_) : request.value;
    table_.decimals = decimals_of(table_.value);
  }

  void make() {
    gather();
    order();
    fill_dense();
    fill();
    if (is_detail(table_.value) && has_fractions()) table_.decimals = 1;
    table_.split = fmt::format("{}", fmt::join(findings_.splits, ", "));
    if (!findings_.examples.empty()) table_.examples = *findings_.examples.rbegin();
    table_.footnotes = footnotes(findings_, table_);
  }

 private:
  void gather() {
    for (const auto* axes : {&table_.row_axes, &table_.column_axes})
      by_point_ = by_point_ || std::any_of(axes->begin(), axes->end(), tells_points_apart);
    std::map<std::string, std::vector<std::size_t>> points;  // by cell: its last one, or all but the dense one
    for (std::size_t row = 0; row < points_.size(); ++row) {
      const bool dense = points_.text(row, "kind") == "dense";
      if (dense) see_dense(row);
      if (!(by_point_ ? !dense : points_.number(row, "last") == 1.0)) continue;
      auto& of_cell = points[points_.text(row, "key")];
      // A cell of two experiments has its points twice.
      const auto same = [&](std::size_t other) {
        return points_.text(other, "step") == points_.text(row, "step") &&
               points_.text(other, "kind") == points_.text(row, "kind");
      };
      if (std::none_of(of_cell.begin(), of_cell.end(), same)) of_cell.push_back(row);
    }
    // A cell of two experiments counts once, unless the table tells experiments apart.
    const bool by_experiment =
        std::find(table_.row_axes.begin(), table_.row_axes.end(), "experiment") != table_.row_axes.end() ||
        std::find(table_.column_axes.begin(), table_.column_axes.end(), "experiment") != table_.column_axes.end();
    std::set<std::string> seen, experiments;
    for (std::size_t row = 0; row < cells_.size(); ++row) {
      const auto key = cells_.text(row, "key");
      experiments.insert(cells_.text(row, "experiment"));
      if (!seen.insert(by_experiment ? cells_.text(row, "experiment") + '\n' + key : key).second) continue;
      const auto found = points.find(key);
      if (found == points.end()) see_cell(row, std::nullopt);
      if (found == points.end()) continue;
      for (const auto point : found->second) see_cell(row, point);
    }
    findings_.merged_experiments = experiments.size() > 1 && !by_experiment;
  }

  void see_dense(std::size_t row) {
    const auto value = points_.number(row, table_.value);
    if (!value) return;
    const auto [found, is_new] =
        dense_.emplace(texts_of(points_.axes(row, {"model", "dataset", "base_seed", "compute"})), row);
    if (is_new) return;
    // Other machines may round the last digits in another way; that is no other result.
    const double first = *points_.number(found->second, table_.value);
    findings_.dense_differs =
        findings_.dense_differs || std::abs(*value - first) > 1e-6 * std::max(1.0, std::abs(first));
  }

  // Of a cell; step and kind of its point.
  std::vector<AxisValue> names_of(std::size_t row, std::optional<std::size_t> point, const Texts& axes) const {
    std::vector<AxisValue> names;
    for (const auto& axis : axes) {
      if (!is_axis_of_points(axis))
        names.push_back(cells_.axis(row, axis));
      else
        names.push_back(point ? points_.axis(*point, axis) : AxisValue{"none", {}});
    }
    return names;
  }

  // The points were read after the cells, so a cell that has one is done, whatever it was before.
  void see_cell(std::size_t row, std::optional<std::size_t> point) {
    const auto names = names_of(row, point, table_.row_axes), columns = names_of(row, point, table_.column_axes);
    row_order_.see(names);
    column_order_.see(columns);
    rows_.emplace(texts_of(names), names);
    columns_.emplace(texts_of(columns), columns);
    auto& place = places_[{texts_of(names), texts_of(columns)}];
    const auto state = cells_.text(row, "state");
    if (state == "failed" && !point) {
      ++place.cell.failed;
      ++findings_.failed;
      ++findings_.failures[first_line(cells_.text(row, "message"))];
    } else if (state != "done" && !point) {
      ++place.cell.missing;
      ++findings_.missing;
    } else {
      see_value(row, point, place);
    }
  }

  void see_value(std::size_t row, std::optional<std::size_t> point, Place& place) {
    ++findings_.measured;
    const auto value = point ? points_.number(*point, table_.value) : std::nullopt;
    if (!value) {
      ++place.cell.without;
      ++findings_.without;
      return;
    }
    place.values.push_back(*value);
    see_variant(row, place);
    findings_.computes.insert(cells_.text(row, "compute"));
    if (const auto seed = cells_.number(row, "seed")) findings_.seeds.insert(static_cast<std::int64_t>(*seed));
    if (const auto seed = cells_.number(row, "base_seed"))
      findings_.base_seeds.insert(static_cast<std::int64_t>(*seed));
    if (const auto split = points_.text(*point, "split"); !split.empty()) findings_.splits.insert(split);
    if (const auto examples = points_.number(*point, "examples"))
      findings_.examples.insert(static_cast<std::int64_t>(*examples));
    const auto kind = points_.text(*point, "kind");
    if (kind == "diverged") ++findings_.diverged;
    if (kind == "pruned" && points_.number(*point, "proof_passed") != 1.0) ++findings_.unproven;
    see_achieved(row, *point, place.cell);
  }

  void see_variant(std::size_t row, Place& place) {
    Texts variant;
    for (const auto& axis : separate_axes()) {
      const auto text = cells_.axis(row, axis).text;
      variant.push_back(text);
      auto& seen = place.seen[axis];
      seen.insert(text);
      if (seen.size() > 1) findings_.merged.insert(axis);
    }
    variant.push_back(cells_.text(row, "seed"));
    variant.push_back(cells_.text(row, "base_seed"));
    if (!place.variants.insert(variant).second) findings_.merged_alike = true;
  }

  void see_achieved(std::size_t row, std::size_t point, TableCell& cell) {
    const auto achieved = points_.number(point, "achieved_sparsity");
    if (!achieved) return;
    cell.achieved_min = std::min(cell.achieved_min.value_or(*achieved), *achieved);
    cell.achieved_max = std::max(cell.achieved_max.value_or(*achieved), *achieved);
    const auto requested = by_point_ ? points_.number(point, "requested_sparsity") : cells_.number(row, "sparsity");
    if (!requested || std::abs(*achieved - *requested) <= worth_a_footnote) return;
    auto& range = findings_.achieved.emplace(*requested, std::pair(*achieved, *achieved)).first->second;
    range = {std::min(range.first, *achieved), std::max(range.second, *achieved)};
  }

  void order() {
    for (const auto& [texts, values] : columns_) table_.columns.push_back(values);
    std::sort(table_.columns.begin(), table_.columns.end(),
              [&](const auto& one, const auto& other) { return column_order_.before(one, other); });
    for (const auto& [texts, values] : rows_) ordered_rows_.push_back(values);
    std::sort(ordered_rows_.begin(), ordered_rows_.end(),
              [&](const auto& one, const auto& other) { return row_order_.before(one, other); });
  }

  // What a dense row is called: the axes that it depends on keep their values, the first of the others says dense.
  std::vector<AxisValue> dense_names(const std::vector<AxisValue>& names) const {
    std::vector<AxisValue> dense;
    bool said = false;
    for (std::size_t i = 0; i < names.size(); ++i) {
      const bool depends = is_axis_of_dense(table_.row_axes[i]);
      dense.push_back(depends ? names[i] : AxisValue{said ? "" : "dense", {}});
      said = said || !depends;
    }
    if (!said) dense.back() = {dense.back().text + " (dense)", {}};
    return dense;
  }

  bool dense_belongs(std::size_t point, const std::vector<std::string>& axes,
                     const std::vector<AxisValue>& values) const {
    for (std::size_t i = 0; i < axes.size(); ++i) {
      if (is_axis_of_dense(axes[i]) && points_.axis(point, axes[i]).text != values[i].text) return false;
    }
    return true;
  }

  void fill_dense() {
    if (is_value_of_cell(table_.value)) return;
    std::set<Texts> made;
    for (const auto& names : ordered_rows_) {
      TableRow row{dense_names(names), true, {}};
      if (!made.insert(texts_of(row.names)).second) continue;
      for (const auto& column : table_.columns) {
        std::vector<double> values;
        for (const auto& [key, point] : dense_) {
          if (dense_belongs(point, table_.row_axes, names) && dense_belongs(point, table_.column_axes, column)) {
            values.push_back(*points_.number(point, table_.value));
          }
        }
        TableCell cell;
        summarise(values, cell);
        if (values.empty())
          cell.missing = 1;
        else
          cell.achieved_min = cell.achieved_max = 0;
        row.cells.push_back(cell);
      }
      table_.rows.push_back(std::move(row));
    }
  }

  void fill() {
    std::set<std::int64_t> counts;
    for (const auto& names : ordered_rows_) {
      TableRow row{names, false, {}};
      for (const auto& column : table_.columns) {
        const auto found = places_.find({texts_of(names), texts_of(column)});
        TableCell cell;
        if (found != places_.end()) {
          cell = found->second.cell;
          summarise(found->second.values, cell);
        }
        if (cell.n > 0) counts.insert(cell.n);
        row.cells.push_back(cell);
      }
      table_.rows.push_back(std::move(row));
    }
    table_.common_n = counts.size() == 1 ? *counts.begin() : 0;
  }

  bool has_fractions() const {
    return std::any_of(table_.rows.begin(), table_.rows.end(), [](const TableRow& row) {
      return std::any_of(row.cells.begin(), row.cells.end(),
                         [](const TableCell& cell) { return cell.mean && *cell.mean != std::floor(*cell.mean); });
    });
  }

  NamedRows cells_, points_;
  Table& table_;
  Findings findings_;
  bool by_point_ = false;               // every point of a cell counts, not its last alone
  std::map<Texts, std::size_t> dense_;  // one point for each base model
  std::map<Texts, std::vector<AxisValue>> rows_, columns_;
  std::vector<std::vector<AxisValue>> ordered_rows_;
  AxisOrder row_order_, column_order_;
  std::map<std::pair<Texts, Texts>, Place> places_;
};

}  // namespace

Table make_table(const store::ResultStore& store, const std::string& experiment, const TableRequest& asked) {
  check_axes(asked);
  Table table;
  table.experiment = caption_name(store, experiment);
  NamedRows cells(store.cells(experiment));
  auto request = asked;
  fit(request, cells);
  auto points = needs_details(request) ? store.points_in_detail(experiment) : store.points(experiment);
  Maker maker(std::move(cells), NamedRows(std::move(points)), request, table);
  maker.make();
  return table;
}

}  // namespace espalier::report
