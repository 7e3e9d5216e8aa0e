#include "expansion.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstring>
#include <limits>
#include <nlohmann/json.hpp>
#include <optional>
#include <set>

#include "cells/budgets.h"
#include "order/ranks.h"
#include "pattern.h"
#include "seed_notes.h"
#include "words/names.h"
#include "words/version.h"

namespace espalier::grid {
namespace {

// A product that stays at the largest number once it is past it.
std::uint64_t cell_count(const Grid& grid) {
  std::uint64_t count = 1;
  for (const auto& dimension : grid.dimensions) {
    if (dimension.rows.empty()) return 0;
    if (__builtin_mul_overflow(count, dimension.rows.size(), &count)) count = std::numeric_limits<std::uint64_t>::max();
  }
  return count;
}

std::uint64_t sum_of(std::uint64_t a, std::uint64_t b) {
  std::uint64_t sum = 0;
  return __builtin_add_overflow(a, b, &sum) ? std::numeric_limits<std::uint64_t>::max() : sum;
}

bool fits(const Pattern& pattern, const Grid& grid, Member member, std::uint32_t row) {
  const auto& axis = grid.axis(member);
  return std::all_of(pattern.terms.begin(), pattern.terms.end(), [&](const PatternTerm& term) {
    if (*member_of(term.axis) != member) return true;
    return term.axis == axis.name && matches(term, axis.values[row]);
  });
}

bool fits(const Pattern& pattern, const Grid& grid, const Dimension& dimension, std::uint32_t row) {
  return std::all_of(dimension.members.begin(), dimension.members.end(),
                     [&](Member member) { return fits(pattern, grid, member, row); });
}

// Which cells there are already: their places in the list, found by their digests.
class SeenCells {
 public:
  bool contains(const Cells& cells, const Cells::Digest& digest) const {
    return !slots_.empty() && slots_[find(cells, digest)] != 0;
  }

  // Where a cell of this digest is: the next free place, where there is none yet.
  std::size_t insert(const Cells& cells, const Cells::Digest& digest) {
    if (2 * (cells.size() + 1) > slots_.size()) grow(cells, std::max<std::size_t>(1024, 4 * (cells.size() + 1)));
    auto& slot = slots_[find(cells, digest)];
    if (slot == 0) slot = static_cast<std::uint32_t>(cells.size() + 1);
    return slot - 1;
  }

  void reserve(const Cells& cells, std::size_t count) {
    if (2 * (count + 1) > slots_.size()) grow(cells, 2 * (count + 1));
  }

 private:
  std::size_t find(const Cells& cells, const Cells::Digest& digest) const {
    std::size_t at = 0;
    std::memcpy(&at, digest.data(), sizeof at);
    for (at %= slots_.size();; at = at + 1 == slots_.size() ? 0 : at + 1) {
      if (slots_[at] == 0 || cells.digest(slots_[at] - 1) == digest) return at;
    }
  }

  void grow(const Cells& cells, std::size_t size) {
    slots_.assign(size, 0);
    for (std::size_t i = 0; i < cells.size(); ++i) {
      slots_[find(cells, cells.digest(i))] = static_cast<std::uint32_t>(i + 1);
    }
  }

  std::vector<std::uint32_t> slots_;  // a cell's place and one; 0: free
};

// What a grid's cells are put together from. A cell's JSON has `measure` behind its granularity.
std::shared_ptr<const CellTexts> texts_of(const Grid& grid, const std::string& measure) {
  const auto place_of = [](Member member) {
    return static_cast<std::size_t>(member) + (member > Member::Granularity ? 1 : 0);
  };
  auto texts = std::make_shared<CellTexts>();
  for (std::size_t i = 0; i < member_count; ++i) {
    auto& member = texts->members.emplace_back(CellTexts::Member{member_names[i], {}});
    for (const auto& value : grid.axes[i].values) member.values.push_back(value.json);
    if (static_cast<Member>(i) == Member::Granularity) texts->members.push_back({"measure", {measure}});
  }
  for (const auto& dimension : grid.dimensions) {
    auto& made = texts->dimensions.emplace_back();
    for (const auto member : dimension.members) made.members.push_back(place_of(member));
    made.rows = dimension.rows;
  }
  return texts;
}

class Expander {
 public:
  Expander(Expansion& expansion, const ExpansionOptions& options)
      : expansion_(expansion),
        options_(options),
        parts_(options.tables),
        measure_(to_json(options.measure).dump()),
        engine_(fmt::format(",\"results_version\":{}", results_version)) {}

