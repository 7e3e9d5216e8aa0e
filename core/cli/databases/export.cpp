// A database as files that other programs read.
#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <memory>
#include <nlohmann/json.hpp>

#include "databases/open_data.h"
#include "experiment_file.h"
#include "exports/export.h"
#include "output.h"
#include "words/atomic_file.h"

namespace espalier::cli {
namespace {

nlohmann::json as_json(const std::string& folder, const std::vector<exports::ExportedFile>& files) {
  auto list = nlohmann::json::array();
  for (const auto& file : files) {
    list.push_back({{"file", file.name},
                    {"table", file.table},
                    {"rows", file.rows},
                    {"bytes", file.bytes},
                    {"sha256", file.sha256}});
  }
  return {{"folder", folder}, {"files", list}};
}

std::string as_text(const std::string& folder, const std::vector<exports::ExportedFile>& files) {
  std::string text;
  for (const auto& file : files)
    text += fmt::format("{}/{}  {} rows, {} bytes\n", folder, file.name, file.rows, file.bytes);
  return text + folder + "/datapackage.json  what every column means\n";
}

}  // namespace

ExitCode export_files(const ExportArguments& arguments) {
  if (arguments.csv.empty() && arguments.parquet.empty() && arguments.datasette.empty()) {
    throw SettingsError(
        "export needs to know what to write, expected --csv DIR, --parquet DIR or --datasette FILE\n    as in: "
        "espalier "
        "export results/demo.db --csv demo-csv");
  }
  const auto database = source_of(arguments.database).database;
  refuse_to_write_over("--datasette", arguments.datasette, {database, arguments.database.file});
  auto document = nlohmann::json::array();
  const auto write = [&](const std::string& folder, exports::FileKind kind) {
    if (folder.empty()) return;
    const auto files = exports::export_tables(database, folder, kind);
    document.push_back(as_json(folder, files));
    if (!arguments.json) print(as_text(folder, files));
  };
  write(arguments.csv, exports::FileKind::Csv);
  write(arguments.parquet, exports::FileKind::Parquet);
  if (!arguments.datasette.empty()) {
    write_file(arguments.datasette, exports::datasette_metadata(database.stem().string()));
    document.push_back({{"file", arguments.datasette}});
    if (!arguments.json) print(arguments.datasette + "  for: datasette " + database.string() + " -m FILE\n");
  }
  if (arguments.json) print_json(document);
  return ExitCode::Done;
}

Deed add_export(CLI::App& app) {
  const auto arguments = std::make_shared<ExportArguments>();
  add_database(app, arguments->database);
  app.add_option("--csv", arguments->csv, "A folder for CSV files (RFC 4180), one a table")->type_name("DIR");
  app.add_option("--parquet", arguments->parquet, "A folder for Parquet files, one a table")->type_name("DIR");
  app.add_option("--datasette", arguments->datasette, "A file for datasette's metadata, as in metadata.yaml")
      ->type_name("FILE");
  app.add_flag("--json", arguments->json, "Print JSON: what was written, with sizes and SHA-256");
  app.footer(
      "The views cells, points, ablation and latencies, and what was said of each example; datapackage.json beside "
      "them\n"
      "says what every column means. An earlier export in the same folder is replaced, anything else is refused.\n"
      "Example: espalier export results/demo.db --csv demo-csv --parquet demo-parquet");
  return [arguments] { return export_files(*arguments); };
}

}  // namespace espalier::cli
