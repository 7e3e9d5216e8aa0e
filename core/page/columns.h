// Rows as columns: each text of a document once, numbers with at most nine digits.
#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <unordered_map>
#include <vector>

#include "store/open/query.h"

namespace espalier::page {

// Texts by their place in a list.
class TextList {
 public:
  std::size_t place_of(const std::string& text);
  nlohmann::json take() { return std::move(list_); }

 private:
  std::unordered_map<std::string, std::size_t> places_;
  nlohmann::json list_ = nlohmann::json::array();
};

// A number as short as nine digits allow; null where it is not finite.
nlohmann::json short_number(double value);

// Columns that hold nothing but null are left out.
class Columns {
 public:
  Columns(std::vector<std::string> names, TextList& texts);
  void add(std::vector<nlohmann::json> row);
  nlohmann::json value_of(const store::QueryValue& value);
  std::size_t rows() const { return rows_; }
  // {"rows": n, "columns": {NAME: {"texts": [place or null, ..]} or {"numbers": [number or null, ..]}}}
  nlohmann::json take();

 private:
  std::vector<std::string> names_;
  TextList& texts_;
  std::vector<nlohmann::json> columns_;
  std::vector<bool> has_text_, has_value_;
  std::size_t rows_ = 0;
};

}  // namespace espalier::page
