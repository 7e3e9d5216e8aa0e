// A comparison of levels as text: for people a table, bars of those that are not told apart and the pairs; for programs JSON.
#include <espalier/error.h>
#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "axes.h"
#include "escaping.h"
#include "rendering.h"
#include "report/comparing/levels.h"
#include "words/names.h"

namespace espalier::report {
namespace {

// The same shapes as any table: levels are rows, rank and mean columns.
Table as_table(const LevelComparison& made) {
  Table table;
  table.experiment = made.experiment;
  table.value = made.value;
  table.row_axes = {made.axis, "not told apart"};
  table.column_axes = {"of"};
  table.columns = {{{"mean rank", {}}}, {{"mean " + made.value, {}}}};
  table.values = {};
  table.decimals = 3;
  table.caption =
      fmt::format("{}levels of {} by {}", made.experiment.empty() ? "" : made.experiment + ": ", made.axis, made.value);
  for (std::size_t i = 0; i < made.levels.size(); ++i) {
    std::string bars;
    for (std::size_t group = 0; group < made.groups.size(); ++group) {
      const bool inside = made.groups[group].first <= i && i <= made.groups[group].second;
      bars += inside ? static_cast<char>('a' + static_cast<int>(group % 26)) : ' ';
    }
    TableRow row{{{made.levels[i].name, {}}, {bars, {}}}, false, {}};
    for (const double value : {made.levels[i].mean_rank, made.levels[i].mean}) {
      TableCell cell;
      cell.mean = value;
      cell.n = 1;
      row.cells.push_back(cell);
    }
    table.rows.push_back(std::move(row));
  }
  table.common_n = 1;
  table.footnotes = made.footnotes;
  if (made.critical_difference)
    table.footnotes.push_back(fmt::format("critical difference of mean ranks: {:.3f}", *made.critical_difference));
  table.footnotes.emplace_back("levels with a letter in common are not told apart");
  for (const auto& pair : made.pairs) {
    table.footnotes.push_back(fmt::format("{} and {}: {}, p {:.3g}, means {:.4g} apart", pair.one, pair.other,
                                          pair.verdict, pair.p, pair.difference));
  }
  return table;
}

std::string json_of(const LevelComparison& made) {
  nlohmann::ordered_json document = {{"axis", made.axis}, {"value", made.value}, {"levels", nlohmann::json::array()}};
  for (const auto& level : made.levels) {
    document["levels"].push_back(
        {{"name", level.name}, {"mean_rank", level.mean_rank}, {"mean", level.mean}, {"blocks", made.blocks}});
  }
  document["test"] = {{"name", made.test}, {"statistic", made.statistic}, {"p", made.p}};
  document["critical_difference"] =
      made.critical_difference ? nlohmann::json(*made.critical_difference) : nlohmann::json(nullptr);
  document["groups"] = nlohmann::json::array();
  for (const auto& [first, last] : made.groups) {
    auto names = nlohmann::json::array();
    for (auto i = first; i <= last; ++i) names.push_back(made.levels[i].name);
    document["groups"].push_back(std::move(names));
  }
  document["pairs"] = nlohmann::json::array();
  for (const auto& pair : made.pairs) {
    document["pairs"].push_back({{"one", pair.one},
                                 {"other", pair.other},
                                 {"test", made.levels.size() > 2 ? "nemenyi" : made.test},
                                 {"corrected_p", pair.p},
                                 {"difference", pair.difference},
                                 {"verdict", pair.verdict}});
  }
  document["incomplete_blocks"] = made.incomplete_blocks;
  document["footnotes"] = made.footnotes;
  return document.dump(2, ' ', false, nlohmann::ordered_json::error_handler_t::replace) + "\n";
}

std::string csv_of(const LevelComparison& made) {
  std::string text = "level,mean_rank,mean,blocks\r\n";
  for (const auto& level : made.levels)
    text += fmt::format("{},{},{},{}\r\n", csv_escaped(level.name), level.mean_rank, level.mean, made.blocks);
  return text;
}

}  // namespace

std::string render(const LevelComparison& comparison, Format format) {
  if (format == Format::Json) return json_of(comparison);
  if (format == Format::Csv) return csv_of(comparison);
  return render(as_table(comparison), format);
}

}  // namespace espalier::report
