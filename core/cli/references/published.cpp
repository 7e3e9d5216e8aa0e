// The published tables that ship, and what one of them holds.
#include <fmt/format.h>

#include <nlohmann/json.hpp>
#include <set>
#include <sstream>

#include "output.h"
#include "published/forensics.h"
#include "published/verdicts.h"
#include "references.h"
#include "words/names.h"
#include "words/printable.h"

namespace espalier::cli {
namespace {

std::map<std::string, std::string> axes_of(const published::PublishedCell& cell) {
  return {{"model", cell.model},
          {"dataset", cell.dataset},
          {"language", cell.language},
          {"scope", cell.scope},
          {"granularity", cell.granularity},
          {"scorer", cell.scorer},
          {"metric", cell.metric},
          {"kind", cell.kind},
          {"variant", cell.variant}};
}

bool is_wanted(const published::PublishedCell& cell, const std::vector<std::string>& only) {
  auto axes = axes_of(cell);
  for (const auto& slice : only) {
    std::istringstream parts(slice);
    for (std::string part; std::getline(parts, part, ',');) {
      const auto equals = part.find('=');
      const auto axis = part.substr(0, equals);
      std::vector<std::string> known;
      for (const auto& [name, value] : axes) known.push_back(name);
      if (axes.count(axis) == 0)
        throw SettingsError(unknown_name("axis of published cells", printable_line(axis), known));
      if (equals == std::string::npos)
        throw SettingsError(fmt::format("--only '{}', expected AXIS=VALUE", printable_line(part)));
      if (axes[axis] != part.substr(equals + 1)) return false;
    }
  }
  return true;
}

nlohmann::json described(const std::string& name, const published::PublishedTable& table) {
  std::map<std::string, std::int64_t> kinds;
  for (const auto& cell : table.cells) ++kinds[cell.kind];
  return {{"name", name},
          {"file", table.file},
          {"title", table.source.at("title")},
          {"citation", table.source.at("citation")},
          {"certainty", table.source.at("certainty")},
          {"cells", table.cells.size()},
          {"kinds", kinds}};
}

ExitCode list_all(bool for_programs) {
  const auto tables = published::shipped_tables();
  if (tables.empty())
    throw InputError("no published table was found beside the program (results/published or share/espalier/published)");
  auto list = nlohmann::json::array();
  std::string text;
  std::size_t cells = 0;
  for (const auto& [name, file] : tables) {
    const auto one = described(name, published::read_table(file));
    std::string kinds;
    for (const auto& [kind, count] : one["kinds"].items())
      kinds += fmt::format("{}{} {}", kinds.empty() ? "" : ", ", count.get<std::int64_t>(), kind);
    text += fmt::format("{}\n    {}\n    {}\n    {} cells: {}; {}\n", name, one["title"].get<std::string>(),
                        one["citation"].get<std::string>(), one["cells"].get<std::size_t>(), kinds,
                        one["certainty"].get<std::string>());
    cells += one["cells"].get<std::size_t>();
    list.push_back(one);
  }
  if (for_programs)
    print_json({{"published", list}});
  else
    print(text + fmt::format("{} tables, {} cells; show one: espalier published NAME\n", tables.size(), cells));
  return ExitCode::Done;
}

}  // namespace

ExitCode published(const PublishedArguments& arguments) {
  if (arguments.name.empty()) {
    if (arguments.check || !arguments.only.empty())
      throw SettingsError("--check and --only need the name of a table\n    run: espalier published, for the list");
    return list_all(arguments.json);
  }
  const auto table = published::read_table(published::table_file(arguments.name));
  if (arguments.check) {
    const auto forensics = published::check_table(table);
    if (arguments.json)
      print_json({{"reference", table.file},
                  {"forensics", published::as_json(forensics)},
                  {"not_checked", forensics.skipped}});
    else
      print(published::as_text(forensics, table.file));
    return ExitCode::Done;
  }
  auto list = nlohmann::json::array();
  std::string text = fmt::format("{}\n{}\n{}\n\n", table.source.at("title"), table.source.at("citation"),
                                 table.source.at("certainty"));
  std::size_t shown = 0;
  for (const auto& cell : table.cells) {
    if (!is_wanted(cell, arguments.only)) continue;
    ++shown;
    text += fmt::format("{:>10.{}f}  {:<12}  {}\n", cell.value, table.metrics.at(cell.metric).decimals, cell.kind,
                        cell.words());
    nlohmann::json one = axes_of(cell);
    one["value"] = cell.value;
    one["line"] = cell.line;
    if (cell.requested_sparsity) one["requested_sparsity"] = *cell.requested_sparsity;
    if (cell.achieved_sparsity) one["achieved_sparsity"] = *cell.achieved_sparsity;
    if (cell.iteration) one["iteration"] = *cell.iteration;
    list.push_back(one);
  }
  if (arguments.json)
    print_json({{"table", described(arguments.name, table)}, {"cells", list}});
  else
    print(text + fmt::format("{} of {} cells\n", shown, table.cells.size()));
  return ExitCode::Done;
}

}  // namespace espalier::cli
