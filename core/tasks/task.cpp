#include "tasks/task.h"

#include <ATen/TensorOperators.h>
#include <ATen/core/grad_mode.h>
#include <ATen/ops/binary_cross_entropy_with_logits.h>
#include <ATen/ops/cross_entropy_loss.h>
#include <ATen/ops/one_hot.h>
#include <ATen/ops/tensor.h>
#include <espalier/error.h>
#include <espalier/plugin.h>
#include <fmt/format.h>

#include <algorithm>
#include <chrono>

#include "cells/families.h"
#include "cells/formats.h"
#include "data/finiteness.h"
#include "families/checkpoint_facts.h"
#include "nn/memory/batch_halvings.h"
#include "tasks/audio_task.h"
#include "tasks/bounded.h"
#include "tasks/speech_task.h"
#include "tasks/text_task.h"
#include "words/names.h"

namespace espalier::tasks {
namespace {

// What the activations of examples whose gradients are taken together may take on a CPU, and which share of the memory on
// a GPU.
constexpr double activation_bytes = 1e9, activation_share = 0.25;
// What prepared inputs of a split may take, likewise.
constexpr double prepared_bytes = 256e6, prepared_share = 0.125;

// Of a part of a split, in a batch.
constexpr std::int64_t most_examples_of_a_part_together = 64;

// Examples of others, by number.
class SomeExamples final : public data::Examples {
 public:
  SomeExamples(const data::Examples& whole, data::Rows rows) : whole_(whole), rows_(std::move(rows)) {}
  std::int64_t size() const override { return std::ssize(rows_); }
  std::int64_t length(std::int64_t example) const override { return whole_.length(row(example)); }
  bool has_loss(std::int64_t example) const override { return whole_.has_loss(row(example)); }
  Batch batch(std::span<const std::int64_t> examples) const override {
    data::Rows rows;
    for (const auto example : examples) rows.push_back(row(example));
    return whole_.batch(rows);
  }

