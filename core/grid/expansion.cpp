#include "expansion.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstring>
#include <limits>
#include <nlohmann/json.hpp>
#include <numeric>
#include <optional>
#include <unordered_set>

#include "pattern.h"
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

// First and last, then the middle of each gap, level by level.
std::vector<std::uint32_t> ends_first(const std::vector<std::uint32_t>& sorted) {
  std::vector<std::uint32_t> visited;
  if (sorted.empty()) return visited;
  visited.push_back(sorted.front());
  if (sorted.size() > 1) visited.push_back(sorted.back());
  std::vector<std::pair<std::size_t, std::size_t>> gaps = {{0, sorted.size() - 1}};
  for (std::size_t i = 0; i < gaps.size(); ++i) {
    const auto [low, high] = gaps[i];
    if (high - low < 2) continue;
    const auto middle = low + (high - low) / 2;
    visited.push_back(sorted[middle]);
    gaps.emplace_back(low, middle);
    gaps.emplace_back(middle, high);
  }
  return visited;
}

// Seeds vary slowest, then the budget, from its ends inwards; the rest as written. So the first cells span the whole
// range with one seed, later ones fill it in, and further seeds come last.
void order_coarse_to_fine(Grid& grid) {
  const auto holds = [](const Dimension& dimension, Member member) {
    return std::find(dimension.members.begin(), dimension.members.end(), member) != dimension.members.end();
  };
  const auto rank = [&](const Dimension& dimension) {
    if (holds(dimension, Member::Budget)) return 1;
    return holds(dimension, Member::Seed) || holds(dimension, Member::BaseSeed) ? 0 : 2;
  };
  std::stable_sort(grid.dimensions.begin(), grid.dimensions.end(),
                   [&](const Dimension& a, const Dimension& b) { return rank(a) < rank(b); });
  const auto& budgets = grid.axis(Member::Budget).values;
  for (auto& dimension : grid.dimensions) {
    if (!holds(dimension, Member::Budget)) continue;
    std::stable_sort(dimension.rows.begin(), dimension.rows.end(),
                     [&](std::uint32_t a, std::uint32_t b) { return *budgets[a].number < *budgets[b].number; });
    dimension.rows = ends_first(dimension.rows);
  }
}

// The same order for the same name, on every machine and with every standard library.
std::vector<std::uint32_t> shuffled(std::size_t count, const std::string& name) {
  std::vector<std::uint32_t> order(count);
  std::iota(order.begin(), order.end(), 0u);
  std::uint64_t state = std::stoull(sha256_hex(name).substr(0, 16), nullptr, 16);
  const auto next = [&state] {  // splitmix64
    std::uint64_t z = (state += 0x9e3779b97f4a7c15u);
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return z ^ (z >> 31);
  };
  for (std::size_t i = count; i > 1; --i) std::swap(order[i - 1], order[next() % i]);
  return order;
}

// Half of a SHA-256: enough to tell ten million cells apart.
struct Identity {
  std::uint64_t high, low;
  bool operator==(const Identity&) const = default;
};

struct IdentityHash {
  std::size_t operator()(const Identity& identity) const { return identity.low; }
};

Identity identity_of(const std::string& hex) {
  Identity identity{};
  for (int i = 0; i < 32; ++i) {
    auto& half = i < 16 ? identity.high : identity.low;
    half = half << 4 | static_cast<std::uint64_t>(hex[i] <= '9' ? hex[i] - '0' : hex[i] - 'a' + 10);
  }
  return identity;
}

class Expander {
 public:
  Expander(Expansion& expansion, const ExpansionOptions& options)
      : expansion_(expansion),
        options_(options),
        parts_(options.cache_folder),
        measure_(",\"measure\":" + to_json(options.measure).dump()),
        engine_(fmt::format(",\"results_version\":{}", results_version)) {}

