// The rows of the unpruned models: one value for each base model, not one for each cell.
#include <algorithm>
#include <cmath>

#include "filling.h"

namespace espalier::report {
void Filling::see_dense() {
  const auto& points = measured_.points();
  std::vector<std::size_t> cells;
  for (const auto point : measured_.dense()) cells.push_back(measured_.cell_of_point(point));
  Grouping models(cells.size());
  for (const auto& axis : dense_axes_) models.split_by(measured_.cells().coded(axis).arranged(cells).codes);
  if (tells_experiments_apart()) {
    Codes experiments;
    for (const auto point : measured_.dense()) experiments.push_back(points.column("experiment").code(point));
    models.split_by(experiments);
  }
  Codes of_model(models.count(), no_code);  // one point of each
  for (std::size_t i = 0; i < cells.size(); ++i) {
    const auto point = measured_.dense()[i];
    auto& chosen = of_model[models.of(i)];
    if (chosen == no_code)
      chosen = static_cast<std::uint32_t>(point);
    else if (see_dense_beside(chosen, point))
      chosen = static_cast<std::uint32_t>(point);
  }
  for (const auto point : of_model) {
    Texts identity;
    for (const auto& axis : dense_axes_)
      identity.push_back(measured_.cells().axis(measured_.cell_of_point(point), axis).text);
    if (tells_experiments_apart()) identity.push_back(points.text(point, "experiment"));
    dense_.emplace(std::move(identity), point);
  }
}

// Whether the point takes the place of the one that was chosen: one that lacks a value gives way to one that has it.
bool Filling::see_dense_beside(std::size_t chosen, std::size_t point) {
  bool gives_way = false;
  for (const auto* column : of_points_) {
    if (column == nullptr) continue;
    const auto &known = column->at(gives_way ? point : chosen), &value = column->at(point);
    if (&known == &value) continue;
    const auto first = number_of(known), now = number_of(value);
    gives_way = gives_way || (!first && now);
    if (!first || !now) continue;
    // Other machines may round the last digits in another way; that is no other result.
    findings_.dense_differs =
        findings_.dense_differs || std::abs(*now - *first) > 1e-6 * std::max(1.0, std::abs(*first));
  }
  return gives_way;
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

bool Filling::belongs(const Place& place, const std::vector<AxisValue>& names,
                      const std::vector<AxisValue>& column) const {
  const auto all_same = [&](const Texts& axes, const std::vector<AxisValue>& wanted, std::size_t entry) {
    for (std::size_t i = 0; i < axes.size(); ++i) {
      if (is_axis_of_dense(axes[i]) && measured_.coded(axes[i]).at(entry).text != wanted[i].text) return false;
    }
    return true;
  };
  return all_same(table_.row_axes, names, rows_.first(place.row)) &&
         all_same(table_.column_axes, column, columns_.first(place.column));
}

// Where nothing was measured, what became of the cells that would have measured it.
TableCell Filling::instead_of_dense(const std::vector<AxisValue>& names, const std::vector<AxisValue>& column) const {
  TableCell all;
  for (const auto& place : places_) {
    if ((place.cell.missing == 0 && place.cell.failed == 0) || !belongs(place, names, column)) continue;
    all.missing += place.cell.missing;
    all.failed += place.cell.failed;
    all.timed_out += place.cell.timed_out;
    all.out_of_memory += place.cell.out_of_memory;
    all.given_up += place.cell.given_up;
  }
  const bool is_measured = std::any_of(dense_.begin(), dense_.end(), [&](const auto& one) {
    return dense_belongs(one.second, table_.row_axes, names) && dense_belongs(one.second, table_.column_axes, column);
  });
  TableCell instead;
  if (is_measured || all.missing + all.failed == 0) {
    instead.without = 1;  // other values of it were measured
  } else if (all.missing > 0) {
    instead.missing = 1;
  } else {
    instead.failed = 1;
    instead.timed_out = all.timed_out == all.failed ? 1 : 0;
    instead.out_of_memory = all.out_of_memory == all.failed ? 1 : 0;
    instead.given_up = all.given_up == all.failed ? 1 : 0;
  }
  return instead;
}

void Filling::fill_dense() {
  if (std::all_of(values_.begin(), values_.end(), [](const TableValue& value) { return is_value_of_cell(value.name); }))
    return;
  std::set<Texts> made;
  for (const auto group : ordered_rows_) {
    const auto names = names_of(rows_.first(group), table_.row_axes);
    TableRow row{dense_names(names), true, {}};
    if (!made.insert(texts_of(row.names)).second) continue;
    for (const auto& column : table_.columns) {
      for (const auto& value : values_) {
        auto cell = dense_cell(names, column, value.name);
        if (!cell.mean && !cell.blank) cell = instead_of_dense(names, column);
        row.cells.push_back(cell);
      }
    }
    table_.rows.push_back(std::move(row));
  }
}

}  // namespace espalier::report
