// Schedules in whole units: no step passes the target, and the schedule ends where it is reached; against a walk in
// whole numbers, for every small number of units, in both scopes and all roundings.
#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <map>

#include "plugins/searching.h"
#include "steps.h"
#include "support/message_of.h"

namespace espalier::test {
namespace {

using Counts = std::vector<std::int64_t>;

// A share as a fraction of whole numbers, so that nothing is rounded by chance.
struct Share {
  std::int64_t part = 0, of = 1;
  double value() const { return static_cast<double>(part) / static_cast<double>(of); }
};

std::int64_t rounded(std::int64_t part, std::int64_t of, const std::string& rounding) {
  if (rounding == "floor") return part / of;
  if (rounding == "ceil") return (part + of - 1) / of;
  return (2 * part + of - 1) / (2 * of);  // halves down
}

constexpr std::array<const char*, 3> roundings = {"nearest", "floor", "ceil"};

// A cell's masks, step by step, as the engine walks through it.
std::vector<Mask> walk(const CellSettings& cell, const Units& units) {
  Random random(7);
  std::vector<Mask> masks;
  Mask kept(units.sites());
  for (const auto& planned : engine::steps_of(cell, units.count())) {
    const auto step = engine::in_whole_units(planned, cell, units, kept);
    Search asked;
    asked.searcher = cell.searcher.plugin;
    asked.scope = cell.scope;
    asked.budget = {step.budget.kind.value(),
                    step.budget.value,
                    step.rounding,
                    step.of_remaining ? SearchBudget::Share::Remaining : SearchBudget::Share::All,
                    step.at_most,
                    cell.rounding};
    kept = search(asked, units, units.remaining(kept), random.uniform(units.count())).intersected(kept);
    masks.push_back(kept);
    if (step.reaches_it) break;
  }
  return masks;
}

CellSettings scheduled(const ScheduleSettings& schedule, const Share& target, const std::string& scope,
                       const std::string& rounding) {
  CellSettings cell;
  cell.searcher.plugin = "ranking";
  cell.scope = from_name<Scope>(scope);
  cell.rounding = from_name<Rounding>(rounding);
  cell.budget = {BudgetKind::Sparsity, target.value()};
  cell.schedule = schedule;
  return cell;
}

// Units left in each pool that a local or global ranking has: by kind, and by site or head.
std::vector<Counts> left_by_pool(const Units& units, const std::vector<Mask>& masks, bool local, bool by_head) {
  std::map<std::tuple<UnitKind, std::int64_t, std::int64_t>, Counts> pools;
  for (std::size_t step = 0; step < masks.size(); ++step) {
    const auto remaining = units.remaining(masks[step]).contiguous();
    for (std::int64_t i = 0; i < units.count(); ++i) {
      auto& left = pools[{units[i].kind, local ? units[i].site : -1, by_head ? units[i].head : -1}];
      left.resize(masks.size(), 0);
      left[step] += remaining.const_data_ptr<bool>()[i] ? 1 : 0;
    }
  }
  std::vector<Counts> all;
  for (const auto& [name, left] : pools) all.push_back(left);
  return all;
}

// Whether a schedule by fractions would have removed the target by then, in whole numbers: 1 - (1 - f)^k >= t.
bool fractions_reach(const Share& fraction, const std::string& of, std::int64_t steps, const Share& target) {
  if (of == "all") return steps * fraction.part * target.of >= target.part * fraction.of;
  std::int64_t kept = 1, whole = 1;
  for (std::int64_t step = 0; step < steps; ++step) {
    kept *= fraction.of - fraction.part;
    whole *= fraction.of;
  }
  return kept * target.of <= (target.of - target.part) * whole;
}

// The walk of one pool where all pools are alike.
Counts expected(std::int64_t count, const ScheduleSettings& schedule, const Share& fraction, const Share& target,
                const std::string& rounding) {
  const auto goal = count - rounded(count * target.part, target.of, rounding);
  Counts left;
  auto now = count;
  for (std::int64_t step = 1; step <= schedule.steps; ++step) {
    if (fractions_reach(fraction, to_string(schedule.of), step, target))
      now = goal;
    else if (schedule.of == BudgetShare::Remaining)
      now = std::max(goal, now - rounded(now * fraction.part, fraction.of, to_string(schedule.rounding)));
    else
      now = std::max(goal, std::min(now, count - rounded(count * std::min(fraction.part * step, fraction.of),
                                                         fraction.of, to_string(schedule.rounding))));
    left.push_back(now);
    if (now == goal) break;
  }
  return left;
}

TEST(WholeUnits, OfTwelveHeadsGoOneByOneToHalf) {
  const Units units(layers(3, 4, 1, 4), Granularity::Head);
  const Share half{1, 2};
  for (const std::string scope : {"local", "global"}) {
    const auto cell =
        scheduled({10, 0.1, BudgetShare::Remaining, Rounding::Ceil, std::nullopt}, half, scope, "nearest");
    const auto masks = walk(cell, units);
    const auto left = left_by_pool(units, masks, scope == "local", false);
    if (scope == "local") {
      EXPECT_EQ(left, (std::vector<Counts>{{3, 2}, {3, 2}, {3, 2}}));
    } else {
      EXPECT_EQ(left, (std::vector<Counts>{{10, 9, 8, 7, 6}}));
    }
  }
}

TEST(WholeUnits, OfASparsityAreNeverPassed) {
  const std::vector<Share> targets = {{0, 1}, {1, 4}, {1, 2}, {1, 1}}, fractions = {{1, 10}, {1, 4}};
  for (std::int64_t count = 1; count <= 12; ++count) {
    for (const std::string scope : {"local", "global"}) {
      const bool local = scope == "local";
      // One pool of so many: of one site locally, of sites of one head globally.
      const Units units(local ? layers(2, count, 1, 4) : layers(count, 1, 1, 4), Granularity::Head);
      for (const auto& target : targets) {
        for (const auto& fraction : fractions) {
          for (const std::string of : {"remaining", "all"}) {
            for (const std::string by_step : roundings) {
              for (const std::string by_cell : roundings) {
                const ScheduleSettings schedule{6, fraction.value(), from_name<BudgetShare>(of),
                                                from_name<Rounding>(by_step), std::nullopt};
                const auto cell = scheduled(schedule, target, scope, by_cell);
                const auto wanted = expected(count, schedule, fraction, target, by_cell);
                for (const auto& left : left_by_pool(units, walk(cell, units), local, false)) {
                  EXPECT_EQ(left, wanted) << count << " units, " << scope << ", " << fraction.value() << " of " << of
                                          << ' ' << by_step << ", sparsity " << target.value() << ' ' << by_cell;
                }
              }
            }
          }
        }
      }
    }
  }
}

TEST(WholeUnits, AlongAShapeAreNeverPassedAndEndAtTheTarget) {
  for (std::int64_t count = 1; count <= 12; ++count) {
    const Units units(layers(2, count, 1, 4), Granularity::Head);
    for (const Share target : {Share{1, 4}, Share{1, 2}, Share{3, 4}, Share{1, 1}}) {
      for (const std::string shape : {"linear", "geometric"}) {
        if (shape == "geometric" && target.part == target.of) continue;  // refused
        for (const std::string by_step : roundings) {
          for (const std::string by_cell : roundings) {
            const auto cell =
                scheduled({4, 0, BudgetShare::Remaining, from_name<Rounding>(by_step), from_name<ScheduleShape>(shape)},
                          target, "local", by_cell);
            const auto goal = count - rounded(count * target.part, target.of, by_cell);
            for (const auto& left : left_by_pool(units, walk(cell, units), true, false)) {
              EXPECT_EQ(left.back(), goal) << count << ' ' << target.value() << ' ' << shape << by_step << by_cell;
              EXPECT_EQ(std::count(left.begin(), left.end(), goal), 1);
              EXPECT_TRUE(std::is_sorted(left.rbegin(), left.rend()));
            }
          }
        }
      }
    }
  }
}

// Sites of unequal width, and QK and VO apart: a pool that is done waits for the others.
TEST(WholeUnits, OfEachPoolStopAtItsOwnTarget) {
  for (const auto granularity : {Granularity::Head, Granularity::HeadChannel, Granularity::SameChannel,
                                 Granularity::VChannel, Granularity::ProjectionChannel}) {
    std::vector<Site> sites;
    for (const std::int64_t size : {1, 2, 3, 5, 8, 12}) {
      const bool heads = granularity == Granularity::Head;
      for (const auto& site : layers(1, heads ? size : 2, heads ? 2 : size, 24)) sites.push_back(site);
    }
    for (std::size_t i = 0; i < sites.size(); ++i) sites[i].name += std::to_string(i);
    const Units units(sites, granularity);
    for (const std::string scope : {"local", "global"}) {
      for (const std::string by_step : roundings) {
        for (const std::string by_cell : roundings) {
          for (const Share target : {Share{1, 4}, Share{1, 2}, Share{2, 3}}) {
            const auto cell = scheduled({30, 0.1, BudgetShare::Remaining, from_name<Rounding>(by_step), std::nullopt},
                                        target, scope, by_cell);
            const bool local = scope == "local", by_head = local && granularity == Granularity::HeadChannel;
            const bool bundles = !local && granularity == Granularity::HeadChannel;
            const auto all = left_by_pool(units, {Mask(sites)}, local, by_head);
            const auto masks = walk(cell, units);
            const auto pools = left_by_pool(units, masks, local, by_head);
            EXPECT_LT(masks.size(), 30u);
            for (std::size_t i = 0; i < pools.size(); ++i) {
              const auto goal = all[i][0] - rounded(all[i][0] * target.part, target.of, by_cell);
              EXPECT_GE(pools[i].back(), goal);
              if (!bundles) {  // which fit where they can
                EXPECT_EQ(pools[i].back(), goal) << to_string(granularity) << ' ' << scope << by_step << by_cell;
              }
            }
          }
        }
      }
    }
  }
}

// Its budget is rounded down, whatever the cell asks.
TEST(WholeUnits, OfChannelGreedyAreNeverPassed) {
  const Units units(layers(3, 2, 6, 12), Granularity::HeadChannel);  // 36 channels of each kind
  for (const std::string by_cell : roundings) {
    for (const Share target : {Share{1, 4}, Share{1, 3}, Share{1, 2}}) {
      auto cell = scheduled({20, 0.1, BudgetShare::Remaining, Rounding::Ceil, std::nullopt}, target, "global", by_cell);
      cell.searcher.plugin = "channel-greedy";
      const auto masks = walk(cell, units);
      for (const auto& left : left_by_pool(units, masks, false, false)) {
        for (const auto count : left) EXPECT_GE(count, 36 - 36 * target.part / target.of);
        EXPECT_LE(left.back(), 36 - 36 * target.part / target.of + 1);  // bundles of two
      }
      EXPECT_LT(masks.size(), 20u);
    }
  }
}

TEST(WholeUnits, OfHeadsAreNeverPassedAndReachTheirNumber) {
  for (std::int64_t count = 1; count <= 12; ++count) {
    const Units units(layers(count, 1, 1, 4), Granularity::Head);
    for (std::int64_t wanted = 1; wanted <= count; ++wanted) {
      for (const std::string by_step : roundings) {
        for (const std::string of : {"remaining", "all"}) {
          CellSettings cell;
          cell.searcher.plugin = "ranking";
          cell.budget = {BudgetKind::Heads, static_cast<double>(wanted)};
          cell.schedule =
              ScheduleSettings{40, 0.1, from_name<BudgetShare>(of), from_name<Rounding>(by_step), std::nullopt};
          const auto left = left_by_pool(units, walk(cell, units), false, false)[0];
          EXPECT_EQ(left.back(), wanted) << count << of << by_step;
          EXPECT_TRUE(std::is_sorted(left.rbegin(), left.rend()));
          EXPECT_EQ(std::count(left.begin(), left.end(), wanted), 1);
        }
      }
    }
  }
}

TEST(WholeUnits, AreNoShareOfNothing) {
  CellSettings cell = scheduled({4, 0, BudgetShare::Remaining, Rounding::Nearest, ScheduleShape::Geometric}, {1, 1},
                                "global", "nearest");
  const std::string why =
      ": each step keeps the same share of what is left, and no share of it is nothing\n    use shape = \"linear\", "
      "or ";
  EXPECT_EQ(message_of<SettingsError>([&] { engine::steps_of(cell, 12); }),
            "a geometric schedule cannot lead to sparsity 1" + why + "a sparsity below 1");
  cell.budget = {BudgetKind::Heads, 0};
  EXPECT_EQ(message_of<SettingsError>([&] { engine::steps_of(cell, 12); }),
            "a geometric schedule cannot lead to 0 heads" + why + "keep at least one");
}

}  // namespace
}  // namespace espalier::test
