#include "engine/engine.h"

#include <ATen/TensorOperators.h>
#include <ATen/ops/logical_and.h>
#include <espalier/error.h>
#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <list>
#include <nlohmann/json.hpp>

#include "engine/base_model.h"
#include "engine/environment.h"
#include "engine/known_points.h"
#include "engine/proof.h"
#include "engine/recovering.h"
#include "engine/scoring.h"
#include "engine/searching.h"
#include "engine/steps.h"
#include "engine/untouched.h"
#include "loader/at_work.h"
#include "nn/arithmetic.h"
#include "nn/mask_file.h"
#include "words/digest.h"
#include "words/version.h"

namespace espalier::engine {
namespace {

namespace fs = std::filesystem;
using Clock = std::chrono::steady_clock;

// Rows of the test split that a proof compares logits on.
constexpr std::int64_t proof_examples = 32, proof_utterances = 8;
// Evaluations remembered: cells that differ only in a seed nobody uses share one.
constexpr std::size_t most_evaluations = 256;

// Adds the time until it ends to one stage.
class Stage {
 public:
  Stage(nlohmann::json& timing, const char* name) : timing_(timing), name_(name), begun_(Clock::now()) {
    loader::note_stage(name);
  }
  ~Stage() {
    loader::note_stage("");
    const double seconds = std::chrono::duration<double>(Clock::now() - begun_).count();
    timing_["seconds"][name_] = timing_["seconds"].value(name_, 0.0) + seconds;
  }
  Stage(const Stage&) = delete;
  Stage& operator=(const Stage&) = delete;

 private:
  nlohmann::json& timing_;
  const char* name_;
  Clock::time_point begun_;
};

// Heads, QK channels and VO channels that a mask keeps after closure, site by site.
nlohmann::json kept_json(const std::vector<Site>& sites, const Mask& closure) {
  auto list = nlohmann::json::array();
  for (std::size_t i = 0; i < sites.size(); ++i) {
    const auto& kept = closure.site(static_cast<std::int64_t>(i));
    const auto qk = kept.of(Projection::Q).sum(1);  // [heads]
    const auto vo = kept.of(Projection::V).sum(1);  // [heads]
    std::vector<std::int64_t> qk_channels, vo_channels;
    for (std::int64_t head = 0; head < sites[i].heads; ++head) {
      qk_channels.push_back(qk[head].item<std::int64_t>());
      vo_channels.push_back(vo[head].item<std::int64_t>());
    }
    list.push_back({{"site", sites[i].name},
                    {"heads", vo.gt(0).sum().item<std::int64_t>()},
                    {"heads_dense", sites[i].heads},
                    {"head_dim", sites[i].head_dim},
                    {"qk", qk_channels},
                    {"vo", vo_channels}});
  }
  return {{"sites", list}};
}

// Closed-form operations of one example of so many tokens, before and after.
nlohmann::json operations_json(const nn::Model& dense, const nn::Model& left, std::int64_t tokens) {
  const auto before = dense.operations(tokens), after = left.operations(tokens);
  return {{"tokens", tokens},
          {"flops_dense", before.flops()},
          {"flops", after.flops()},
          {"macs_dense", before.multiply_adds},
          {"macs", after.multiply_adds}};
}

Point dense_point(BaseModel& base, const tasks::Evaluation& dense, bool count_output_bias) {
  Point point;
  point.kind = "dense";
  point.parameters_dense = count_parameters(base.model->sites(), Mask(base.model->sites()), count_output_bias).dense;
  point.parameters_total = base.model->parameter_count();
  point.multiply_adds_dense = point.multiply_adds_done = dense.multiply_adds;
  point.split = "test";
  point.examples = dense.examples;
  point.metrics = dense.metrics;
  point.predictions = dense.outcomes;
  auto details = kept_json(base.model->sites(), Mask(base.model->sites()));
  details["operations"] = operations_json(*base.model, *base.model, typical_length(*base.task->split("test").examples));
  point.details = details.dump();
  return point;
}

}  // namespace

struct Engine::State {
  State(const loader::PluginCatalog& its_catalog, fs::path folder, Watch its_watch)
      : catalog(its_catalog),
        cache_folder(std::move(folder)),
        watch(std::move(its_watch)),
        base_models(cache_folder, watch),
        scores(cache_folder, catalog, watch) {}

