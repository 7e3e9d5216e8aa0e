#include "report/table.h"

#include <sstream>

#include "output.h"
#include "store/result_store.h"
#include "table_output.h"

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
  const auto table = report::make_table(store, source.experiment, request);
  print(report::render(table, format));
}

ExitCode table(const TableArguments& arguments) {
  print_table(source_of(arguments.database), arguments);
  return ExitCode::Done;
}

}  // namespace espalier::cli
