// One [[grid]]: its axes with every value resolved, which of them advance together, what is left out and in which
// order.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "definitions.h"
#include "document.h"

namespace espalier::grid {

// In the order in which a cell's JSON has them.
enum class Member : std::size_t {
  BaseSeed,
  Budget,
  Compute,
  CountOutputBias,
  Dataset,
  Granularity,
  Model,
  Recovery,
  Rounding,
  Schedule,
  Scope,
  Scorer,
  Searcher,
  Seed,
  Sites,
  SoftmaxScale
};
inline constexpr std::size_t member_count = 16;
inline constexpr const char* member_names[member_count] = {"base_seed", "budget",      "compute", "count_output_bias",
                                                           "dataset",   "granularity", "model",   "recovery",
                                                           "rounding",  "schedule",    "scope",   "scorer",
                                                           "searcher",  "seed",        "sites",   "softmax_scale"};
// What a grid, a skip pattern and --only may name: every member, and the kinds of budget in place of `budget`.
const std::vector<std::string>& axis_names();
// The member an axis name stands for.
std::optional<Member> member_of(const std::string& axis);

struct AxisValue {
  std::vector<std::string> names;  // what patterns compare with: as the user calls it, and the plugin's own
  std::optional<double> number;    // the same of a number
  std::string json;                // its part of a cell's settings
  std::string key_json;            // its part of a key's text, where that needs no file
  bool names_files = false;        // a plugin's settings do: key_json does not count
  Place place;                     // of the grid where the axis is not given
  std::shared_ptr<ModelDefinition> model;
  std::shared_ptr<DatasetDefinition> dataset;
  std::shared_ptr<PluginDefinition> plugin;
  std::optional<ScheduleSettings> schedule;
};

struct Axis {
  std::string name;  // as the user writes it: of a budget, its kind
  std::vector<AxisValue> values;
};

// Axes that advance together; an axis that crosses the others stands alone.
struct Dimension {
  std::vector<Member> members;
  std::vector<std::uint32_t> rows;  // indices into the values of each member, in the order of visiting
};

// What a skip pattern or --only wants of one axis.
struct PatternValue {
  std::string text;              // a glob
  std::optional<double> number;  // where it is a number, or a text that spells one
  std::optional<double> last;    // of a range "0..4": number is its first
  bool is_name = false;          // some definition has that name itself: its plugin's name is not meant
};

struct PatternTerm {
  std::string axis;
  std::vector<PatternValue> alternatives;
};

struct Pattern {
  Place place;
  std::vector<PatternTerm> terms;  // all must hold
};

enum class Order { AsWritten, Random, CoarseToFine };

}  // namespace espalier::grid

template <>
struct espalier::Vocabulary<espalier::grid::Order> {
  using Order = espalier::grid::Order;
  static constexpr const char* kind = "order";
  static constexpr Word<Order> words[] = {
      {Order::AsWritten, "as-written"}, {Order::Random, "random"}, {Order::CoarseToFine, "coarse-to-fine"}};
};

namespace espalier::grid {

struct Grid {
  Place place;
  std::array<Axis, member_count> axes;
  std::vector<Dimension> dimensions;  // as written: the first varies slowest
  std::vector<Pattern> skip;
  Order order = Order::AsWritten;
  std::int64_t priority = 0;  // its cells run before those of a lower one
  std::vector<std::string> warnings;

  const Axis& axis(Member member) const { return axes[static_cast<std::size_t>(member)]; }
  Axis& axis(Member member) { return axes[static_cast<std::size_t>(member)]; }
};

// Marks the definitions it uses.
Grid read_grid(const Value& table, Definitions& definitions, DefinitionReader& reader, Complaints& complaints);

}  // namespace espalier::grid
