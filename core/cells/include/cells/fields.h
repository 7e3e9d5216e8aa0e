// The fields of a cell's settings, each described once: how it is called, what it allows, what it says. Experiment files,
// --set, command lines, JSON and the documentation read these descriptions: a new key is a member and a line here.
#pragma once

#include <cstdint>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

#include "cells/budgets.h"
#include "cells/cell_settings.h"
#include "cells/formats.h"

namespace espalier {

template <typename Settings, typename Value>
struct Field {
  const char* name;
  Value Settings::*member;
  const char* says;
  Range range = {-no_limit, no_limit, ""};  // of numbers
  const char* path = "";                    // of a text that names a place: "FILE" or "DIR"
  std::vector<Format> formats = {};         // of data that it means something to; empty: all
  // Whether it is written into a cell; null: always. What came after the first cells is written only where it counts, so
  // that their keys stay what they were.
  bool (*is_written)(const Settings&) = nullptr;
  bool since_default = false;  // the same: written where it is not at its default

  Field in(const Range& allowed) const {
    return with([&](Field& field) { field.range = allowed; });
  }
  Field at_least(std::int64_t least) const {
    return with([&](Field& field) { field.range.least = static_cast<double>(least); });
  }
  Field a_path(const char* of) const {
    return with([&](Field& field) { field.path = of; });
  }
  Field of(std::vector<Format> some) const {
    return with([&](Field& field) { field.formats = std::move(some); });
  }
  Field written_if(bool (*is)(const Settings&)) const {
    return with([&](Field& field) { field.is_written = is; });
  }
  Field written_unless_default() const {
    return with([](Field& field) { field.since_default = true; });
  }

  bool is_always_written() const { return is_written == nullptr && !since_default; }

