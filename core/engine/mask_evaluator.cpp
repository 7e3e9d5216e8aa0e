#include "mask_evaluator.h"

#include <ATen/ops/empty.h>

#include <espalier/error.h>
#include <fmt/format.h>

#include <fcntl.h>
#include <unistd.h>
#include <algorithm>
#include <cmath>
#include <cstdio>
#include <fstream>
#include <limits>
#include <nlohmann/json.hpp>
#include <numeric>

#include "engine/environment.h"
#include "loader/visit.h"
#include "nn/arithmetic.h"
#include "tasks/classification.h"
#include "words/digest.h"
#include "words/version.h"

namespace espalier::engine {
namespace {

namespace fs = std::filesystem;

// Parts of the split that a bounded evaluation goes through; smaller ones stop earlier and pack worse.
constexpr std::int64_t parts_of_a_split = 16;
constexpr std::int64_t least_examples_a_part = 32;
constexpr std::int64_t most_examples_a_batch = 64;

}  // namespace

SplitEvaluator::SplitEvaluator(const nn::Model& model, const Mask& kept, tasks::Task& task, EvaluatorSettings settings,
                               const Watch& watch)
    : model_(model, settings.compute), kept_(kept), task_(task), settings_(std::move(settings)), watch_(watch) {
  read_journal();
}

SplitEvaluator::~SplitEvaluator() = default;

const tasks::Split& SplitEvaluator::split() const { return task_.split("validation"); }

double SplitEvaluator::seconds() const {
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - begun_).count();
}

bool SplitEvaluator::stops_early() const {
  const auto metric = settings_.metric.empty() ? task_.ranking_metrics().at(0) : settings_.metric;
  return metric == "accuracy" && split().labels.defined() && split().labels.dim() == 1;
}

double SplitEvaluator::resolution() const {
  return stops_early() ? 1 / static_cast<double>(split().examples->size()) : 0;
}

Evaluated SplitEvaluator::evaluate(const Mask& mask, double at_least) {
  watch_.check();
  const auto now = mask.intersected(kept_);
  const auto digest = now.digest();
  const bool is_new = asked_.insert(digest).second;
  const auto known = answers_.find(digest);
  if (known != answers_.end() && (known->second.complete || known->second.quality < at_least)) {
    if (is_new) ++known_;
    return known->second;
  }
  loader::put_folder_back();
  const auto before = examples_;
  const auto answer = compute(now, at_least);
  ++computed_;
  examples_asked_ += split().examples->size();
  if (!answer.complete) ++stopped_;
  if (settings_.check) settings_.check();
  answers_[digest] = answer;
  write(digest, answer, examples_ - before);
  return answer;
}

Evaluated SplitEvaluator::compute(const Mask& mask, double at_least) {
  const nn::ComputeGuard compute(settings_.compute, model_->device());
  const auto compacted = model_->compacted(mask, settings_.scale);
  const bool bounded = at_least > -std::numeric_limits<double>::infinity();
  if (bounded && !parts_.empty()) return in_parts(*compacted, at_least);
  const auto evaluation = task_.evaluate(*compacted, split());
  examples_ += evaluation.examples;
  if (stops_early()) remember_margins(tasks::margins_of(evaluation.outputs.at("logits"), split().labels).margins);
  return {task_.quality(evaluation.metrics, settings_.metric), true};
}

Evaluated SplitEvaluator::in_parts(const nn::Model& model, double at_least) {
  const auto count = split().examples->size();
  const auto all = static_cast<double>(count);
  auto margins = at::empty({count}, at::kFloat);  // in file order
  std::int64_t right = 0, seen = 0;
  bool finite = true;
  for (const auto& part : parts_) {
    watch_.check();
    std::vector<Batch> batches;
    for (const auto& rows : part) batches.push_back(split().examples->batch(rows));
    const auto found = tasks::margins_of(model, *model.prepared(std::move(batches)));
    std::int64_t row_of_part = 0;
    const auto flat = found.margins.contiguous();
    for (const auto& rows : part) {
      for (const auto row : rows) margins.mutable_data_ptr<float>()[row] = flat.const_data_ptr<float>()[row_of_part++];
    }
    finite = finite && found.finite;
    right += found.right.sum().item<std::int64_t>();
    seen += row_of_part;
    examples_ += row_of_part;
    const double most = static_cast<double>(right + count - seen) / all;
    if (most < at_least && seen < count) return {most, false};
  }
  remember_margins(margins);
  return {finite ? static_cast<double>(right) / all : std::numeric_limits<double>::quiet_NaN(), true};
}

