// Small checkpoints of every family, made here: these tests travel to a machine with a GPU as one program. None has
// dropout, which every kind of device draws for itself.
#pragma once

#include <cstdint>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "families/families.h"
#include "families/tiny_bert.h"
#include "families/tiny_whisper.h"
#include "support/tiny_sounds.h"
#include "words/atomic_file.h"

namespace espalier::test {

inline void without_dropout(const std::filesystem::path& folder) {
  auto config = nlohmann::json::parse(read_file(folder / "config.json"));
  config["hidden_dropout_prob"] = config["attention_probs_dropout_prob"] = 0.0;
  write_file(folder / "config.json", config.dump());
}

// Words w5 to w29 after the five special tokens; any text of them, however long, fits 48 tokens.
inline void write_vocabulary(const std::filesystem::path& folder, std::int64_t words) {
  std::string vocabulary = "[PAD]\n[UNK]\n[CLS]\n[SEP]\n[MASK]\n";
  for (std::int64_t word = 5; word < words; ++word) vocabulary += "w" + std::to_string(word) + "\n";
  write_file(folder / "vocab.txt", vocabulary);
}

// 3 classes, 8 mel bins, 20 frames of 10 ms, two layers of two heads of 8.
inline void write_drawn_ast(const std::filesystem::path& folder) {
  const nlohmann::json config = {{"model_type", "audio-spectrogram-transformer"},
                                 {"architectures", {"ASTForAudioClassification"}},
                                 {"hidden_size", 16},
                                 {"num_attention_heads", 2},
                                 {"num_hidden_layers", 2},
                                 {"intermediate_size", 24},
                                 {"hidden_act", "gelu"},
                                 {"num_mel_bins", 8},
                                 {"max_length", 20},
                                 {"patch_size", 4},
                                 {"frequency_stride", 4},
                                 {"time_stride", 3},
                                 {"qkv_bias", true},
                                 {"hidden_dropout_prob", 0.0},
                                 {"attention_probs_dropout_prob", 0.0},
                                 {"id2label", {{"0", "class 0"}, {"1", "class 1"}, {"2", "class 2"}}},
                                 {"label2id", {{"class 0", 0}, {"class 1", 1}, {"class 2", 2}}}};
  std::filesystem::create_directories(folder);
  write_file(folder / "config.json", config.dump());
  families::model_from_scratch(folder, {"class 0", "class 1", "class 2"}, {}, 1)->save(folder);
}

// Hears 20 frames of 50 ms, writes at most 12 letters.
inline void write_drawn_whisper(const std::filesystem::path& folder, std::int64_t width = 32) {
  TinyWhisper shape;
  shape.width = width;
  shape.mels = 8;
  shape.positions = 10;
  shape.write(folder);
  write_letters(folder);
}

}  // namespace espalier::test
