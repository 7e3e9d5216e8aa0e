#include <fmt/format.h>

#include "figures/figure.h"
#include "quoting.h"
#include "report/escaping.h"

namespace espalier::figures {
namespace {

std::string field(const std::string& text) { return report::csv_escaped(text); }
std::string field(const std::optional<double>& value) { return value ? number(*value) : ""; }

std::string csv_of(const LinePlot& plot) {
  std::string csv = "panel,line,x,y,low,high,n,state,verdict\r\n";
  for (const auto& panel : plot.panels) {
    const auto title = field(panel.title);
    for (const double y : panel.dense) csv += fmt::format("{},dense,,{},,,,measured,\r\n", title, number(y));
    for (const auto& line : panel.lines) {
      const auto start = fmt::format("{},{}", title, field(line.name()));
      for (const auto& mark : line.marks) {
        csv += fmt::format("{},{},{},{},{},{},{},{}\r\n", start, number(mark.x), number(mark.y), field(mark.low),
                           field(mark.high), mark.n, mark.diverged ? "diverged" : "measured", field(mark.verdict));
      }
      for (const double x : line.failed) csv += fmt::format("{},{},,,,,failed,\r\n", start, number(x));
    }
  }
  return csv;
}

std::string csv_of(const RankPlot& plot) {
  std::string csv = "level,mean_rank,critical_difference,groups\r\n";
  for (const auto& level : plot.levels) {
    std::string groups;
    for (std::size_t group = 0; group < plot.groups.size(); ++group) {
      for (const auto& name : plot.groups[group]) {
        if (name == level.name) groups += (groups.empty() ? "" : " ") + std::to_string(group + 1);
      }
    }
    csv += fmt::format("{},{},{},{}\r\n", field(level.name), number(level.mean_rank), field(plot.critical_difference),
                       groups);
  }
  return csv;
}

std::string csv_of(const HeadPlot& plot) {
  std::string csv = "site,head,left\r\n";
  for (const auto& row : plot.rows) {
    for (std::size_t head = 0; head < row.left.size(); ++head)
      csv += fmt::format("{},{},{}\r\n", field(row.site), head, number(row.left[head]));
  }
  return csv;
}

}  // namespace

std::string csv_of(const Figure& figure) {
  return std::visit([](const auto& plot) { return csv_of(plot); }, figure.plot);
}

}  // namespace espalier::figures
