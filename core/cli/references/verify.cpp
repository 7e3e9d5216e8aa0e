// What was measured here against what a paper printed.
#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "bundles/bundles.h"
#include "experiment_file.h"
#include "output.h"
#include "own_points.h"
#include "published/verdicts.h"
#include "references.h"
#include "store/result_store.h"
#include "words/names.h"
#include "words/printable.h"

namespace espalier::cli {
ExitCode verify(const VerifyArguments& arguments) {
  if (arguments.database.file.ends_with(".zip")) {
    if (!arguments.reference.empty()) {
      throw SettingsError(fmt::format(
          "verify {}: a bundle holds the tables that it was made with, and takes no reference\n    found {}\n    "
          "leave it out, or give the database",
          printable_line(arguments.database.file), printable_line(arguments.reference)));
    }
    return check_bundle_file({arguments.database.file, arguments.reruns, arguments.time_limit, arguments.seed,
                              arguments.database.plugins, arguments.json});
  }
  if (arguments.reruns != 0 || !arguments.time_limit.empty())
    throw SettingsError(
        "verify: --rerun and --time-limit are of a bundle (.zip); 'espalier rerun DB KEY' is of a database");
  if (arguments.format != "terminal" && arguments.format != "markdown")
    throw SettingsError(unknown_name("format", printable_line(arguments.format), {"terminal", "markdown"}));
  published::VerdictRequest request;
  request.models = names_from(arguments.models, "--model");
  request.datasets = names_from(arguments.datasets, "--dataset");
  if (arguments.tolerance >= 0) request.tolerance = arguments.tolerance;
  request.distance = arguments.distance;
  const auto source = source_of(arguments.database);
  const store::ResultStore store(source.database, store::Mode::ReadOnly);
  const auto points = own_points(store, source.experiment);
  if (arguments.reference.empty()) {
    const auto forensics = published::check_own(points);
    if (arguments.json)
      print_json({{"forensics", published::as_json(forensics)}});
    else
      print(published::as_text(forensics, source.database.string()));
    return forensics.findings.empty() ? ExitCode::Done : ExitCode::NegativeVerdict;
  }
  const auto table = published::read_table(published::table_file(arguments.reference));
  const auto verdicts = published::judge(table, points, request);
  if (arguments.json)
    print_json(published::as_json(table, verdicts));
  else
    print(arguments.format == "markdown" ? published::as_markdown(table, verdicts)
                                         : published::as_text(table, verdicts));
  return verdicts.is_negative() ? ExitCode::NegativeVerdict : ExitCode::Done;
}

}  // namespace espalier::cli
