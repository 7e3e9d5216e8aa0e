// A database as one HTML page.
#include "pages/report.h"

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <memory>

#include "experiment_file.h"
#include "output.h"
#include "page/report_page.h"
#include "words/atomic_file.h"

namespace espalier::cli {

ExitCode report(const ReportArguments& arguments) {
  const auto source = source_of(arguments.database);
  page::PageRequest request;
  request.database = source.database;
  request.experiment = source.experiment;
  request.opens_databases = !arguments.without_sql;
  if (!arguments.verdicts.empty())
    request.verdicts = page::NamedText{arguments.verdicts, read_file(arguments.verdicts)};
  for (const auto& file : arguments.comparisons) request.comparisons.push_back({file, read_file(file)});
  const auto made = page::report_page(request);
  if (arguments.output == "-") {
    print(made);
    return ExitCode::Done;
  }
  write_file(arguments.output, made);
  say(fmt::format("{}: {:.1f} MB, everything in one file; open it in a browser", arguments.output,
                  static_cast<double>(made.size()) / 1e6));
  return ExitCode::Done;
}

Deed add_report(CLI::App& app) {
  const auto arguments = std::make_shared<ReportArguments>();
  app.add_option("DB", arguments->database.file, "The database, or the experiment file that it belongs to")
      ->required()
      ->type_name("");
  app.add_option("--db", arguments->database.other, "The experiment file's database, where it is not results/NAME.db")
      ->type_name("PATH");
  app.add_option("-o,--output", arguments->output, "The page; - for stdout")->required()->type_name("PAGE");
  app.add_option("--verdicts", arguments->verdicts, "Verdicts on published numbers, as verify --json prints them")
      ->type_name("JSON");
  app.add_option("--comparison", arguments->comparisons,
                 "How the levels of an axis compare, as table --compare AXIS --format json prints it; may be repeated")
      ->type_name("JSON");
  app.add_flag("--without-sql", arguments->without_sql,
               "Leave SQLite out, a megabyte: the page then opens no other database and answers no SQL");
  app.footer(
      "One HTML file without a network: charts, head maps, a table of cells to sort and filter, failures with their\n"
      "reasons, and where the numbers come from. It opens any database that is dropped on it, and answers SQL. It can "
      "be mailed, archived and opened anywhere.\n"
      "Example: espalier report results/demo.db -o demo.html");
  return [arguments] { return report(*arguments); };
}

}  // namespace espalier::cli
