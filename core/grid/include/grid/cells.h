// The cells of an experiment, in the order they are to be run. Millions fit: a cell is kept as its digest and its place in
// its grid; what it is in words is put together when it is asked for.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <iterator>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace espalier::grid {

struct PlannedCell {
  std::string key;       // SHA-256 in hex; empty while a file it needs is missing
  std::string settings;  // JSON of cells/cell_settings.h
};

// What the cells of one grid are put together from: the values of each of a cell's members as JSON, and which of them
// advance together.
struct CellTexts {
  struct Member {
    std::string name;
    std::vector<std::string> values;
  };
  struct Dimension {
    std::vector<std::size_t> members;
    std::vector<std::uint32_t> rows;  // of the values of its members, in the order of visiting
  };
  std::vector<Member> members;        // in the order of a cell's JSON
  std::vector<Dimension> dimensions;  // the first varies slowest; a member of none has one value

  // Which value of a member the cell at a place has.
  std::uint32_t row(std::uint64_t place, std::size_t member) const;
};

class Cells {
 public:
  using Digest = std::array<std::uint8_t, 32>;
  static Digest digest_of(const std::string& key);  // in hex; zeros for an empty one

  Cells() = default;
  Cells(const std::vector<PlannedCell>& cells);  // NOLINT(google-explicit-constructor): a list of cells is cells

  std::size_t size() const { return cells_.size(); }
  bool empty() const { return cells_.empty(); }

  // In hex; empty while a file it needs is missing.
  std::string key(std::size_t cell) const;
  std::string settings(std::size_t cell) const;
  // The JSON of one member: "granularity", "model", "budget". Empty where there is none of that name.
  std::string_view value(std::size_t cell, std::string_view member) const;
  PlannedCell operator[](std::size_t cell) const { return {key(cell), settings(cell)}; }
  PlannedCell at(std::size_t cell) const;

  class Iterator {
   public:
    using iterator_category = std::input_iterator_tag;
    using value_type = PlannedCell;
    using difference_type = std::ptrdiff_t;
    using pointer = void;
    using reference = PlannedCell;

    Iterator(const Cells* cells, std::size_t at) : cells_(cells), at_(at) {}
    PlannedCell operator*() const { return (*cells_)[at_]; }
    Iterator& operator++() {
      ++at_;
      return *this;
    }
    bool operator==(const Iterator&) const = default;

   private:
    const Cells* cells_;
    std::size_t at_;
  };
  Iterator begin() const { return {this, 0}; }
  Iterator end() const { return {this, size()}; }

  // The cells that follow are put together from these texts.
  void open(std::shared_ptr<const CellTexts> texts);
  // The digest tells cells apart also where a file is missing; then it is not their key.
  void add(std::uint64_t place, const Digest& digest, bool missing, bool asked = true);
  // Of the cells of a whole file: whether --only asks for this one.
  bool asked(std::size_t cell) const { return cells_[cell].asked != 0; }
  // The lower, the earlier it is run; cells of one rank may change places for the sake of work that they share.
  std::uint32_t rank(std::size_t cell) const { return cells_[cell].rank; }
  // Sorts the cells by these numbers, one a cell, and leaves those of one number as they are. Ranks become 0, 1, 2, ...
  void order_by(const std::vector<std::uint64_t>& ranks);
  void reserve(std::size_t cells) { cells_.reserve(cells); }
  const Digest& digest(std::size_t cell) const { return cells_[cell].digest; }

 private:
  struct Cell {
    Digest digest;
    std::uint32_t place;
    std::uint32_t texts : 30, missing : 1, asked : 1;
    std::uint32_t rank;
  };

  const CellTexts& texts_of(std::size_t cell) const { return *texts_[cells_[cell].texts]; }

  std::vector<std::shared_ptr<const CellTexts>> texts_;
  std::vector<Cell> cells_;
};

}  // namespace espalier::grid
