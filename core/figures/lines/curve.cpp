#include "lines/curve.h"

#include <espalier/error.h>
#include <fmt/format.h>

#include <algorithm>

#include "lines/arrangement.h"
#include "quoting.h"
#include "report/table.h"
#include "words/names.h"

namespace espalier::figures {
namespace {

bool is_time(const std::string& value) {
  return value == "ratio" || value == "milliseconds" || value == "dense_milliseconds" || value == "joules" ||
         value == "dense_joules" || value == "peak_bytes" || value == "dense_peak_bytes";
}

// What is asked for rather than measured stands in the columns of the table.
bool is_asked(const std::string& x) { return x == "requested" || x == "step"; }

report::TableRequest table_request(const FigureRequest& request) {
  report::TableRequest table;
  table.fits_rows = request.by.empty();
  if (!table.fits_rows) table.rows = request.by;
  if (!table.fits_rows && request.facet && !request.facet->empty() &&
      std::find(table.rows.begin(), table.rows.end(), *request.facet) == table.rows.end())
    table.rows.push_back(*request.facet);
  table.fits_columns = request.x != "step";
  if (!table.fits_columns) table.columns = {"step"};
  table.only = request.only;
  table.value = request.value;
  return table;
}

report::Table table_of(const FigureSource& source, const report::TableRequest& request) {
  return report::make_table(source.store, source.experiment, request, source.cells);
}

// Along a schedule every state is a point, not the last alone.
void show_steps_of_schedules(const report::Table& table, report::TableRequest& request) {
  const bool by_schedule = std::any_of(table.columns.begin(), table.columns.end(),
                                       [](const auto& column) { return column.front().text == "by schedule"; });
  if (!by_schedule || !request.fits_columns) return;
  request.columns = table.column_axes;
  request.columns.push_back("step");
  request.fits_columns = false;
}

class LineGathering {
 public:
  LineGathering(const report::Table& table, const FigureRequest& request, std::string value, std::string x)
      : table_(table), request_(request), value_(std::move(value)), x_(std::move(x)) {
    axes_ = table.row_axes;
    for (std::size_t i = 0; i < table.column_axes.size(); ++i) {
      // The amount of a budget and the step lie along the line.
      if (i == 0 || table.column_axes[i] == "step") continue;
      axes_.push_back(table.column_axes[i]);
      line_columns_.push_back(i);
    }
  }

  LinePlot plot() {
    for (const auto& row : table_.rows) {
      if (row.dense) continue;
      for (std::size_t column = 0; column < table_.columns.size(); ++column) see(row, column);
    }
    std::erase_if(lines_,
                  [](const PlacedLine& placed) { return placed.line.marks.empty() && placed.line.failed.empty(); });
    for (auto& placed : lines_) {
      std::stable_sort(placed.line.marks.begin(), placed.line.marks.end(),
                       [](const PlotMark& one, const PlotMark& other) { return one.x < other.x; });
    }
    if (lines_.empty())
      throw SettingsError(fmt::format(
          "no cell has both {} and {}\n    there is nothing to draw; 'espalier table' shows what was measured", value_,
          x_));
    LinePlot plot;
    plot.x_label = in_words(x_ == "requested" ? "requested_" + table_.column_axes.front() : x_);
    plot.y_label = in_words(value_);
    if (!table_.split.empty() && !is_time(value_)) plot.y_label += " (" + table_.split + ")";
    plot.shows_verdicts = value_ == "ratio";
    const auto facet = facet_of(axes_, lines_, request_.facet);
    plot.panels = arranged(axes_, lines_, request_.facet);
    for (auto& panel : plot.panels) panel.dense = dense_of(panel, facet);
    return plot;
  }

  std::vector<std::string> notes() const {
    auto notes = table_.footnotes;
    if (unplaced_failures_ > 0)
      notes.push_back(
          fmt::format("{} places hold failed cells alone and are not drawn: they have no {}", unplaced_failures_, x_));
    return notes;
  }

 private:
  const report::TableCell& cell(const report::TableRow& row, std::size_t column, std::size_t value) const {
    return row.cells.at(column * table_.shown().size() + value);
  }