  // The cells that are asked for. Says so where grids above have every cell of this one, and none is run earlier for it.
  void add_asked(const Grid& grid, RanksOfGrid ranks) {
    open(grid, expansion_.cells);
    SeedNotes seeds(grid);
    std::size_t found = 0, ranked = 0;
    each_place(grid, [&](std::size_t visited, std::size_t place) {
      ++found;
      seeds.count(rows_);
      remember_meeting();
      const auto [digest, missing] = identity();
      const auto cell = seen_.insert(expansion_.cells, digest);
      if (cell == expansion_.cells.size()) expansion_.cells.add(place, digest, missing);
      ranked += ranks.see(cell, visited, place) ? 1 : 0;
    });
    const auto notes = seeds.notes();
    expansion_.notes.insert(expansion_.notes.end(), notes.begin(), notes.end());
    if (found > 0 && ranked == 0 && options_.only.terms.empty()) {
      expansion_.warnings.push_back(grid.place.text() +
                                    ": this [[grid]] adds no cell: those above have all of its own");
    }
  }

  // All cells, after those that are asked for.
  void add_whole(const Grid& grid, RanksOfGrid ranks) {
    open(grid, expansion_.whole);
    each_place(grid, [&](std::size_t visited, std::size_t place) {
      const auto [digest, missing] = identity();
      const auto cell = seen_in_whole_.insert(expansion_.whole, digest);
      if (cell == expansion_.whole.size())
        expansion_.whole.add(place, digest, missing, seen_.contains(expansion_.cells, digest));
      ranks.see(cell, visited, place);
    });
  }

  std::vector<std::string> missing() const { return {parts_.missing().begin(), parts_.missing().end()}; }

  std::vector<Meeting> meetings() const { return {meetings_.begin(), meetings_.end()}; }

 private:
  void remember_meeting() {
    const auto& model = value(Member::Model).model;
    const auto& dataset = value(Member::Dataset).dataset;
    const auto splits = used_splits();
    if (model == last_.model && dataset == last_.dataset && splits == last_.splits) return;
    last_ = {model, dataset, splits};
    meetings_.insert(last_);
  }

  void open(const Grid& grid, Cells& cells) {
    grid_ = &grid;
    cells.open(texts_of(grid, measure_));
    model_parts_.assign(grid.axis(Member::Model).values.size(), std::nullopt);
    dataset_parts_.assign(grid.axis(Member::Dataset).values.size() * 8 * 8, std::nullopt);
    if (!grid.skip.empty()) return;
    const auto count = static_cast<std::size_t>(cell_count(grid));
    cells.reserve(cells.size() + count);
  }

  template <typename Visit>
  void each_place(const Grid& grid, const Visit& visit) {
    const Skips skips(grid);
    const auto count = static_cast<std::size_t>(cell_count(grid));
    std::vector<std::uint32_t> order;
    if (grid.order == Order::Random) order = shuffled(count, options_.name);
    for (std::size_t i = 0; i < count; ++i) {
      const std::size_t place = order.empty() ? i : order[i];
      locate(place);
      if (!skips.leave_out(rows_)) visit(i, place);
    }
  }

  void locate(std::size_t index) {
    for (auto dimension = grid_->dimensions.rbegin(); dimension != grid_->dimensions.rend(); ++dimension) {
      std::size_t row = 0;
      if (const auto size = dimension->rows.size(); size > 1) {
        row = index % size;
        index /= size;
      }
      for (const auto member : dimension->members) rows_[static_cast<std::size_t>(member)] = dimension->rows[row];
    }
  }

  std::uint32_t row(Member member) const { return rows_[static_cast<std::size_t>(member)]; }
  const AxisValue& value(Member member) const { return grid_->axis(member).values[row(member)]; }

  const BudgetFacts& budget() const { return facts_of(from_name<BudgetKind>(grid_->axis(Member::Budget).name)); }

