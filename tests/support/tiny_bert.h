// A real but tiny BERT checkpoint and a task it can learn, so that tests take the whole path from files to results.
#pragma once

#include <ATen/ATen.h>
#include <ATen/CPUGeneratorImpl.h>

#include <algorithm>
#include <filesystem>
#include <map>
#include <random>
#include <string>

#include "nn/safetensors.h"
#include "support/temp_dir.h"
#include "words/atomic_file.h"

namespace espalier::test {

inline const std::vector<std::string>& tiny_words() {
  static const std::vector<std::string> words = {"red", "green", "blue", "cat", "dog", "bird", "one", "two", "three"};
  return words;
}

// Writes config.json, model.safetensors and vocab.txt of a headless BERT: 2 layers, 3 heads of 4, 24 feed-forward.
inline void write_tiny_bert(const std::filesystem::path& folder, std::int64_t seed = 1) {
  constexpr std::int64_t width = 12, layers = 2, inner = 24;
  std::filesystem::create_directories(folder);
  std::string vocabulary = "[PAD]\n[UNK]\n[CLS]\n[SEP]\n[MASK]\n";
  for (const auto& word : tiny_words()) vocabulary += word + "\n";
  write_file(folder / "vocab.txt", vocabulary);
  const auto words = static_cast<std::int64_t>(5 + tiny_words().size());
  write_file(folder / "config.json",
             R"({"model_type": "bert", "hidden_size": 12, "num_attention_heads": 3, "num_hidden_layers": 2,
 "intermediate_size": 24, "vocab_size": )" +
                 std::to_string(words) +
                 R"(, "max_position_embeddings": 16, "type_vocab_size": 2, "hidden_act": "gelu"})");
  auto generator = at::detail::createCPUGenerator(static_cast<std::uint64_t>(seed));
  nn::TensorFile file;
  const auto matrix = [&](const std::string& name, std::int64_t rows, std::int64_t columns) {
    file.tensors[name] = at::randn({rows, columns}, generator, at::kFloat) * 0.2;
  };
  const auto linear = [&](const std::string& name, std::int64_t rows, std::int64_t columns) {
    matrix(name + ".weight", rows, columns);
    file.tensors[name + ".bias"] = at::randn({rows}, generator, at::kFloat) * 0.1;
  };
  const auto norm = [&](const std::string& name) {
    file.tensors[name + ".weight"] = at::ones({width}) + at::randn({width}, generator, at::kFloat) * 0.05;
    file.tensors[name + ".bias"] = at::randn({width}, generator, at::kFloat) * 0.05;
  };
  matrix("embeddings.word_embeddings.weight", words, width);
  matrix("embeddings.position_embeddings.weight", 16, width);
  matrix("embeddings.token_type_embeddings.weight", 2, width);
  norm("embeddings.LayerNorm");
  for (std::int64_t layer = 0; layer < layers; ++layer) {
    const auto name = "encoder.layer." + std::to_string(layer) + ".";
    for (const char* projection : {"query", "key", "value"})
      linear(name + "attention.self." + projection, width, width);
    linear(name + "attention.output.dense", width, width);
    norm(name + "attention.output.LayerNorm");
    linear(name + "intermediate.dense", inner, width);
    linear(name + "output.dense", width, inner);
    norm(name + "output.LayerNorm");
  }
  linear("pooler.dense", width, width);
  nn::write_safetensors(folder / "model.safetensors", file);
}

// Texts of one to six words; the label is the kind of the first word (colour, animal or number).
inline std::filesystem::path write_tiny_table(const TempDir& folder, const std::string& name, std::int64_t rows,
                                              std::uint64_t seed) {
  constexpr const char* kinds[] = {"colour", "animal", "number"};
  std::mt19937_64 random(seed);
  std::string text = "text\tlabel\n";
  for (std::int64_t row = 0; row < rows; ++row) {
    const auto first = random() % tiny_words().size();
    text += tiny_words()[first];
    for (auto more = random() % 6; more > 0; --more) text += ' ' + tiny_words()[random() % tiny_words().size()];
    text += '\t';
    text += kinds[std::min<std::size_t>(first / 3, 2)];
    text += '\n';
  }
  return folder.write(name, text);
}

}  // namespace espalier::test
