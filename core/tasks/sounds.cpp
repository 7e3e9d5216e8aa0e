#include "tasks/sounds.h"

#include <espalier/error.h>
#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "words/names.h"

namespace espalier::tasks {

Sounds read_sounds(const DatasetSettings& dataset, const std::string& split, const audio::FeatureExtractor& extractor,
                   LongAudio long_audio, const std::filesystem::path& cache_folder, SplitTables& tables,
                   const Watch& watch) {
  const audio::FeaturePolicy policy{dataset.bad_files == BadFiles::Skip, dataset.long_audio.value_or(long_audio)};
  const auto table = tables.table(dataset, split);  // missing files are named or left out with others that are bad
  const auto& rows = table->sounds;
  auto features = audio::FeatureSet::open(rows, extractor, policy, cache_folder, tables.digest(dataset, split),
                                          watch.say, [&] { watch.check(); });
  constexpr std::size_t named = 10;
  const auto& skipped = features.skipped();
  for (std::size_t i = 0; i < std::min(skipped.size(), named); ++i) watch.tell("left out: " + skipped[i]);
  if (skipped.size() > named) watch.tell(fmt::format("left out: {} more files", skipped.size() - named));
  if (features.cut() > 0) {
    watch.tell(fmt::format("{} of {} files are longer than {:.1f} s: only their beginning counts", features.cut(),
                           features.size(), extractor.window_seconds()));
  }
  if (const auto& cancelling = features.cancelling(); !cancelling.empty()) {
    std::vector<std::string> names;
    for (std::size_t i = 0; i < std::min(cancelling.size(), named); ++i)
      names.push_back(rows[static_cast<std::size_t>(features.row(cancelling[i]))].path);
    watch.tell(
        fmt::format("{} of {} files have channels of opposite phase, whose mean is nearly silent: {}{}\n    take one "
                    "of the channels",
                    cancelling.size(), features.size(), join(names), cancelling.size() > named ? ", ..." : ""));
  }
  return {table, std::move(features)};
}

void require_same_features(const std::filesystem::path& own, const std::filesystem::path& other) {
  if (audio::FeatureExtractor::read(own).digest() == audio::FeatureExtractor::read(other).digest()) return;
  throw InputError((other / "preprocessor_config.json").string() + ": makes other features of a sound than " +
                   (own / "preprocessor_config.json").string() +
                   "\n    expected equal settings: sampling_rate, mel bins, lengths, mean and std");
}

Metrics notes_of(const audio::FeatureSet& features) {
  Metrics notes;
  if (!features.skipped().empty()) notes["files_left_out"] = static_cast<double>(features.skipped().size());
  if (features.cut() > 0) notes["files_cut"] = static_cast<double>(features.cut());
  if (!features.cancelling().empty())
    notes["files_of_opposite_phase"] = static_cast<double>(features.cancelling().size());
  return notes;
}

std::string sounds_digest(const DatasetSettings& dataset, const std::string& split,
                          const audio::FeatureExtractor& extractor, SplitTables& tables) {
  const nlohmann::json reading = {
      {"files", tables.digest(dataset, split)}, {"format", dataset.format},
      {"features", extractor.digest()},         {"limit", dataset.limit_of(split)},
      {"bad_files", dataset.bad_files},         {"long_audio", name_or_empty(dataset.long_audio)}};
  return sha256_hex(reading.dump());
}

}  // namespace espalier::tasks