// The next masks differ little from one that was evaluated whole: what it got wrong, or nearly, comes first.
void SplitEvaluator::remember_margins(const at::Tensor& margins) {
  const auto& examples = *split().examples;
  const auto flat = margins.contiguous();
  std::vector<std::int64_t> order(static_cast<std::size_t>(examples.size()));
  std::iota(order.begin(), order.end(), std::int64_t{0});
  const auto* margin = flat.const_data_ptr<float>();
  std::stable_sort(order.begin(), order.end(), [&](std::int64_t a, std::int64_t b) { return margin[a] < margin[b]; });
  const auto size = std::max(least_examples_a_part, (examples.size() + parts_of_a_split - 1) / parts_of_a_split);
  parts_.clear();
  for (std::int64_t begin = 0; begin < examples.size(); begin += size) {
    const auto end = std::min(begin + size, examples.size());
    parts_.push_back(
        data::bucketed_rows(examples, {order.begin() + begin, order.begin() + end}, most_examples_a_batch));
  }
}

void SplitEvaluator::read_journal() {
  if (settings_.folder.empty()) return;
  nlohmann::json made_from = {{"model", settings_.model_digest},
                              {"data", task_.split_digest("validation")},
                              {"metric", settings_.metric},
                              {"compute", to_string(settings_.compute)},
                              {"scale", {static_cast<int>(settings_.scale.kind), settings_.scale.number}},
                              {"results_version", results_version}};
  note_device(made_from, task_.device());
  journal_ = settings_.folder / "evaluations" / (sha256_hex(made_from.dump()) + ".jsonl");
  std::ifstream lines(journal_);
  for (std::string line; std::getline(lines, line);) {
    const auto entry = nlohmann::json::parse(line, nullptr, /*allow_exceptions=*/false);
    // A line that a killed process left half written, or that holds no number, is computed again.
    if (!entry.is_object()) continue;
    const auto mask = entry.find("mask"), quality = entry.find("quality"), complete = entry.find("complete");
    if (mask == entry.end() || quality == entry.end() || complete == entry.end()) continue;
    if (!mask->is_string() || !quality->is_number() || !complete->is_boolean()) continue;
    const Evaluated answer{quality->get<double>(), complete->get<bool>()};
    auto& known = answers_.try_emplace(mask->get<std::string>(), answer).first->second;
    if (answer.complete || (!known.complete && answer.quality < known.quality)) known = answer;
  }
}

void SplitEvaluator::write(const std::string& digest, const Evaluated& answer, std::int64_t examples) {
  if (journal_.empty() || !std::isfinite(answer.quality)) return;
  const auto line =
      nlohmann::json{
          {"mask", digest}, {"quality", answer.quality}, {"complete", answer.complete}, {"examples", examples}}
          .dump() +
      "\n";
  std::error_code ignored;
  fs::create_directories(journal_.parent_path(), ignored);
  // One write a line, at the end of the file: processes that search the same model do not tear each other's lines. What
  // cannot be kept is computed again another time.
  const int file = ::open(journal_.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
  if (file < 0) return;
  [[maybe_unused]] const auto written = ::write(file, line.data(), line.size());
  ::close(file);
}

EvaluationWork SplitEvaluator::work() const {
  return {evaluations(), computed_, known_, stopped_, examples_, examples_asked_, seconds()};
}

}  // namespace espalier::engine