  // Those that reasons() speaks of.
  Splits needed_splits() const {
    Splits needed = test_split;
    if (value(Member::Model).model->settings.train) needed |= train_split | validation_split;
    for (const auto member : {Member::Scorer, Member::Searcher, Member::Recovery})
      needed |= value(member).plugin->needs;
    if (budget().reads_validation) needed |= validation_split;
    return needed;
  }

  Splits used_splits() const {
    Splits used = needed_splits();
    for (const auto member : {Member::Scorer, Member::Searcher, Member::Recovery}) used |= value(member).plugin->uses;
    return used;
  }

  std::map<Splits, std::string> reasons() const {
    std::map<Splits, std::string> reasons;
    for (const auto member : {Member::Scorer, Member::Searcher, Member::Recovery}) {
      const auto& plugin = *value(member).plugin;
      for (const Splits split : {train_split, validation_split}) {
        if ((plugin.needs & split) != 0) reasons.try_emplace(split, plugin.role + " '" + plugin.settings.name + "'");
      }
    }
    const auto& model = value(Member::Model).model->settings;
    if (model.train) {
      for (const Splits split : {train_split, validation_split}) {
        reasons.try_emplace(split, "the training of model '" + model.name + "'");
      }
    }
    if (budget().reads_validation) {
      reasons.try_emplace(validation_split, std::string("the budget ") + to_string(budget().kind));
    }
    reasons.try_emplace(test_split, "every table");
    return reasons;
  }

  const KeyPart& model_part() {
    auto& part = model_parts_[row(Member::Model)];
    if (!part) part = parts_.model(value(Member::Model).model->settings);
    return *part;
  }

  const KeyPart& dataset_part() {
    const auto used = used_splits();
    auto& part = dataset_parts_[(row(Member::Dataset) * 8 + used) * 8 + needed_splits()];
    if (!part) part = parts_.dataset(value(Member::Dataset).dataset->settings, used, reasons());
    return *part;
  }

  const KeyPart& plugin_part(const AxisValue& value) {
    const auto [part, is_new] = plugin_parts_.try_emplace(&value);
    if (is_new) part->second = parts_.plugin(value.plugin->settings);
    return part->second;
  }

  // Of the cell that is located: its digest, and whether a file it needs is missing.
  std::pair<Cells::Digest, bool> identity() {
    const auto& model = model_part();
    const auto& dataset = dataset_part();
    key_text_.clear();
    bool missing = model.missing || dataset.missing;
    for (std::size_t i = 0; i < member_count; ++i) {
      const auto member = static_cast<Member>(i);
      const auto& part = value(member);
      const auto* files = part.names_files ? &plugin_part(part) : nullptr;
      missing = missing || (files != nullptr && files->missing);
      key_text_ += separators[i];
      key_text_ += member == Member::Model     ? model.json
                   : member == Member::Dataset ? dataset.json
                   : files != nullptr          ? files->json
                                               : part.key_json;
      // What was trained in bfloat16 before it learned is of another question.
      if (member == Member::Compute && part.json == bfloat16_) key_text_ += bfloat16_engine_;
      if (member == Member::Granularity) key_text_.append(",\"measure\":").append(measure_);
      if (member == Member::Recovery) key_text_ += engine_;
    }
    key_text_ += '}';
    return {Cells::digest_of(sha256_hex(key_text_)), missing};
  }

  static constexpr const char* separators[member_count] = {
      "{\"base_seed\":", ",\"budget\":",      ",\"compute\":", ",\"count_output_bias\":",
      ",\"dataset\":",   ",\"granularity\":", ",\"model\":",   ",\"recovery\":",
      ",\"rounding\":",  ",\"schedule\":",    ",\"scope\":",   ",\"scorer\":",
      ",\"searcher\":",  ",\"seed\":",        ",\"sites\":",   ",\"softmax_scale\":"};