 private:
  std::int64_t row(std::int64_t example) const { return rows_[static_cast<std::size_t>(example)]; }
  const data::Examples& whole_;
  const data::Rows rows_;
};

std::int64_t integer_or(const Settings& settings, const char* name, std::int64_t otherwise) {
  return settings.has(name) ? settings.get<std::int64_t>(name) : otherwise;
}

// A layer of width D does about 12 D^2 multiply-adds a token and keeps about 20 numbers of D a token for its gradient.
std::int64_t examples_a_batch(const nn::Model& model, const data::Examples& examples, const nn::Device& device) {
  std::int64_t longest = 0;
  for (std::int64_t example = 0; example < examples.size(); ++example)
    longest = std::max(longest, examples.length(example));
  const auto width = model.sites().empty() ? 1 : model.sites()[0].model_width;
  const double bytes = 80.0 * static_cast<double>(model.multiply_adds(longest)) / (12.0 * static_cast<double>(width));
  const double most_bytes =
      device.is_cpu() ? activation_bytes : activation_share * static_cast<double>(device.memory_bytes);
  return nn::halved(std::clamp(static_cast<std::int64_t>(most_bytes / std::max(bytes, 1.0)), std::int64_t{1},
                               nn::facts_of(device.place).scoring_examples));
}

// ", or format audio-tagging", where that is what a head of this problem type answers in.
std::string or_format_of(const std::string& problem_type, const FormatFacts& asked) {
  for (const auto& facts : all_formats()) {
    if (facts.problem_type == problem_type && facts.has_classes && facts.of_sounds == asked.of_sounds)
      return std::string(", or format ") + to_string(facts.format);
  }
  return "";
}

}  // namespace

std::vector<Batch> Split::collated() const {
  std::vector<Batch> all;
  for (const auto& rows : batches) all.push_back(examples->batch(rows));
  return all;
}

std::string lack_of_numbers(const Evaluation& evaluation, const std::string& whose, const std::string& split) {
  const auto broken = data::examples_not_finite(evaluation.metrics);
  if (broken == 0) return {};
  return fmt::format("{} gives no numbers for {} of {} examples of the {} split: its outputs are not finite", whose,
                     broken, evaluation.examples, split);
}

void require_numbers(const Evaluation& evaluation, const std::string& whose, const std::string& split) {
  const auto lack = lack_of_numbers(evaluation, whose, split);
  if (lack.empty()) return;
  throw InputError(lack +
                   "\n    its weights are damaged, or its training diverged: use another checkpoint, or train again "
                   "with a lower learning rate");
}

std::shared_ptr<const nn::PreparedInputs> PreparedBatches::get(const nn::Model& model, const std::string& part,
                                                               const Make& make) {
  const auto reader = model.reads_as();
  if (reader.empty()) return model.prepared(make());
  const auto known = kept_.find(reader + ' ' + part);
  if (known != kept_.end()) return known->second;
  auto made = model.prepared(make());
  const auto more = made->bytes();
  if (budget_->bytes + more > budget_->most_bytes) return made;
  budget_->bytes += more;
  bytes_ += more;
  made->expect_again();
  return kept_[reader + ' ' + part] = std::move(made);
}

Task::Task(DatasetSettings dataset, DigestMemory& digests, Watch watch, nn::Device device)
    : dataset_(std::move(dataset)), tables_(digests), watch_(std::move(watch)), device_(std::move(device)) {}

Task::~Task() = default;

std::vector<Evaluation> Task::evaluate_each(nn::MaskSeries& series, std::span<const Mask> masks,
                                            const Split& split) const {
  std::vector<Evaluation> evaluations(masks.size());
  std::size_t done = 0;
  auto said = std::chrono::steady_clock::now();
  for (const auto& group : series.visits(masks)) {
    std::vector<std::unique_ptr<nn::Model>> held;
    std::vector<const nn::Model*> models;
    for (const auto number : group) models.push_back(held.emplace_back(series.compacted(masks[number])).get());
    auto answers = evaluate_models(models, split);
    for (std::size_t i = 0; i < group.size(); ++i) evaluations[group[i]] = std::move(answers[i]);
    done += group.size();
    watch_.check();
    const auto now = std::chrono::steady_clock::now();
    if (done == masks.size() || now - said < std::chrono::seconds(5)) continue;
    said = now;
    watch_.tell(fmt::format("{} of {} masks evaluated", done, masks.size()));
  }
  return evaluations;
}

std::vector<Evaluation> Task::evaluate_models(std::span<const nn::Model* const> models, const Split& split) const {
  std::vector<Evaluation> evaluations;
  for (const auto* model : models) evaluations.push_back(evaluate(*model, split));
  return evaluations;
}

std::shared_ptr<nn::MemoryBudget> Task::prepared_budget() const {
  const double most_bytes =
      device_.is_cpu() ? prepared_bytes : prepared_share * static_cast<double>(device_.memory_bytes);
  return std::make_shared<nn::MemoryBudget>(nn::MemoryBudget{nn::halved(static_cast<std::int64_t>(most_bytes)), 0});
}

std::vector<Split> Task::parts_of(const Split& whole, const std::vector<data::Rows>& parts) const {
  const auto budget = prepared_budget();
  std::vector<Split> all;
  for (const auto& rows : parts) {
    auto& part = all.emplace_back();
    part.name = whole.name;
    if (whole.labels.defined()) part.labels = whole.labels.index_select(0, at::tensor(rows));
    part.examples = some_of(*whole.examples, rows);
    part.batches = data::bucketed(*part.examples, nn::halved(most_examples_of_a_part_together));
    part.prepared = std::make_shared<PreparedBatches>(budget);
  }
  return all;
}

std::unique_ptr<data::Examples> Task::some_of(const data::Examples& whole, data::Rows rows) const {
  return std::make_unique<SomeExamples>(whole, std::move(rows));
}

std::unique_ptr<BoundedMetric> Task::bounded(const Split&, const std::string&) const { return nullptr; }

bool Task::has_split(const std::string& name) const {
  const auto found = dataset_.split.find(name);
  return found != dataset_.split.end() && !found->second.empty();
}

const Split& Task::split(const std::string& name) {
  const auto found = splits_.find(name);
  if (found != splits_.end()) return found->second;
  auto split = read(name);
  split.name = name;
  split.digest = split_digest(name);
  split.prepared = std::make_shared<PreparedBatches>(prepared_budget());
  return splits_[name] = std::move(split);
}

const std::string& Task::split_digest(const std::string& name) {
  const auto known = split_digests_.find(name);
  if (known != split_digests_.end()) return known->second;
  return split_digests_[name] = compute_digest(name);
}

void Task::use_labels(std::vector<std::string> labels) {
  set_labels(std::move(labels));
  splits_.clear();
}

const std::string& Task::path_of(const std::string& split) const { return split_path(dataset_, split); }

bool Task::better(const Metrics& a, const Metrics& b) const {
  for (const auto& name : ranking_metrics()) {
    const auto of_a = a.find(name), of_b = b.find(name);
    if (of_a == a.end() || of_b == b.end() || of_a->second == of_b->second) continue;
    return find_metric(name)->more_is_better == (of_a->second > of_b->second);
  }
  return false;
}

double Task::quality(const Metrics& metrics, const std::string& metric) const {
  const auto name = metric.empty() ? ranking_metrics().at(0) : metric;
  const auto* facts = find_metric(name);
  const auto found = metrics.find(name);
  if (facts == nullptr || found == metrics.end()) {
    std::vector<std::string> known;
    for (const auto& [key, value] : metrics) {
      if (find_metric(key) != nullptr) known.push_back(key);
    }
    throw SettingsError(
        unknown_name(fmt::format("metric of {} data:", to_string(dataset_.format)), name, std::move(known)));
  }
  return facts->more_is_better ? found->second : -found->second;
}

at::Tensor step_loss(const at::Tensor& logits, const at::Tensor& labels, bool tags, std::span<const Batch> batches,
                     const Aim& aim) {
  const auto& objective = aim.objective;
  at::Tensor loss;
  if (objective.task != 0 || objective.distillation == 0) {
    const auto target = labels.to(logits.device());
    const bool one_class = target.scalar_type() == at::kLong;
    if (tags || objective.loss == "bce") {
      const auto wide = one_class ? at::one_hot(target, logits.size(1)).to(logits.scalar_type()) : target;
      loss = at::binary_cross_entropy_with_logits(logits, wide);
    } else {
      loss = at::cross_entropy_loss(logits, target);
    }
    if (objective.task != 1) loss = loss * objective.task;
  }
  if (objective.distillation == 0) return loss;
  if (aim.teacher == nullptr) throw SettingsError("distillation was given no teacher");
  const nn::Loss distillation{nn::Loss::Kind::Distillation, objective.temperature, {}};
  const auto taught = [&] {
    const at::NoGradGuard no_gradients;
    return aim.teacher->logits(batches).to(at::kFloat);
  }();
  const auto of_teacher = nn::row_losses(logits, {}, distillation, taught).mean() * objective.distillation;
  return loss.defined() ? loss + of_teacher : of_teacher;
}

void require_format(const std::string& checkpoint, const std::string& family, Format format) {
  const auto known = find_name<Family>(family);
  if (!known || facts_of(*known).can_read(format)) return;
  std::vector<std::string> formats;
  for (const auto one : facts_of(*known).reads) formats.emplace_back(to_string(one));
  throw InputError(checkpoint + ": is of family " + family + ", which cannot read " + to_string(format) +
                   " data\n    it reads " + join(formats));
}

void require_head(const std::string& checkpoint, const std::vector<std::string>& labels, Format format) {
  const auto& facts = facts_of(format);
  if (!facts.has_classes) return;
  const std::string name = to_string(format), fitting = facts.problem_type;
  const auto file = (std::filesystem::path(checkpoint) / "config.json").string();
  const auto type = families::problem_type(checkpoint);
  const std::string way_out = "\n    espalier train gives the checkpoint a head for classes";
  if (type == "regression") {
    throw InputError(file + ": problem_type is 'regression', which is not done: " + name +
                     " data have classes\n    expected " + fitting + way_out);
  }
  if (!type.empty() && type != fitting) {
    throw InputError(file + ": problem_type is '" + type.substr(0, 60) + "', which does not fit " + name +
                     " data\n    expected " + fitting + or_format_of(type, facts) + way_out);
  }
  if (labels.size() == 1 && format != Format::AudioTagging) {
    throw InputError(file + ": has one output, as a regression has, which is not done: " + name +
                     " data have classes\n    expected two classes or more (id2label or num_labels)" + way_out);
  }
}

std::unique_ptr<Task> make_task(DatasetSettings dataset, const std::string& checkpoint, std::vector<std::string> labels,
                                DigestMemory& digests, const std::filesystem::path& cache_folder, Watch watch,
                                const nn::Model* dense, nn::Device device) {
  switch (dataset.format) {
    case Format::TextClassification:
      return std::make_unique<TextTask>(std::move(dataset), checkpoint, std::move(labels), digests, std::move(watch),
                                        std::move(device));
    case Format::AudioClassification:
    case Format::AudioTagging:
      return std::make_unique<AudioTask>(std::move(dataset), checkpoint, std::move(labels), digests, cache_folder,
                                         std::move(watch), std::move(device));
    case Format::SpeechRecognition:
      return std::make_unique<SpeechTask>(std::move(dataset), checkpoint, digests, cache_folder, std::move(watch),
                                          dense, std::move(device));
  }
  throw SettingsError(std::string("no task reads ") + to_string(dataset.format) + " data");
}

std::int64_t scoring_examples(const nn::Model& model, const Split* split, const nn::Device& device) {
  return split == nullptr ? 1 : examples_a_batch(model, *split->examples, device);
}

std::int64_t examples_with_loss(const Split& split) {
  const auto count = static_cast<std::int64_t>(data::rows_with_loss(*split.examples).size());
  if (count > 0 || split.examples->size() == 0) return count;
  throw InputError(
      "the " + split.name + " split has no example that a loss can be taken of: all " +
      std::to_string(split.examples->size()) +
      " sounds are heard in chunks, and what is said in each chunk is not known\n    give this split sounds "
      "that fit the model's window, each with what is said in it");
}

std::int64_t multiply_adds_of(const nn::Model& model, const Split& split) {
  std::map<std::int64_t, std::int64_t> examples_by_length;
  for (std::int64_t example = 0; example < split.examples->size(); ++example)
    ++examples_by_length[split.examples->length(example)];
  std::int64_t total = 0;
  for (const auto& [length, examples] : examples_by_length) total += examples * model.multiply_adds(length);
  return total;
}

ScoringBatches::ScoringBatches(const Split* split, const nn::Model& model, const Settings& settings,
                               const PluginDescription& plugin, std::int64_t most_examples)
    : split_(split) {
  const auto samples = integer_or(settings, host::samples, 0);
  const auto batch = integer_or(settings, host::batch, 32);
  if (samples < 0 || batch < 1) {
    throw SettingsError("a scorer's samples must be 0 (all) or more and its batch 1 or more; found samples = " +
                        std::to_string(samples) + ", batch = " + std::to_string(batch));
  }
  if (split == nullptr) return;
  const auto& examples = *split->examples;
  // Padding of speech is marked nowhere.
  const auto padding = model.task_kind() == nn::TaskKind::Speech ? 0 : nn::facts_of(model.device()).scoring_padding;
  if (depends_on_batches(plugin, settings))
    order_ = data::in_file_order(examples, samples, batch);
  else if (padding > 0)
    order_ = data::padded(examples, most_examples, padding, samples);
  else
    order_ = data::bucketed(examples, most_examples, samples);
}

std::optional<Batch> ScoringBatches::next() {
  if (split_ != nullptr && order_.empty()) examples_with_loss(*split_);
  if (next_ == order_.size()) return std::nullopt;
  return split_->examples->batch(order_[next_++]);
}

std::int64_t ScoringBatches::examples() const {
  std::int64_t count = 0;
  for (const auto& rows : order_) count += static_cast<std::int64_t>(rows.size());
  return count;
}

}  // namespace espalier::tasks
