// Verdicts and findings as people and machines read them.
#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "published/verdicts.h"
#include "words/printable.h"

namespace espalier::published {
namespace {

// A published value at its printed digits, without zeros that say nothing where it has more.
std::string number(double value, int decimals) { return fmt::format("{:.{}f}", value, decimals); }

std::string summary_line(const PublishedTable& table, const TableVerdicts& verdicts) {
  std::string line = fmt::format("{} published cells:", table.cells.size());
  const char* separator = " ";
  for (const auto& [verdict, count] : verdicts.summary()) {
    if (count == 0) continue;
    line += fmt::format("{}{} {}", separator, count, verdict);
    separator = ", ";
  }
  return line + "\n";
}

std::string escaped_markdown(const std::string& text) {
  std::string escaped;
  for (const char c : text) {
    if (c == '<')
      escaped += "&lt;";
    else if (c == '>')
      escaped += "&gt;";
    else if (c == '&')
      escaped += "&amp;";
    else {
      if (std::string_view("\\|`*_[]#~$!").find(c) != std::string_view::npos) escaped += '\\';
      escaped += c;
    }
  }
  return escaped;
}

// The cells that say something, in the table's order; missing ones are counted by their reason.
std::vector<const CellVerdict*> shown(const TableVerdicts& verdicts) {
  std::vector<const CellVerdict*> cells;
  for (const auto& verdict : verdicts.cells) {
    if (verdict.verdict != "missing") cells.push_back(&verdict);
  }
  return cells;
}

std::string missing_lines(const TableVerdicts& verdicts) {
  std::map<std::string, std::int64_t> reasons;
  for (const auto& verdict : verdicts.cells) {
    if (verdict.verdict == "missing") ++reasons[verdict.why];
  }
  std::string text;
  for (const auto& [why, count] : reasons) text += fmt::format("{} missing: {}\n", count, why);
  if (reasons.empty()) return text;
  return text +
         "Of other names: --model THEIRS=YOURS and --dataset THEIRS=YOURS; of cells that were not run: espalier plan "
         "FILE\n";
}

std::string rankings_text(const TableVerdicts& verdicts) {
  std::string text;
  std::int64_t unseen = 0;
  for (const auto& ranking : verdicts.rankings) {
    if (ranking.found_difference)
      text += fmt::format("  {}\n    {}\n", ranking.claim, ranking.sentence);
    else
      ++unseen;
  }
  if (!text.empty()) text = "Rankings\n" + text;
  if (unseen > 0) text += fmt::format("{} published rankings have no own values to be seen in\n", unseen);
  return text;
}

nlohmann::json axes_of(const PublishedCell& cell) {
  nlohmann::json axes = {{"model", cell.model},
                         {"dataset", cell.dataset},
                         {"granularity", cell.granularity},
                         {"scorer", cell.scorer},
                         {"scope", cell.scope}};
  if (!cell.language.empty()) axes["language"] = cell.language;
  if (!cell.variant.empty()) axes["variant"] = cell.variant;
  if (cell.requested_sparsity) axes["requested_sparsity"] = *cell.requested_sparsity;
  if (cell.achieved_sparsity) axes["achieved_sparsity"] = *cell.achieved_sparsity;
  if (cell.iteration) axes["iteration"] = *cell.iteration;
  return axes;
}

template <typename Number>
nlohmann::json or_null(const std::optional<Number>& value) {
  return value ? nlohmann::json(*value) : nlohmann::json(nullptr);
}

}  // namespace

std::string as_text(const Forensics& forensics, const std::string& name) {
  std::string text =
      fmt::format("{}: {} finding{}\n", name, forensics.findings.size(), forensics.findings.size() == 1 ? "" : "s");
  for (const auto& finding : forensics.findings)
    text += fmt::format("  {} [{}]\n    {}\n", finding.where, finding.rule, finding.sentence);
  for (const auto& sentence : forensics.skipped) text += fmt::format("  not checked: {}\n", sentence);
  return text;
}

std::string as_text(const PublishedTable& table, const TableVerdicts& verdicts) {
  std::string text = fmt::format("{}\n{}\n\n", table.source.at("title"), table.source.at("citation"));
  std::size_t widest = 4;
  const auto cells = shown(verdicts);
  for (const auto* verdict : cells) widest = std::max(widest, verdict->cell->words().size());
  if (!cells.empty())
    text += fmt::format("{:<{}}  {:>10}  {:>10}  {:>9}  {:<12}  {}\n", "cell", widest, "published", "found", "±",
                        "verdict", "kind");
  for (const auto* verdict : cells) {
    const auto& cell = *verdict->cell;
    const auto decimals = table.metrics.at(cell.metric).decimals;
    text += fmt::format("{:<{}}  {:>10}  {:>10}  {:>9}  {:<12}  {}\n", cell.words(), widest,
                        number(cell.value, decimals), verdict->found ? number(*verdict->found, decimals) : "-",
                        verdict->found ? number(verdict->tolerance, decimals + 1) : "-", verdict->verdict, cell.kind);
    if (verdict->is_negative()) text += fmt::format("    {}\n", verdict->why);
  }
  if (!cells.empty()) text += "\n";
  text += summary_line(table, verdicts) + missing_lines(verdicts);
  text += rankings_text(verdicts) + "\n" + as_text(verdicts.forensics, table.file);
  return text + as_text(verdicts.own_forensics, "the database");
}

std::string as_markdown(const PublishedTable& table, const TableVerdicts& verdicts) {
  std::string text = fmt::format("# {}\n\n{}\n\n", escaped_markdown(table.source.at("title")),
                                 escaped_markdown(table.source.at("citation")));
  const auto cells = shown(verdicts);
  if (!cells.empty())
    text += "| cell | published | found | ± | verdict | kind |\n| --- | ---: | ---: | ---: | --- | --- |\n";
  for (const auto* verdict : cells) {
    const auto& cell = *verdict->cell;
    const auto decimals = table.metrics.at(cell.metric).decimals;
    text += fmt::format("| {} | {} | {} | {} | {} | {} |\n", escaped_markdown(cell.words()),
                        number(cell.value, decimals), verdict->found ? number(*verdict->found, decimals) : "-",
                        verdict->found ? number(verdict->tolerance, decimals + 1) : "-", verdict->verdict, cell.kind);
  }
  text += "\n" + escaped_markdown(summary_line(table, verdicts)) + "\n";
  for (const auto& ranking : verdicts.rankings) {
    if (ranking.found_difference)
      text += fmt::format("- {}: {}\n", escaped_markdown(ranking.claim), escaped_markdown(ranking.sentence));
  }
  for (const auto& finding : verdicts.forensics.findings)
    text += fmt::format("- {} ({}): {}\n", escaped_markdown(finding.where), finding.rule,
                        escaped_markdown(finding.sentence));
  return text;
}

nlohmann::json as_json(const Forensics& forensics) {
  auto list = nlohmann::json::array();
  for (const auto& finding : forensics.findings)
    list.push_back({{"rule", finding.rule},
                    {"where", finding.where},
                    {"found", finding.found},
                    {"expected", finding.expected},
                    {"sentence", finding.sentence}});
  return list;
}

nlohmann::json as_json(const PublishedTable& table, const TableVerdicts& verdicts) {
  nlohmann::json document = {{"reference", table.file}, {"title", table.source.at("title")}};
  auto& cells = document["cells"] = nlohmann::json::array();
  for (const auto& verdict : verdicts.cells) {
    const auto& cell = *verdict.cell;
    cells.push_back({{"axes", axes_of(cell)},
                     {"metric", cell.metric},
                     {"published", cell.value},
                     {"found", or_null(verdict.found)},
                     {"low", cell.value - verdict.tolerance},
                     {"high", cell.value + verdict.tolerance},
                     {"tolerance", verdict.tolerance},
                     {"verdict", verdict.verdict},
                     {"kind", cell.kind},
                     {"key", verdict.key.empty() ? nlohmann::json(nullptr) : nlohmann::json(verdict.key)},
                     {"why", verdict.why}});
  }
  document["summary"] = verdicts.summary();
  document["forensics"] = as_json(verdicts.forensics);
  document["own_forensics"] = as_json(verdicts.own_forensics);
  auto& rankings = document["rankings"] = nlohmann::json::array();
  for (const auto& ranking : verdicts.rankings)
    rankings.push_back({{"claim", ranking.claim},
                        {"published_difference", ranking.published_difference},
                        {"found_difference", or_null(ranking.found_difference)},
                        {"probability", or_null(ranking.probability)},
                        {"sentence", ranking.sentence}});
  return document;
}

}  // namespace espalier::published
