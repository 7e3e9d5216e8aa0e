#include "grid/cells.h"

#include <espalier/error.h>

#include <algorithm>
#include <map>
#include <nlohmann/json.hpp>
#include <numeric>
#include <stdexcept>

namespace espalier::grid {
namespace {

constexpr const char* hex_digits = "0123456789abcdef";

std::uint8_t value_of(char digit) { return static_cast<std::uint8_t>(digit <= '9' ? digit - '0' : digit - 'a' + 10); }

}  // namespace

Cells::Digest Cells::digest_of(const std::string& key) {
  Cells::Digest digest{};
  for (std::size_t i = 0; i < digest.size() && 2 * i + 1 < key.size(); ++i) {
    digest[i] = static_cast<std::uint8_t>(value_of(key[2 * i]) << 4 | value_of(key[2 * i + 1]));
  }
  return digest;
}

std::uint32_t CellTexts::row(std::uint64_t place, std::size_t member) const {
  for (auto dimension = dimensions.rbegin(); dimension != dimensions.rend(); ++dimension) {
    const auto size = dimension->rows.size();
    const auto& members_of_it = dimension->members;
    if (std::find(members_of_it.begin(), members_of_it.end(), member) != members_of_it.end()) {
      return dimension->rows[place % size];
    }
    place /= size;
  }
  return 0;
}

// As if their grid had linked all of their members.
Cells::Cells(const std::vector<PlannedCell>& cells) {
  auto texts = std::make_shared<CellTexts>();
  for (std::size_t i = 0; i < cells.size(); ++i) {
    const auto settings = nlohmann::json::parse(cells[i].settings);
    if (i == 0) {
      for (const auto& [name, value] : settings.items()) texts->members.push_back({name, {}});
    }
    for (auto& member : texts->members) member.values.push_back(settings.at(member.name).dump());
  }
  CellTexts::Dimension all;
  all.members.resize(texts->members.size());
  std::iota(all.members.begin(), all.members.end(), std::size_t{0});
  all.rows.resize(cells.size());
  std::iota(all.rows.begin(), all.rows.end(), 0U);
  texts->dimensions.push_back(std::move(all));
  open(std::move(texts));
  for (std::size_t i = 0; i < cells.size(); ++i) add(i, digest_of(cells[i].key), cells[i].key.empty());
}

std::string Cells::key(std::size_t cell) const {
  if (cells_[cell].missing != 0) return "";
  std::string hex;
  hex.reserve(2 * cells_[cell].digest.size());
  for (const auto byte : cells_[cell].digest) {
    hex += hex_digits[byte >> 4];
    hex += hex_digits[byte & 15];
  }
  return hex;
}

std::string Cells::settings(std::size_t cell) const {
  const auto& texts = texts_of(cell);
  constexpr std::size_t usual_size = 1024;
  std::string json;
  json.reserve(usual_size);
  for (std::size_t member = 0; member < texts.members.size(); ++member) {
    json.append(member == 0 ? "{\"" : ",\"").append(texts.members[member].name).append("\":");
    json.append(texts.members[member].values[texts.row(cells_[cell].place, member)]);
  }
  json += '}';
  return json;
}

std::string_view Cells::value(std::size_t cell, std::string_view member) const {
  const auto& texts = texts_of(cell);
  for (std::size_t i = 0; i < texts.members.size(); ++i) {
    if (texts.members[i].name == member) return texts.members[i].values[texts.row(cells_[cell].place, i)];
  }
  return {};
}

PlannedCell Cells::at(std::size_t cell) const {
  if (cell >= size()) throw std::out_of_range("an experiment has fewer cells");
  return (*this)[cell];
}

void Cells::open(std::shared_ptr<const CellTexts> texts) { texts_.push_back(std::move(texts)); }

void Cells::add(std::uint64_t place, const Digest& digest, bool missing, bool asked) {
  auto& cell = cells_.emplace_back();
  cell.digest = digest;
  cell.place = static_cast<std::uint32_t>(place);
  cell.texts = static_cast<std::uint32_t>(texts_.size() - 1) & 0x3FFFFFFFU;
  cell.missing = missing ? 1U : 0U;
  cell.asked = asked ? 1U : 0U;
  cell.rank = 0;
}

void Cells::order_by(const std::vector<std::uint64_t>& ranks) {
  if (!std::is_sorted(ranks.begin(), ranks.end())) {
    std::vector<std::uint32_t> order(cells_.size());
    std::iota(order.begin(), order.end(), 0U);
    std::stable_sort(order.begin(), order.end(), [&](std::uint32_t a, std::uint32_t b) { return ranks[a] < ranks[b]; });
    std::vector<Cell> sorted;
    sorted.reserve(cells_.size());
    for (const auto cell : order) sorted.push_back(cells_[cell]);
    cells_ = std::move(sorted);
  }
  auto numbers = ranks;
  std::sort(numbers.begin(), numbers.end());
  for (std::size_t i = 1; i < cells_.size(); ++i)
    cells_[i].rank = cells_[i - 1].rank + (numbers[i] != numbers[i - 1] ? 1U : 0U);
}

}  // namespace espalier::grid
