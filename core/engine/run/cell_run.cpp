#include "cell_run.h"

#include <ATen/TensorOperators.h>
#include <espalier/error.h>
#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <nlohmann/json.hpp>

#include "counts.h"
#include "engine/environment.h"
#include "engine/untouched.h"
#include "latency.h"
#include "loader/at_work.h"
#include "nn/arithmetic.h"
#include "nn/mask_file.h"
#include "proof.h"
#include "recovering.h"
#include "words/cache/entry.h"
#include "words/digest.h"
#include "words/version.h"

namespace espalier::engine {
namespace {

namespace fs = std::filesystem;
using Clock = std::chrono::steady_clock;

bool diverged(const std::vector<TrainingReport>& trainings) {
  return std::any_of(trainings.begin(), trainings.end(),
                     [](const TrainingReport& training) { return !training.divergence.empty(); });
}

UsedPlugin used(const loader::Plugin& plugin) {
  return {plugin.description.role, plugin.description.name, plugin.description.version, plugin.file_digest};
}

// Everything that decides what a cell's steps leave; measures do not.
std::string step_digest(const CellSettings& cell, const BaseModel& base, const std::vector<UsedPlugin>& plugins,
                        const nn::Device& device) {
  auto made_from = to_json(cell);
  for (const char* name : {"model", "measure"}) made_from.erase(name);
  for (const char* name : {"name", "split"}) made_from["dataset"].erase(name);
  made_from["base_model"] = base.digest;
  made_from["results_version"] = results_version;
  if (cell.compute == ComputeType::BFloat16) made_from["bfloat16_version"] = bfloat16_version;
  note_device(made_from, device);
  for (const char* split : {"train", "validation", "test"}) {
    if (base.task->has_split(split)) made_from["splits"][split] = base.task->split_digest(split);
  }
  for (const auto& plugin : plugins) made_from["plugins"].push_back(plugin.file_digest);
  return sha256_hex(made_from.dump());
}

}  // namespace

// Adds the time until it ends to one stage.
class CellRun::Stage {
 public:
  Stage(CellRun& run, const char* name)
      : seconds_(run.result_.timing.seconds[name]), place_(run.caches_.device.place), begun_(Clock::now()) {
    loader::note_stage(name);
  }
  ~Stage() {
    loader::note_stage("");
    try {
      nn::synchronize(place_);
    } catch (const std::exception&) {  // whoever asks the device next is told; a destructor must not
    }
    seconds_ += std::chrono::duration<double>(Clock::now() - begun_).count();
  }
  Stage(const Stage&) = delete;
  Stage& operator=(const Stage&) = delete;

