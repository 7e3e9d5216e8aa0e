#include "report/comparing/database_difference.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>
#include <optional>
#include <set>

#include "axes.h"
#include "report/escaping.h"

namespace espalier::report {
namespace {

using nlohmann::json;
using nlohmann::ordered_json;

constexpr std::size_t most_listed = 20;
// A database's cells with the rows of their points, each once.
struct Side {
  NamedRows cells, points;
  std::map<std::string, std::size_t> cell_of;                          // by key
  std::map<std::string, std::map<std::string, std::size_t>> point_of;  // by key, then by "step kind"

  Side(const store::ResultStore& store, const std::string& experiment)
      : cells(store.cells(experiment)), points(store.points(experiment)) {
    for (std::size_t row = 0; row < cells.size(); ++row) cell_of.emplace(cells.text(row, "key"), row);
    for (std::size_t row = 0; row < points.size(); ++row) {
      point_of[points.text(row, "key")].emplace(points.text(row, "step") + " " + points.text(row, "kind"), row);
    }
  }

  std::string state(const std::string& key) const { return cells.text(cell_of.at(key), "state"); }
  const std::map<std::string, std::size_t>& points_of(const std::string& key) const {
    static const std::map<std::string, std::size_t> none;
    const auto found = point_of.find(key);
    return found == point_of.end() ? none : found->second;
  }
};

std::string shown(std::optional<double> number) { return number ? fmt::format("{}", *number) : "none"; }

class SideBySide {
 public:
  SideBySide(const Side& one, const Side& two, double tolerance) : one_(one), two_(two), tolerance_(tolerance) {}

  std::vector<DifferenceOfCell> of_cell(const std::string& key) {
    found_.clear();
    if (one_.state(key) != two_.state(key)) {
      add("state", "", one_.state(key), two_.state(key));
      return std::move(found_);
    }
    const auto& points_of_one = one_.points_of(key);
    const auto& points_of_two = two_.points_of(key);
    if (points_of_one.size() != points_of_two.size())
      add("points", "", std::to_string(points_of_one.size()), std::to_string(points_of_two.size()));
    for (const auto& [point, row] : points_of_one) {
      const auto other = points_of_two.find(point);
      if (other == points_of_two.end())
        add("points", point, "there", "absent");
      else
        compare_points(point, row, other->second);
    }
    for (const auto& [point, row] : points_of_two) {
      if (points_of_one.count(point) == 0) add("points", point, "absent", "there");
    }
    return std::move(found_);
  }

 private:
  void add(const std::string& what, const std::string& point, const std::string& in_one, const std::string& in_two,
           double distance = std::numeric_limits<double>::quiet_NaN()) {
    found_.push_back({what, point, in_one, in_two, distance});
  }

  void compare_points(const std::string& point, std::size_t row, std::size_t other) {
    auto numbers = known_metrics();
    numbers.insert(numbers.begin(), {"achieved_sparsity", "parameters_masked", "parameters_removed"});
    for (const auto& name : numbers) {
      const auto in_one = one_.points.number(row, name), in_two = two_.points.number(other, name);
      if (!in_one && !in_two) continue;
      const double distance = in_one && in_two ? std::abs(*in_one - *in_two) : std::numeric_limits<double>::quiet_NaN();
      if (distance <= tolerance_) continue;
      add(name, point, shown(in_one), shown(in_two), distance);
    }
    compare_digests("mask", "mask_digest", point, row, other);
    compare_digests("predictions", "predictions_digest", point, row, other);
  }

  void compare_digests(const char* what, const char* column, const std::string& point, std::size_t row,
                       std::size_t other) {
    const auto in_one = one_.points.text(row, column), in_two = two_.points.text(other, column);
    if (in_one != in_two) add(what, point, in_one, in_two);
  }

