// Tables that name sound files: what the program must know of them to digest a dataset, and the worker to compute it.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <string>
#include <vector>

#include "words/digest.h"

namespace espalier {

struct DatasetSettings;

struct AudioRow {
  std::string path;                 // absolute, or relative to the working directory
  std::string text;                 // of speech-recognition: the transcript
  std::vector<std::string> labels;  // of audio-classification one, of audio-tagging any number
  std::int64_t line = 0;            // where the row stands in its table
};

// A split of an audio dataset, whose formats are:
// - audio-classification: a .tsv, .csv or .jsonl table (read as tables/text_table.h says) with columns path and label; or the Speech Commands folder, where
//   testing_list.txt and validation_list.txt are the splits "test" and "validation" and the rest is "train".
// - audio-tagging: a table with columns path and label, labels separated by ';'; or an AudioSet table (a first line
//   that starts with '#', then YTID, start, end, "mid,mid"), whose files lie in the folder `audio` as YTID.wav (or
//   .flac, .ogg, .mp3) and whose labels have the names that `classes` (class_labels_indices.csv) gives.
// - speech-recognition: a table with columns path and text.
// Paths are relative to the table's folder. Throws InputError with FILE:LINE and all problems found (capped); files
// that a table names and that do not exist are among them, unless `missing` is given: then their paths are put there
// and their rows are given like the others.
std::vector<AudioRow> read_audio_table(const DatasetSettings& dataset, const std::string& split,
                                       std::vector<std::string>* missing = nullptr);

// What rows are known by: what stands in them and the bytes of every file they name, in order. No paths.
std::string audio_digest(const std::vector<AudioRow>& rows, DigestMemory& digests);

}  // namespace espalier
