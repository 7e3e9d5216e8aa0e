#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "bundles/bundles.h"
#include "report/cell_list.h"
#include "report/table.h"
#include "store/result_store.h"

namespace espalier::cli {
namespace {

// One line a cell: its experiment, key and settings.
std::string cell_lines(const store::ResultStore& store, const store::DatabaseSummary& summary) {
  std::string lines;
  for (const auto& experiment : summary.experiments) {
    for (const auto& cell : store.current_cells(experiment.name)) {
      const auto settings = nlohmann::json::parse(cell.settings, nullptr, false);
      const nlohmann::json line = {{"experiment", experiment.name},
                                   {"key", cell.key},
                                   {"settings", settings.is_discarded() ? nlohmann::json() : settings}};
      lines += json_text(line) + "\n";
    }
  }
  return lines;
}

}  // namespace

std::vector<bundle::BundleFile> derived_files(const std::filesystem::path& database,
                                              const store::DatabaseSummary& summary) {
  const store::ResultStore store(database, store::Mode::ReadOnly);
  std::vector<bundle::BundleFile> files;
  files.push_back(
      {bundle::cells_name, "Every cell's key and settings", "application/jsonl", cell_lines(store, summary)});
  for (std::size_t i = 0; i < summary.experiments.size(); ++i) {
    const auto& name = summary.experiments[i].name;
    const auto start = fmt::format("tables/{}-{}", i + 1, bundle::plain_name(name));
    report::TableRequest request;
    request.fits_rows = request.fits_columns = true;
    if (summary.experiments[i].done > 0) {
      const auto table = report::make_table(store, name, request);
      files.push_back({start + ".md", "The results of " + name + " as a table", "text/markdown",
                       report::render(table, report::Format::Markdown)});
      files.push_back({start + ".csv", "The same in full", "text/csv", report::render(table, report::Format::Csv)});
    }
    files.push_back({start + ".cells.csv", "The cells of " + name + " one by one", "text/csv",
                     report::cell_list(store, name, {"", "", report::Format::Csv})});
  }
  return files;
}

}  // namespace espalier::cli
