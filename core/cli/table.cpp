#include "report/table.h"

#include <espalier/error.h>

#include <sstream>

#include "output.h"
#include "report/comparing/axis_comparison.h"
#include "store/result_store.h"
#include "table_output.h"
#include "words/names.h"

namespace espalier::cli {
namespace {

std::vector<std::string> axes_from(const std::string& list) {
  std::vector<std::string> axes;
  std::istringstream entries(list);
  for (std::string entry; std::getline(entries, entry, ',');) {
    const auto first = entry.find_first_not_of(' ');
    if (first != std::string::npos) axes.push_back(entry.substr(first, entry.find_last_not_of(' ') - first + 1));
  }
  return axes;
}

}  // namespace

void print_table(const Source& source, const TableArguments& arguments) {
  const auto format = report::format_from(arguments.format);
  const store::ResultStore store(source.database, store::Mode::ReadOnly);
  report::TableRequest request;
  request.value = arguments.value;
  request.fits_rows = arguments.rows.empty();
  request.fits_columns = arguments.columns.empty();
  if (!request.fits_rows) request.rows = axes_from(arguments.rows);
  if (!request.fits_columns) request.columns = axes_from(arguments.columns);
  request.average = axes_from(arguments.average);
  request.spread = arguments.spread;
  request.only = join(arguments.only, ",");
  if (arguments.digits >= 0) request.digits = arguments.digits;
  request.percent = arguments.percent;
  request.best = arguments.best;
  if (arguments.significance != 0) request.significance = arguments.significance;
  request.caption = arguments.caption;
  if (!arguments.compare.empty()) {
    print(report::render(
        report::compare_axis(store, source.experiment, arguments.compare, request, source.cells_of_file()), format));
    return;
  }
  print(report::render(report::make_table(store, source.experiment, request, source.cells_of_file()), format));
}

ExitCode table(const TableArguments& arguments) {
  print_table(source_with_cells(arguments.database), arguments);
  return ExitCode::Done;
}

}  // namespace espalier::cli
