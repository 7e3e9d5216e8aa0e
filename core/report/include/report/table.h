// The results of an experiment as one table, whatever it is printed as. Every format shows the same numbers and says
// the same things about them: what was averaged, what failed, what has not run yet.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "store/result_store.h"

namespace espalier::report {

struct TableRequest {
  // Axes: columns of the view `points`, kinds of budgets (`heads`), `heads_kept`, what a point has left, `batch` of a
  // latency, and settings by their path, as in scorer.samples.
  std::vector<std::string> rows = {"granularity", "scorer", "scope"};
  std::vector<std::string> columns = {"sparsity"};
  // Numbers of the view `points`, `heads_kept`, `evaluations`, `flops`, `multiply_adds`, or `latency`; several are joined
  // by commas and stand side by side. Empty: the task's main metric.
  std::string value;
  // What nobody asked for is made to fit: rows are the axes that vary, columns the amounts of the first cell's budget.
  bool fits_rows = false, fits_columns = false;
  // Axes over which values are averaged. Without being named here only seeds are; any other axis that would be becomes
  // one of the rows.
  std::vector<std::string> average = {};
  std::string spread = "";  // interval, sd, se, range or none; empty: interval, and the range of two values
  std::string only = "";    // "scorer=fisher,sparsity=0.5": a slice of the cells
  std::optional<int> digits = std::nullopt;  // after the point, in what people read
  bool percent = false;                      // shares are printed as percents
  std::string caption = "";                  // instead of the experiment's name and the value's
  bool best = false;                         // marks the best value of each column
  // Tests each value against the unpruned model and the best of its column, at this level after Holm's correction.
  std::optional<double> significance = std::nullopt;
  // Columns for these achieved sparsities, fractions: read off the line between the two measured neighbours where no cell
  // was asked for them. Needs the axis `sparsity` among the columns.
  std::vector<double> at = {};
  std::optional<double> rope = std::nullopt;  // of a comparison: differences of at most this much are none
};

// One value of an axis, as it is written; the number where it is one.
struct AxisValue {
  std::string text;
  std::optional<double> number;
};

// A computation by its point: what it said of each example is found by these.
struct ComputedPoint {
  std::string key, step, kind;

  bool operator<(const ComputedPoint& other) const;
};

// What a paired test says of a value beside another.
enum class Tested { Not, Same, Better, Worse };

// A measured state beside a level that was not measured.
struct TableNeighbour {
  double sparsity = 0;  // achieved
  double mean = 0;
};

// What stands where a row and a column meet: the cells that share their axes, aggregated.
struct TableCell {
  std::optional<double> mean;  // absent: nothing measured
  double half_width = 0;       // of what ± gives; 0 for one value or equal ones
  std::int64_t n = 0;          // computations behind the mean
  std::int64_t failed = 0;
  std::int64_t timed_out = 0, out_of_memory = 0, given_up = 0;  // of the failed: what cut them
  std::int64_t missing = 0;                                     // waiting or running
  std::int64_t without = 0;                                     // done, but without this value
  std::optional<double> achieved_min, achieved_max;             // achieved sparsity of the values
  std::optional<double> achieved_mean;                          // of the computations behind the mean
  bool off_request = false;                                     // it is not the one that was asked for
  std::optional<double> low, high;                              // a range instead of ±
  double deviation = 0;                                         // standard deviation of the values
  std::int64_t not_numbers = 0;                                 // of those without: measured, and no number
  std::int64_t diverged = 0;                                    // of the values: after a training that broke off
  std::string verdict;                                          // of a latency: faster, same, slower, or mixed
  bool best = false;                                            // of its column
  std::vector<ComputedPoint> computations;  // behind the mean; only where a test or a line needs them
  std::optional<double> p_dense, p_best;    // corrected for all comparisons of the table
  Tested beside_dense = Tested::Not, beside_best = Tested::Not;
  bool blank = false;                      // no such thing, as the search of an unpruned model
  std::vector<TableNeighbour> neighbours;  // two of them: the mean was not measured, and lies on the line between

  bool interpolated() const { return !neighbours.empty(); }
  // The grid holds no such cell, and nothing was read off a line for it.
  bool empty() const { return n + failed + missing + without == 0 && !interpolated(); }
};

struct TableRow {
  std::vector<AxisValue> names;  // one a row axis
  bool dense = false;            // of the unpruned models
  std::vector<TableCell> cells;  // one a column, of several values one after the other in each
};

// What is shown, and how people read it.
struct TableValue {
  std::string name;
  int decimals = 3;
  bool percent = false;
};

struct Table {
  std::string experiment;
  std::string value;          // several are joined by ", "
  std::string split;          // what it was measured on; several are joined by ", "
  std::int64_t examples = 0;  // the most that a value was measured on
  std::vector<std::string> row_axes, column_axes;
  std::vector<std::vector<AxisValue>> columns;  // one a column, each with one value a column axis
  std::vector<TableRow> rows;                   // dense ones first
  std::int64_t common_n = 0;                    // what n is in every row but the dense ones; 0 where it varies
  int decimals = 3;                             // that the value is printed with
  std::vector<std::string> footnotes;
  std::vector<TableValue> values;   // where there is more than one, or it is printed in another way
  std::string spread = "interval";  // what ± or a range stands for
  std::string caption;              // empty: the experiment and the value
  bool has_levels = false;          // some columns were asked for as achieved sparsities

  // What is shown, at least one; and of which the cell at this place of a row is.
  std::vector<TableValue> shown() const;
  std::size_t column_of(std::size_t cell) const { return cell / (values.empty() ? 1 : values.size()); }
  TableValue value_of(std::size_t cell) const;
};

// The last point of each done cell, averaged over seeds and over the axes that the request names; cells that share one
// computation count once. An empty name takes all experiments. With `cells_of_file` the table is of these cells, known to
// the database or not, and says how many others of the experiment it leaves out. Throws SettingsError for an experiment,
// axis or value that does not exist.
Table make_table(const store::ResultStore& store, const std::string& experiment, const TableRequest& request,
                 const std::vector<store::NewCell>* cells_of_file = nullptr);

enum class Format { Terminal, Markdown, Csv, Latex, Typst, Json };

// Throws SettingsError for an unknown name: terminal, markdown, csv, latex, typst, json.
Format format_from(const std::string& name);

std::string render(const Table& table, Format format);

}  // namespace espalier::report
