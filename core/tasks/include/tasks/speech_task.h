// Speech recognition: tables of sounds and what is said in them; transcripts against references.
//
// Where the language is left open, losses of every model (pruned, student, teacher) are taken under the language that the
// checkpoint's dense model hears in each utterance. Transcripts are what generate() gives of the model that writes: a
// pruned model detects its language anew.
#pragma once

#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "audio/features.h"
#include "families/speech.h"
#include "speech/normalizer.h"
#include "tasks/bounded.h"
#include "tasks/sounds.h"
#include "tasks/task.h"
#include "text/byte_level_bpe.h"

namespace espalier::tasks {

class SpeechTask final : public Task {
 public:
  // `dense`: the checkpoint's model, null where it is to be read when a language has to be detected.
  SpeechTask(DatasetSettings dataset, std::string checkpoint, DigestMemory& digests, std::filesystem::path cache_folder,
             Watch watch, const nn::Model* dense = nullptr, nn::Device device = {});

  const std::vector<std::string>& labels() override { return labels_; }
  const std::string& checkpoint() const override { return checkpoint_; }
  // wer, cer and bleu of normalised texts, substitutions, deletions and insertions of words, cross_entropy over the
  // tokens of the references; cut: transcripts that did not end by themselves; empty_references; exact: the share of
  // transcripts without an error.
  Evaluation evaluate(const nn::Model& model, const Split& split) const override;
  std::unique_ptr<BoundedMetric> bounded(const Split& split, const std::string& metric) const override;
  Evaluation evaluation_of(const Outputs& outputs, const Split& split, std::int64_t multiply_adds) const override;
  at::Tensor training_loss(const nn::Model& model, const Split& split, const std::vector<data::Rows>& step,
                           const Aim& aim, Random& random) const override;
  void require_same_reading(const std::filesystem::path& other) const override;

  // What a model wrote, as text, in the order of the split; from Evaluation::outputs.
  std::vector<std::string> transcripts(const Outputs& outputs) const;

 protected:
  std::vector<Evaluation> evaluate_models(std::span<const nn::Model* const> models, const Split& split) const override;
  std::unique_ptr<data::Examples> some_of(const data::Examples& whole, data::Rows rows) const override;
  Split read(const std::string& name) override;
  std::string compute_digest(const std::string& name) override;
  void set_labels(std::vector<std::string>) override {}  // it has none

 private:
  const audio::FeatureExtractor& extractor();
  void prepare();
  // The language's token of each utterance; none where the rules give it.
  std::vector<std::int64_t> languages_of(const std::string& name, const Sounds& sounds);
  std::string listening_digest(const std::string& name);

  std::string checkpoint_;
  std::vector<std::string> labels_;  // none
  std::filesystem::path cache_folder_;
  const nn::Model* dense_;
  std::optional<audio::FeatureExtractor> extractor_;
  std::unique_ptr<text::ByteLevelBpe> tokenizer_;
  families::DecodingRules rules_;
  Normalizer normalizer_ = Normalizer::WhisperEnglish;
};

}  // namespace espalier::tasks