 private:
  template <typename Change>
  Field with(const Change& change) const {
    auto changed = *this;
    change(changed);
    return changed;
  }
};

template <typename Settings, typename Value>
Field<Settings, Value> field(const char* name, Value Settings::*member, const char* says) {
  return {name, member, says};
}

// Each calls visit(field) for every field of such settings, in the order in which they are documented.
template <typename Visit>
void each_field_of(const TrainSettings*, const Visit& visit) {
  using Of = TrainSettings;
  constexpr auto from_scratch = [](const Of& train) { return train.start == TrainingStart::Scratch; };
  visit(field("epochs", &Of::epochs, "passes over the train split").at_least(1));
  visit(field("batch", &Of::batch, "examples a step").at_least(1));
  visit(field("learning_rate", &Of::learning_rate, "peak learning rate").in(positive));
  visit(field("weight_decay", &Of::weight_decay, "of weights, not of biases and layer norms").in(not_negative));
  visit(field("warmup", &Of::warmup, "share of the steps").in(share));
  visit(field("clip_norm", &Of::clip_norm, "largest norm of the gradient; 0: none").in(not_negative));
  visit(field("seed", &Of::seed, "of weights, order, dropout and augmentation").at_least(0));
  visit(field("start", &Of::start, "where weights come from").written_unless_default());
  visit(field("initializer_range", &Of::initializer_range, "deviation of new weights")
            .in(not_negative)
            .written_if(from_scratch));
  visit(field("token_deviation", &Of::token_deviation, "deviation of new tokens and positions")
            .in(not_negative)
            .written_if(from_scratch));
  visit(field("patch_deviation", &Of::patch_deviation, "deviation of a new patch convolution; 0: by its size")
            .in(not_negative)
            .written_if(from_scratch));
  visit(field("mixup", &Of::mixup, "alpha of the mixing of pairs; 0: none").in(not_negative).written_unless_default());
  visit(field("frequency_mask", &Of::frequency_mask, "widest band of mel bins that is blanked")
            .at_least(0)
            .written_unless_default());
  visit(
      field("time_mask", &Of::time_mask, "widest band of frames that is blanked").at_least(0).written_unless_default());
  visit(field("shift", &Of::shift, "furthest roll of frames").at_least(0).written_unless_default());
  visit(field("noise", &Of::noise, "largest amplitude of noise on features").in(not_negative).written_unless_default());
}

// Beside name, format, splits and limits.
template <typename Visit>
void each_field_of(const DatasetSettings*, const Visit& visit) {
  using Of = DatasetSettings;
  constexpr auto of_sounds = [](const Of& dataset) { return facts_of(dataset.format).of_sounds; };
  constexpr auto texts = Format::TextClassification, classes = Format::AudioClassification, tags = Format::AudioTagging,
                 speech = Format::SpeechRecognition;
  visit(field("text", &Of::text, "Column of the text").of({texts, speech}));
  visit(field("pair", &Of::pair, "Column of a second text").of({texts}));
  visit(field("label", &Of::label, "Column of the label").of({texts, classes, tags}));
  visit(field("max_tokens", &Of::max_tokens, "Longer texts are cut").at_least(1).of({texts}));
  visit(field("audio", &Of::audio_folder, "Folder of the files of an AudioSet table")
            .a_path("DIR")
            .of({tags})
            .written_if(of_sounds));
  visit(field("classes", &Of::classes, "Names of AudioSet's classes (class_labels_indices.csv)")
            .a_path("FILE")
            .of({tags})
            .written_if(of_sounds));
  visit(field("bad_files", &Of::bad_files, "Sound files that cannot be used: refuse, or skip and count")
            .of({classes, tags, speech})
            .written_if(of_sounds));
  visit(field("long_audio", &Of::long_audio,
              "Longer than the model's window: refuse, cut or chunk (default: Whisper refuses, AST cuts)")
            .of({classes, tags, speech})
            .written_if(of_sounds));
  visit(field("normalizer", &Of::normalizer, "whisper-english, whisper-basic or ascii (default: by the checkpoint)")
            .of({speech})
            .written_if(of_sounds));
  visit(field("language", &Of::language, "Language of a multilingual Whisper: a code or an English name")
            .of({speech})
            .written_if(of_sounds));
  visit(field("task", &Of::task, "transcribe (default) or translate; of a multilingual Whisper")
            .of({speech})
            .written_if(of_sounds));
  visit(field("max_new_tokens", &Of::max_new_tokens, "Transcripts are cut there; 0: the checkpoint's limit")
            .at_least(1)
            .of({speech})
            .written_if(of_sounds));
}

template <typename Visit>
void each_field_of(const ScheduleSettings*, const Visit& visit) {
  using Of = ScheduleSettings;
  visit(field("steps", &Of::steps, "needed: how many steps").at_least(1));
  visit(field("fraction", &Of::fraction, "the share that each step removes; not beside a shape").in(positive_share));
  visit(field("of", &Of::of, "of what remains, or of all there is"));
  visit(field("shape", &Of::shape, "the way to the budget, in place of a fraction").written_unless_default());
  visit(field("rounding", &Of::rounding, "of what a step removes, to whole units"));
}

// Beside the latency.
template <typename Visit>
void each_field_of(const MeasureSettings*, const Visit& visit) {
  visit(field("proof", &MeasureSettings::proof, "whether each mask is proven against the plain path"));
}

template <typename Visit>
void each_field_of(const LatencySettings*, const Visit& visit) {
  visit(field("batch", &LatencySettings::batch, "needed: sizes of the batches that are timed").at_least(1));
  visit(field("repeats", &LatencySettings::repeats, "passes that are timed of each").at_least(1));
  visit(field("device", &LatencySettings::device, "what it is timed on; absent: whatever the run computes on")
            .written_unless_default());
}

// Calls visit(field, value) for every field of these settings.
template <typename Settings, typename Visit>
void each_field(Settings& settings, const Visit& visit) {
  const std::remove_const_t<Settings>* of = nullptr;
  each_field_of(of, [&](const auto& field) { visit(field, settings.*field.member); });
}

template <typename Settings>
std::vector<std::string> field_names() {
  std::vector<std::string> names;
  const Settings* of = nullptr;
  each_field_of(of, [&](const auto& field) { names.emplace_back(field.name); });
  return names;
}

}  // namespace espalier
