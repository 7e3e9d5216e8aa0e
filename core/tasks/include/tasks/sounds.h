// What classification and speech share of a split of sounds: rows, features, and what was left out.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "audio/feature_set.h"
#include "tables/split_tables.h"
#include "tasks/task.h"

namespace espalier::tasks {

struct Sounds {
  std::shared_ptr<const SplitTable> table;
  audio::FeatureSet features;
  const std::vector<AudioRow>& rows() const { return table->sounds; }  // a FeatureSet's examples name theirs
};

// Throws InputError for tables and files that cannot be used. `long_audio`: what a dataset that does not say gets.
Sounds read_sounds(const DatasetSettings& dataset, const std::string& split, const audio::FeatureExtractor& extractor,
                   LongAudio long_audio, const std::filesystem::path& cache_folder, SplitTables& tables,
                   const Watch& watch);

// Throws InputError naming both files where two checkpoints make other features of the same sound.
void require_same_features(const std::filesystem::path& own, const std::filesystem::path& other);

// Files left out and files cut, where there are any: a result says so.
Metrics notes_of(const audio::FeatureSet& features);

// Of the files and of how they are read.
std::string sounds_digest(const DatasetSettings& dataset, const std::string& split,
                          const audio::FeatureExtractor& extractor, SplitTables& tables);

}  // namespace espalier::tasks