  Expansion& expansion_;
  const ExpansionOptions& options_;
  KeyParts parts_;
  std::string measure_;
  std::string engine_;
  const std::string bfloat16_ = json_text(to_string(ComputeType::BFloat16));
  const std::string bfloat16_engine_ = fmt::format(",\"bfloat16_version\":{}", bfloat16_version);
  const Grid* grid_ = nullptr;
  Rows rows_{};
  std::vector<std::optional<KeyPart>> model_parts_;
  std::vector<std::optional<KeyPart>> dataset_parts_;  // by dataset, splits used and splits needed
  std::map<const AxisValue*, KeyPart> plugin_parts_;   // of those whose settings name files
  SeenCells seen_, seen_in_whole_;
  Meeting last_;
  std::set<Meeting> meetings_;
  std::string key_text_;
};

// The cells of the whole file beside those of a slice, where there are not too many.
void expand_whole(std::vector<Grid>& grids, Expander& expander, Expansion& expansion) {
  std::uint64_t count = 0;
  for (const auto& grid : grids) count = sum_of(count, cell_count(grid));
  if (count > most_cells) return;
  for (auto& grid : grids) order_as_asked(grid);
  Ranks ranks(grids);
  for (std::size_t i = 0; i < grids.size(); ++i) expander.add_whole(grids[i], ranks.of_grid(i));
  expansion.whole.order_by(ranks.of_cells());
}

}  // namespace

void name_unnamed(std::vector<Grid>& grids) {
  std::map<std::string, std::set<std::string>> settings;  // role and name -> what is called so
  const auto each = [&](const auto& visit) {
    for (auto& grid : grids) {
      for (auto& axis : grid.axes) {
        for (auto& value : axis.values) {
          if (value.plugin) visit(value);
        }
      }
    }
  };
  each([&](AxisValue& value) {
    settings[value.plugin->role + " " + value.plugin->settings.name].insert(
        value.plugin->settings.plugin + to_json(value.plugin->settings.settings).dump());
  });
  each([&](AxisValue& value) {
    auto& plugin = *value.plugin;
    if (!plugin.unnamed || plugin.given.empty()) return;
    if (settings[plugin.role + " " + plugin.settings.name].size() < 2) return;
    plugin.settings.name += "(" + plugin.given + ")";
    value.names.push_back(plugin.settings.name);
  });
}

std::vector<Grid> narrowed(std::vector<Grid> grids, const Pattern& only) {
  for (auto& grid : grids) {
    for (auto& dimension : grid.dimensions) {
      std::erase_if(dimension.rows, [&](std::uint32_t row) { return !fits(only, grid, dimension, row); });
    }
  }
  return grids;
}

void check_size(const std::vector<Grid>& grids, Complaints& complaints) {
  std::uint64_t total = 0;
  const Grid* first = nullptr;
  for (const auto& grid : grids) {
    total = sum_of(total, cell_count(grid));
    if (total > most_cells && first == nullptr) first = &grid;
  }
  if (first == nullptr) return;
  const bool past = total == std::numeric_limits<std::uint64_t>::max();
  complaints.add(first->place, fmt::format("too many cells: {}{}, at most {} are allowed\n"
                                           "    shorten a list, or split the experiment into several files",
                                           past ? "more than " : "", total, most_cells));
}

std::vector<std::string> idle_patterns(const Grid& grid) {
  std::vector<std::string> warnings;
  for (const auto& pattern : grid.skip) {
    const bool reached = std::all_of(grid.dimensions.begin(), grid.dimensions.end(), [&](const Dimension& dimension) {
      return std::any_of(dimension.rows.begin(), dimension.rows.end(),
                         [&](std::uint32_t row) { return fits(pattern, grid, dimension, row); });
    });
    if (!reached) warnings.push_back(pattern.place.text() + ": this skip pattern matches no cell");
  }
  return warnings;
}

Expansion expand(std::vector<Grid>& grids, const ExpansionOptions& options) {
  for (auto& grid : grids) {
    for (auto& axis : grid.axes) {
      for (auto& value : axis.values) render(value);
    }
  }
  const bool is_slice = !options.only.terms.empty();
  auto asked = is_slice ? narrowed(grids, options.only) : std::vector<Grid>();
  auto& first = is_slice ? asked : grids;
  Expansion expansion;
  Expander expander(expansion, options);
  for (auto& grid : first) order_as_asked(grid);
  Ranks ranks(first);
  for (std::size_t i = 0; i < first.size(); ++i) expander.add_asked(first[i], ranks.of_grid(i));
  expansion.missing = expander.missing();
  expansion.meetings = expander.meetings();
  if (is_slice) expand_whole(grids, expander, expansion);
  // Last: places in the list are what cells are found by until then.
  expansion.priorities = ranks.priorities();
  expansion.cells.order_by(ranks.of_cells());
  return expansion;
}

}  // namespace espalier::grid
