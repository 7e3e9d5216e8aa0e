#include "head_maps.h"

#include <algorithm>
#include <cmath>
#include <set>

#include "cells/left/shares_left.h"

namespace espalier::page {
namespace {

constexpr std::size_t most_steps = 40000;  // of all trajectories together, which bounds the size of the page

bool is_list(const nlohmann::json& json, const char* name) {
  return json.is_object() && json.contains(name) && json.at(name).is_array();
}

// What is no number counts as nothing.
std::vector<std::int64_t> counts_in(const nlohmann::json& list) {
  std::vector<std::int64_t> counts;
  for (const auto& one : list) counts.push_back(one.is_number() ? one.get<std::int64_t>() : 0);
  return counts;
}

// One digit a head: 0 nothing is left, 9 all of it.
std::string left_of(const nlohmann::json& site) {
  std::string digits;
  if (!is_list(site, "vo")) return digits;
  const auto& channels = site.at("vo");
  const auto& other = is_list(site, "qk") ? site.at("qk") : channels;
  for (const double share :
       shares_left(counts_in(other), counts_in(channels), site.value("head_dim", std::int64_t{0}))) {
    const int digit = share <= 0 ? 0 : share >= 1 ? 9 : std::clamp(static_cast<int>(std::lround(share * 9)), 1, 8);
    digits += static_cast<char>('0' + digit);
  }
  return digits;
}

}  // namespace

void HeadMaps::add(std::size_t cell, const store::DetailedPoint& point) {
  const auto details = nlohmann::json::parse(point.details, nullptr, false);
  if (details.is_discarded()) return;
  if (point.last && details.is_object() && details.contains("search")) add_trajectory(cell, details.at("search"));
  if (!is_list(details, "sites") || point.kind == "dense") return;
  auto names = nlohmann::json::array();
  std::string left;
  for (const auto& site : details.at("sites")) {
    if (!site.is_object() || !site.contains("site") || !site.at("site").is_string()) continue;
    const auto digits = left_of(site);
    if (digits.empty()) continue;
    names.push_back(texts_.place_of(site.at("site").get<std::string>()));
    left.append(left.empty() ? "" : " ").append(digits);
  }
  if (names.empty()) return;
  const auto [list, is_new_list] = site_lists_.emplace(names.dump(), site_lists_.size());
  if (is_new_list) sites_.push_back(names);
  const auto [mask, is_new] = masks_.emplace(std::to_string(list->second).append(" ").append(left), masks_.size());
  if (is_new) mask_list_.push_back({{"sites", list->second}, {"left", left}});
  of_.push_back({cell, point.step, texts_.place_of(point.kind), mask->second});
}

void HeadMaps::add_trajectory(std::size_t cell, const nlohmann::json& search) {
  if (!is_list(search, "trajectory") || search.at("trajectory").empty()) return;
  const auto& trajectory = search.at("trajectory");
  if (steps_ + trajectory.size() > most_steps) {
    ++left_out_;
    return;
  }
  std::set<std::string> names;
  for (const auto& step : trajectory) {
    if (!step.is_object()) return;
    for (const auto& [name, value] : step.items()) names.insert(name);
  }
  auto rows = nlohmann::json::array();
  for (const auto& step : trajectory) {
    auto row = nlohmann::json::array();
    for (const auto& name : names) {
      const auto found = step.find(name);
      row.push_back(found != step.end() && found->is_number() ? short_number(found->get<double>()) : nullptr);
    }
    rows.push_back(std::move(row));
  }
  steps_ += trajectory.size();
  searches_.push_back({{"cell", cell}, {"names", names}, {"rows", std::move(rows)}});
}

nlohmann::json HeadMaps::take() {
  return {{"masks", std::move(mask_list_)},
          {"site_lists", std::move(sites_)},
          {"of", std::move(of_)},
          {"searches", std::move(searches_)},
          {"left_out", left_out_}};
}

}  // namespace espalier::page
