// Tiny random BERT checkpoints, and batches and masks for them.
#pragma once

#include <ATen/ATen.h>
#include <ATen/CPUGeneratorImpl.h>
#include <ATen/Parallel.h>
#include <ATen/core/grad_mode.h>
#include <c10/core/InferenceMode.h>
#include <nn/model.h>
#include <nn/network.h>
#include <nn/safetensors.h>

#include <filesystem>
#include <fstream>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "families/families.h"
#include "support/random_mask.h"
#include "support/temp_dir.h"

namespace espalier::test {

inline const std::vector<Granularity> granularities = {
    Granularity::Head,     Granularity::HeadChannel, Granularity::SameChannel, Granularity::QChannel,
    Granularity::KChannel, Granularity::VChannel,    Granularity::OChannel,    Granularity::ProjectionChannel};

struct TinyBert {
  std::int64_t heads = 3, head_dim = 5, layers = 2, intermediate = 11, vocabulary = 30, positions = 24, labels = 4;
  std::uint64_t seed = 1;

  std::int64_t width() const { return heads * head_dim; }

  nlohmann::json config() const {
    nlohmann::json json = {{"model_type", "bert"},
                           {"hidden_size", width()},
                           {"num_attention_heads", heads},
                           {"num_hidden_layers", layers},
                           {"intermediate_size", intermediate},
                           {"vocab_size", vocabulary},
                           {"max_position_embeddings", positions}};
    for (std::int64_t i = 0; i < labels; ++i) json["id2label"][std::to_string(i)] = "class " + std::to_string(i);
    return json;
  }

  // Weights large enough that every part shows; labels 0: headless.
  nn::TensorFile tensors() const {
    auto generator = at::make_generator<at::CPUGeneratorImpl>(seed);
    nn::TensorFile file;
    const auto random = [&](const std::string& name, std::vector<std::int64_t> shape, double mean = 0) {
      file.tensors[name] = at::zeros(shape).normal_(mean, 0.4, generator);
    };
    const auto linear = [&](const std::string& name, std::int64_t out, std::int64_t in) {
      random(name + ".weight", {out, in});
      random(name + ".bias", {out});
    };
    const auto norm = [&](const std::string& name) {
      random(name + ".weight", {width()}, 1);
      random(name + ".bias", {width()});
    };
    random("bert.embeddings.word_embeddings.weight", {vocabulary, width()});
    random("bert.embeddings.position_embeddings.weight", {positions, width()});
    random("bert.embeddings.token_type_embeddings.weight", {2, width()});
    norm("bert.embeddings.LayerNorm");
    for (std::int64_t i = 0; i < layers; ++i) {
      const std::string layer = "bert.encoder.layer." + std::to_string(i);
      for (const char* name : {"query", "key", "value"}) linear(layer + ".attention.self." + name, width(), width());
      linear(layer + ".attention.output.dense", width(), width());
      norm(layer + ".attention.output.LayerNorm");
      linear(layer + ".intermediate.dense", intermediate, width());
      linear(layer + ".output.dense", width(), intermediate);
      norm(layer + ".output.LayerNorm");
    }
    if (labels > 0) {
      linear("bert.pooler.dense", width(), width());
      linear("classifier", labels, width());
    }
    return file;
  }

  void write(const std::filesystem::path& folder) const {
    std::filesystem::create_directories(folder);
    nn::write_safetensors(folder / "model.safetensors", tensors());
    std::ofstream(folder / "config.json") << config();
  }

  std::unique_ptr<nn::Model> model() const {
    const TempDir folder;
    write(folder.path());
    return families::read_model(folder.path());
  }
  std::unique_ptr<nn::Model> double_model() const { return nn::converted(*model(), at::kDouble); }
};

// Random ids and labels; `padded`: an attention_mask that leaves out the last tokens of every second example.
inline Batch random_batch(const TinyBert& shape, std::int64_t examples, std::int64_t tokens, std::uint64_t seed,
                          bool padded = false) {
  auto generator = at::make_generator<at::CPUGeneratorImpl>(seed);
  const auto ids = [&](std::int64_t end, std::vector<std::int64_t> sizes) {
    return at::zeros(sizes, at::kLong).random_(0, end, generator);
  };
  Batch batch;
  batch.inputs["input_ids"] = ids(shape.vocabulary, {examples, tokens});
  if (padded) {
    auto mask = at::ones({examples, tokens}, at::kLong);
    for (std::int64_t i = 1; i < examples; i += 2) mask[i].slice(0, tokens / 2 + 1, tokens).zero_();
    batch.inputs["attention_mask"] = mask;
  }
  batch.labels = ids(std::max<std::int64_t>(shape.labels, 1), {examples});
  for (std::int64_t i = 0; i < examples; ++i) batch.rows.push_back(i);
  return batch;
}

inline at::Tensor logits(const nn::Model& model, const Batch& batch) {
  const at::NoGradGuard no_gradients;
  return model.logits({&batch, 1});
}

}  // namespace espalier::test
