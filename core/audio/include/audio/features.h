// Sound to what a model reads: Kaldi filter banks (AST) and log-mel spectrograms (Whisper), as transformers' feature
// extractors give them.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <filesystem>
#include <span>
#include <string>

namespace espalier::audio {

// The frames of one window that touch sound, and what all others hold.
struct Features {
  at::Tensor frames;  // [frames that touch sound, mel bins], float32
  double fill = 0;    // every value of the frames after them
};

class FeatureExtractor {
 public:
  enum class Kind {
    FilterBank,  // ASTFeatureExtractor: [frames, mel bins]
    LogMel,      // WhisperFeatureExtractor: [mel bins, frames]
  };

  // From preprocessor_config.json; without it from transformers' defaults for the family of config.json, with its
  // sizes. Throws InputError that names file and key.
  static FeatureExtractor read(const std::filesystem::path& checkpoint);

  // Throws InputError naming files and keys where the model of this checkpoint takes features of another size.
  void require_model(const std::filesystem::path& checkpoint) const;

  Kind kind() const { return kind_; }
  std::int64_t sampling_rate() const { return sampling_rate_; }
  std::int64_t frames() const { return frames_; }  // of a window, padding included
  std::int64_t mel_bins() const { return mel_bins_; }
  std::int64_t shortest() const;        // samples that one frame needs
  std::int64_t window_samples() const;  // samples that one window holds; more are cut
  double window_seconds() const { return static_cast<double>(window_samples()) / static_cast<double>(sampling_rate_); }
  const std::string& digest() const { return digest_; }  // of all settings

  // Of one window; samples beyond it do not count.
  Features features(std::span<const float> samples) const;
  // A whole window as the model reads it: [frames, mel bins] or [mel bins, frames].
  at::Tensor padded(const Features& features) const;

 private:
  FeatureExtractor() = default;
  void prepare();
  Features filter_bank(std::span<const float> samples) const;
  Features log_mel(std::span<const float> samples) const;

  Kind kind_ = Kind::FilterBank;
  std::int64_t sampling_rate_ = 16000, frames_ = 1024, mel_bins_ = 128;
  std::int64_t frame_samples_ = 400, hop_samples_ = 160, chunk_seconds_ = 30;
  bool normalize_ = true;
  double mean_ = -4.2677393, deviation_ = 4.5689974;
  at::Tensor window_;   // [frame_samples]
  at::Tensor filters_;  // [mel bins, frequencies]
  std::string digest_;
};

}  // namespace espalier::audio
