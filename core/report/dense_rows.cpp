// The rows of the unpruned models: one value for each base model, not one for each cell.
#include <algorithm>
#include <cmath>

#include "filling.h"

namespace espalier::report {
void Filling::see_dense() {
  const auto& points = measured_.points();
  for (const auto point : measured_.dense()) {
    const Entry entry{measured_.cell_of_point(point), std::nullopt, std::nullopt};
    auto identity = texts_of(measured_.axes(entry, dense_axes_));
    if (tells_experiments_apart()) identity.push_back(points.text(point, "experiment"));
    const auto [found, is_new] = dense_.emplace(std::move(identity), point);
    if (is_new) continue;
    for (const auto& value : values_) {
      if (is_latency(value.name)) continue;
      const auto first = points.number(found->second, value.name), now = points.number(point, value.name);
      // A point that lacks the value gives way to one that has it.
      if (!first && now) found->second = point;
      if (!first || !now) continue;
      // Other machines may round the last digits in another way; that is no other result.
      findings_.dense_differs =
          findings_.dense_differs || std::abs(*now - *first) > 1e-6 * std::max(1.0, std::abs(*first));
    }
  }
}

bool Filling::tells_experiments_apart() const {
  return contains(table_.row_axes, "experiment") || contains(table_.column_axes, "experiment");
}

// What a dense row is called: the axes that it depends on keep their values, the first of the others says dense.
std::vector<AxisValue> Filling::dense_names(const std::vector<AxisValue>& names) const {
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

bool Filling::dense_belongs(std::size_t point, const Texts& axes, const std::vector<AxisValue>& values) const {
  const Entry entry{measured_.cell_of_point(point), std::nullopt, std::nullopt};
  for (std::size_t i = 0; i < axes.size(); ++i) {
    if (!is_axis_of_dense(axes[i])) continue;
    // A cell of two experiments has a point in each.
    const auto text =
        axes[i] == "experiment" ? measured_.points().text(point, "experiment") : measured_.axis(entry, axes[i]).text;
    if (text != values[i].text) return false;
  }
  return true;
}

TableCell Filling::dense_cell(const std::vector<AxisValue>& names, const std::vector<AxisValue>& column,
                              const std::string& value) const {
  TableCell cell;
  if (is_value_of_cell(value)) {
    cell.blank = true;
    return cell;
  }
  std::vector<double> values;
  std::set<std::string> predictions;
  for (const auto& [key, point] : dense_) {
    if (!dense_belongs(point, table_.row_axes, names) || !dense_belongs(point, table_.column_axes, column)) continue;
    const auto number = measured_.points().number(point, value);
    if (!number || !std::isfinite(*number)) continue;
    values.push_back(*number);
    predictions.insert(measured_.points().text(point, "predictions_digest"));
    if (request_.significance) cell.computations.push_back(computed_point(point));
  }
  // Base seeds of a model that is not trained change nothing.
  const bool alike = predictions.size() == 1 && std::set<double>(values.begin(), values.end()).size() == 1;
  if (alike) {
    values.resize(1);
    if (request_.significance) cell.computations.resize(1);
  }
  summarise(values, spread_, cell);
  if (!values.empty()) cell.achieved_min = cell.achieved_max = cell.achieved_mean = 0;
  return cell;
}

void Filling::fill_dense() {
  if (std::all_of(values_.begin(), values_.end(), [](const TableValue& value) { return is_value_of_cell(value.name); }))
    return;
  std::set<Texts> made;
  for (const auto& names : ordered_rows_) {
    TableRow row{dense_names(names), true, {}};
    if (!made.insert(texts_of(row.names)).second) continue;
    for (const auto& column : table_.columns) {
      // Where nothing was measured, what became of the cells that would have measured it.
      TableCell instead;
      for (const auto& [at, place] : places_) {
        bool belongs = true;
        for (std::size_t i = 0; i < names.size(); ++i)
          belongs = belongs && (!is_axis_of_dense(table_.row_axes[i]) || at.first[i] == names[i].text);
        for (std::size_t i = 0; i < column.size(); ++i)
          belongs = belongs && (!is_axis_of_dense(table_.column_axes[i]) || at.second[i] == column[i].text);
        if (!belongs) continue;
        instead.missing = std::max<std::int64_t>(instead.missing, place.cell.missing > 0 ? 1 : 0);
        instead.failed = std::max<std::int64_t>(instead.failed, place.cell.failed > 0 ? 1 : 0);
      }
      for (const auto& value : values_) {
        auto cell = dense_cell(names, column, value.name);
        if (!cell.mean && !cell.blank) {
          if (instead.missing > 0)
            cell.missing = 1;
          else if (instead.failed > 0)
            cell.failed = 1;
          else
            cell.without = 1;
        }
        row.cells.push_back(cell);
      }
    }
    table_.rows.push_back(std::move(row));
  }
}

}  // namespace espalier::report
