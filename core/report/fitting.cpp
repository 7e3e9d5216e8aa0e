#include "fitting.h"

#include <algorithm>
#include <optional>

namespace espalier::report {
namespace {

std::string budget_axis(const CellRows& cells) {
  if (cells.rows().size() == 0) return "sparsity";
  const auto budget = cells.rows().text(0, "budget");
  return budget == "schedule" ? "sparsity" : budget;
}

// Whether an axis in use says all that this one would.
bool said_by(const std::string& axis, const std::string& used) {
  if (axis == used || used == "key") return true;
  return is_budget(axis) && (is_budget(used) || used == "requested");
}

// What a cell has only once it has run: one that has not may stand beside any.
bool comes_with_the_result(const std::string& axis) {
  return axis.ends_with(".file") || tells_points_apart(axis) || is_axis_of_latency(axis);
}

class Fitting {
 public:
  Fitting(const TableRequest& request, FittedAxes& axes, const MeasuredRows& measured)
      : request_(request), axes_(axes), measured_(measured), budget_(budget_axis(measured.cells())) {}

  bool is_settled(const std::string& axis) const {
    const auto says = [&](const std::string& used) { return said_by(axis, used); };
    return std::any_of(axes_.rows.begin(), axes_.rows.end(), says) ||
           std::any_of(axes_.columns.begin(), axes_.columns.end(), says) || contains(request_.average, axis);
  }

  bool varies(const std::string& axis) const { return measured_.coded(axis).varies(); }

  // The defaults, and what varies: in the order of separate_axes().
  void take_defaults() {
    const std::vector<std::string> always = {"granularity", "scorer", "scope"};
    axes_.rows.clear();
    for (const auto& axis : separate_axes()) {
      if (is_settled(axis)) continue;
      if (contains(always, axis) || varies(axis)) axes_.rows.push_back(axis);
    }
    if (axes_.rows.empty()) axes_.rows.push_back("scorer");
  }

  void add(const std::string& axis) {
    axes_.rows.push_back(axis);
    axes_.added.push_back(axis);
  }

  // The first axis whose values would meet in one place of the table.
  std::optional<std::string> merged() const {
    const auto axes = candidates();
    if (axes.empty()) return std::nullopt;
    Grouping places(measured_.entries().size());
    for (const auto* used : {&axes_.rows, &axes_.columns}) {
      for (const auto& axis : *used) places.split_by(measured_.coded(axis).codes);
    }
    for (const auto& axis : axes) {
      if (meet(measured_.coded(axis), places, comes_with_the_result(axis))) return axis;
    }
    return std::nullopt;
  }

 private:
  // Whether one place has several values of the axis, of which "none" may be no value.
  static bool meet(const CodedAxis& axis, const Grouping& places, bool none_is_no_value) {
    std::uint32_t none = no_code;
    for (std::size_t code = 0; code < axis.values.size(); ++code) {
      if (none_is_no_value && axis.values[code].text == "none") none = static_cast<std::uint32_t>(code);
    }
    Codes first(places.count(), no_code);
    for (std::size_t i = 0; i < axis.codes.size(); ++i) {
      auto& known = first[places.of(i)];
      if (axis.codes[i] == none || known == axis.codes[i]) continue;
      if (known != no_code) return true;
      known = axis.codes[i];
    }
    return false;
  }

  std::vector<std::string> candidates() const {
    auto all = separate_axes();
    all.insert(std::find(all.begin(), all.end(), "scope") + 1, budget_);
    all.insert(all.end(), {"step", "kind"});
    const auto settings = measured_.cells().settings();
    for (const auto& setting : settings) {
      if (setting.starts_with("measure.") || setting.ends_with(".file") || !is_setting(setting)) all.push_back(setting);
    }
    all.emplace_back("version");
    if (std::any_of(measured_.entries().begin(), measured_.entries().end(),
                    [](const Entry& entry) { return entry.latency.has_value(); })) {
      all.insert(all.end(), {"batch", "length", "threads", "device"});
    }
    const bool by_point = contains(axes_.rows, "step") || contains(axes_.columns, "step") ||
                          contains(axes_.rows, "kind") || contains(axes_.columns, "kind");
    std::erase_if(all,
                  [&](const std::string& axis) { return is_settled(axis) || (tells_points_apart(axis) && !by_point); });
    // Axes that do not vary at all need no look at each place.
    std::erase_if(all, [&](const std::string& axis) { return !varies(axis); });
    return all;
  }

  const TableRequest& request_;
  FittedAxes& axes_;
  const MeasuredRows& measured_;
  std::string budget_;
};

}  // namespace

std::vector<std::string> fitted_columns(const TableRequest& request, const CellRows& cells, bool timed) {
  auto columns = request.columns;
  if (request.fits_columns) columns = {budget_axis(cells)};
  if (timed && !contains(columns, "batch") && !contains(request.rows, "batch")) columns.emplace_back("batch");
  return columns;
}

FittedAxes fitted_axes(const TableRequest& request, const std::vector<std::string>& columns,
                       const MeasuredRows& measured, const std::vector<std::string>& differences) {
  FittedAxes axes{request.rows, columns, {}};
  Fitting fitting(request, axes, measured);
  if (request.fits_rows) fitting.take_defaults();
  for (const auto& difference : differences) {
    if (!fitting.is_settled(difference)) fitting.add(difference);
  }
  while (const auto axis = fitting.merged()) fitting.add(*axis);
  return axes;
}

}  // namespace espalier::report
