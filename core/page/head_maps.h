// What is left of each head under each mask, and how searches went.
#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <unordered_map>

#include "columns.h"
#include "store/open/point_details.h"

namespace espalier::page {

class HeadMaps {
 public:
  explicit HeadMaps(TextList& texts) : texts_(texts) {}

  // `cell`: the row of the point's cell in the table of cells.
  void add(std::size_t cell, const store::DetailedPoint& point);
  // {"masks": [{"sites": place in "site_lists", "left": "0..9" a head, sites apart by a space}], "site_lists": [[place of a
  // text, ..]], "of": [[cell, step, place of the kind, mask], ..], "searches": [{"cell", "names", "rows"}], "left_out":
  // trajectories that are not told}
  nlohmann::json take();

 private:
  void add_trajectory(std::size_t cell, const nlohmann::json& search);

  TextList& texts_;
  std::unordered_map<std::string, std::size_t> masks_, site_lists_;
  nlohmann::json mask_list_ = nlohmann::json::array(), sites_ = nlohmann::json::array(), of_ = nlohmann::json::array(),
                 searches_ = nlohmann::json::array();
  std::size_t steps_ = 0, left_out_ = 0;
};

}  // namespace espalier::page
