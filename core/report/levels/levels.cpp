#include "levels.h"

#include <espalier/error.h>
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <memory>
#include <set>

#include "line.h"
#include "words/names.h"

namespace espalier::report {
namespace {

constexpr const char* axis = "sparsity";

std::vector<std::string> without(const std::vector<AxisValue>& column, std::size_t place) {
  std::vector<std::string> others;
  for (std::size_t i = 0; i < column.size(); ++i) {
    if (i != place) others.push_back(column[i].text);
  }
  return others;
}

bool is_whole(const TableCell& cell) {
  return cell.mean && cell.achieved_mean && cell.failed + cell.missing + cell.without + cell.diverged == 0;
}

class Levels {
 public:
  Levels(const store::ResultStore& store, const std::string& experiment, const std::vector<double>& levels,
         Table& table)
      : store_(store), experiment_(experiment), levels_(levels.begin(), levels.end()), table_(table) {
    place_ = static_cast<std::size_t>(std::find(table.column_axes.begin(), table.column_axes.end(), axis) -
                                      table.column_axes.begin());
  }

  void add() {
    const auto old_columns = table_.columns;
    add_columns();
    const auto count = table_.shown().size();
    for (auto& row : table_.rows) {
      auto old = std::move(row.cells);
      row.cells.assign(table_.columns.size() * count, TableCell());
      for (std::size_t column = 0; column < table_.columns.size(); ++column) {
        const auto from = origin_[column];
        for (std::size_t value = 0; value < count; ++value)
          if (from) row.cells[column * count + value] = old[*from * count + value];
      }
    }
    for (auto& row : table_.rows) {
      if (row.dense) fill_dense(row);
    }
    // The dense rows stand first, and are full by now.
    for (auto& row : table_.rows) {
      if (!row.dense) fill(row);
    }
    table_.has_levels = true;
  }

  std::vector<std::string> sentences() const {
    std::vector<std::string> said;
    if (interpolated_ > 0)
      said.emplace_back(
          "†: not measured; read off the line between the two measured neighbours in achieved sparsity, the dense "
          "model "
          "at 0 among them");
    std::vector<std::string> reasons;
    if (outside_ > 0) reasons.push_back(fmt::format("{} beyond the ends of what was measured", outside_));
    if (broken_ > 0)
      reasons.push_back(
          fmt::format("{} beside a neighbour that failed, has not run, diverged or has no value", broken_));
    if (!reasons.empty()) said.push_back("not read off a line: " + join(reasons, ", "));
    return said;
  }

 private:
  void add_columns() {
    std::map<std::vector<std::string>, std::vector<AxisValue>> lines;
    std::set<std::vector<std::string>> there;  // columns by their texts
    AxisOrder order;
    for (const auto& column : table_.columns) {
      order.see(column);
      lines.emplace(without(column, place_), column);
    }
    std::vector<std::pair<std::vector<AxisValue>, std::optional<std::size_t>>> columns;
    for (std::size_t i = 0; i < table_.columns.size(); ++i) columns.emplace_back(table_.columns[i], i);
    for (auto& [others, column] : lines) {
      for (const double level : levels_) {
        const auto is_there = std::any_of(table_.columns.begin(), table_.columns.end(), [&](const auto& one) {
          return without(one, place_) == others && one[place_].number && std::abs(*one[place_].number - level) < 1e-9;
        });
        if (is_there && is_achieved(others, level)) continue;
        column[place_] = {is_there ? fmt::format("achieved {}", level) : fmt::format("{}", level), level};
        order.see(column);
        columns.emplace_back(column, std::nullopt);
      }
    }
    std::stable_sort(columns.begin(), columns.end(),
                     [&](const auto& one, const auto& other) { return order.before(one.first, other.first); });
    table_.columns.clear();
    for (auto& [column, from] : columns) {
      table_.columns.push_back(column);
      origin_.push_back(from);
    }
  }

  // Requested is not achieved: of a column of requested sparsity every row came to the level itself.
  bool is_achieved(const std::vector<std::string>& others, double level) const {
    const auto count = table_.shown().size();
    for (std::size_t column = 0; column < table_.columns.size(); ++column) {
      const auto& number = table_.columns[column][place_].number;
      if (without(table_.columns[column], place_) != others || !number || std::abs(*number - level) >= 1e-9) continue;
      for (const auto& row : table_.rows) {
        const auto& achieved = row.cells[column * count].achieved_mean;
        if (!row.dense && achieved && std::abs(*achieved - level) > same_level) return false;
      }
    }
    return true;
  }

  std::vector<std::size_t> line_of(std::size_t column) const {
    std::vector<std::size_t> line;
    for (std::size_t other = 0; other < table_.columns.size(); ++other) {
      if (without(table_.columns[other], place_) == without(table_.columns[column], place_)) line.push_back(other);
    }
    return line;
  }

  // The unpruned model is one, whatever the sparsity.
  void fill_dense(TableRow& row) const {
    const auto count = table_.shown().size();
    for (std::size_t column = 0; column < table_.columns.size(); ++column) {
      if (origin_[column]) continue;
      for (const auto other : line_of(column)) {
        if (!origin_[other]) continue;
        for (std::size_t value = 0; value < count; ++value)
          row.cells[column * count + value] = row.cells[other * count + value];
        break;
      }
    }
  }

  const TableRow* dense_row(const TableRow& row) const {
    for (const auto& other : table_.rows) {
      if (other.dense && same_base(row, other)) return &other;
    }
    return nullptr;
  }

