#include "report/table.h"

#include <espalier/error.h>
#include <fmt/format.h>

#include <charconv>

#include "output.h"
#include "report/comparing/axis_comparison.h"
#include "store/result_store.h"
#include "table_output.h"
#include "words/names.h"
#include "words/printable.h"
#include "words/texts/name_list.h"

namespace espalier::cli {
namespace {

// Numbers joined by commas.
std::vector<double> levels_from(const std::string& list) {
  std::vector<double> levels;
  for (const auto& text : names_in(list)) {
    double level = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), level);
    if (error != std::errc() || end != text.data() + text.size())
      throw SettingsError(fmt::format("--at: '{}' is no number\n    expected achieved sparsities, as in 0.1,0.2",
                                      printable_line(text)));
    levels.push_back(level);
  }
  return levels;
}

}  // namespace

void print_table(const Source& source, const TableArguments& arguments) {
  const auto format = report::format_from(arguments.format);
  const store::ResultStore store(source.database, store::Mode::ReadOnly);
  report::TableRequest request;
  request.value = arguments.value;
  request.fits_rows = arguments.rows.empty();
  request.fits_columns = arguments.columns.empty();
  if (!request.fits_rows) request.rows = names_in(arguments.rows);
  if (!request.fits_columns) request.columns = names_in(arguments.columns);
  request.average = names_in(arguments.average);
  request.spread = arguments.spread;
  request.only = join(arguments.only, ",");
  if (arguments.digits >= 0) request.digits = arguments.digits;
  request.percent = arguments.percent;
  request.best = arguments.best;
  if (arguments.significance != 0) request.significance = arguments.significance;
  request.caption = arguments.caption;
  request.at = levels_from(arguments.at);
  // Levels are of sparsity, whatever the first cell's budget is.
  if (!request.at.empty() && request.fits_columns && arguments.compare.empty()) {
    request.columns = {"sparsity"};
    request.fits_columns = false;
  }
  if (arguments.rope >= 0) {
    if (arguments.compare.empty())
      throw SettingsError(
          "--rope: differences are judged between the levels of an axis\n    expected --compare AXIS too");
    request.rope = arguments.rope;
  }
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
