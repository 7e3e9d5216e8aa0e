// Tones as sound files, and the AST and Whisper fixtures as checkpoints that read them.
#pragma once

#include <cmath>
#include <cstdint>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <string>

#include "support/temp_dir.h"
#include "words/atomic_file.h"

namespace espalier::test {

// 16-bit mono at 16 kHz.
inline void write_tone(const TempDir& folder, const std::string& name, double hertz, double seconds = 0.2) {
  std::string data;
  const auto put = [](std::string& bytes, auto number) {
    bytes.append(reinterpret_cast<const char*>(&number), sizeof number);
  };
  for (int i = 0; i < std::lround(seconds * 16000); ++i)
    put(data, static_cast<std::int16_t>(std::lround(16000 * std::sin(2 * M_PI * hertz * i / 16000))));
  std::string file = "RIFF";
  put(file, static_cast<std::uint32_t>(36 + data.size()));
  file += "WAVEfmt ";
  put(file, std::uint32_t{16});
  put(file, std::uint16_t{1});
  put(file, std::uint16_t{1});
  put(file, std::uint32_t{16000});
  put(file, std::uint32_t{32000});
  put(file, std::uint16_t{2});
  put(file, std::uint16_t{16});
  file += "data";
  put(file, static_cast<std::uint32_t>(data.size()));
  folder.write(name, file + data);
}

inline void copy_fixture(const std::string& name, const std::filesystem::path& to) {
  const auto from = std::filesystem::path(ESPALIER_SOURCE_DIR) / "tests/fixtures/nn/audio" / name;
  std::filesystem::copy(from, to, std::filesystem::copy_options::recursive);
}

// 3 classes, 20 frames: 0.215 s.
inline void write_tiny_ast(const std::filesystem::path& folder) { copy_fixture("ast_relu", folder); }

// How a Whisper of 40 tokens that looks at 20 frames of 50 ms reads sounds, with a token for each small letter.
inline void write_letters(const std::filesystem::path& folder) {
  write_file(folder / "preprocessor_config.json",
             R"({"feature_extractor_type": "WhisperFeatureExtractor", "feature_size": 8, "sampling_rate": 16000,
                 "hop_length": 800, "n_fft": 400, "chunk_length": 1})");
  nlohmann::json tokenizer = {
      {"model", {{"type", "BPE"}, {"vocab", nlohmann::json::object()}, {"merges", nlohmann::json::array()}}}};
  std::int64_t id = 0;
  for (const std::string letter : {"Ġ", "a", "b", "c", "d", "e", "f", "g", "h", "i", "j", "k", "l", "m",
                                   "n", "o", "p", "q", "r", "s", "t", "u", "v", "w", "x", "y", "z"}) {
    while (id == 5 || id == 20) ++id;
    tokenizer["model"]["vocab"][letter] = id++;
  }
  for (const auto& [special, content] :
       {std::pair(5, "<|startoftranscript|>"), std::pair(20, "<|endoftext|>"), std::pair(39, "<|notimestamps|>")})
    tokenizer["added_tokens"].push_back({{"id", special}, {"content", content}, {"special", true}});
  write_file(folder / "tokenizer.json", tokenizer.dump());
}

// Writes at most 12 letters.
inline void write_tiny_whisper(const std::filesystem::path& folder) {
  copy_fixture("whisper_untied", folder);
  write_letters(folder);
}

}  // namespace espalier::test
