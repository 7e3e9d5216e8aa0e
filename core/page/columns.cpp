#include "columns.h"

#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <utility>

namespace espalier::page {

std::size_t TextList::place_of(const std::string& text) {
  const auto [found, is_new] = places_.emplace(text, places_.size());
  if (is_new) list_.push_back(text);
  return found->second;
}

nlohmann::json short_number(double value) {
  if (!std::isfinite(value)) return nullptr;
  char text[40];
  std::snprintf(text, sizeof text, "%.9g", value);
  const double shorter = std::strtod(text, nullptr);
  const auto whole = static_cast<std::int64_t>(std::abs(shorter) < 1e15 ? shorter : 0);
  if (static_cast<double>(whole) == shorter) return whole;
  return shorter;
}

Columns::Columns(std::vector<std::string> names, TextList& texts)
    : names_(std::move(names)),
      texts_(texts),
      columns_(names_.size(), nlohmann::json::array()),
      has_text_(names_.size()),
      has_value_(names_.size()) {}

void Columns::add(std::vector<nlohmann::json> row) {
  for (std::size_t i = 0; i < names_.size(); ++i) {
    auto& value = row.at(i);
    if (!value.is_null()) has_value_[i] = true;
    if (value.is_string()) {
      has_text_[i] = true;
      value = texts_.place_of(value.get_ref<const std::string&>());
    }
    columns_[i].push_back(std::move(value));
  }
  ++rows_;
}

nlohmann::json Columns::value_of(const store::QueryValue& value) {
  if (const auto* integer = std::get_if<std::int64_t>(&value)) return *integer;
  if (const auto* real = std::get_if<double>(&value)) return short_number(*real);
  if (const auto* text = std::get_if<std::string>(&value)) return *text;
  return nullptr;
}

nlohmann::json Columns::take() {
  auto columns = nlohmann::json::object();
  for (std::size_t i = 0; i < names_.size(); ++i) {
    if (has_value_[i]) columns[names_[i]] = {{has_text_[i] ? "texts" : "numbers", std::move(columns_[i])}};
  }
  return {{"rows", rows_}, {"columns", std::move(columns)}};
}

}  // namespace espalier::page