  const Side& one_;
  const Side& two_;
  double tolerance_;
  std::vector<DifferenceOfCell> found_;
};

// How many cells differ in one thing, and where most.
struct Sum {
  std::set<std::string> keys;
  std::optional<double> largest;
  std::string key_of_largest;
};

std::map<std::string, Sum> sums_of(const DatabaseDifference& difference) {
  std::map<std::string, Sum> sums;
  for (const auto& [key, found] : difference.differing) {
    for (const auto& one : found) {
      auto& sum = sums[one.what];
      sum.keys.insert(key);
      if (std::isnan(one.distance) || (sum.largest && *sum.largest >= one.distance)) continue;
      sum.largest = one.distance;
      sum.key_of_largest = key;
    }
  }
  return sums;
}

std::string short_value(const std::string& value) {
  const bool is_digest = value.size() > 2 * key_letters && value.find_first_of(" .") == std::string::npos;
  return printable(is_digest ? value.substr(0, key_letters) : value);
}

std::string keys_text(const std::vector<std::string>& keys, const std::string& where) {
  if (keys.empty()) return "";
  std::string text = fmt::format("\nonly in {}:\n", where);
  for (std::size_t i = 0; i < std::min(keys.size(), most_listed); ++i)
    text += fmt::format("  {}\n", printable(keys[i].substr(0, key_letters)));
  if (keys.size() > most_listed) text += fmt::format("  and {} more\n", keys.size() - most_listed);
  return text;
}

}  // namespace

DatabaseDifference difference_of(const store::ResultStore& one, const std::string& experiment_of_one,
                                 const store::ResultStore& two, const std::string& experiment_of_two,
                                 double tolerance) {
  const Side first(one, experiment_of_one), second(two, experiment_of_two);
  DatabaseDifference difference;
  difference.cells_of_one = static_cast<std::int64_t>(first.cell_of.size());
  difference.cells_of_two = static_cast<std::int64_t>(second.cell_of.size());
  SideBySide comparison(first, second, tolerance);
  for (const auto& [key, row] : first.cell_of) {
    if (second.cell_of.count(key) == 0) {
      difference.only_in_one.push_back(key);
      continue;
    }
    auto found = comparison.of_cell(key);
    if (!found.empty()) {
      difference.differing[key] = std::move(found);
      continue;
    }
    ++difference.equal;
    difference.not_computed += first.state(key) == "done" ? 0 : 1;
  }
  for (const auto& [key, row] : second.cell_of) {
    if (first.cell_of.count(key) == 0) difference.only_in_two.push_back(key);
  }
  return difference;
}

std::string as_text(const DatabaseDifference& difference, const std::string& one, const std::string& two) {
  const auto cells = [](std::int64_t count) { return fmt::format("{} {}", count, count == 1 ? "cell" : "cells"); };
  const auto differing = static_cast<std::int64_t>(difference.differing.size());
  std::string text =
      fmt::format("A: {}, {}\nB: {}, {}\n", one, cells(difference.cells_of_one), two, cells(difference.cells_of_two));
  text += fmt::format("in both: {}, {} equal{}, {} differ\n", cells(difference.equal + differing), difference.equal,
                      difference.not_computed == 0 ? "" : fmt::format(" ({} done in neither)", difference.not_computed),
                      differing);
  text += fmt::format("only in A: {}, only in B: {}\n", difference.only_in_one.size(), difference.only_in_two.size());
  const auto sums = sums_of(difference);
  if (!sums.empty()) text += fmt::format("\n{:<20}{:>7}  largest difference\n", "what differs", "cells");
  for (const auto& [what, sum] : sums) {
    const auto largest =
        sum.largest ? fmt::format("  {} ({})", *sum.largest, printable(sum.key_of_largest.substr(0, key_letters))) : "";
    text += fmt::format("{:<20}{:>7}{}\n", printable(what), sum.keys.size(), largest);
  }
  if (differing > 0) text += "\n";
  std::size_t listed = 0;
  for (const auto& [key, found] : difference.differing) {
    if (++listed > most_listed) break;
    text += fmt::format("{}\n", printable(key.substr(0, key_letters)));
    for (const auto& what : found) {
      text += fmt::format("  {}{}: {} in A, {} in B\n", what.what, what.point.empty() ? "" : " of point " + what.point,
                          short_value(what.one), short_value(what.two));
    }
  }
  if (listed > most_listed)
    text += fmt::format("and {} more cells differ; --json lists all\n", difference.differing.size() - most_listed);
  return text + keys_text(difference.only_in_one, "A") + keys_text(difference.only_in_two, "B");
}

ordered_json as_json(const DatabaseDifference& difference, const std::string& one, const std::string& two) {
  const auto number = [](const std::optional<double>& value) { return value ? json(*value) : json(nullptr); };
  auto differences = ordered_json::array(), cells = ordered_json::array();
  for (const auto& [what, sum] : sums_of(difference)) {
    differences.push_back({{"what", what},
                           {"cells", sum.keys.size()},
                           {"largest", number(sum.largest)},
                           {"key", sum.largest ? json(sum.key_of_largest) : json(nullptr)}});
  }
  for (const auto& [key, found] : difference.differing) {
    auto list = ordered_json::array();
    for (const auto& what : found) {
      list.push_back({{"what", what.what},
                      {"point", what.point.empty() ? json(nullptr) : json(what.point)},
                      {"a", what.one},
                      {"b", what.two},
                      {"difference", std::isnan(what.distance) ? json(nullptr) : json(what.distance)}});
    }
    cells.push_back({{"key", key}, {"differences", std::move(list)}});
  }
  return {{"a", one},
          {"b", two},
          {"cells_of_a", difference.cells_of_one},
          {"cells_of_b", difference.cells_of_two},
          {"matched", difference.equal + static_cast<std::int64_t>(difference.differing.size())},
          {"equal", difference.equal},
          {"done_in_neither", difference.not_computed},
          {"differing", difference.differing.size()},
          {"only_in_a", difference.only_in_one},
          {"only_in_b", difference.only_in_two},
          {"differences", std::move(differences)},
          {"cells", std::move(cells)}};
}

}  // namespace espalier::report
