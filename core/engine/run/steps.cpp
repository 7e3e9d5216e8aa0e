#include "steps.h"

#include <espalier/error.h>
#include <espalier/searcher.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <nlohmann/json.hpp>
#include <tuple>

#include "cells/budgets.h"
#include "nn/mask_file.h"
#include "nn/safetensors.h"
#include "words/atomic_file.h"
#include "words/cache/entry.h"

namespace espalier::engine {
namespace {

namespace fs = std::filesystem;
using Json = nlohmann::json;

// Of all there is, what a schedule by fractions has removed after so many steps, before any rounding.
double removed_by_fractions(const ScheduleSettings& schedule, std::int64_t steps) {
  if (schedule.of == BudgetShare::Remaining) return 1 - std::pow(1 - schedule.fraction, static_cast<double>(steps));
  return std::min(1.0, schedule.fraction * static_cast<double>(steps));
}

[[noreturn]] void refuse_geometric(const std::string& target, const std::string& instead) {
  throw SettingsError("a geometric schedule cannot lead to " + target +
                      ": each step keeps the same share of what is left, and no share of it is nothing\n    use shape "
                      "= \"linear\", or " +
                      instead);
}

// How many heads each step keeps; the last keeps what the budget says.
std::vector<StepBudget> steps_to_heads(const CellSettings& cell, std::int64_t units) {
  const auto& schedule = *cell.schedule;
  const auto target = std::min(static_cast<std::int64_t>(cell.budget.value), units);
  const auto rounding = schedule.rounding;
  if (schedule.shape == ScheduleShape::Geometric && target == 0 && units > 0)
    refuse_geometric("0 heads", "keep at least one");
  const auto share_gone = units == 0 ? 1 : static_cast<double>(units - target) / static_cast<double>(units);
  std::vector<StepBudget> steps;
  auto left = units;
  const auto add = [&](std::int64_t kept) {
    left = std::max(kept, target);
    steps.push_back({{BudgetKind::Heads, static_cast<double>(left)}, cell.rounding, false, std::nullopt});
  };
  for (std::int64_t step = 1; step <= schedule.steps && (left > target || steps.empty()); ++step) {
    const auto done = static_cast<double>(step) / static_cast<double>(schedule.steps);
    // Where fractions alone would have reached the target, rounding has held the steps up.
    if (!schedule.shape && removed_by_fractions(schedule, step) >= share_gone - 1e-12)
      add(target);
    else if (!schedule.shape && schedule.of == BudgetShare::Remaining)
      add(left - units_to_remove(schedule.fraction, left, rounding));
    else if (!schedule.shape)
      add(units - units_to_remove(removed_by_fractions(schedule, step), units, rounding));
    else if (step == schedule.steps)
      add(target);
    else if (schedule.shape == ScheduleShape::Linear)
      add(units - units_to_remove(done, units - target, rounding));
    else
      add(units - units_to_remove(1 - std::pow(1 - share_gone, done), units, rounding));
  }
  return steps;
}

}  // namespace

std::vector<StepBudget> steps_of(const CellSettings& cell, std::int64_t units) {
  if (!cell.schedule) {
    const bool sparsity = cell.budget.kind == BudgetKind::Sparsity;
    return {{cell.budget, cell.rounding, false, sparsity ? std::optional(cell.budget.value) : std::nullopt}};
  }
  const auto& schedule = *cell.schedule;
  if (cell.budget.kind == BudgetKind::Heads) return steps_to_heads(cell, units);
  if (cell.budget.kind && !facts_of(*cell.budget.kind).under_a_schedule) {
    throw SettingsError("a schedule leads to a sparsity or to a number of heads, and the budget is '" +
                        name_of(cell.budget) +
                        "'\n    give the grid one of these, or nothing beside a schedule by fractions");
  }
  const bool has_target = cell.budget.kind == BudgetKind::Sparsity;
  if (schedule.shape == ScheduleShape::Geometric && cell.budget.value >= 1)
    refuse_geometric("sparsity 1", "a sparsity below 1");
  const StepBudget target{cell.budget, cell.rounding, false, cell.budget.value, cell.budget.value, true};
  std::vector<StepBudget> steps;
  for (std::int64_t step = 1; step <= schedule.steps; ++step) {
    const auto done = static_cast<double>(step) / static_cast<double>(schedule.steps);
    const double at_most = has_target ? cell.budget.value : 1;
    if (!schedule.shape) {
      const double share = removed_by_fractions(schedule, step);
      // With a sparsity the schedule ends where that is reached.
      if (has_target && share >= cell.budget.value - 1e-12) {
        steps.push_back(target);
        break;
      }
      if (schedule.of == BudgetShare::Remaining)
        steps.push_back({{BudgetKind::Sparsity, schedule.fraction}, schedule.rounding, true, std::nullopt, at_most});
      else
        steps.push_back({{BudgetKind::Sparsity, share}, schedule.rounding, false, share, at_most});
    } else if (step == schedule.steps) {
      // The target itself, whatever rounding leaves of its powers, and by the cell's rounding.
      steps.push_back(target);
    } else {
      const double share = schedule.shape == ScheduleShape::Linear ? cell.budget.value * done
                                                                   : 1 - std::pow(1 - cell.budget.value, done);
      steps.push_back({{BudgetKind::Sparsity, share}, schedule.rounding, false, share, at_most});
    }
  }
  return steps;
}

StepBudget in_whole_units(const StepBudget& step, const CellSettings& cell, const Units& units, const Mask& kept) {
  if (!cell.schedule || cell.budget.kind != BudgetKind::Sparsity || step.reaches_it) return step;
  // Units that a searcher ranks together: how many there are, and how many are left.
  struct Pool {
    std::int64_t count = 0, left = 0;
  };
  std::map<std::tuple<UnitKind, std::int64_t, std::int64_t>, Pool> pools;
  const bool local = cell.scope == Scope::Local, by_head = local && units.granularity() == Granularity::HeadChannel;
  const auto remaining = units.remaining(kept).contiguous();
  for (std::int64_t i = 0; i < units.count(); ++i) {
    auto& pool = pools[{units[i].kind, local ? units[i].site : -1, by_head ? units[i].head : -1}];
    ++pool.count;
    pool.left += remaining.const_data_ptr<bool>()[i] ? 1 : 0;
  }
  SearchBudget planned, target;
  planned.value = step.budget.value;
  planned.rounding = step.rounding;
  planned.of = step.of_remaining ? SearchBudget::Share::Remaining : SearchBudget::Share::All;
  target.value = cell.budget.value;
  target.rounding = cell.rounding;
  const bool all_reach_it = std::all_of(pools.begin(), pools.end(), [&](const auto& entry) {
    const auto& pool = entry.second;
    return units_to_remove(planned, pool.count, pool.left) >= units_to_remove(target, pool.count, pool.left);
  });
  if (!all_reach_it) return step;
  return {cell.budget, cell.rounding, false, cell.budget.value, cell.budget.value, true};
}

StepFolder::StepFolder(fs::path cache_folder, const std::string& cell_digest)
    : folder_(std::move(cache_folder) / "steps" / cell_digest) {}

std::optional<FinishedStep> StepFolder::read(const nn::Model& base, const nn::SoftmaxScale& scale,
                                             const Watch& watch) const {
  std::error_code ignored;
  if (!fs::exists(folder_, ignored) || !CachedEntry(folder_).is_whole(watch)) return std::nullopt;
  std::string damage;
  try {
    const auto json = Json::parse(read_file(folder_ / "step.json"));
    FinishedStep finished;
    finished.step = json.at("step");
    finished.digest = json.at("digest");
    for (const auto& point : json.at("points")) finished.points.push_back(point_from_json(point));
    finished.mask = nn::read_mask(folder_ / "mask.safetensors", base.sites(), "");
    // The mask gives the shapes, the file what training made of them.
    const auto tensors = nn::read_safetensors(folder_ / "parameters.safetensors").tensors;
    std::vector<at::Tensor> parameters;
    for (std::size_t i = 0; i < tensors.size(); ++i) {
      const auto found = tensors.find(std::to_string(i));
      if (found == tensors.end()) throw InputError("parameters.safetensors: lacks tensor '" + std::to_string(i) + "'");
      parameters.push_back(found->second.to(base.device()));
    }
    finished.model = base.compacted(finished.mask, scale)->with_parameters(parameters);
    return finished;
  } catch (const InputError& error) {
    damage = error.what();
  } catch (const Json::exception&) {
    damage = "step.json is not what a finished step leaves";
  }
  watch.tell(folder_.string() + ": the finished step there cannot be used: " + damage);
  return std::nullopt;
}

void StepFolder::write(std::int64_t step, const nn::Model& model, const Mask& mask, const std::string& digest,
                       const std::vector<Point>& points, const Watch& watch) const {
  nn::TensorFile parameters;
  for (const auto& parameter : model.parameters())
    parameters.tensors[std::to_string(parameters.tensors.size())] = parameter.tensor.detach().cpu().contiguous();
  Json list = Json::array();
  for (const auto& point : points) list.push_back(to_json(point));
  CachedEntry(folder_).put(
      [&](const fs::path& aside) {
        fs::create_directories(aside);
        nn::write_safetensors(aside / "parameters.safetensors", parameters);
        nn::write_mask(aside / "mask.safetensors", model.sites(), mask, {});
        write_file(aside / "step.json", Json{{"step", step}, {"digest", digest}, {"points", list}}.dump() + "\n");
      },
      watch);
}

void StepFolder::remove() const {
  std::error_code ignored;
  fs::remove_all(folder_, ignored);
}

}  // namespace espalier::engine