  bool same_base(const TableRow& row, const TableRow& dense) const {
    for (std::size_t i = 0; i < table_.row_axes.size(); ++i) {
      const auto& text = dense.names[i].text;
      // Where every row axis is of the model, the dense row says so in the last one.
      if (is_axis_of_dense(table_.row_axes[i]) && text != row.names[i].text && text != row.names[i].text + " (dense)")
        return false;
    }
    return true;
  }

  void fill(TableRow& row) {
    const auto count = table_.shown().size();
    const auto before = row.cells;
    for (std::size_t column = 0; column < table_.columns.size(); ++column) {
      const auto& number = table_.columns[column][place_].number;
      if (!number || levels_.count(*number) == 0) continue;
      for (std::size_t value = 0; value < count; ++value) {
        auto& cell = row.cells[column * count + value];
        if (cell.empty() && !cell.blank) place(cell, line(row, before, column, value), *number);
      }
    }
  }

  Line line(const TableRow& row, const std::vector<TableCell>& cells, std::size_t column, std::size_t value) {
    const auto count = table_.shown().size();
    Line found;
    std::vector<const TableCell*> whole;
    for (const auto other : line_of(column)) {
      const auto& cell = cells[other * count + value];
      if (cell.empty() || cell.blank) continue;
      const auto& requested = table_.columns[other][place_].number;
      if (is_whole(cell)) {
        found.add({*cell.achieved_mean, *cell.mean, false}, &cell);
        whole.push_back(&cell);
      } else if (cell.achieved_mean || requested) {
        found.add({cell.achieved_mean ? *cell.achieved_mean : *requested, 0, true}, nullptr);
      } else {
        found.unplaced = true;
      }
    }
    if (whole.size() == 1 && found.points.size() == 1) add_steps(*whole.front(), value, found);
    const auto is_start = [](const TrajectoryPoint& point) { return point.sparsity < same_level; };
    const auto* dense = dense_row(row);
    if (dense != nullptr && dense->cells[column * count + value].mean &&
        std::none_of(found.points.begin(), found.points.end(), is_start))
      found.add({0, *dense->cells[column * count + value].mean, false}, &dense->cells[column * count + value]);
    found.sort();
    return found;
  }

  void add_steps(const TableCell& cell, std::size_t value, Line& line) {
    const auto& name = table_.value_of(value).name;
    if (is_latency(name)) return;
    if (!steps_) steps_ = std::make_unique<StepBook>(store_.points_with(experiment_, columns_of_steps()));
    auto points = steps_->trajectory(cell.computations, name);
    if (points.size() < 2) return;
    points.pop_back();  // the place itself
    line.computations = cell.n;
    for (const auto& point : points) line.add(point, nullptr);
  }

  std::vector<std::string> columns_of_steps() const {
    std::vector<std::string> columns = {"key", "step", "kind", "achieved_sparsity"};
    for (const auto& value : table_.shown()) {
      if (!is_latency(value.name) && !contains(columns, value.name)) columns.push_back(value.name);
    }
    return columns;
  }

  void place(TableCell& cell, const Line& line, double level) {
    for (std::size_t i = 0; i < line.points.size(); ++i) {
      const auto& point = line.points[i];
      if (std::abs(point.sparsity - level) > same_level || point.broken) continue;
      if (line.places[i] != nullptr)
        cell = *line.places[i];
      else
        cell.mean = point.value;
      cell.n = std::max(cell.n, line.computations);
      cell.achieved_min = cell.achieved_max = cell.achieved_mean = point.sparsity;
      cell.off_request = cell.best = false;
      return;
    }
    const auto found = line.unplaced ? std::nullopt : interpolate(line.points, level);
    if (!found) {
      const bool between =
          !line.points.empty() && line.points.front().sparsity < level && level < line.points.back().sparsity;
      ++(between || line.unplaced ? broken_ : outside_);
      return;
    }
    cell.mean = found->value;
    for (const auto i : {found->left, found->right})
      cell.neighbours.push_back({line.points[i].sparsity, line.points[i].value});
    ++interpolated_;
  }

  const store::ResultStore& store_;
  const std::string& experiment_;
  std::set<double> levels_;
  Table& table_;
  std::size_t place_ = 0;                           // of sparsity among the axes of columns
  std::vector<std::optional<std::size_t>> origin_;  // which column each was before
  std::unique_ptr<StepBook> steps_;
  std::int64_t interpolated_ = 0, outside_ = 0, broken_ = 0;
};

}  // namespace

void check_levels(const TableRequest& request, const std::vector<std::string>& columns,
                  const std::vector<std::string>& values) {
  if (request.at.empty()) return;
  for (const double level : request.at) {
    if (!(level >= 0 && level <= 1))
      throw SettingsError(fmt::format("--at {}: expected achieved sparsities from 0 to 1, as in 0.1,0.2", level));
  }
  if (!contains(columns, axis))
    throw SettingsError("--at: levels are of achieved sparsity, and the columns are " + join(columns) +
                        "\n    expected sparsity among them, as in --columns sparsity");
  for (const auto& value : values) {
    if (is_value_of_cell(value) && !is_latency(value))
      throw SettingsError("--at: " + value +
                          " is of a whole cell, and lies on no line\n    choose a metric, a size or a time by --value");
  }
}

std::vector<std::string> add_levels(const store::ResultStore& store, const std::string& experiment,
                                    const std::vector<double>& levels, Table& table) {
  Levels adding(store, experiment, levels, table);
  adding.add();
  return adding.sentences();
}

}  // namespace espalier::report
