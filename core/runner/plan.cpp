#include "runner/plan.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <nlohmann/json.hpp>
#include <set>
#include <string_view>
#include <system_error>
#include <unordered_set>

#include "cells/cell_settings.h"
#include "cells/fields/cell_fields.h"
#include "store/result_store.h"
#include "words/texts/durations.h"

namespace espalier::runner {
namespace {

namespace fs = std::filesystem;

const std::vector<std::string>& axis_names() {
  static const std::vector<std::string> names = {"model",    "dataset", "granularity",   "sites",    "scorer",
                                                 "searcher", "scope",   "budget",        "schedule", "rounding",
                                                 "recovery", "compute", "softmax_scale", "seed",     "base_seed"};
  return names;
}

// "8" of 8.0.
std::string plain_number(std::string_view value) {
  if (value.ends_with(".0")) value.remove_suffix(2);
  return std::string(value);
}

// How a value is called in a summary: definitions by their name, budgets by their value, schedules as --only calls them.
std::string shown(std::string_view value) {
  if (value == "null") return "none";
  if (value.empty() || value.front() != '{') return plain_text(value);
  if (const auto name = member(value, "name"); !name.empty()) {
    const auto plugin = member(value, "plugin");
    return plain_text(name.size() > 2 ? name : plugin);
  }
  if (const auto kind = member(value, "kind"); !kind.empty()) {
    return plain_text(kind) + " " + plain_number(member(value, "value"));
  }
  if (const auto schedule = schedule_from_json(nlohmann::json::parse(value, nullptr, false))) return name_of(*schedule);
  return std::string(value);
}

// Distinct values of each axis, in the order the cells first show them. The base seed is also a part of the model's
// recipe, so a model that differs in nothing else is not another model: it counts by its name. Cells of one grid share
// the text of a value, so that a million of them compare places and not texts.
std::vector<Axis> axes_of(const grid::Cells& cells) {
  std::vector<Axis> axes;
  for (const auto& name : axis_names()) {
    Axis axis{name, {}};
    std::unordered_set<const char*> seen;
    std::set<std::string> listed;
    const char* last = nullptr;
    for (std::size_t cell = 0; cell < cells.size(); ++cell) {
      const auto value = cells.value(cell, name);
      if (value.data() == last) continue;
      last = value.data();
      if (last == nullptr || !seen.insert(last).second) continue;
      const auto text = shown(value);
      if (listed.insert(text).second) axis.values.push_back(text);
    }
    if (axis.values.size() > 1) axes.push_back(std::move(axis));
  }
  return axes;
}

std::optional<std::int64_t> weights_size(const fs::path& checkpoint) {
  std::error_code error;
  std::int64_t bytes = 0;
  for (const auto& entry : fs::directory_iterator(checkpoint, error)) {
    if (entry.path().extension() != ".safetensors") continue;
    std::error_code gone;
    const auto size = fs::file_size(entry.path(), gone);
    if (!gone) bytes += static_cast<std::int64_t>(size);
  }
  if (error || bytes == 0) return std::nullopt;
  return bytes;
}

// Training holds weights, gradients and two moments of AdamW, four times the weights; LibTorch itself takes about
// 100 MB once it is loaded. Batches come on top and are not estimated.
std::optional<std::int64_t> memory_of_a_worker(const std::unordered_set<std::string_view>& models) {
  constexpr std::int64_t libtorch_bytes = 107'000'000;
  std::optional<std::int64_t> largest;
  for (const auto model : models) {
    const auto weights = weights_size(plain_text(member(model, "checkpoint")));
    if (!weights) return std::nullopt;
    const auto train = member(model, "train");
    const bool trains = !train.empty() && train != "null";
    largest = std::max(largest.value_or(0), libtorch_bytes + *weights * (trains ? 4 : 1));
  }
  return largest;
}

std::vector<bool> done_cells(const grid::Experiment& experiment, const store::ResultStore& store) {
  constexpr std::size_t asked_at_once = 20'000;
  std::vector<bool> done;
  done.reserve(experiment.cells.size());
  for (std::size_t begin = 0; begin < experiment.cells.size(); begin += asked_at_once) {
    const auto end = std::min(begin + asked_at_once, experiment.cells.size());
    std::vector<std::string> keys;
    for (std::size_t cell = begin; cell < end; ++cell) keys.push_back(experiment.cells.key(cell));
    const auto some = store.done(keys);
    for (std::size_t i = 0; i < some.size(); ++i) done.push_back(some[i] && !keys[i].empty());
  }
  return done;
}

// What cells of a granularity and a scorer took before.
class Estimates {
 public:
  explicit Estimates(std::map<std::string, double> measured) : measured_(std::move(measured)) {
    for (const auto& [name, seconds] : measured_) mean_ += seconds / static_cast<double>(measured_.size());
  }
  bool none() const { return measured_.empty(); }

  // Seconds, and whether they were measured for this pair.
  std::pair<double, bool> of(std::string_view granularity, std::string_view scorer) {
    const auto [entry, is_new] = known_.try_emplace({granularity.data(), scorer.data()});
    if (is_new) {
      const auto found = measured_.find(plain_text(granularity) + "/" + shown(scorer));
      entry->second = found == measured_.end() ? std::pair(mean_, false) : std::pair(found->second, true);
    }
    return entry->second;
  }

 private:
  std::map<std::string, double> measured_;
  double mean_ = 0;
  std::map<std::pair<const char*, const char*>, std::pair<double, bool>> known_;  // by the places of the texts
};

}  // namespace

Plan make_plan(const grid::Experiment& experiment, const fs::path& database) {
  Plan plan;
  plan.cells = static_cast<std::int64_t>(experiment.cells.size());
  plan.missing = experiment.missing;
  plan.problems = experiment.problems;
  plan.warnings = experiment.warnings;
  plan.notes = experiment.notes;
  plan.axes = axes_of(experiment.cells);

  std::vector<bool> done(experiment.cells.size(), false);
  std::map<std::string, double> measured;
  std::error_code absent;
  if (fs::exists(database, absent)) {
    const store::ResultStore store(database, store::Mode::ReadOnly);
    done = done_cells(experiment, store);
    measured = store.mean_seconds();
  }

  plan.device_needs = device_needs(experiment.cells, done);
  for (auto& note : notes_of(plan.device_needs)) plan.notes.push_back(std::move(note));
  Estimates estimates(std::move(measured));
  double total = 0;
  std::unordered_set<std::string_view> models;
  const char* last_model = nullptr;
  for (std::size_t i = 0; i < experiment.cells.size(); ++i) {
    if (done[i]) {
      ++plan.done;
      continue;
    }
    ++plan.to_run;
    const auto model = experiment.cells.value(i, "model");
    if (model.data() != last_model) models.insert(model);
    last_model = model.data();
    if (estimates.none()) continue;
    const auto [seconds, is_known] =
        estimates.of(experiment.cells.value(i, "granularity"), experiment.cells.value(i, "scorer"));
    if (is_known) ++plan.estimated_from;
    total += seconds;
  }
  if (plan.to_run == 0) {
    plan.seconds = 0;
  } else if (!estimates.none()) {
    plan.seconds = total;
  }
  if (!models.empty()) plan.memory_bytes = memory_of_a_worker(models);
  return plan;
}

}  // namespace espalier::runner