  // A pruned model's evaluation; equal masks of one model are computed once. `model_digest` names what the mask is of.
  tasks::Evaluation evaluation_of(BaseModel& base, const nn::Model& model, const std::string& model_digest,
                                  const Mask& mask, const std::string& split, const CellSettings& cell,
                                  bool& from_cache) {
    const auto& data = base.task->split(split);
    const auto key = model_digest + ' ' + data.digest + ' ' + mask.digest() + ' ' + to_string(cell.compute) + ' ' +
                     to_string(cell.softmax_scale);
    for (auto entry = evaluations.begin(); entry != evaluations.end(); ++entry) {
      if (entry->first != key) continue;
      from_cache = true;
      evaluations.splice(evaluations.begin(), evaluations, entry);
      return evaluations.front().second;
    }
    from_cache = false;
    const nn::ComputeGuard compute(cell.compute);
    const auto compacted = model.compacted(mask, cell.softmax_scale);
    evaluations.emplace_front(key, base.task->evaluate(*compacted, data));
    if (evaluations.size() > most_evaluations) evaluations.pop_back();
    return evaluations.front().second;
  }

  // The first rows of the test split, by length.
  const std::vector<Batch>& proof_batches(BaseModel& base) {
    auto& batches = proof_rows[base.digest + base.task->split_digest("test")];
    if (batches.empty()) {
      const auto& examples = *base.task->split("test").examples;
      const auto count = base.model->task_kind() == nn::TaskKind::Speech ? proof_utterances : proof_examples;
      auto groups = data::bucketed(examples, count, count);
      // Where nothing has a loss, the first windows do.
      if (groups.empty()) groups = {{typical_example(examples)}};
      for (const auto& rows : groups) batches.push_back(examples.batch(rows));
    }
    return batches;
  }

  fs::path mask_file(const BaseModel& base, const std::string& digest) const {
    return cache_folder / "masks" / (sha256_hex(base.checkpoint_digest + digest) + ".safetensors");
  }

  std::string keep_mask(BaseModel& base, const Mask& mask, const CellSettings& cell) {
    const auto file = mask_file(base, mask.digest());
    std::error_code ignored;
    if (fs::exists(file, ignored)) return file.string();
    fs::create_directories(file.parent_path(), ignored);
    nn::write_mask(file, base.model->sites(), mask,
                   {{"model_digest", base.checkpoint_digest}, {"granularity", to_string(cell.granularity)}});
    return file.string();
  }

  // Adds points that are known to a result and measures their latency, each step's once. False, and nothing is added,
  // where they are not all known.
  bool take_known(const KnownPoints& known, BaseModel& base, const CellSettings& cell, CellResult& result) {
    auto points = known.read(cell.measure);
    if (!points) return false;
    std::vector<Artifact> masks;
    std::int64_t last_step = 0;
    for (auto& point : *points) {
      const auto file = mask_file(base, point.mask_digest);
      std::error_code ignored;
      if (!fs::exists(file, ignored)) return false;
      masks.push_back({"mask", point.mask_digest, file.string()});
      const bool is_first_of_its_step = point.step != last_step;
      last_step = point.step;
      if (!cell.measure.latency || !is_first_of_its_step) continue;
      const auto mask = nn::read_mask(file, base.model->sites(), base.checkpoint_digest);
      const auto pruned = base.model->compacted(mask, cell.softmax_scale);
      const nn::ComputeGuard compute(cell.compute);
      point.latency = measure_latency(*base.model, *pruned, base.task->split("test"), *cell.measure.latency, watch);
    }
    result.points.insert(result.points.end(), points->begin(), points->end());
    result.artifacts.insert(result.artifacts.end(), masks.begin(), masks.end());
    return true;
  }

