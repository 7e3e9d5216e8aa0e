#include "commands.h"
#include "databases/stale_cells.h"
#include "experiment_file.h"
#include "output.h"
#include "report/cell_list.h"
#include "store/result_store.h"
#include "words/names.h"

namespace espalier::cli {
namespace {

std::vector<store::NewCell> cells_in(const store::Rows& stale) {
  std::vector<store::NewCell> cells;
  for (const auto& row : stale.rows) cells.push_back({row[0].text, row[4].text});
  return cells;
}

}  // namespace

ExitCode cells(const CellsArguments& arguments) {
  const auto format = report::format_from(arguments.format);
  const auto source = source_with_cells(arguments.database);
  const store::ResultStore store(source.database, store::Mode::ReadOnly);
  const report::CellListRequest request{join(arguments.only, ","), arguments.state, format};
  if (!arguments.stale) {
    print(report::cell_list(store, source.experiment, request, source.cells_of_file()));
    return ExitCode::Done;
  }
  const auto stale = StaleCells(source, arguments.database.file).in(store);
  const auto cells = cells_in(stale);
  print(report::cell_list(store, source.experiment, request, &cells));
  say(stale.rows.empty() ? "no cell is of an earlier state of the experiment file"
                         : counted_by_state(stale) + "; 'espalier prune-db' removes them");
  return ExitCode::Done;
}

}  // namespace espalier::cli