  // How many cells the grid has, those that another grid has too among them.
  std::size_t add(const Grid& grid) {
    grid_ = &grid;
    model_parts_.assign(grid.axis(Member::Model).values.size(), std::nullopt);
    dataset_parts_.assign(grid.axis(Member::Dataset).values.size() * 8, std::nullopt);
    const Skips skips(grid);
    const auto count = static_cast<std::size_t>(cell_count(grid));
    std::vector<std::uint32_t> order;
    if (grid.order == Order::Random) order = shuffled(count, options_.name);
    if (grid.skip.empty()) {
      expansion_.cells.reserve(expansion_.cells.size() + count);
      seen_.reserve(seen_.size() + count);
    }
    std::size_t found = 0;
    for (std::size_t i = 0; i < count; ++i) {
      locate(order.empty() ? i : order[i]);
      if (skips.leave_out(rows_)) continue;
      ++found;
      add_cell();
    }
    return found;
  }

  std::vector<std::string> missing() const { return {parts_.missing().begin(), parts_.missing().end()}; }

 private:
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

  Splits used_splits() const {
    Splits used = test_split;
    if (value(Member::Model).model->settings.train) used |= train_split | validation_split;
    for (const auto member : {Member::Scorer, Member::Searcher, Member::Recovery}) used |= value(member).plugin->uses;
    if (grid_->axis(Member::Budget).name == "loss_of_metric") used |= validation_split;
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
    if (grid_->axis(Member::Budget).name == "loss_of_metric") {
      reasons.try_emplace(validation_split, "the budget loss_of_metric");
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
    auto& part = dataset_parts_[row(Member::Dataset) * 8 + used];
    if (!part) part = parts_.dataset(value(Member::Dataset).dataset->settings, used, reasons());
    return *part;
  }

  const KeyPart& plugin_part(const AxisValue& value) {
    const auto [part, is_new] = plugin_parts_.try_emplace(&value);
    if (is_new) part->second = parts_.plugin(value.plugin->settings);
    return part->second;
  }

  void add_cell() {
    const auto& model = model_part();
    const auto& dataset = dataset_part();
    key_text_.clear();
    std::size_t settings_size = measure_.size() + 1;
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
      if (member == Member::Granularity) key_text_ += measure_;
      if (member == Member::Recovery) key_text_ += engine_;
      settings_size += std::strlen(separators[i]) + part.json.size();
    }
    key_text_ += '}';
    auto key = sha256_hex(key_text_);
    if (!seen_.insert(identity_of(key)).second) return;
    auto& cell = expansion_.cells.emplace_back();
    if (!missing) cell.key = std::move(key);
    cell.settings.reserve(settings_size);
    for (std::size_t i = 0; i < member_count; ++i) {
      const auto member = static_cast<Member>(i);
      cell.settings += separators[i];
      cell.settings += value(member).json;
      if (member == Member::Granularity) cell.settings += measure_;
    }
    cell.settings += '}';
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
  const Grid* grid_ = nullptr;
  Rows rows_{};
  std::vector<std::optional<KeyPart>> model_parts_;
  std::vector<std::optional<KeyPart>> dataset_parts_;  // by dataset and splits used
  std::map<const AxisValue*, KeyPart> plugin_parts_;   // of those whose settings name files
  std::unordered_set<Identity, IdentityHash> seen_;
  std::string key_text_;
};

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

void narrow(std::vector<Grid>& grids, const Pattern& only) {
  for (auto& grid : grids) {
    for (auto& dimension : grid.dimensions) {
      std::erase_if(dimension.rows, [&](std::uint32_t row) { return !fits(only, grid, dimension, row); });
    }
  }
}

void check_size(const std::vector<Grid>& grids, Complaints& complaints) {
  std::uint64_t total = 0;
  const Grid* first = nullptr;
  for (const auto& grid : grids) {
    if (__builtin_add_overflow(total, cell_count(grid), &total)) total = std::numeric_limits<std::uint64_t>::max();
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

Expansion expand(std::vector<Grid>& grids, const ExpansionOptions& options, Complaints& complaints) {
  for (auto& grid : grids) {
    for (auto& axis : grid.axes) {
      for (auto& value : axis.values) render(value);
    }
    if (grid.order == Order::CoarseToFine) order_coarse_to_fine(grid);
  }
  Expansion expansion;
  Expander expander(expansion, options);
  for (const auto& grid : grids) {
    if (expander.add(grid) == 0 && !options.narrowed) {
      complaints.add(grid.place, "empty grid: its skip patterns leave no cell");
    }
  }
  expansion.missing = expander.missing();
  return expansion;
}

}  // namespace espalier::grid
