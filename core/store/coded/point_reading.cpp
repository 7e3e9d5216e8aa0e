// The points of cells that were read before, with their metrics: both tables are read along each other, by number.
#include <algorithm>
#include <functional>
#include <map>
#include <optional>
#include <tuple>
#include <unordered_map>

#include "cells/metrics.h"
#include "coded/scan.h"
#include "connection.h"
#include "store/coded/coded_rows.h"

namespace espalier::store {
namespace {

bool is_of_point(const std::string& column) {
  const auto& columns = columns_of_point();
  return std::find(columns.begin(), columns.end(), column) != columns.end();
}

// Where the point of an id stands; ids that are asked for in their order are found beside each other.
class PlacesOfIds {
 public:
  explicit PlacesOfIds(const std::vector<std::int64_t>& ids) {
    sorted_.reserve(ids.size());
    for (std::size_t place = 0; place < ids.size(); ++place) sorted_.emplace_back(ids[place], place);
    if (!std::is_sorted(sorted_.begin(), sorted_.end())) std::sort(sorted_.begin(), sorted_.end());
  }

  std::optional<std::size_t> find(std::int64_t id, std::size_t& hint) const {
    const auto is_at = [&](std::size_t at) { return at < sorted_.size() && sorted_[at].first == id; };
    if (!is_at(hint) && !is_at(++hint)) {
      const auto found = std::lower_bound(sorted_.begin(), sorted_.end(), std::pair(id, std::size_t{0}));
      hint = static_cast<std::size_t>(found - sorted_.begin());
    }
    return is_at(hint) ? std::optional(sorted_[hint].second) : std::nullopt;
  }

 private:
  std::vector<std::pair<std::int64_t, std::size_t>> sorted_;
};

class PointReading {
 public:
  PointReading(ResultStore::State& state, const DetailedCells& cells, const std::vector<std::string>& columns)
      : state_(state), cells_(cells) {
    points_.names = columns;
    points_.columns.resize(columns.size());
  }

  CodedRows take() {
    see_cells();
    read_points();
    read_metrics();
    arrange();
    return std::move(points_);
  }

 private:
  // A cell of two experiments has two rows of one attempt.
  void see_cells() {
    const auto* state = cells_.rows.find("state");
    if (state == nullptr) throw StoreError("points are read of cells whose state is known");
    row_before_.assign(cells_.rows.count, no_row);
    last_row_of_.reserve(cells_.rows.count);
    for (std::size_t row = 0; row < cells_.rows.count; ++row) {
      const auto attempt = cells_.attempts[row];
      if (attempt == 0 || state->at(row).text != "done") continue;
      const auto [last, is_new] = last_row_of_.try_emplace(attempt, row);
      if (is_new) attempts_.push_back(attempt);
      row_before_[row] = is_new ? no_row : last->second;
      last->second = row;
    }
  }

  void read_points() {
    std::string sql = "SELECT id, attempt_id, number";
    std::vector<CodedColumn*> into;
    for (std::size_t i = 0; i < points_.names.size(); ++i) {
      if (!is_of_point(points_.names[i])) continue;
      sql.append(", ").append(points_.names[i]);
      into.push_back(&points_.columns[i]);
    }
    each_of(state_, "point", "attempt_id", sql + " FROM point", attempts_, [&](const std::vector<SQLite::Column>& row) {
      const auto found = last_row_of_.find(row[1].getInt64());
      if (found == last_row_of_.end()) return;
      for (auto cell = found->second; cell != no_row; cell = row_before_[cell])
        stands_.push_back({cell, row[2].getInt64(), ids_.size()});
      ids_.push_back(row[0].getInt64());
      for (std::size_t i = 0; i < into.size(); ++i) add(row[3 + i], *into[i]);
    });
  }

  bool is_of_cell(const std::string& column) const {
    return !is_of_point(column) && cells_.rows.find(column) != nullptr;
  }

