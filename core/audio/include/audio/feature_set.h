// The features of one split: computed once, kept on disk by content, read back when they are needed, so that memory
// does not grow with the split.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "audio/features.h"
#include "cells/vocabulary.h"
#include "tables/audio_table.h"

namespace espalier::audio {

// What becomes of files that cannot be used, and of those longer than a window.
struct FeaturePolicy {
  bool skip_bad_files = false;  // else one of them refuses the split
  using LongAudio = espalier::LongAudio;
  LongAudio long_audio = LongAudio::Refuse;
};

class FeatureSet {
 public:
  // `digest` is that of the rows' files. Bad files (missing, no sound, empty, not finite, cut short, too long) are named
  // together in one InputError, or left out. `say` hears of progress; `check` may throw to stop.
  static FeatureSet open(const std::vector<AudioRow>& rows, const FeatureExtractor& extractor,
                         const FeaturePolicy& policy, const std::filesystem::path& cache_folder,
                         const std::string& digest, const std::function<void(const std::string&)>& say = {},
                         const std::function<void()>& check = {});
  ~FeatureSet();
  FeatureSet(FeatureSet&&) noexcept;

  std::int64_t size() const;                         // examples: rows that are not left out
  std::int64_t row(std::int64_t example) const;      // which of the rows it is
  std::int64_t windows(std::int64_t example) const;  // 1, or more where a long file is in chunks
  // Windows of examples side by side as the model reads them: [examples, ...], float32.
  at::Tensor features(std::span<const std::int64_t> examples, std::int64_t window = 0) const;

  const std::vector<std::string>& skipped() const;      // files left out, each with the reason
  const std::vector<std::int64_t>& cancelling() const;  // examples whose channels cancel each other (opposite phase)
  std::int64_t cut() const;                             // files of which only the first window counts

 private:
  struct State;
  explicit FeatureSet(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

}  // namespace espalier::audio