  PlotLine& line_of(const report::TableRow& row, std::size_t column) {
    std::vector<std::string> levels;
    for (const auto& name : row.names) levels.push_back(name.text);
    for (const auto axis : line_columns_) levels.push_back(table_.columns[column][axis].text);
    const auto found =
        std::find_if(lines_.begin(), lines_.end(), [&](const PlacedLine& placed) { return placed.levels == levels; });
    if (found != lines_.end()) return found->line;
    return lines_.emplace_back(PlacedLine{levels, {}}).line;
  }

  std::optional<double> asked(std::size_t column) const {
    const auto& names = table_.columns[column];
    return x_ == "step" ? names.back().number : names.front().number;
  }

  void see(const report::TableRow& row, std::size_t column) {
    const auto& value = cell(row, column, 0);
    if (value.empty()) return;
    auto& line = line_of(row, column);
    const auto x = is_asked(x_) ? asked(column) : cell(row, column, 1).mean;
    if (value.mean && x) {
      PlotMark mark;
      mark.x = *x;
      mark.y = *value.mean;
      if (value.half_width > 0) {
        mark.low = *value.mean - value.half_width;
        mark.high = *value.mean + value.half_width;
      } else {
        mark.low = value.low;
        mark.high = value.high;
      }
      mark.n = value.n;
      mark.diverged = value.diverged > 0;
      mark.verdict = value.verdict;
      line.marks.push_back(mark);
    } else if (value.failed > 0) {
      const bool is_amount = x_ == "achieved_sparsity" && table_.column_axes.front() == "sparsity";
      if (const auto place = asked(column); place && (is_asked(x_) || is_amount))
        line.failed.push_back(*place);
      else
        ++unplaced_failures_;
    }
  }

  // Of the panel's level, where what the panels are by is what an unpruned model depends on.
  std::vector<double> dense_of(const PlotPanel& panel, std::size_t facet) const {
    std::vector<double> values;
    if (value_ == "ratio") return {1.0};
    for (const auto& row : table_.rows) {
      if (!row.dense) continue;
      const bool depends = facet < row.names.size() && (axes_[facet] == "dataset" || axes_[facet] == "model");
      if (depends && row.names[facet].text != panel.title && row.names[facet].text != panel.title + " (dense)")
        continue;
      for (std::size_t column = 0; column < table_.columns.size(); ++column) {
        const auto& mean = cell(row, column, 0).mean;
        if (mean && std::find(values.begin(), values.end(), *mean) == values.end()) values.push_back(*mean);
      }
    }
    return values;
  }

  const report::Table& table_;
  const FigureRequest& request_;
  std::string value_, x_;
  std::vector<std::string> axes_;
  std::vector<std::size_t> line_columns_;
  std::vector<PlacedLine> lines_;
  std::size_t unplaced_failures_ = 0;
};

}  // namespace

Figure curve(const FigureSource& source, const FigureRequest& request) {
  auto asked = table_request(request);
  if (request.kind == Kind::Latency && asked.value.empty()) asked.value = "ratio";
  const std::string x = !request.x.empty() ? request.x : request.kind == Kind::Latency ? "flops" : "achieved_sparsity";
  const auto value_count = std::count(asked.value.begin(), asked.value.end(), ',');
  if (value_count > 0 || asked.value == "latency")
    throw SettingsError(fmt::format("--value {}: a figure shows one value\n    expected one, as in --value {}",
                                    asked.value, request.kind == Kind::Latency ? "ratio" : "accuracy"));
  auto table = table_of(source, asked);
  const auto value = asked.value.empty() ? table.value : asked.value;
  show_steps_of_schedules(table, asked);
  if (value == x)
    throw SettingsError(fmt::format("--x {}: the value itself\n    expected another, as in --x achieved_sparsity", x));
  asked.value = is_asked(x) ? value : value + "," + x;
  table = table_of(source, asked);
  LineGathering gathering(table, request, value, x);
  Figure figure;
  figure.plot = gathering.plot();
  figure.notes = gathering.notes();
  return figure;
}

}  // namespace espalier::figures
