#include "commands.h"
#include "experiment_file.h"
#include "output.h"
#include "report/cell_list.h"
#include "store/result_store.h"
#include "words/names.h"

namespace espalier::cli {

ExitCode cells(const CellsArguments& arguments) {
  const auto format = report::format_from(arguments.format);
  const auto source = source_with_cells(arguments.database);
  const store::ResultStore store(source.database, store::Mode::ReadOnly);
  print(report::cell_list(store, source.experiment, {join(arguments.only, ","), arguments.state, format},
                          source.cells_of_file()));
  return ExitCode::Done;
}

}  // namespace espalier::cli