  // A column for each metric, and one of those that are no number.
  void read_metrics() {
    std::map<std::string, Measured, std::less<>> metrics;
    std::vector<std::string> no_numbers(ids_.size());
    for (const auto& name : points_.names) {
      const bool is_metric = !is_of_point(name) && !is_of_cell(name) && name != "last" && name != "not_numbers";
      if (is_metric && find_metric(name) == nullptr)
        throw StoreError("the view points lacks the column '" + name + "'");
      if (is_metric) metrics[name];
    }
    if (metrics.empty() && points_.find("not_numbers") == nullptr) return;
    const PlacesOfIds places(ids_);
    std::size_t hint = 0;
    each_of(state_, "metric", "point_id", "SELECT point_id, name, value FROM metric", ids_,
            [&](const std::vector<SQLite::Column>& row) {
              const auto place = places.find(row[0].getInt64(), hint);
              if (!place) return;
              const auto name = text_in(row[1]);
              if (row[2].isNull()) {
                no_numbers[*place].append(no_numbers[*place].empty() ? "" : " ").append(name);
              } else if (const auto found = metrics.find(name); found != metrics.end()) {
                auto& [values, at] = found->second;
                if (at.empty()) at.resize(ids_.size());  // most metrics are of no point
                at[*place] = values.size();
                add(row[2], values);
              }
            });
    for (std::size_t i = 0; i < points_.names.size(); ++i) {
      if (points_.names[i] == "not_numbers") {
        for (const auto& names : no_numbers)
          names.empty() ? points_.columns[i].add_null() : points_.columns[i].add(std::string_view(names));
      } else if (const auto found = metrics.find(points_.names[i]); found != metrics.end()) {
        const auto& [values, at] = found->second;
        if (at.empty())
          points_.columns[i].pad(ids_.size());
        else
          points_.columns[i] = values.arranged(at);
      }
    }
  }

  // As the cells stand, and of each its points by number.
  void arrange() {
    const auto before = [](const Stand& one, const Stand& other) {
      return std::tie(one.cell, one.number) < std::tie(other.cell, other.number);
    };
    if (!std::is_sorted(stands_.begin(), stands_.end(), before))
      std::stable_sort(stands_.begin(), stands_.end(), before);
    std::vector<std::size_t> cells, places;
    for (const auto& stand : stands_) {
      cells.push_back(stand.cell);
      places.push_back(stand.place);
    }
    bool as_read = places.size() == ids_.size();
    for (std::size_t i = 0; i < places.size() && as_read; ++i) as_read = places[i] == i;
    for (std::size_t i = 0; i < points_.names.size(); ++i) {
      auto& column = points_.columns[i];
      if (is_of_cell(points_.names[i]))
        column = cells_.rows.find(points_.names[i])->arranged(cells);
      else if (points_.names[i] == "last")
        add_last(column);
      else if (!as_read)
        column = column.arranged(places);
    }
    points_.count = stands_.size();
  }

  void add_last(CodedColumn& column) const {
    for (const auto& stand : stands_) {
      const auto result = cells_.results[stand.cell];
      if (result == 0)
        column.add_null();
      else
        column.add(std::int64_t{ids_[stand.place] == result});
    }
  }

  struct Stand {
    std::size_t cell = 0;  // row
    std::int64_t number = 0;
    std::size_t place = 0;  // among the points that were read
  };
  struct Measured {
    Measured() { values.add_null(); }
    CodedColumn values;           // nothing first
    std::vector<std::size_t> at;  // of each point, where among the values
  };

  ResultStore::State& state_;
  const DetailedCells& cells_;
  CodedRows points_;
  static constexpr std::size_t no_row = static_cast<std::size_t>(-1);
  std::unordered_map<std::int64_t, std::size_t> last_row_of_;  // by attempt
  std::vector<std::size_t> row_before_;                        // of each row the one before it of its attempt
  std::vector<std::int64_t> attempts_, ids_;                   // ids of points, by place
  std::vector<Stand> stands_;
};

}  // namespace

const std::vector<std::string>& columns_of_point() {
  static const std::vector<std::string> columns = {"step",
                                                   "kind",
                                                   "requested_sparsity",
                                                   "achieved_sparsity",
                                                   "parameters_dense",
                                                   "parameters_masked",
                                                   "parameters_removed",
                                                   "parameters_total",
                                                   "multiply_adds_dense",
                                                   "multiply_adds_done",
                                                   "proof_passed",
                                                   "mask_digest",
                                                   "split",
                                                   "examples",
                                                   "predictions_digest",
                                                   "heads_kept",
                                                   "evaluations",
                                                   "flops",
                                                   "multiply_adds"};
  return columns;
}

CodedRows ResultStore::points_of(const DetailedCells& cells, const std::vector<std::string>& columns) const {
  return translated(state_->file, [&] {
    SQLite::Transaction one_snapshot(*state_->database);
    return PointReading(*state_, cells, columns).take();
  });
}

}  // namespace espalier::store
