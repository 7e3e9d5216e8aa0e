// A small Whisper of heads as wide as real ones, its weights drawn from their names as tests/fixtures/nn/wide_heads does.
#pragma once

#include <ATen/ATen.h>
#include <nn/model.h>
#include <nn/safetensors.h>

#include <filesystem>
#include <fstream>
#include <memory>
#include <string>
#include <vector>

#include "families/families.h"
#include "families/speech.h"
#include "support/temp_dir.h"

namespace espalier::test {

// Uniform in [-1, 1), by splitmix64 of the name's FNV-1a hash plus the place.
inline at::Tensor numbers(const std::string& name, std::vector<std::int64_t> shape) {
  std::uint64_t seed = 0xcbf29ce484222325ULL;
  for (const unsigned char byte : name) seed = (seed ^ byte) * 0x100000001b3ULL;
  auto tensor = at::zeros(shape);
  auto* value = tensor.mutable_data_ptr<float>();
  for (std::int64_t i = 0; i < tensor.numel(); ++i) {
    std::uint64_t mixed = seed + static_cast<std::uint64_t>(i) + 0x9e3779b97f4a7c15ULL;
    mixed = (mixed ^ (mixed >> 30)) * 0xbf58476d1ce4e5b9ULL;
    mixed = (mixed ^ (mixed >> 27)) * 0x94d049bb133111ebULL;
    value[i] = static_cast<float>((mixed ^ (mixed >> 31)) >> 40) / 8388608.0F - 1;
  }
  return tensor;
}

struct TinyWhisper {
  std::int64_t width = 128, heads = 2, encoder_layers = 1, decoder_layers = 2, intermediate = 16, vocabulary = 40,
               mels = 4, positions = 6, most_tokens = 14;

  nn::TensorFile tensors() const {
    nn::TensorFile file;
    const auto weight = [&](const std::string& name, std::vector<std::int64_t> shape) {
      file.tensors[name] = numbers(name, std::move(shape)) / 4;
    };
    const auto linear = [&](const std::string& name, std::int64_t out, std::int64_t in, bool biased = true) {
      weight(name + ".weight", {out, in});
      if (biased) weight(name + ".bias", {out});
    };
    const auto norm = [&](const std::string& name) {
      file.tensors[name + ".weight"] = 1 + numbers(name + ".weight", {width}) / 4;
      weight(name + ".bias", {width});
    };
    const auto attention = [&](const std::string& name) {
      linear(name + ".q_proj", width, width);
      linear(name + ".k_proj", width, width, /*biased=*/false);
      linear(name + ".v_proj", width, width);
      linear(name + ".out_proj", width, width);
      norm(name + "_layer_norm");
    };
    const auto feed_forward = [&](const std::string& name) {
      linear(name + ".fc1", intermediate, width);
      linear(name + ".fc2", width, intermediate);
      norm(name + ".final_layer_norm");
    };
    weight("model.encoder.conv1.weight", {width, mels, 3});
    weight("model.encoder.conv1.bias", {width});
    weight("model.encoder.conv2.weight", {width, width, 3});
    weight("model.encoder.conv2.bias", {width});
    weight("model.encoder.embed_positions.weight", {positions, width});
    for (std::int64_t i = 0; i < encoder_layers; ++i) {
      const auto name = "model.encoder.layers." + std::to_string(i);
      attention(name + ".self_attn");
      feed_forward(name);
    }
    norm("model.encoder.layer_norm");
    weight("model.decoder.embed_tokens.weight", {vocabulary, width});
    weight("model.decoder.embed_positions.weight", {most_tokens, width});
    for (std::int64_t i = 0; i < decoder_layers; ++i) {
      const auto name = "model.decoder.layers." + std::to_string(i);
      attention(name + ".self_attn");
      attention(name + ".encoder_attn");
      feed_forward(name);
    }
    norm("model.decoder.layer_norm");
    return file;
  }

  void write(const std::filesystem::path& folder) const {
    std::filesystem::create_directories(folder);
    nn::write_safetensors(folder / "model.safetensors", tensors());
    const auto number = [](std::int64_t value) { return std::to_string(value); };
    std::ofstream(folder / "config.json")
        << R"({"model_type": "whisper", "d_model": )" << number(width) << R"(, "encoder_layers": )"
        << number(encoder_layers) << R"(, "decoder_layers": )" << number(decoder_layers)
        << R"(, "encoder_attention_heads": )" << number(heads) << R"(, "decoder_attention_heads": )" << number(heads)
        << R"(, "encoder_ffn_dim": )" << number(intermediate) << R"(, "decoder_ffn_dim": )" << number(intermediate)
        << R"(, "vocab_size": )" << number(vocabulary) << R"(, "num_mel_bins": )" << number(mels)
        << R"(, "max_source_positions": )" << number(positions) << R"(, "max_target_positions": )"
        << number(most_tokens) << R"(, "decoder_start_token_id": 5, "eos_token_id": 20})";
    std::ofstream(folder / "generation_config.json")
        << R"({"is_multilingual": false, "decoder_start_token_id": 5, "eos_token_id": 20, "suppress_tokens": [1, 2, 9],
               "begin_suppress_tokens": [20, 11], "no_timestamps_token_id": )"
        << vocabulary - 1 << "}";
  }

  std::unique_ptr<nn::Model> model() const {
    const TempDir folder;
    write(folder.path());
    return families::read_model(folder.path());
  }
};

using families::DecodingRules;

inline DecodingRules rules_of(std::int64_t most_tokens, bool detects = false, std::int64_t end = 10) {
  DecodingRules rules;
  rules.prompt =
      detects ? std::vector<std::int64_t>{5, DecodingRules::detected_language, 3} : std::vector<std::int64_t>{5, 8, 3};
  rules.languages = {2, 6, 7};
  rules.suppressed = {1, -1, 9, 99};
  rules.suppressed_at_begin = {4};
  rules.end = end;
  rules.most_tokens = most_tokens;
  return rules;
}

}  // namespace espalier::test
