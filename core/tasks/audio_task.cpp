#include "tasks/audio_task.h"

#include <ATen/TensorOperators.h>
#include <ATen/ops/one_hot.h>
#include <ATen/ops/tensor.h>
#include <ATen/ops/zeros.h>
#include <espalier/error.h>

#include "audio/augmentation.h"
#include "data/labels.h"
#include "nn/memory/batch_halvings.h"
#include "tables/text_table.h"
#include "tasks/classification.h"
#include "tasks/sounds.h"

namespace espalier::tasks {
namespace {

// A batch of features; on a GPU some of them are handed to the model in one go.
constexpr std::int64_t sounds_a_batch = 16;
constexpr std::size_t batches_at_once_on_a_gpu = 8;

// Features by number, read from the cache when they are computed with.
class AudioExamples final : public data::Examples {
 public:
  AudioExamples(Sounds sounds, at::Tensor labels) : sounds_(std::move(sounds)), labels_(std::move(labels)) {}
  std::int64_t size() const override { return sounds_.features.size(); }
  std::int64_t length(std::int64_t) const override { return 0; }  // all fill the window
  Batch batch(std::span<const std::int64_t> examples) const override {
    Batch made;
    made.rows.assign(examples.begin(), examples.end());
    made.inputs["input_values"] = sounds_.features.features(examples);  // [examples, frames, mel bins]
    made.labels = labels_.index_select(0, at::tensor(made.rows));
    return made;
  }

 private:
  Sounds sounds_;
  at::Tensor labels_;  // [examples] or [examples, classes]
};

// What is written of the examples that are not left out, one entry a label.
std::vector<data::LabelAt> written(const Sounds& sounds, std::vector<std::int64_t>& example_of) {
  std::vector<data::LabelAt> labels;
  for (std::int64_t example = 0; example < sounds.features.size(); ++example) {
    const auto& row = sounds.rows()[static_cast<std::size_t>(sounds.features.row(example))];
    for (const auto& label : row.labels) {
      labels.push_back({label, row.line});
      example_of.push_back(example);
    }
  }
  return labels;
}

}  // namespace

AudioTask::AudioTask(DatasetSettings dataset, std::string checkpoint, std::vector<std::string> labels,
                     DigestMemory& digests, std::filesystem::path cache_folder, Watch watch, nn::Device device)
    : Task(std::move(dataset), digests, std::move(watch), std::move(device)),
      checkpoint_(std::move(checkpoint)),
      labels_(std::move(labels)),
      cache_folder_(std::move(cache_folder)) {}

const audio::FeatureExtractor& AudioTask::extractor() {
  if (!extractor_) {
    extractor_ = audio::FeatureExtractor::read(checkpoint_);
    extractor_->require_model(checkpoint_);
  }
  if (extractor_->kind() != audio::FeatureExtractor::Kind::FilterBank) {
    throw InputError(checkpoint_ + ": reads speech and writes text; it does not classify (" +
                     to_string(dataset_.format) + ")\n    expected an ast checkpoint");
  }
  return *extractor_;
}

const std::vector<std::string>& AudioTask::labels() {
  if (labels_.empty()) {
    // Of the whole file: a slice of it may lack a rare class that the other splits have.
    const auto table = tables().table(dataset_, "train", TableExtent::Whole);
    std::vector<data::LabelAt> written;
    for (const auto& row : table->sounds) {
      for (const auto& label : row.labels) written.push_back({label, row.line});
    }
    data::require_classes(written, path_of("train"));
    for (const auto& one : written) labels_.push_back(one.label);
    labels_ = in_order(std::move(labels_));
    if (!tags()) require_two_classes(labels_, path_of("train"));
  }
  return labels_;
}

Split AudioTask::read(const std::string& name) {
  const auto file = path_of(name);
  if (dataset_.long_audio == LongAudio::Chunk) {
    throw SettingsError(
        "long_audio is 'chunk', which joins what a Whisper model writes of each part\n    expected refuse or cut for " +
        std::string(to_string(dataset_.format)));
  }
  const auto& classes = labels();
  auto sounds = read_sounds(dataset_, name, extractor(), LongAudio::Cut, cache_folder_, tables(), watch());
  std::vector<std::int64_t> example_of;
  const auto numbers = data::class_numbers(written(sounds, example_of), classes, file);
  Split split;
  if (tags()) {
    split.labels = at::zeros({sounds.features.size(), static_cast<std::int64_t>(classes.size())}, at::kFloat);
    if (!numbers.empty()) split.labels.index_put_({at::tensor(example_of), at::tensor(numbers)}, at::tensor(1.0F));
  } else {
    split.labels = at::tensor(numbers);  // [examples]
  }
  split.notes = notes_of(sounds.features);
  split.examples = std::make_unique<AudioExamples>(std::move(sounds), split.labels);
  split.batches = data::in_file_order(*split.examples, 0, nn::halved(sounds_a_batch));
  return split;
}

std::string AudioTask::compute_digest(const std::string& name) {
  path_of(name);
  return sounds_digest(dataset_, name, extractor(), tables());
}

void AudioTask::require_same_reading(const std::filesystem::path& other) const {
  require_same_features(checkpoint_, other);
}

Evaluation AudioTask::evaluate(const nn::Model& model, const Split& split) const {
  const auto* const alone = &model;
  return std::move(evaluate_models({&alone, 1}, split).front());
}

std::vector<Evaluation> AudioTask::evaluate_models(std::span<const nn::Model* const> models, const Split& split) const {
  const auto together = models.front()->device().is_cpu() ? std::size_t{1} : batches_at_once_on_a_gpu;
  return evaluations_of(*this, models, split, together, watch());
}

std::unique_ptr<BoundedMetric> AudioTask::bounded(const Split& split, const std::string& metric) const {
  return bounded_by_classes(split, metric);
}

Evaluation AudioTask::evaluation_of(const Outputs& outputs, const Split& split, std::int64_t multiply_adds) const {
  return tags() ? tagging_evaluation(outputs, split, multiply_adds)
                : one_class_evaluation(outputs, split, multiply_adds);
}

at::Tensor AudioTask::training_loss(const nn::Model& model, const Split& split, const std::vector<data::Rows>& step,
                                    const Aim& aim, Random& random) const {
  auto batch = split.examples->batch(step.at(0));  // all examples are equally long: one group
  const auto& settings = aim.settings;
  const audio::AugmentationSettings augmentation{settings.mixup, settings.frequency_mask, settings.time_mask,
                                                 settings.shift, settings.noise};
  auto targets = batch.labels;
  if (augmentation.any()) {
    const auto wide = tags() ? targets : at::one_hot(targets, static_cast<std::int64_t>(labels_.size())).to(at::kFloat);
    auto augmented = audio::augment(batch.inputs.at("input_values"), wide, augmentation, random);
    batch.inputs["input_values"] = augmented.features;
    targets = augmented.targets;  // [examples, classes]
  }
  const auto logits = model.training_logits({&batch, 1}, aim.gates).to(at::kFloat);  // [examples, classes]
  return step_loss(logits, targets, tags(), {&batch, 1}, aim);
}

}  // namespace espalier::tasks
