#include "engine/engine.h"

#include <ATen/TensorOperators.h>
#include <ATen/ops/logical_and.h>
#include <espalier/error.h>

#include <chrono>
#include <list>
#include <nlohmann/json.hpp>

#include "engine/base_model.h"
#include "engine/compute_type.h"
#include "engine/environment.h"
#include "engine/proof.h"
#include "engine/scoring.h"
#include "engine/searching.h"
#include "nn/mask_file.h"
#include "nn/speech.h"
#include "words/digest.h"

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
  Stage(nlohmann::json& timing, const char* name) : timing_(timing), name_(name), begun_(Clock::now()) {}
  ~Stage() {
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

void refuse_what_is_not_built(const CellSettings& cell) {
  std::string problems;
  const auto complain = [&](const std::string& problem) { problems += (problems.empty() ? "" : "\n") + problem; };
  if (cell.schedule) complain("a schedule cannot be computed by this version; leave it out for one-shot pruning");
  if (cell.recovery.plugin != "none")
    complain("recovery '" + cell.recovery.plugin + "' cannot be computed by this version");
  if (cell.measure.latency) complain("latency cannot be measured by this version; leave [measure] latency out");
  if (!problems.empty()) throw SettingsError(problems);
}

Point dense_point(BaseModel& base, const Evaluation& dense, bool count_output_bias) {
  Point point;
  point.kind = "dense";
  point.parameters_dense = count_parameters(base.model->sites(), Mask(base.model->sites()), count_output_bias).dense;
  point.parameters_total = base.model->parameter_count();
  point.multiply_adds_dense = point.multiply_adds_done = dense.multiply_adds;
  point.split = "test";
  point.examples = dense.examples;
  point.metrics = dense.metrics;
  point.predictions = dense.outcomes;
  return point;
}

}  // namespace

std::string kept_json(const std::vector<Site>& sites, const Mask& closure) {
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
  return nlohmann::json{{"sites", list}}.dump();
}

struct Engine::State {
  State(const loader::PluginCatalog& its_catalog, fs::path folder, Watch its_watch)
      : catalog(its_catalog),
        cache_folder(std::move(folder)),
        watch(std::move(its_watch)),
        base_models(cache_folder, watch),
        scores(cache_folder, catalog, watch) {}

  // The pruned model's evaluation; equal masks of one model are computed once.
  Evaluation evaluation_of_mask(BaseModel& base, const Mask& mask, const std::string& split, const CellSettings& cell,
                                bool& from_cache) {
    const auto& data = base.task->split(split);
    const auto key =
        base.digest + ' ' + data.digest + ' ' + mask.digest() + ' ' + cell.compute + ' ' + cell.softmax_scale;
    for (auto entry = evaluations.begin(); entry != evaluations.end(); ++entry) {
      if (entry->first != key) continue;
      from_cache = true;
      evaluations.splice(evaluations.begin(), evaluations, entry);
      return evaluations.front().second;
    }
    from_cache = false;
    const ComputeType compute(cell.compute);
    const auto compacted = base.model->compacted(mask, softmax_scale_from(cell.softmax_scale));
    evaluations.emplace_front(key, base.task->evaluate(*compacted, data));
    if (evaluations.size() > most_evaluations) evaluations.pop_back();
    return evaluations.front().second;
  }

  // The first rows of the test split, by length.
  const std::vector<Batch>& proof_batches(BaseModel& base) {
    auto& batches = proof_rows[base.digest + base.task->split_digest("test")];
    if (batches.empty()) {
      const auto& examples = *base.task->split("test").examples;
      const auto count = nn::speech_model(*base.model) == nullptr ? proof_examples : proof_utterances;
      for (const auto& rows : data::bucketed(examples, count, count)) batches.push_back(examples.batch(rows));
    }
    return batches;
  }

  std::string keep_mask(BaseModel& base, const Mask& mask, const CellSettings& cell) {
    const auto file = cache_folder / "masks" / (sha256_hex(base.checkpoint_digest + mask.digest()) + ".safetensors");
    std::error_code ignored;
    if (fs::exists(file, ignored)) return file.string();
    fs::create_directories(file.parent_path(), ignored);
    nn::write_mask(file, base.model->sites(), mask,
                   {{"model_digest", base.checkpoint_digest}, {"granularity", cell.granularity}});
    return file.string();
  }