  const loader::PluginCatalog& catalog;
  fs::path cache_folder;
  Watch watch;
  BaseModels base_models;
  ScoreCache scores;
  std::list<std::pair<std::string, tasks::Evaluation>> evaluations;  // most recently used first
  std::map<std::string, std::vector<Batch>> proof_rows;
};

Engine::Engine(const loader::PluginCatalog& catalog, fs::path cache_folder, Watch watch)
    : state_(std::make_unique<State>(catalog, std::move(cache_folder), std::move(watch))) {}
Engine::~Engine() = default;

namespace {

void set_evaluation(Point& point, const tasks::Evaluation& evaluation, bool from_cache) {
  point.metrics = evaluation.metrics;
  point.predictions = evaluation.outcomes;
  point.multiply_adds_done = from_cache ? 0 : evaluation.multiply_adds;
  point.examples = evaluation.examples;
}

// `pruned`: the dense model compacted by the mask, whatever its weights are by now.
void set_counts(Point& point, BaseModel& base, const nn::Model& pruned, const tasks::Evaluation& dense,
                const Mask& mask, const CellSettings& cell, const nlohmann::json& search_report) {
  const auto closure = mask.closure();
  const auto& sites = base.model->sites();
  const auto removed = count_parameters(sites, closure, cell.count_output_bias);
  const auto masked = count_parameters(sites, mask, cell.count_output_bias);
  point.achieved_sparsity = removed.sparsity();
  point.parameters_dense = removed.dense;
  point.parameters_masked = masked.dense - masked.kept;
  point.parameters_removed = removed.dense - removed.kept;
  point.parameters_total = base.model->parameter_count() - point.parameters_removed;
  point.multiply_adds_dense = dense.multiply_adds;
  point.mask_digest = mask.digest();
  point.split = "test";
  auto details = kept_json(sites, closure);
  const auto tokens = typical_length(*base.task->split("test").examples);
  const auto sites_before = base.model->site_operations(tokens), sites_after = pruned.site_operations(tokens);
  for (std::size_t i = 0; i < sites.size(); ++i) {
    Mask alone({sites[i]});
    alone.site(0) = closure.site(static_cast<std::int64_t>(i));
    const auto parameters = count_parameters({sites[i]}, alone, cell.count_output_bias);
    details["sites"][i].update({{"flops_dense", sites_before[i].flops()},
                                {"flops", sites_after[i].flops()},
                                {"parameters_dense", parameters.dense},
                                {"parameters", parameters.kept}});
  }
  details["operations"] = operations_json(*base.model, pruned, tokens);
  if (!search_report.is_null()) details["search"] = search_report;
  point.details = details.dump();
}

bool diverged(const std::vector<TrainingReport>& trainings) {
  return std::any_of(trainings.begin(), trainings.end(),
                     [](const TrainingReport& training) { return !training.divergence.empty(); });
}

// Everything that decides what a cell's steps leave; measures do not.
std::string step_digest(const CellSettings& cell, const BaseModel& base,
                        const std::vector<const loader::Plugin*>& plugins) {
  auto made_from = to_json(cell);
  for (const char* name : {"model", "measure"}) made_from.erase(name);
  for (const char* name : {"name", "split"}) made_from["dataset"].erase(name);
  made_from["base_model"] = base.digest;
  made_from["results_version"] = results_version;
  for (const char* split : {"train", "validation", "test"}) {
    if (base.task->has_split(split)) made_from["splits"][split] = base.task->split_digest(split);
  }
  for (const auto* plugin : plugins) made_from["plugins"].push_back(plugin->file_digest);
  return sha256_hex(made_from.dump());
}

}  // namespace

CellResult Engine::run(const CellSettings& cell) {
  BaseModel* base = nullptr;
  try {
    return compute(cell, base);
  } catch (const Interrupted&) {
    throw;
  } catch (...) {
    // Whatever the cell failed of, and also where a plugin changed weights and then threw: later cells get theirs right.
    if (base != nullptr && !changed_tensors(*base->model, base->weights).empty()) {
      state_->base_models.forget(*base);
      state_->evaluations.clear();
    }
    throw;
  }
}

CellResult Engine::compute(const CellSettings& cell, BaseModel*& base) {
  CellResult result;
  nlohmann::json timing = {{"seconds", nlohmann::json::object()}, {"cached", nlohmann::json::object()}};

  base = [&] {
    const Stage stage(timing, "base_model");
    return &state_->base_models.get(cell);
  }();
  timing["cached"]["base_model"] = !base->trained_now;
  result.artifacts.push_back({"base-model", base->digest, base->folder.string()});

  const auto& dense = [&]() -> const tasks::Evaluation& {
    const Stage stage(timing, "dense_evaluation");
    return state_->base_models.dense_evaluation(*base, "test", cell.compute);
  }();
  result.points.push_back(dense_point(*base, dense, cell.count_output_bias));

  const auto& searcher = state_->catalog.find("searcher", cell.searcher.plugin);
  const bool ranks = (searcher.traits & needs_scores) != 0, recovers = cell.recovery.plugin != "none";
  if (ranks && cell.scorer.plugin == "none")
    throw SettingsError("searcher '" + cell.searcher.plugin + "' ranks scores, and the cell has no scorer");
  if (ranks) result.plugins.push_back(&state_->catalog.find("scorer", cell.scorer.plugin));
  result.plugins.push_back(&searcher);
  if (recovers) result.plugins.push_back(&state_->catalog.find("recovery", cell.recovery.plugin));
  // Found at the latest before anything of the cell is kept for good.
  const auto check_weights = [&] {
    Untouched late;
    late.add(*base->model, &base->weights);
    late.check("one of the cell's plugins, after its call had ended,");
  };
  const Units units(base->model->sites(), cell.granularity, cell.sites);
  const ScoreRequest wanted{cell.scorer.plugin, cell.scorer.settings, units.granularity(), cell.sites,
                            cell.seed,          cell.compute};

  // What the steps so far left: a model, which of the dense frame it holds, and what it was made from.
  const auto steps = steps_of(cell, units.count());
  const bool keeps_steps = recovers || steps.size() > 1;
  const bool trains_itself = (searcher.traits & trains) != 0;
  const auto digest = keeps_steps || trains_itself ? step_digest(cell, *base, result.plugins) : std::string();
  const StepFolder folder(state_->cache_folder, digest);
  const KnownPoints known_points(state_->cache_folder, digest);
  const bool trained = recovers || trains_itself;
  if (trained && state_->take_known(known_points, *base, cell, result)) {
    timing["cached"]["points"] = true;
    timing["peak_memory_bytes"] = peak_memory_bytes();
    result.timing = timing.dump();
    return result;
  }
  std::unique_ptr<nn::Model> owned;
  const nn::Model* model = base->model.get();
  Mask kept(base->model->sites());
  std::string model_digest = base->digest;
  std::size_t next = 0;
  if (keeps_steps) {
    if (auto finished = folder.read(*base->model, cell.softmax_scale, state_->watch);
        finished && finished->step <= static_cast<std::int64_t>(steps.size())) {
      state_->watch.tell(fmt::format("going on after step {} of {}", finished->step, steps.size()));
      owned = std::move(finished->model);
      model = owned.get();
      kept = finished->mask;
      model_digest = finished->digest;
      result.points.insert(result.points.end(), finished->points.begin(), finished->points.end());
      next = static_cast<std::size_t>(finished->step);
      timing["cached"]["steps"] = finished->step;
    }
  }

  for (; next < steps.size() && result.failure.empty(); ++next) {
    const auto step = in_whole_units(steps[next], cell, units, kept);
    if (steps.size() > 1) state_->watch.tell(fmt::format("step {} of {}", next + 1, steps.size()));
    at::Tensor scores;
    if (ranks) {
      const Stage stage(timing, "scores");
      if (model == base->model.get()) {
        const auto answer = state_->scores.get(*base, wanted);
        scores = answer.values;
        timing["cached"]["scores"] = !answer.computed_now;
        result.artifacts.push_back({"scores", answer.digest, answer.file.string()});
      } else {
        scores = state_->scores.of(*model, *base, wanted);
      }
    }
    state_->watch.check();

    auto found = [&] {
      const Stage stage(timing, "search");
      return search(state_->catalog,
                    {*model, *base->model, units, kept, scores, base->task.get(), state_->cache_folder, model_digest,
                     &base->weights},
                    {cell.searcher.plugin, cell.searcher.settings, step.budget, step.rounding, cell.scope, cell.seed,
                     step.of_remaining, cell.compute, cell.softmax_scale, step.at_most, cell.rounding},
                    state_->watch);
    }();
    const auto mask = found.mask;
    if (found.model) {
      owned = std::move(found.model);
      model = owned.get();
      model_digest = sha256_hex(digest + ' ' + std::to_string(next + 1) + " searched");
    }
    if (!found.journal.empty() && fs::exists(found.journal))
      result.artifacts.push_back({"evaluations", found.journal.stem().string(), found.journal.string()});

    // Compacting it by the same mask again costs nothing.
    auto pruned = model->compacted(mask, cell.softmax_scale);
    Point point;
    point.step = static_cast<std::int64_t>(next) + 1;
    point.kind = diverged(found.trainings) ? "diverged" : "pruned";
    point.requested_sparsity = step.requested;
    if (cell.measure.proof) {
      const Stage stage(timing, "proof");
      const auto proof = prove(*model, mask, state_->proof_batches(*base));
      point.proof_passed = proof.passed;
      point.proof = to_json_text(proof);
      if (!proof.passed) result.failure = "the proof failed: " + proof.failure;
    }
    {
      const Stage stage(timing, "evaluation");
      bool from_cache = false;
      const auto evaluation = state_->evaluation_of(*base, *pruned, model_digest, mask, "test", cell, from_cache);
      set_evaluation(point, evaluation, from_cache);
      timing["cached"]["evaluation"] = from_cache;
      if (const auto lack = tasks::lack_of_numbers(evaluation, "the pruned model", "test");
          !lack.empty() && result.failure.empty())
        result.failure = lack;
    }
    {
      const Stage stage(timing, "counts");
      set_counts(point, *base, *pruned, dense, mask, cell, found.report);
      result.artifacts.push_back({"mask", point.mask_digest, state_->keep_mask(*base, mask, cell)});
    }
    if (cell.measure.latency) {
      const Stage stage(timing, "latency");
      const nn::ComputeGuard compute(cell.compute);
      point.latency =
          measure_latency(*base->model, *pruned, base->task->split("test"), *cell.measure.latency, state_->watch);
    }
    result.points.push_back(point);
    kept = mask;
    const bool is_last = next + 1 == steps.size() || step.reaches_it || !units.remaining(kept).any().item<bool>();
    if ((is_last && !recovers) || !result.failure.empty()) break;

    if (recovers) {
      const Stage stage(timing, "recovery");
      auto recovered = recover(state_->catalog, *pruned, *base->model, mask, *base->task,
                               {cell.recovery.plugin, cell.recovery.settings, cell.seed, cell.compute}, state_->watch,
                               &base->weights);
      pruned = std::move(recovered.model);
      auto trainings = nlohmann::json::array();
      for (const auto& training : recovered.trainings) trainings.push_back(to_json(training));
      timing["recovery"].push_back(trainings);
      model_digest = sha256_hex(digest + ' ' + std::to_string(point.step));
      point.kind = diverged(recovered.trainings) ? "diverged" : "recovered";
      point.proof_passed = std::nullopt;
      point.proof.clear();
      point.latency.clear();
      const nn::ComputeGuard compute(cell.compute);
      const auto evaluation = base->task->evaluate(*pruned, base->task->split("test"));
      set_evaluation(point, evaluation, false);
      if (const auto lack = tasks::lack_of_numbers(evaluation, "the recovered model", "test"); !lack.empty()) {
        point.kind = "diverged";
        if (!is_last) result.failure = lack + ", so that no step can follow";
      }
      result.points.push_back(point);
    }
    owned = std::move(pruned);
    model = owned.get();
    if (is_last || !result.failure.empty()) break;
    check_weights();
    folder.write(point.step, *model, kept, model_digest, {result.points.begin() + 1, result.points.end()});
    // Always through the files, so that a cell that goes on and one that was stopped there compute with the same bits.
    if (auto written = folder.read(*base->model, cell.softmax_scale, state_->watch)) {
      owned = std::move(written->model);
      model = owned.get();
    }
  }
  check_weights();
  if (keeps_steps) folder.remove();
  if (trained && result.failure.empty())
    known_points.write({result.points.begin() + 1, result.points.end()}, cell.measure);
  timing["peak_memory_bytes"] = peak_memory_bytes();
  result.timing = timing.dump();
  return result;
}

}  // namespace espalier::engine
