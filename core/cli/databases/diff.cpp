// Two databases cell by cell.
#include <espalier/error.h>

#include <nlohmann/json.hpp>

#include "commands.h"
#include "experiment_file.h"
#include "output.h"
#include "report/comparing/database_difference.h"
#include "store/result_store.h"

namespace espalier::cli {

ExitCode diff(const DiffArguments& arguments) {
  const auto one = source_of(arguments.one), two = source_of(arguments.two);
  const store::ResultStore first(one.database, store::Mode::ReadOnly), second(two.database, store::Mode::ReadOnly);
  const auto difference = report::difference_of(first, one.experiment, second, two.experiment, arguments.tolerance);
  if (arguments.json)
    print_json(report::as_json(difference, one.database.string(), two.database.string()));
  else
    print(report::as_text(difference, one.database.string(), two.database.string()));
  return difference.is_empty() ? ExitCode::Done : ExitCode::NegativeVerdict;
}

}  // namespace espalier::cli
