#include "measure/head_grid.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>

#include "words/names.h"
#include "words/printable.h"

namespace espalier::worker {
namespace {

// That a terminal has room for.
constexpr std::size_t heads_a_block = 16, named_heads = 5;

std::vector<std::string> parts_of(const std::string& name) {
  std::vector<std::string> parts(1);
  for (const char letter : name) {
    if (letter == '.')
      parts.emplace_back();
    else
      parts.back() += letter;
  }
  return parts;
}

std::string joined(std::span<const std::string> parts) { return join({parts.begin(), parts.end()}, "."); }

bool is_number(const std::string& text) {
  return !text.empty() && std::all_of(text.begin(), text.end(), [](char c) { return c >= '0' && c <= '9'; });
}

std::string padded(const std::string& text, std::size_t width) {
  return fmt::format("{}{}", std::string(width - std::min(width, text.size()), ' '), text);
}

std::string named(const HeadGrid& grid, std::span<const RankedHead> heads, const std::vector<std::string>& labels,
                  const Scale& scale) {
  std::string text;
  for (const auto& one : heads) {
    const auto value = cell_text(grid.values[one.site][one.head], scale);
    text += fmt::format("{}{} head {} ({})", text.empty() ? "" : ", ", labels[one.site], one.head, value);
  }
  return text;
}

}  // namespace

SiteLabels labels_of(const std::vector<std::string>& sites) {
  SiteLabels answer;
  std::vector<std::vector<std::string>> names;
  for (const auto& site : sites) {
    answer.labels.push_back(printable_line(site));
    names.push_back(parts_of(answer.labels.back()));
  }
  if (names.size() < 2) return answer;
  const auto& first = names.front();
  // How many parts all names begin, or end, with.
  const auto in_common = [&](bool at_end) {
    std::size_t count = 0;
    const auto agree = [&](const auto& name) {
      if (name.size() <= count + 1 || first.size() <= count + 1) return false;
      return at_end ? name[name.size() - 1 - count] == first[first.size() - 1 - count] : name[count] == first[count];
    };
    while (std::all_of(names.begin(), names.end(), agree)) ++count;
    return count;
  };
  const auto before = in_common(false), behind = in_common(true);
  const bool numbered = std::all_of(names.begin(), names.end(), [&](const auto& name) {
    return name.size() == before + 1 + behind && is_number(name[before]);
  });
  if (numbered) {
    const auto all = std::span(first);
    for (std::size_t i = 0; i < names.size(); ++i) answer.labels[i] = fmt::format("layer {}", names[i][before]);
    answer.legend = fmt::format("layer N: {}{}N{}{}", joined(all.first(before)), before > 0 ? "." : "",
                                behind > 0 ? "." : "", joined(all.last(behind)));
  } else if (before > 0) {
    for (std::size_t i = 0; i < names.size(); ++i) answer.labels[i] = joined(std::span(names[i]).subspan(before));
    answer.legend = fmt::format("sites are named from {}. on", joined(std::span(first).first(before)));
  }
  return answer;
}

HeadGrid grid_of(const Units& units, std::span<const double> values, std::string title) {
  constexpr double none = std::numeric_limits<double>::quiet_NaN();
  HeadGrid grid{std::move(title), {}, {}};
  std::vector<std::size_t> row_of(units.sites().size(), units.sites().size());
  for (std::int64_t i = 0; i < units.count(); ++i) {
    const auto& unit = units[i];
    if (unit.head < 0) continue;
    const auto& site = units.sites()[static_cast<std::size_t>(unit.site)];
    auto& row = row_of[static_cast<std::size_t>(unit.site)];
    if (row == units.sites().size()) {
      row = grid.values.size();
      grid.sites.push_back(site.name);
      grid.values.emplace_back(static_cast<std::size_t>(site.heads), none);
    }
    auto& value = grid.values[row][static_cast<std::size_t>(unit.head)];
    value = (std::isnan(value) ? 0 : value) + values[static_cast<std::size_t>(i)];
  }
  return grid;
}

Scale scale_of(const HeadGrid& grid) {
  double largest = 0;
  for (const auto& one : ranked(grid)) {
    if (std::isfinite(one.value)) largest = std::max(largest, std::abs(one.value));
  }
  Scale scale;
  if (largest == 0) return scale;
  const auto thousands = static_cast<int>(std::floor(std::log10(largest) / 3));
  if (largest < 1 || largest >= 1e6) {
    scale.unit = std::pow(1000.0, thousands);
    scale.text = fmt::format("in {:g}", scale.unit);
  }
  const double shown = largest / scale.unit;
  scale.decimals = shown < 10 ? 2 : shown < 1000 ? 1 : 0;
  return scale;
}

std::string cell_text(double value, const Scale& scale) {
  if (std::isnan(value)) return "-";
  auto text = fmt::format("{:.{}f}", value / scale.unit, scale.decimals);
  // What rounds to nothing has no sign.
  const bool is_nothing = text.find_first_of("123456789") == std::string::npos && std::isfinite(value);
  return is_nothing && text.starts_with('-') ? text.substr(1) : text;
}

std::vector<RankedHead> ranked(const HeadGrid& grid) {
  std::vector<RankedHead> heads;
  for (std::size_t site = 0; site < grid.values.size(); ++site) {
    for (std::size_t head = 0; head < grid.values[site].size(); ++head) {
      const double value = grid.values[site][head];
      if (!std::isnan(value)) heads.push_back({site, head, value});
    }
  }
  std::stable_sort(heads.begin(), heads.end(),
                   [](const RankedHead& one, const RankedHead& other) { return one.value > other.value; });
  return heads;
}

std::string text_of(const HeadGrid& grid) {
  const auto scale = scale_of(grid);
  const auto [labels, legend] = labels_of(grid.sites);
  std::size_t label_width = 4, width = 4, heads = 0;
  for (std::size_t site = 0; site < labels.size(); ++site) {
    label_width = std::max(label_width, labels[site].size());
    heads = std::max(heads, grid.values[site].size());
    for (const double value : grid.values[site]) width = std::max(width, cell_text(value, scale).size());
  }
  auto text = fmt::format("{}{}\n", grid.title, scale.text.empty() ? "" : fmt::format(" ({})", scale.text));
  for (std::size_t begin = 0; begin < heads; begin += heads_a_block) {
    const auto end = std::min(begin + heads_a_block, heads);
    text += fmt::format("  {:<{}}", "head", label_width);
    for (auto head = begin; head < end; ++head) text += padded(fmt::format("{}", head), width + 2);
    text += '\n';
    for (std::size_t site = 0; site < labels.size(); ++site) {
      const auto& row = grid.values[site];
      if (row.size() <= begin) continue;
      text += fmt::format("  {:<{}}", labels[site], label_width);
      for (auto head = begin; head < std::min(end, row.size()); ++head)
        text += padded(cell_text(row[head], scale), width + 2);
      text += '\n';
    }
  }
  if (!legend.empty()) text += fmt::format("  {}\n", legend);
  auto order = ranked(grid);
  const auto count = std::min(named_heads, order.size() / 2);
  if (count == 0) return text;
  text += fmt::format("  most:  {}\n", named(grid, std::span(order).first(count), labels, scale));
  std::reverse(order.begin(), order.end());
  text += fmt::format("  least: {}\n", named(grid, std::span(order).first(count), labels, scale));
  return text;
}

}  // namespace espalier::worker