 private:
  double& seconds_;
  at::Device place_;
  Clock::time_point begun_;
};

CellResult CellRun::run() {
  dense();
  plan();
  if (!trained() || !take_known()) {
    resume();
    while (next_ < steps_.size() && result_.failure.empty() && step()) ++next_;
    check_weights();
    if (keeps_steps()) folder_->remove();
    if (trained() && result_.failure.empty()) known_->write(points_of_steps(), cell_.measure, caches_.watch);
  }
  result_.timing.peak_memory_bytes = peak_memory_bytes();
  if (!caches_.device.is_cpu()) result_.timing.peak_device_bytes = nn::peak_device_bytes(caches_.device.place);
  result_.timing.memory_shortages = nn::memory_shortages() - shortages_;
  return std::move(result_);
}

void CellRun::dense() {
  {
    const Stage stage(*this, "base_model");
    base_ = &caches_.base_models.get(cell_);
  }
  result_.timing.cached["base_model"] = !base_->trained_now;
  result_.artifacts.push_back({"base-model", base_->digest, base_->folder.string()});
  {
    const Stage stage(*this, "dense_evaluation");
    result_.points.push_back(caches_.dense_point_of(*base_, cell_));
  }
  model_ = base_->model.get();
  model_digest_ = base_->digest;
  kept_ = Mask(base_->model->sites());
}

void CellRun::plan() {
  const auto& searcher = caches_.catalog.find("searcher", cell_.searcher.plugin);
  ranks_ = searcher.has(needs_scores);
  trains_itself_ = searcher.has(trains);
  recovers_ = cell_.recovery.plugin != "none";
  if (ranks_ && cell_.scorer.plugin == "none")
    throw SettingsError("searcher '" + cell_.searcher.plugin + "' ranks scores, and the cell has no scorer");
  if (ranks_) result_.plugins.push_back(used(caches_.catalog.find("scorer", cell_.scorer.plugin)));
  result_.plugins.push_back(used(searcher));
  if (recovers_) result_.plugins.push_back(used(caches_.catalog.find("recovery", cell_.recovery.plugin)));
  units_.emplace(base_->model->sites(), cell_.granularity, cell_.sites);
  steps_ = steps_of(cell_, units_->count());
  if (keeps_steps() || trained()) digest_ = step_digest(cell_, *base_, result_.plugins, caches_.device);
  folder_.emplace(caches_.folder, digest_);
  known_.emplace(caches_.folder, digest_);
}

bool CellRun::take_known() {
  auto points = known_->read(cell_.measure, caches_.watch);
  if (!points) return false;
  std::vector<Artifact> masks;
  std::int64_t last_step = 0;
  for (auto& point : *points) {
    const auto file = caches_.mask_file(*base_, point.mask_digest);
    if (!CachedEntry(file).is_whole(caches_.watch)) return false;
    masks.push_back({"mask", point.mask_digest, file.string()});
    const bool is_first_of_its_step = point.step != last_step;
    last_step = point.step;
    if (!cell_.measure.latency || !is_first_of_its_step) continue;
    const auto mask = nn::read_mask(file, base_->model->sites(), base_->checkpoint_digest);
    const auto pruned = base_->model->compacted(mask, cell_.softmax_scale);
    take_times(point, *pruned);
  }
  result_.points.insert(result_.points.end(), points->begin(), points->end());
  result_.artifacts.insert(result_.artifacts.end(), masks.begin(), masks.end());
  result_.timing.cached["points"] = true;
  return true;
}

void CellRun::resume() {
  if (!keeps_steps()) return;
  auto finished = folder_->read(*base_->model, cell_.softmax_scale, caches_.watch);
  if (!finished || finished->step > static_cast<std::int64_t>(steps_.size())) return;
  caches_.watch.tell(fmt::format("going on after step {} of {}", finished->step, steps_.size()));
  go_on_with(std::move(finished->model));
  kept_ = finished->mask;
  model_digest_ = finished->digest;
  result_.points.insert(result_.points.end(), finished->points.begin(), finished->points.end());
  next_ = static_cast<std::size_t>(finished->step);
  result_.timing.steps_read = finished->step;
}

bool CellRun::step() {
  const auto budget = in_whole_units(steps_[next_], cell_, *units_, kept_);
  if (steps_.size() > 1) caches_.watch.tell(fmt::format("step {} of {}", step_number(), steps_.size()));
  const auto ranked = scores();
  caches_.watch.check();
  const auto found = search(budget, ranked);
  Pruned pruned(*model_, found.mask, cell_.softmax_scale);
  measure(budget, found, pruned);
  const bool is_last =
      next_ + 1 == steps_.size() || budget.reaches_it || !units_->remaining(found.mask).any().item<bool>();
  if ((is_last && !recovers_) || !result_.failure.empty()) return false;
  kept_ = found.mask;
  auto next = recovers_ ? recover(pruned.model(), is_last) : pruned.release();
  go_on_with(std::move(next));
  if (is_last || !result_.failure.empty()) return false;
  keep();
  return true;
}

at::Tensor CellRun::scores() {
  if (!ranks_) return {};
  const Stage stage(*this, "scores");
  const auto wanted = score_request_of(cell_);
  if (model_ != base_->model.get()) return caches_.scores.of(*model_, *base_, wanted);
  std::vector<ScoreRequest> others;
  for (const auto& other : next_cells_) others.push_back(score_request_of(other));
  const auto answer = caches_.scores.get(*base_, wanted, others);
  result_.timing.cached["scores"] = !answer.computed_now;
  result_.artifacts.push_back({"scores", answer.digest, answer.file.string()});
  return answer.values;
}

Found CellRun::search(const StepBudget& step, const at::Tensor& scores) {
  auto found = [&] {
    const Stage stage(*this, "search");
    return engine::search(
        caches_.catalog,
        {*model_, *base_->model, *units_, kept_, scores, base_->task.get(), caches_.folder, model_digest_,
         &base_->weights},
        {cell_.searcher.plugin, cell_.searcher.settings, step.budget, step.rounding, cell_.scope, cell_.seed,
         step.of_remaining, cell_.compute, cell_.softmax_scale, step.at_most, cell_.rounding},
        caches_.watch);
  }();
  if (found.model) {
    go_on_with(std::move(found.model));
    model_digest_ = sha256_hex(digest_ + ' ' + std::to_string(step_number()) + " searched");
  }
  if (!found.journal.empty() && fs::exists(found.journal))
    result_.artifacts.push_back({"evaluations", found.journal.stem().string(), found.journal.string()});
  return found;
}

void CellRun::measure(const StepBudget& step, const Found& found, const Pruned& pruned) {
  auto kept = caches_.keep_mask(*base_, found.mask, cell_);
  Point point;
  {
    const Stage stage(*this, "counts");
    point = caches_.counts_of(*base_, pruned, found.mask, cell_);
  }
  point.multiply_adds_dense = result_.points.front().multiply_adds_dense;
  if (!found.record.empty()) point.details->search = found.record;
  point.step = step_number();
  point.kind = diverged(found.record.trainings) ? to_string(PointKind::Diverged) : to_string(PointKind::Pruned);
  point.requested_sparsity = step.requested;
  if (cell_.measure.proof) prove(point, pruned, found.mask);
  evaluate(point, pruned, found.mask);
  {
    const Stage stage(*this, "mask");
    result_.artifacts.push_back(kept.get());
  }
  if (cell_.measure.latency) {
    const Stage stage(*this, "latency");
    take_times(point, pruned.model());
  }
  result_.points.push_back(std::move(point));
}

void CellRun::take_times(Point& point, const nn::Model& pruned) const {
  const nn::ComputeGuard compute(cell_.compute, caches_.device.place);
  const nn::ForInference dense(*base_->model, cell_.compute), smaller(pruned, cell_.compute);
  point.latency = measure_latency(*dense, *smaller, base_->task->split("test"), *cell_.measure.latency, caches_.device,
                                  caches_.watch);
}

void CellRun::prove(Point& point, const Pruned& pruned, const Mask& mask) {
  const Stage stage(*this, "proof");
  bool from_cache = false;
  point.proof = caches_.proof_of(*base_, *model_, pruned, model_digest_, mask, from_cache);
  point.proof_passed = point.proof->passed;
  result_.timing.cached["proof"] = from_cache;
  if (!point.proof->passed) fail("the proof failed: " + point.proof->failure);
}

void CellRun::evaluate(Point& point, const Pruned& pruned, const Mask& mask) {
  const Stage stage(*this, "evaluation");
  bool from_cache = false;
  const auto evaluation = caches_.evaluation_of(*base_, pruned, model_digest_, mask, cell_, from_cache);
  set_evaluation(point, evaluation, from_cache);
  result_.timing.cached["evaluation"] = from_cache;
  if (const auto lack = tasks::lack_of_numbers(evaluation, "the pruned model", "test"); !lack.empty()) fail(lack);
}

std::unique_ptr<nn::Model> CellRun::recover(const nn::Model& pruned, bool is_last) {
  const Stage stage(*this, "recovery");
  auto recovered = engine::recover(caches_.catalog, pruned, *base_->model, kept_, *base_->task,
                                   {cell_.recovery.plugin, cell_.recovery.settings, cell_.seed, cell_.compute},
                                   caches_.watch, &base_->weights);
  result_.timing.recovery.push_back(recovered.trainings);
  model_digest_ = sha256_hex(digest_ + ' ' + std::to_string(step_number()));
  auto point = result_.points.back();
  point.kind = diverged(recovered.trainings) ? to_string(PointKind::Diverged) : to_string(PointKind::Recovered);
  point.proof_passed.reset();
  point.proof.reset();
  point.latency.clear();
  const nn::ComputeGuard compute(cell_.compute, caches_.device.place);
  const nn::ForInference repaired(*recovered.model, cell_.compute);
  const auto evaluation = base_->task->evaluate(*repaired, base_->task->split("test"));
  set_evaluation(point, evaluation, /*from_cache=*/false);
  if (const auto lack = tasks::lack_of_numbers(evaluation, "the recovered model", "test"); !lack.empty()) {
    point.kind = to_string(PointKind::Diverged);
    if (!is_last) fail(lack + ", so that no step can follow");
  }
  result_.points.push_back(std::move(point));
  return std::move(recovered.model);
}

void CellRun::keep() {
  check_weights();
  folder_->write(step_number(), *model_, kept_, model_digest_, points_of_steps(), caches_.watch);
  // Always through the files, so that a cell that goes on and one that was stopped there compute with the same bits.
  if (auto written = folder_->read(*base_->model, cell_.softmax_scale, caches_.watch))
    go_on_with(std::move(written->model));
}

void CellRun::check_weights() const {
  Untouched late;
  late.add(*base_->model, &base_->weights);
  late.check("one of the cell's plugins, after its call had ended,");
}

void CellRun::fail(const std::string& reason) {
  if (result_.failure.empty()) result_.failure = reason;
}

void CellRun::go_on_with(std::unique_ptr<nn::Model> model) {
  owned_ = std::move(model);
  model_ = owned_.get();
}

std::vector<Point> CellRun::points_of_steps() const { return {result_.points.begin() + 1, result_.points.end()}; }

}  // namespace espalier::engine
