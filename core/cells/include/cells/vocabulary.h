// The closed lists of words that only the host knows, in the way of <espalier/vocabulary.h>.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>

#include <espalier/vocabulary.h>

namespace espalier {

enum class Family { Bert, Ast, Whisper };
template <>
struct Vocabulary<Family> {
  static constexpr const char* kind = "family";
  static constexpr Word<Family> words[] = {{Family::Bert, "bert"}, {Family::Ast, "ast"}, {Family::Whisper, "whisper"}};
};

enum class Format { TextClassification, AudioClassification, AudioTagging, SpeechRecognition };
template <>
struct Vocabulary<Format> {
  static constexpr const char* kind = "format";
  static constexpr Word<Format> words[] = {{Format::TextClassification, "text-classification"},
                                           {Format::AudioClassification, "audio-classification"},
                                           {Format::AudioTagging, "audio-tagging"},
                                           {Format::SpeechRecognition, "speech-recognition"}};
};

enum class SplitName { Train, Validation, Test };
template <>
struct Vocabulary<SplitName> {
  static constexpr const char* kind = "split";
  static constexpr Word<SplitName> words[] = {
      {SplitName::Train, "train"}, {SplitName::Validation, "validation"}, {SplitName::Test, "test"}};
};

// Of plugins.
enum class Role { Scorer, Searcher, Recovery };
template <>
struct Vocabulary<Role> {
  static constexpr const char* kind = "role";
  static constexpr Word<Role> words[] = {
      {Role::Scorer, "scorer"}, {Role::Searcher, "searcher"}, {Role::Recovery, "recovery"}};
};

// What a measurement is of: the dense model, a pruned one, one after its recovery, one whose training gave no numbers.
enum class PointKind { Dense, Pruned, Recovered, Diverged };
template <>
struct Vocabulary<PointKind> {
  static constexpr const char* kind = "kind of point";
  static constexpr Word<PointKind> words[] = {{PointKind::Dense, "dense"},
                                              {PointKind::Pruned, "pruned"},
                                              {PointKind::Recovered, "recovered"},
                                              {PointKind::Diverged, "diverged"}};
};

// The arithmetic of a cell. Master weights are float32 in all of them.
enum class ComputeType {
  Float32,   // as IEEE has it: no TF32
  Tf32,      // float32 whose products are rounded to 10 bits; CUDA only
  BFloat16,  // products in bfloat16
  Float16,   // the same in float16; nothing is trained in it
};
template <>
struct Vocabulary<ComputeType> {
  static constexpr const char* kind = "compute type";
  static constexpr Word<ComputeType> words[] = {{ComputeType::Float32, "float32"},
                                                {ComputeType::Tf32, "tf32"},
                                                {ComputeType::BFloat16, "bfloat16"},
                                                {ComputeType::Float16, "float16"}};
};

// The kind of device that latency is asked of: on another one it is another question.
enum class LatencyDevice { Cpu, Cuda };
template <>
struct Vocabulary<LatencyDevice> {
  static constexpr const char* kind = "device";
  static constexpr Word<LatencyDevice> words[] = {{LatencyDevice::Cpu, "cpu"}, {LatencyDevice::Cuda, "cuda"}};
};

// Where weights come from: from the checkpoint, or made anew from its config.json.
enum class TrainingStart { Checkpoint, Scratch };
template <>
struct Vocabulary<TrainingStart> {
  static constexpr const char* kind = "start";
  static constexpr Word<TrainingStart> words[] = {{TrainingStart::Checkpoint, "checkpoint"},
                                                  {TrainingStart::Scratch, "scratch"}};
};

enum class ScheduleShape { Linear, Geometric };
template <>
struct Vocabulary<ScheduleShape> {
  static constexpr const char* kind = "shape";
  static constexpr Word<ScheduleShape> words[] = {{ScheduleShape::Linear, "linear"},
                                                  {ScheduleShape::Geometric, "geometric"}};
};

// What becomes of sound files that cannot be used: they refuse the split, or are left out and counted.
enum class BadFiles { Refuse, Skip };
template <>
struct Vocabulary<BadFiles> {
  static constexpr const char* kind = "bad_files";
  static constexpr Word<BadFiles> words[] = {{BadFiles::Refuse, "refuse"}, {BadFiles::Skip, "skip"}};
};

// What becomes of sounds longer than a model's window.
enum class LongAudio { Refuse, Cut, Chunk };
template <>
struct Vocabulary<LongAudio> {
  static constexpr const char* kind = "long_audio";
  static constexpr Word<LongAudio> words[] = {
      {LongAudio::Refuse, "refuse"}, {LongAudio::Cut, "cut"}, {LongAudio::Chunk, "chunk"}};
};

enum class Normalizer {
  WhisperEnglish,  // as Whisper's paper has it for English: also numbers, contractions, titles and spellings
  WhisperBasic,    // as Whisper's paper has it for other languages: lower case, no brackets, no punctuation
  Ascii,           // lower-case letters and digits of ASCII and apostrophes; diacritics fall, other scripts vanish
};
template <>
struct Vocabulary<Normalizer> {
  static constexpr const char* kind = "normalizer";
  static constexpr Word<Normalizer> words[] = {{Normalizer::WhisperEnglish, "whisper-english"},
                                               {Normalizer::WhisperBasic, "whisper-basic"},
                                               {Normalizer::Ascii, "ascii"}};
};

// Of a multilingual speech model.
enum class SpeechTask { Transcribe, Translate };
template <>
struct Vocabulary<SpeechTask> {
  static constexpr const char* kind = "task";
  static constexpr Word<SpeechTask> words[] = {{SpeechTask::Transcribe, "transcribe"},
                                               {SpeechTask::Translate, "translate"}};
};

// Of a setting that may be left open: its name, or nothing.
template <Worded Enum>
std::string name_or_empty(const std::optional<Enum>& value) {
  return value ? to_string(*value) : "";
}
// The reverse. Throws SettingsError.
template <Worded Enum>
std::optional<Enum> from_name_or_empty(std::string_view name, std::string_view kind = Vocabulary<Enum>::kind) {
  return name.empty() ? std::nullopt : std::optional(from_name<Enum>(name, kind));
}

// In JSON a word is its name; without this nlohmann-json would write a number. `Json` is nlohmann::json, whole where this
// is used.
template <Worded Enum>
void to_json(nlohmann::json& json, Enum value) {
  json = to_string(value);
}

}  // namespace espalier
