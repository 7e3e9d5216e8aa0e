#include "engine/scoring.h"

#include <ATen/ops/zeros.h>
#include <espalier/error.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <optional>

#include "cells/sharing/work_groups.h"
#include "engine/environment.h"
#include "engine/untouched.h"
#include "joint/joint_scores.h"
#include "joint/mask_qualities.h"
#include "loader/visit.h"
#include "nn/arithmetic.h"
#include "nn/mask_file.h"
#include "recovering.h"
#include "words/cache/entry.h"
#include "words/version.h"

namespace espalier::engine {
namespace {

namespace fs = std::filesystem;

// A head's score from those of its channel pairs, for scorers that say it is their sum.
at::Tensor heads_from_channels(const Units& heads, const Units& channels, const at::Tensor& scores) {
  std::map<std::pair<std::int64_t, std::int64_t>, std::int64_t> place;
  for (std::int64_t i = 0; i < heads.count(); ++i) place[{heads[i].site, heads[i].head}] = i;
  auto sums = at::zeros({heads.count()}, at::kDouble);  // [heads]
  auto* sum = sums.mutable_data_ptr<double>();
  const auto* score = scores.const_data_ptr<double>();
  for (std::int64_t i = 0; i < channels.count(); ++i) sum[place.at({channels[i].site, channels[i].head})] += score[i];
  return sums;
}

// The split that a scorer reads, or empty.
std::string split_of(const loader::Plugin& plugin, const Settings& settings) {
  return plugin.has(needs_data) ? settings.get<std::string>(host::split) : std::string();
}

}  // namespace

ScoreRequest score_request_of(const CellSettings& cell) {
  return {cell.scorer.plugin, cell.scorer.settings, cell.granularity, cell.sites, cell.seed, cell.compute};
}

LossSettings loss_settings_of(const Settings& settings) {
  LossSettings loss;
  if (settings.has(host::loss)) loss.kind = settings.get<std::string>(host::loss);
  if (loss.kind != "distillation") return loss;
  loss.teacher = settings.has(host::teacher) ? settings.get<std::string>(host::teacher) : "dense";
  loss.temperature = settings.has(host::temperature) ? settings.get<double>(host::temperature) : 2;
  return loss;
}

nn::Loss loss_of(const std::string& plugin, const Settings& settings, const nn::Model& model, const nn::Model& dense,
                 const tasks::Task* task) {
  const auto [kind, teacher, temperature] = loss_settings_of(settings);
  if (kind == "bce") return {nn::Loss::Kind::Bce};
  if (kind != "distillation") return {};
  // Rounding would be left, and scores made of it.
  if (&model == &dense && teacher == "dense") {
    throw SettingsError(
        plugin +
        " is to learn from the dense model, which is the one it looks at: that loss has no gradient\n    "
        "use loss = \"task\", or name another checkpoint as teacher");
  }
  return {nn::Loss::Kind::Distillation, temperature, teacher_of(teacher, dense, task)};
}

namespace {

// From `most_examples` at a time, where batches do not decide the answer.
at::Tensor scores_in_batches(const loader::PluginCatalog& catalog, const ScoreSource& source,
                             const ScoreRequest& request, std::int64_t most_examples) {
  const auto& plugin = catalog.find("scorer", request.scorer);
  const auto type = nn::for_gradients(request.compute);
  Untouched shown;
  shown.add(source.dense, source.dense_weights);
  shown.add(source.model, nullptr);
  loader::Visit<Scorer> scorer(catalog, request.scorer, request.settings);
  const auto prunable = source.model.prunable(
      loss_of("scorer '" + request.scorer + "'", request.settings, source.model, source.dense, source.task));
  const Units units(source.model.sites(), request.granularity, request.sites);
  tasks::ScoringBatches batches(source.split, source.model, request.settings, plugin.description, most_examples);
  Random random(seed_for("scorer " + request.scorer, request.seed));
  const auto place = source.model.device();
  const nn::ComputeGuard compute(type, place, nn::ComputeGuard::Purpose::Gradients);
  const nn::DeterministicGuard deterministic(place);
  MaskQualities qualities(source, request.scorer, type);
  const auto evaluate_each = [&](std::span<const Mask> masks) { return qualities.of(masks); };
  ScoringTask task{*prunable, units, batches, random, evaluate_each};
  auto scores = loader::call_scorer(request.scorer, *scorer, task);
  scorer.leave();
  shown.check(scorer.who());
  return scores;
}

}  // namespace

at::Tensor compute_scores(const loader::PluginCatalog& catalog, const ScoreSource& source,
                          const ScoreRequest& request) {
  const auto& plugin = catalog.find("scorer", request.scorer);
  if (plugin.has(heads_only) && request.granularity != Granularity::Head) {
    throw SettingsError("scorer '" + request.scorer + "' scores whole heads, and was asked for granularity " +
                        to_string(request.granularity) + "\n    use granularity head, or another scorer");
  }
  auto most_examples =
      source.task == nullptr ? 1 : tasks::scoring_examples(source.model, source.split, source.task->device());
  return nn::with_fitting_size(most_examples, source.model.device(), [&](std::int64_t examples) {
    return scores_in_batches(catalog, source, request, examples);
  });
}

ScoreCache::ScoreCache(fs::path cache_folder, const loader::PluginCatalog& catalog, Watch watch)
    : cache_folder_(std::move(cache_folder)), catalog_(catalog), watch_(std::move(watch)) {}

ScoreCache::Place ScoreCache::place_of(BaseModel& base, const ScoreRequest& request) const {
  const auto& plugin = catalog_.find("scorer", request.scorer);
  Place place{request, split_of(plugin, request.settings), {}, {}};
  auto& fine = place.fine;
  fine.granularity = scored_granularity(plugin.description.traits, request.granularity);
  nlohmann::json made_from = {{"base_model", base.digest},
                              {"split", place.split.empty() ? "" : base.task->split_digest(place.split)},
                              {"scorer", request.scorer},
                              {"version", plugin.description.version},
                              {"file", plugin.file_digest},
                              {"settings", to_json(request.settings)},
                              {"granularity", to_string(fine.granularity)},
                              {"sites", to_string(request.sites)},
                              {"seed", plugin.has(uses_randomness) ? request.seed : 0},
                              {"compute", place.split.empty() ? "" : to_string(nn::for_gradients(request.compute))},
                              {"results_version", results_version}};
  note_device(made_from, base.task->device());
  if (const auto teacher = request.settings.values().find(host::teacher);
      teacher != request.settings.values().end() && teacher->second != SettingValue("dense"))
    made_from["teacher"] = DigestMemory(cache_folder_).of_checkpoint(std::get<std::string>(teacher->second));
  place.digest = sha256_hex(made_from.dump());
  place.file = cache_folder_ / "scores" / (place.digest + ".safetensors");
  return place;
}

const at::Tensor* ScoreCache::find(const BaseModel& base, const Place& place) {
  auto known = known_.find(place.digest);
  const CachedEntry entry(place.file);
  if (known != known_.end()) {
    entry.note_use();
  } else if (entry.is_whole(watch_)) {
    const Units units(base.model->sites(), place.fine.granularity, place.fine.sites);
    try {
      known = known_.emplace(place.digest, nn::read_scores(place.file, units).values).first;
    } catch (const InputError&) {  // it has gone meanwhile
    }
  }
  return known == known_.end() ? nullptr : &known->second;
}

void ScoreCache::keep(BaseModel& base, const Place& place, const at::Tensor& values) {
  const auto* split = place.split.empty() ? nullptr : &base.task->split(place.split);
  const nn::Scores kept{values,
                        {{"scorer", place.fine.scorer},
                         {"settings", to_json(place.fine.settings).dump()},
                         {"granularity", to_string(place.fine.granularity)},
                         {"model_digest", base.checkpoint_digest},
                         {"data_digest", split == nullptr ? "" : split->digest}}};
  const Units units(base.model->sites(), place.fine.granularity, place.fine.sites);
  try {
    // Every bit: which of two units goes may hang on the last one.
    CachedEntry(place.file)
        .put([&](const fs::path& aside) { nn::write_scores(aside, units, kept, at::kDouble); }, watch_);
  } catch (const InputError& error) {
    watch_.tell(std::string("scores are not kept: ") + error.what());
  }
  known_.emplace(place.digest, values);
}

std::vector<ScoreCache::Place> ScoreCache::unknown(BaseModel& base, const Place& wanted,
                                                   std::span<const ScoreRequest> others) {
  std::vector<Place> places = {wanted};
  for (const auto& other : others) {
    try {
      auto place = place_of(base, other);
      const bool is_there =
          std::any_of(places.begin(), places.end(), [&](const Place& known) { return known.digest == place.digest; });
      if (!is_there && place.split == wanted.split && find(base, place) == nullptr) places.push_back(std::move(place));
    } catch (const Error&) {  // its own cell says so
    }
  }
  return places;
}

ScoreCache::Answer ScoreCache::get(BaseModel& base, const ScoreRequest& request, std::span<const ScoreRequest> others) {
  const auto place = place_of(base, request);
  Answer answer{{}, false, place.digest, place.file};
  const auto* known = find(base, place);
  if (known == nullptr) {
    answer.computed_now = true;
    const auto places = unknown(base, place, place.split.empty() ? std::span<const ScoreRequest>() : others);
    const auto* split = place.split.empty() ? nullptr : &base.task->split(place.split);
    const ScoreSource source{*base.model, *base.model, base.task.get(), split, &base.weights};
    std::vector<ScoreRequest> requests;
    for (const auto& one : places) requests.push_back(one.fine);
    const auto computed = places.size() == 1
                              ? std::vector<std::optional<at::Tensor>>{compute_scores(catalog_, source, requests[0])}
                              : scores_together(catalog_, source, requests, watch_);
    for (std::size_t i = 0; i < places.size(); ++i) {
      if (computed[i]) keep(base, places[i], *computed[i]);
    }
    known = &known_.at(place.digest);
  }
  answer.values = *known;
  if (place.fine.granularity != request.granularity) {
    const auto units = [&](Granularity granularity) { return Units(base.model->sites(), granularity, request.sites); };
    answer.values = heads_from_channels(units(request.granularity), units(place.fine.granularity), *known);
  }
  return answer;
}

at::Tensor ScoreCache::of(const nn::Model& model, BaseModel& base, const ScoreRequest& request) const {
  const auto split = split_of(catalog_.find("scorer", request.scorer), request.settings);
  return compute_scores(
      catalog_,
      {model, *base.model, base.task.get(), split.empty() ? nullptr : &base.task->split(split), &base.weights},
      request);
}

}  // namespace espalier::engine
