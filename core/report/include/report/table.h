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
  // Axes: columns of the view `points`, kinds of budgets (`heads`) and `heads_kept`, what a point has left.
  std::vector<std::string> rows = {"granularity", "scorer", "scope"};
  std::vector<std::string> columns = {"sparsity"};
  // A number of the view `points`, or `heads_kept`, `evaluations`, `flops`, `multiply_adds`; empty: the task's main metric.
  std::string value;
  // What nobody asked for is made to fit: rows tell searchers apart where there are several, columns are the amounts of the
  // first cell's budget.
  bool fits_rows = false, fits_columns = false;
};

// One value of an axis, as it is written; the number where it is one.
struct AxisValue {
  std::string text;
  std::optional<double> number;
};

// What stands where a row and a column meet: the cells that share their axes, aggregated.
struct TableCell {
  std::optional<double> mean;  // absent: nothing measured
  double half_width = 0;       // of the 95 % t interval; 0 for one value or equal ones
  std::int64_t n = 0;          // values behind the mean
  std::int64_t failed = 0;
  std::int64_t missing = 0;                          // waiting or running
  std::int64_t without = 0;                          // done, but without this value
  std::optional<double> achieved_min, achieved_max;  // achieved sparsity of the values

  bool empty() const { return n + failed + missing + without == 0; }  // the grid holds no such cell
};

struct TableRow {
  std::vector<AxisValue> names;  // one a row axis
  bool dense = false;            // of the unpruned models
  std::vector<TableCell> cells;  // one a column
};

struct Table {
  std::string experiment;
  std::string value;
  std::string split;          // what it was measured on; several are joined by ", "
  std::int64_t examples = 0;  // the most that a value was measured on
  std::vector<std::string> row_axes, column_axes;
  std::vector<std::vector<AxisValue>> columns;  // one a column, each with one value a column axis
  std::vector<TableRow> rows;                   // dense ones first
  std::int64_t common_n = 0;                    // what n is in every row but the dense ones; 0 where it varies
  int decimals = 3;                             // that the value is printed with
  std::vector<std::string> footnotes;
};

// The last point of each done cell, averaged over seeds and every axis that is neither row nor column. An empty name
// takes all experiments. Throws SettingsError for an experiment, axis or value that does not exist.
Table make_table(const store::ResultStore& store, const std::string& experiment, const TableRequest& request);

enum class Format { Terminal, Markdown, Csv, Latex, Json };

// Throws SettingsError for an unknown name: terminal, markdown, csv, latex, json.
Format format_from(const std::string& name);

std::string render(const Table& table, Format format);

}  // namespace espalier::report