  const loader::PluginCatalog& catalog;
  fs::path cache_folder;
  Watch watch;
  BaseModels base_models;
  ScoreCache scores;
  std::list<std::pair<std::string, Evaluation>> evaluations;  // most recently used first
  std::map<std::string, std::vector<Batch>> proof_rows;
};

Engine::Engine(const loader::PluginCatalog& catalog, fs::path cache_folder, Watch watch)
    : state_(std::make_unique<State>(catalog, std::move(cache_folder), std::move(watch))) {}
Engine::~Engine() = default;

CellResult Engine::run(const CellSettings& cell) {
  refuse_what_is_not_built(cell);
  CellResult result;
  nlohmann::json timing = {{"seconds", nlohmann::json::object()}, {"cached", nlohmann::json::object()}};

  auto* base = [&] {
    const Stage stage(timing, "base_model");
    return &state_->base_models.get(cell);
  }();
  timing["cached"]["base_model"] = !base->trained_now;
  result.artifacts.push_back({"base-model", base->digest, base->folder.string()});

  const auto& dense = [&]() -> const Evaluation& {
    const Stage stage(timing, "dense_evaluation");
    return state_->base_models.dense_evaluation(*base, "test", cell.compute);
  }();
  result.points.push_back(dense_point(*base, dense, cell.count_output_bias));

  const auto& scorer = state_->catalog.find("scorer", cell.scorer.plugin);
  const auto& searcher = state_->catalog.find("searcher", cell.searcher.plugin);
  result.plugins = {&scorer, &searcher};
  const Units units(base->model->sites(), granularity_from(cell.granularity), cell.sites);
  at::Tensor scores;
  if ((searcher.traits & needs_scores) != 0) {
    const Stage stage(timing, "scores");
    const auto answer = state_->scores.get(
        *base, {cell.scorer.plugin, cell.scorer.settings, units.granularity(), cell.sites, cell.seed, cell.compute});
    scores = answer.values;
    timing["cached"]["scores"] = !answer.computed_now;
    result.artifacts.push_back({"scores", answer.digest, answer.file.string()});
  }
  state_->watch.check();

  const auto mask = [&] {
    const Stage stage(timing, "search");
    const auto evaluate_mask = [&](const Mask& candidate) {
      bool ignored = false;
      return state_->evaluation_of_mask(*base, candidate, "validation", cell, ignored).metrics;
    };
    return search(state_->catalog, *base->model, units, scores,
                  {cell.searcher.plugin, cell.searcher.settings, cell.budget, cell.rounding, cell.scope, cell.seed},
                  evaluate_mask);
  }();

  Point point;
  point.step = 1;
  point.kind = "pruned";
  if (cell.budget.kind == "sparsity") point.requested_sparsity = cell.budget.value;
  if (cell.measure.proof) {
    const Stage stage(timing, "proof");
    const auto proof = prove(*base->model, mask, state_->proof_batches(*base));
    point.proof_passed = proof.passed;
    point.proof = to_json_text(proof);
    if (!proof.passed) result.failure = "the proof failed: " + proof.failure;
  }
  {
    const Stage stage(timing, "evaluation");
    bool from_cache = false;
    const auto evaluation = state_->evaluation_of_mask(*base, mask, "test", cell, from_cache);
    timing["cached"]["evaluation"] = from_cache;
    point.metrics = evaluation.metrics;
    point.predictions = evaluation.outcomes;
    point.multiply_adds_done = from_cache ? 0 : evaluation.multiply_adds;
    point.examples = evaluation.examples;
  }
  {
    const Stage stage(timing, "counts");
    const auto closure = mask.closure();
    const auto removed = count_parameters(base->model->sites(), closure, cell.count_output_bias);
    const auto masked = count_parameters(base->model->sites(), mask, cell.count_output_bias);
    point.achieved_sparsity = removed.sparsity();
    point.parameters_dense = removed.dense;
    point.parameters_masked = masked.dense - masked.kept;
    point.parameters_removed = removed.dense - removed.kept;
    point.parameters_total = base->model->parameter_count() - point.parameters_removed;
    point.multiply_adds_dense = dense.multiply_adds;
    point.mask_digest = mask.digest();
    point.split = "test";
    point.details = kept_json(base->model->sites(), closure);
    result.artifacts.push_back({"mask", point.mask_digest, state_->keep_mask(*base, mask, cell)});
  }
  result.points.push_back(std::move(point));
  timing["peak_memory_bytes"] = peak_memory_bytes();
  result.timing = timing.dump();
  return result;
}

}  // namespace espalier::engine
