// Audio classification (one class a sound) and tagging (several): tables of labelled sounds, as features.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "audio/features.h"
#include "tasks/bounded.h"
#include "tasks/task.h"

namespace espalier::tasks {

class AudioTask final : public Task {
 public:
  AudioTask(DatasetSettings dataset, std::string checkpoint, std::vector<std::string> labels, DigestMemory& digests,
            std::filesystem::path cache_folder, Watch watch, nn::Device device = {});

  const std::vector<std::string>& labels() override;
  const std::string& checkpoint() const override { return checkpoint_; }
  Evaluation evaluate(const nn::Model& model, const Split& split) const override;
  std::vector<Evaluation> evaluate_models(std::span<const nn::Model* const> models, const Split& split) const override;
  std::unique_ptr<BoundedMetric> bounded(const Split& split, const std::string& metric) const override;
  Evaluation evaluation_of(const Outputs& outputs, const Split& split, std::int64_t multiply_adds) const override;
  at::Tensor training_loss(const nn::Model& model, const Split& split, const std::vector<data::Rows>& step,
                           const Aim& aim, Random& random) const override;
  void require_same_reading(const std::filesystem::path& other) const override;

 protected:
  Split read(const std::string& name) override;
  std::string compute_digest(const std::string& name) override;
  void set_labels(std::vector<std::string> labels) override { labels_ = std::move(labels); }

 private:
  bool tags() const { return dataset_.format == Format::AudioTagging; }
  const audio::FeatureExtractor& extractor();

  std::string checkpoint_;
  std::vector<std::string> labels_;
  std::filesystem::path cache_folder_;
  std::optional<audio::FeatureExtractor> extractor_;
};

}  // namespace espalier::tasks
