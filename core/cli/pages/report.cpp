// A database as one HTML page.
#include "pages/report.h"

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <memory>
#include <optional>
#include <utility>

#include "experiment_file.h"
#include "output.h"
#include "page/report_page.h"
#include "references/references.h"
#include "words/atomic_file.h"
#include "words/printable.h"

namespace espalier::cli {
namespace {

std::optional<page::NamedText> verdicts_of(const ReportArguments& arguments) {
  if (arguments.reference.empty()) {
    if (!arguments.models.empty() || !arguments.datasets.empty())
      throw SettingsError("report: --model and --dataset are of a published table\n    name it with --reference");
    if (arguments.verdicts.empty()) return std::nullopt;
    return page::NamedText{arguments.verdicts, read_file(arguments.verdicts)};
  }
  if (!arguments.verdicts.empty()) {
    throw SettingsError(
        fmt::format("report: --verdicts {} and --reference {} both give verdicts, and a page has one set\n    leave "
                    "one of them out",
                    printable_line(arguments.verdicts), printable_line(arguments.reference)));
  }
  VerifyArguments wanted;
  wanted.database = arguments.database;
  wanted.reference = arguments.reference;
  wanted.models = arguments.models;
  wanted.datasets = arguments.datasets;
  auto judged = judged_table(wanted);
  return page::NamedText{std::move(judged.file), std::move(judged.json)};
}

}  // namespace

ExitCode report(const ReportArguments& arguments) {
  const auto source = source_of(arguments.database);
  std::vector<std::filesystem::path> read = {source.database, arguments.database.file, arguments.verdicts,
                                             arguments.reference};
  read.insert(read.end(), arguments.comparisons.begin(), arguments.comparisons.end());
  refuse_to_write_over("-o", arguments.output, read);
  page::PageRequest request;
  request.database = source.database;
  request.experiment = source.experiment;
  request.opens_databases = !arguments.without_sql;
  request.verdicts = verdicts_of(arguments);
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
  add_database(app, arguments->database);
  app.add_option("-o,--output", arguments->output, "The page; - for stdout")->required()->type_name("PAGE");
  app.add_option("--verdicts", arguments->verdicts, "Verdicts on published numbers, as verify --json prints them")
      ->type_name("JSON");
  app.add_option("--reference", arguments->reference,
                 "Verdicts on this published table: a .toml file, or a name that 'espalier published' lists")
      ->type_name("TABLE");
  add_own_names(app, arguments->models, arguments->datasets);
  app.add_option("--comparison", arguments->comparisons,
                 "How the levels of an axis compare, as table --compare AXIS --format json prints it; may be repeated")
      ->type_name("JSON");
  app.add_flag("--without-sql", arguments->without_sql,
               "Leave SQLite out, a megabyte: the page then opens no other database and answers no SQL");
  app.footer(
      "One HTML file without a network: charts, head maps, a table of cells to sort and filter, failures with their\n"
      "reasons, and where the numbers come from. It opens any database that is dropped on it, and answers SQL. It can "
      "be mailed, archived and opened anywhere.\n"
      "Example: espalier report results/demo.db -o demo.html\n"
      "         espalier report results/demo.db -o demo.html --reference silence-of-the-weights.ast-speechcommands");
  return [arguments] { return report(*arguments); };
}

}  // namespace espalier::cli
