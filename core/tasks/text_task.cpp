#include "tasks/text_task.h"

#include <ATen/ops/cat.h>
#include <ATen/ops/tensor.h>

#include <espalier/error.h>
#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "data/labels.h"
#include "data/text_examples.h"
#include "families/checkpoint_facts.h"
#include "nn/memory/batch_halvings.h"
#include "tasks/classification.h"

namespace espalier::tasks {
namespace {

// Large enough to fill the matrix units, small enough that one length's last batch is seldom nearly empty.
constexpr std::int64_t texts_a_batch = 64;
// Batches handed to the model in one go: long enough to pack well, short enough to answer an interrupt quickly.
constexpr std::size_t batches_at_once = 32, batches_at_once_on_a_gpu = 1024;

}  // namespace

TextTask::TextTask(DatasetSettings dataset, std::string checkpoint, std::vector<std::string> labels,
                   DigestMemory& digests, Watch watch, nn::Device device)
    : Task(std::move(dataset), digests, std::move(watch), std::move(device)),
      checkpoint_(std::move(checkpoint)),
      labels_(std::move(labels)) {}

const text::Tokenizer& TextTask::tokenizer() {
  if (!tokenizer_) tokenizer_ = text::read_tokenizer(checkpoint_);
  return *tokenizer_;
}

const std::vector<std::string>& TextTask::labels() {
  // Of the whole file: a slice of it may lack a rare class that the other splits have.
  if (labels_.empty()) {
    const auto table = tables().table(dataset_, "train", TableExtent::Whole);
    std::vector<data::LabelAt> written;
    for (const auto& row : table->texts) written.push_back({row.label, row.line});
    data::require_classes(written, path_of("train"));
    labels_ = labels_of(table->texts);
    require_two_classes(labels_, path_of("train"));
  }
  return labels_;
}

Split TextTask::read(const std::string& name) {
  const auto table = tables().table(dataset_, name);
  const auto most = most_tokens();
  auto examples =
      std::make_unique<data::TextExamples>(data::tokenise(table->texts, tokenizer(), labels(), most, path_of(name)));
  tables().forget_rows(dataset_, name);
  const auto reach_it = std::count_if(examples->encodings.begin(), examples->encodings.end(),
                                      [&](const auto& one) { return std::ssize(one.ids) == most; });
  if (most < dataset_.max_tokens && reach_it > 0) {
    watch().tell(
        fmt::format("texts are cut to {} tokens, which {}/config.json has positions for "
                    "(max_position_embeddings); max_tokens is {}",
                    most, checkpoint_, dataset_.max_tokens));
  }
  Split split;
  split.labels = at::tensor(examples->labels);  // [examples]
  split.batches = data::bucketed(*examples, nn::halved(texts_a_batch));
  split.examples = std::move(examples);
  return split;
}

std::string TextTask::compute_digest(const std::string& name) {
  const nlohmann::json reading = {{"file", tables().digest(dataset_, name)},
                                  {"format", dataset_.format},
                                  {"columns", {dataset_.text, dataset_.pair, dataset_.label}},
                                  {"limit", dataset_.limit_of(name)},
                                  {"max_tokens", most_tokens()}};
  return sha256_hex(reading.dump());
}

std::int64_t TextTask::most_tokens() const {
  return std::min(dataset_.max_tokens, families::text_positions(checkpoint_));
}

void TextTask::require_same_reading(const std::filesystem::path& other) const {
  const auto own = text::read_tokenizer(checkpoint_), theirs = text::read_tokenizer(other);
  if (!own->encodes_as(*theirs)) {
    throw InputError(fmt::format(
        "{}: its tokenizer gives other ids than that of {} ({} and {} tokens)\n    expected a checkpoint with the same "
        "tokenizer files (tokenizer.json or vocab.txt, tokenizer_config.json)",
        other.string(), checkpoint_, theirs->vocabulary_size(), own->vocabulary_size()));
  }
  if (const auto positions = families::text_positions(other); positions < most_tokens()) {
    throw InputError(
        fmt::format("{}/config.json: max_position_embeddings is {}, and texts of {} tokens are read, as {} does\n    "
                    "cut texts to that: "
                    "max_tokens = {} in the dataset, --max-tokens {} on the command line",
                    other.string(), positions, most_tokens(), checkpoint_, positions, positions));
  }
}

Evaluation TextTask::evaluate(const nn::Model& model, const Split& split) const {
  const auto* const alone = &model;
  return std::move(evaluate_models({&alone, 1}, split).front());
}

std::vector<Evaluation> TextTask::evaluate_models(std::span<const nn::Model* const> models, const Split& split) const {
  const auto together = models.front()->device().is_cpu() ? batches_at_once : batches_at_once_on_a_gpu;
  return evaluations_of(*this, models, split, together, watch());
}

std::unique_ptr<BoundedMetric> TextTask::bounded(const Split& split, const std::string& metric) const {
  return bounded_by_classes(split, metric);
}

Evaluation TextTask::evaluation_of(const Outputs& outputs, const Split& split, std::int64_t multiply_adds) const {
  return one_class_evaluation(outputs, split, multiply_adds);
}

at::Tensor TextTask::training_loss(const nn::Model& model, const Split& split, const std::vector<data::Rows>& step,
                                   const Aim& aim, Random&) const {
  std::vector<Batch> groups;
  std::vector<at::Tensor> labels;
  for (const auto& rows : step) {
    groups.push_back(split.examples->batch(rows));
    labels.push_back(groups.back().labels);
  }
  return step_loss(model.training_logits(groups, aim.gates).to(at::kFloat), at::cat(labels), false, groups, aim);
}

}  // namespace espalier::tasks
