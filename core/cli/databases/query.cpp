// Questions in SQL.
#include <espalier/error.h>

#include <CLI/CLI.hpp>
#include <iostream>
#include <iterator>
#include <memory>

#include "databases/open_data.h"
#include "experiment_file.h"
#include "output.h"
#include "report/open/query_answer.h"
#include "words/atomic_file.h"

namespace espalier::cli {
namespace {

constexpr std::int64_t rows_that_people_read = 1000;

store::QueryText text_of(const QueryArguments& arguments) {
  if (arguments.sql.empty() == arguments.file.empty()) {
    throw SettingsError(
        "query needs one text, expected --sql TEXT or --file FILE\n    as in: espalier query results/demo.db --sql "
        "\"SELECT scorer, avg(accuracy) FROM ablation GROUP BY scorer\"");
  }
  if (!arguments.file.empty()) return {read_file(arguments.file), arguments.file};
  if (arguments.sql != "-") return {arguments.sql, "--sql"};
  return {std::string(std::istreambuf_iterator<char>(std::cin), {}), "stdin"};
}

}  // namespace

ExitCode query(const QueryArguments& arguments) {
  const auto format = report::format_from(arguments.format);
  if (format == report::Format::Latex) {
    throw SettingsError(
        "'latex' is no format of a query, expected terminal, markdown, csv or json\n    'espalier table' makes tables "
        "for papers");
  }
  const auto text = text_of(arguments);
  const bool is_for_people = format == report::Format::Terminal || format == report::Format::Markdown;
  store::QueryLimits limits;
  if (arguments.timeout_seconds > 0) limits.seconds = arguments.timeout_seconds;
  if (arguments.rows > 0) limits.rows = arguments.rows;
  if (arguments.rows < 0 && is_for_people) limits.rows = rows_that_people_read;
  store::QueryConnection connection(source_of(arguments.database).database);
  report::QueryAnswer answer;
  const auto end = connection.run(
      text, limits, [&](const auto& columns) { answer.columns = columns; },
      [&](const auto& row) { answer.rows.push_back(row); });
  answer.complete = end.complete;
  print(report::render(answer, format));
  if (!end.complete) say("the first " + std::to_string(end.rows) + " rows; there are more: --rows 0 gives all of them");
  return ExitCode::Done;
}

Deed add_query(CLI::App& app) {
  const auto arguments = std::make_shared<QueryArguments>();
  add_database(app, arguments->database);
  app.add_option("--sql", arguments->sql, "The query; - reads it on stdin")->type_name("TEXT");
  app.add_option("--file", arguments->file, "A file that holds the query")->type_name("PATH");
  app.add_option("--format", arguments->format, "terminal, markdown, csv or json; default terminal")->type_name("NAME");
  app.add_option("--rows", arguments->rows,
                 "At most so many rows; 0: all; default 1000 in a terminal and in Markdown, else all")
      ->check(CLI::NonNegativeNumber.description(""))
      ->type_name("N");
  app.add_option("--timeout", arguments->timeout_seconds, "Stop after so many seconds; 0: never; default 60")
      ->check(CLI::NonNegativeNumber.description(""))
      ->type_name("SECONDS");
  app.footer(
      "One statement, which can read and nothing else. The views cells, points, ablation and latencies are for you;\n"
      "docs/open-data.md has their columns, and examples.\n"
      "Example: espalier query results/demo.db --sql \"SELECT scorer, avg(accuracy) FROM ablation GROUP BY scorer\"");
  return [arguments] { return query(*arguments); };
}

}  // namespace espalier::cli
