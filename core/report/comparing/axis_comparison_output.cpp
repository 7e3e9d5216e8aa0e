// A comparison for people and for programs.
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>

#include "rendering.h"
#include "report/comparing/axis_comparison.h"
#include "report/escaping.h"
#include "words/names.h"

namespace espalier::report {
namespace {

constexpr double ruler_width = 60;

using Fields = std::vector<std::string>;

std::string heading(const AxisComparison& comparison) {
  return fmt::format("{}: {} of each {}", comparison.experiment, comparison.value, comparison.axis);
}

std::string verdict_line(const AxisComparison& comparison) {
  auto line = fmt::format("{}: statistic {:.4g}, p = {:.4g}", comparison.test, comparison.statistic, comparison.p);
  if (comparison.critical_difference)
    line += fmt::format("; critical difference of mean ranks {:.3f}", *comparison.critical_difference);
  return line;
}

std::string group_line(const AxisComparison& comparison) {
  if (comparison.groups.empty()) return "all differ";
  Fields groups;
  for (const auto& group : comparison.groups) groups.push_back(join(group));
  return "not told apart: " + join(groups, "; ");
}

// The levels as a table, so that every format draws them as it draws tables.
Table as_table(const AxisComparison& comparison) {
  Table table;
  table.experiment = comparison.experiment;
  table.value = comparison.value;
  table.caption = heading(comparison);
  table.row_axes = {comparison.axis};
  table.column_axes = {"over blocks"};
  table.columns = {{{"mean rank", std::nullopt}}, {{"mean " + comparison.value, std::nullopt}}};
  table.common_n = 1;
  table.decimals = 3;
  for (const auto& level : comparison.levels) {
    TableRow row{{{level.name, std::nullopt}}, false, {}};
    for (const double number : {level.mean_rank, level.mean}) {
      TableCell cell;
      cell.mean = number;
      cell.n = 1;
      row.cells.push_back(cell);
    }
    table.rows.push_back(row);
  }
  table.footnotes = {verdict_line(comparison), group_line(comparison)};
  for (const auto& pair : comparison.pairs) {
    table.footnotes.push_back(fmt::format("{} and {}: {:+.4f} in the mean, {}, p = {:.4g}: {}", pair.one, pair.other,
                                          pair.difference, pair.test, pair.corrected_p,
                                          pair.verdict == Tested::Same ? "not told apart" : name_of(pair.verdict)));
  }
  if (comparison.rope) {
    for (const auto& sentence : sentences(*comparison.rope)) table.footnotes.push_back(sentence);
  }
  table.footnotes.insert(table.footnotes.end(), comparison.footnotes.begin(), comparison.footnotes.end());
  return table;
}

std::size_t place_of(double rank, std::size_t levels) {
  return static_cast<std::size_t>(std::lround((rank - 1) / static_cast<double>(levels - 1) * ruler_width));
}

// One line a level with its place between rank 1 and the last; below, a bar for each group of those not told apart.
std::string diagram(const AxisComparison& comparison) {
  const auto count = comparison.levels.size();
  const std::string last = std::to_string(count);
  std::string text = "1" + std::string(static_cast<std::size_t>(ruler_width) - last.size(), ' ') + last + "\n";
  for (const auto& level : comparison.levels)
    text += std::string(place_of(level.mean_rank, count), ' ') + "● " + printable(level.name) + "\n";
  for (const auto& group : comparison.groups) {
    std::size_t first = 0, end = 0;
    for (const auto& level : comparison.levels) {
      if (level.name == group.front()) first = place_of(level.mean_rank, count);
      if (level.name == group.back()) end = place_of(level.mean_rank, count);
    }
    text += std::string(first, ' ');
    for (auto at = first; at <= end; ++at) text += "━";
    text += "\n";
  }
  return text;
}

std::string as_csv(const AxisComparison& comparison) {
  std::string text = "one,other,test,p,corrected_p,difference,verdict,mean_rank_one,mean_rank_other";
  text += comparison.rope ? ",rope,rope_better,rope_same,rope_worse,rope_verdict\r\n" : "\r\n";
  const auto rank = [&](const std::string& name) {
    return std::find_if(comparison.levels.begin(), comparison.levels.end(),
                        [&](const ComparedLevel& level) { return level.name == name; })
        ->mean_rank;
  };
  for (std::size_t i = 0; i < comparison.pairs.size(); ++i) {
    const auto& pair = comparison.pairs[i];
    text += fmt::format("{},{},{},{},{},{},{},{},{}", csv_escaped(pair.one), csv_escaped(pair.other), pair.test, pair.p,
                        pair.corrected_p, pair.difference, name_of(pair.verdict), rank(pair.one), rank(pair.other));
    if (comparison.rope) {
      const auto& rope = comparison.rope->pairs[i];  // pairs stand in one order in both
      text += fmt::format(",{},{},{},{},{}", comparison.rope->rope, rope.better, rope.same, rope.worse, rope.verdict);
    }
    text += "\r\n";
  }
  return text;
}

std::string as_json(const AxisComparison& comparison) {
  nlohmann::ordered_json document = {
      {"experiment", comparison.experiment}, {"axis", comparison.axis},
      {"value", comparison.value},           {"block_axes", comparison.block_axes},
      {"blocks", comparison.blocks},         {"incomplete_blocks", comparison.incomplete},
      {"level", comparison.level},           {"levels", nlohmann::json::array()}};
  for (const auto& level : comparison.levels)
    document["levels"].push_back(
        {{"name", level.name}, {"mean_rank", level.mean_rank}, {"mean", level.mean}, {"blocks", comparison.blocks}});
  document["test"] = {{"name", comparison.test}, {"statistic", comparison.statistic}, {"p", comparison.p}};
  document["critical_difference"] = nullptr;
  if (comparison.critical_difference) document["critical_difference"] = *comparison.critical_difference;
  document["groups"] = comparison.groups;
  document["pairs"] = nlohmann::json::array();
  for (const auto& pair : comparison.pairs)
    document["pairs"].push_back({{"one", pair.one},
                                 {"other", pair.other},
                                 {"test", pair.test},
                                 {"p", pair.p},
                                 {"corrected_p", pair.corrected_p},
                                 {"difference", pair.difference},
                                 {"verdict", name_of(pair.verdict)}});
  document["rope"] = nullptr;
  if (comparison.rope) document["rope"] = to_json(*comparison.rope);
  document["footnotes"] = comparison.footnotes;
  return document.dump(2, ' ', false, nlohmann::ordered_json::error_handler_t::replace) + "\n";
}

}  // namespace

std::string render(const AxisComparison& comparison, Format format) {
  if (format == Format::Csv) return as_csv(comparison);
  if (format == Format::Json) return as_json(comparison);
  const auto text = render(as_table(comparison), format);
  return format == Format::Terminal ? text + "\n" + diagram(comparison) : text;
}

}  // namespace espalier::report
