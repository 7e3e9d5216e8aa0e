#include "heads/head_map.h"

#include <espalier/error.h>
#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <set>
#include <sstream>

#include "cells/left/shares_left.h"
#include "cells/point.h"
#include "report/table.h"
#include "store/open/point_details.h"
#include "words/names.h"

namespace espalier::figures {
namespace {

std::set<std::string> chosen_keys(const FigureSource& source, const FigureRequest& request) {
  if (!request.key.empty()) return {source.store.read(request.key).key};
  report::TableRequest table;
  table.rows = {"key"};
  table.columns = {"state"};
  table.only = request.only;
  std::set<std::string> keys;
  for (const auto& row : report::make_table(source.store, source.experiment, table, source.cells).rows) {
    if (!row.dense) keys.insert(row.names.front().text);
  }
  return keys;
}

std::vector<std::string> parts_of(const std::string& name) {
  std::vector<std::string> parts;
  std::istringstream stream(name);
  for (std::string part; std::getline(stream, part, '.');) parts.push_back(part);
  return parts;
}

class HeadGathering {
 public:
  explicit HeadGathering(bool one_cell) : one_cell_(one_cell) {}

  void see(const PointDetails& details) {
    std::vector<HeadRow> rows;
    for (const auto& site : details.sites) {
      if (!site.vo) continue;
      auto left = shares_left(site.qk.value_or(*site.vo), *site.vo, site.head_dim.value_or(0));
      // Of many cells it is told how many keep a head, of one how much is left of it.
      for (auto& share : left) share = one_cell_ ? share : share > 0 ? 1 : 0;
      rows.push_back({site.site, std::move(left)});
    }
    if (rows.empty()) return;
    if (cells_ == 0) {
      rows_ = rows;
    } else {
      check_same(rows);
      for (std::size_t row = 0; row < rows.size(); ++row) {
        for (std::size_t head = 0; head < rows[row].left.size(); ++head) rows_[row].left[head] += rows[row].left[head];
      }
    }
    ++cells_;
  }

  std::vector<HeadRow> rows() const {
    if (cells_ == 0)
      throw SettingsError(
          "no mask to draw: no chosen cell is done and has one\n    'espalier cells' lists them with their states");
    auto rows = rows_;
    for (auto& row : rows) {
      for (auto& share : row.left) share /= static_cast<double>(cells_);
    }
    return rows;
  }
  std::size_t cells() const { return cells_; }

 private:
  void check_same(const std::vector<HeadRow>& rows) const {
    bool same = rows.size() == rows_.size();
    for (std::size_t row = 0; same && row < rows.size(); ++row)
      same = rows[row].site == rows_[row].site && rows[row].left.size() == rows_[row].left.size();
    if (!same)
      throw SettingsError(
          "the chosen cells have masks of different sites or heads, which do not fit on one map\n    choose cells of "
          "one "
          "model and one set of sites, as in --only model=NAME, or one cell by --key");
  }

  bool one_cell_;
  std::vector<HeadRow> rows_;
  std::size_t cells_ = 0;
};

}  // namespace

std::vector<std::string> short_sites(const std::vector<std::string>& sites) {
  std::vector<std::vector<std::string>> names;
  for (const auto& site : sites) names.push_back(parts_of(site));
  if (names.size() < 2) return sites;
  std::size_t fewest = names.front().size();
  for (const auto& name : names) fewest = std::min(fewest, name.size());
  const auto all_same = [&](const auto& part) {
    return std::all_of(names.begin(), names.end(), [&](const auto& name) { return part(name) == part(names.front()); });
  };
  std::size_t begin = 0, end = 0;
  while (begin + 1 < fewest && all_same([&](const auto& name) { return name[begin]; })) ++begin;
  while (begin + end + 1 < fewest && all_same([&](const auto& name) { return name[name.size() - 1 - end]; })) ++end;
  std::vector<std::string> shorter;
  for (const auto& name : names) {
    shorter.push_back(
        join({name.begin() + static_cast<std::ptrdiff_t>(begin), name.end() - static_cast<std::ptrdiff_t>(end)}, "."));
  }
  return shorter;
}

Figure head_map(const FigureSource& source, const FigureRequest& request) {
  if (!request.value.empty() || !request.by.empty())
    throw SettingsError(
        "--value, --by: a map shows which heads are kept, of one cell or of all chosen\n    leave them out; choose "
        "cells by "
        "--only or --key");
  const auto keys = chosen_keys(source, request);
  HeadGathering gathering(keys.size() == 1);
  store::each_detailed_point(source.database, [&](const store::DetailedPoint& point) {
    if (!point.last || point.kind == "dense" || !keys.contains(point.key)) return;
    gathering.see(point_details_from_json(nlohmann::json::parse(point.details)));
  });
  HeadPlot plot;
  plot.rows = gathering.rows();
  std::vector<std::string> sites;
  for (const auto& row : plot.rows) sites.push_back(row.site);
  const auto names = short_sites(sites);
  for (std::size_t row = 0; row < names.size(); ++row) plot.rows[row].site = names[row];
  plot.shade_label = keys.size() == 1 ? "share left" : "share of cells";
  Figure figure;
  figure.notes.push_back(keys.size() == 1
                             ? fmt::format("mask of the cell {}", *keys.begin())
                             : fmt::format("masks of {} done cells of {} chosen", gathering.cells(), keys.size()));
  figure.notes.push_back(fmt::format("sites {} to {}, in the order of the model", sites.front(), sites.back()));
  figure.plot = std::move(plot);
  return figure;
}

}  // namespace espalier::figures
