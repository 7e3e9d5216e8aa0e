// Checkpoints and inputs that do not fit, and what is said of them.
#include <ATen/ATen.h>
#include <espalier/error.h>
#include <gtest/gtest.h>
#include <nn/model.h>

#include "families/families.h"
#include "families/tiny_bert.h"
#include "support/message_of.h"
#include "support/tensor_matchers.h"

namespace espalier::test {
namespace {

class BertCheckpoint : public testing::Test {
 protected:
  BertCheckpoint() { shape.write(folder.path()); }

  std::string refusal(const nlohmann::json& config) {
    folder.write("config.json", config.dump());
    return refusal();
  }
  // The message without the folder.
  std::string refusal() {
    const auto message = message_of<InputError>([&] { families::read_model(folder.path()); });
    const auto start = folder.path().string() + "/";
    EXPECT_TRUE(message.starts_with(start)) << message;
    return message.substr(std::min(message.size(), start.size()));
  }

  TempDir folder;
  TinyBert shape{.layers = 1};
};

TEST_F(BertCheckpoint, OfAnotherFamilyIsRefused) {
  auto config = shape.config();
  config["model_type"] = "gpt2";
  EXPECT_EQ(refusal(config),
            "config.json: model_type is 'gpt2', expected 'bert', 'audio-spectrogram-transformer' or 'whisper'\n"
            "    supported families: bert, ast, whisper");
  config.erase("model_type");
  EXPECT_EQ(refusal(config),
            "config.json: model_type is missing, expected 'bert', 'audio-spectrogram-transformer' or 'whisper'\n"
            "    supported families: bert, ast, whisper");
  EXPECT_NO_THROW(families::read_model(folder.path(), "bert"));
}

TEST_F(BertCheckpoint, AbsurdNumbersAreRefusedBeforeMemoryIsSpent) {
  const auto with = [&](const char* key, const nlohmann::json& value) {
    auto config = shape.config();
    config[key] = value;
    return refusal(config);
  };
  EXPECT_EQ(with("num_hidden_layers", 1000000000000),
            "config.json: num_hidden_layers is 1000000000000, expected a whole number from 1 to 10000");
  EXPECT_EQ(with("hidden_size", -3), "config.json: hidden_size is -3, expected a whole number from 1 to 1000000");
  EXPECT_EQ(with("hidden_size", 15.5), "config.json: hidden_size is 15.5, expected a whole number from 1 to 1000000");
  EXPECT_EQ(with("vocab_size", "many"),
            "config.json: vocab_size is \"many\", expected a whole number from 1 to 1000000000");
  EXPECT_EQ(with("vocab_size", nullptr),
            "config.json: vocab_size is null, expected a whole number from 1 to 1000000000");
  EXPECT_EQ(with("intermediate_size", 18446744073709551615ULL),
            "config.json: intermediate_size is 18446744073709551615, expected a whole number from 1 to 10000000");
  EXPECT_EQ(with("num_attention_heads", 4), "config.json: hidden_size 15 is not a multiple of num_attention_heads 4");
  EXPECT_EQ(with("hidden_act", "gelu_fast"),
            "config.json: hidden_act 'gelu_fast' is not supported\n    supported: gelu, gelu_new, gelu_pytorch_tanh, "
            "relu, silu, tanh");
  EXPECT_EQ(with("position_embedding_type", "relative_key"),
            "config.json: position_embedding_type 'relative_key' is not supported, expected 'absolute'");
  EXPECT_EQ(with("is_decoder", true), "config.json: is_decoder is true, expected false: only encoders are supported");
  EXPECT_EQ(with("hidden_dropout_prob", 1.5),
            "config.json: hidden_dropout_prob is 1.5, expected a number from 0.0 to 1.0");
  EXPECT_EQ(with("id2label", {{"1", "a"}}),
            "config.json: id2label is {\"1\":\"a\"}, expected an object of class names under \"0\", \"1\", ...");
  EXPECT_EQ(with("pruned_heads", {{"9", {0}}}),
            "config.json: pruned_heads is {\"9\":[0]}, expected layers from 0 to 0");
  EXPECT_EQ(with("espalier", {{"format", 2}}),
            "config.json: espalier is {\"format\":2}, expected an object with format 1 and sites");
}

TEST_F(BertCheckpoint, AConfigThatLiesIsToldAboutEveryTensor) {
  auto config = shape.config();
  config["intermediate_size"] = 12;
  config["vocab_size"] = 31;
  config["id2label"].erase("3");
  EXPECT_EQ(refusal(config),
            "model.safetensors: 6 tensors do not fit config.json\n"
            "    bert.embeddings.word_embeddings.weight has shape [30, 15], config.json says [31, 15] (vocab_size, "
            "hidden_size)\n"
            "    bert.encoder.layer.0.intermediate.dense.weight has shape [11, 15], config.json says [12, 15] "
            "(intermediate_size, hidden_size)\n"
            "    bert.encoder.layer.0.intermediate.dense.bias has shape [11], config.json says [12] "
            "(intermediate_size, hidden_size)\n"
            "    bert.encoder.layer.0.output.dense.weight has shape [15, 11], config.json says [15, 12] (hidden_size, "
            "intermediate_size)\n"
            "    classifier.weight has shape [4, 15], config.json says [3, 15] (id2label, hidden_size)\n"
            "    classifier.bias has shape [4], config.json says [3] (id2label, hidden_size)");
}

TEST_F(BertCheckpoint, MissingTensorsAreNamedAndTheListEnds) {
  auto config = shape.config();
  config["num_hidden_layers"] = 5000;
  const auto message = refusal(config);
  EXPECT_NE(message.find("bert.encoder.layer.1.attention.self.query.weight is missing; did you mean "
                         "'bert.encoder.layer.0.attention.self.query.weight'?"),
            std::string::npos);
  EXPECT_NE(message.find("... and 79972 more"), std::string::npos) << message;
}

TEST_F(BertCheckpoint, MissingAndTruncatedFilesAreNamed) {
  const auto weights = folder / "model.safetensors";
  std::filesystem::resize_file(weights, std::filesystem::file_size(weights) - 1000);
  EXPECT_TRUE(refusal().starts_with("model.safetensors: truncated: the header says ")) << refusal();
  std::filesystem::remove(weights);
  EXPECT_EQ(refusal(), "model.safetensors: not found");
  folder.write("pytorch_model.bin", "");
  EXPECT_EQ(refusal(),
            "model.safetensors: not found\n    the folder has pytorch_model.bin, which is not read; save the model "
            "again as one safetensors file");
  folder.write("config.json", "{");
  EXPECT_EQ(refusal(), "config.json: is not valid JSON (byte 2)");
  folder.write("config.json", "[]");
  EXPECT_EQ(refusal(), "config.json: is not a JSON object");
  std::filesystem::remove(folder / "config.json");
  EXPECT_EQ(refusal(), "config.json: not found, expected a Hugging Face checkpoint");
  EXPECT_EQ(message_of<InputError>([&] { families::read_model(folder / "none"); }),
            (folder / "none").string() + ": not found, expected a folder with config.json and model.safetensors");
}

TEST_F(BertCheckpoint, WhatTheModelDoesNotUseIsSaid) {
  auto file = shape.tensors();
  file.tensors["cls.predictions.bias"] = at::zeros({30});
  file.tensors["bert.embeddings.position_ids"] = at::arange(24).unsqueeze(0);
  nn::write_safetensors(folder / "model.safetensors", file);
  auto skipped = families::skipped_tensors(*families::read_model(folder.path()));
  EXPECT_EQ(skipped, (std::vector<std::string>{"bert.embeddings.position_ids", "cls.predictions.bias"}));
}

TEST_F(BertCheckpoint, OldNamesOfLayerNormsAreUnderstood) {
  auto file = shape.tensors();
  const auto expected = families::read_model(folder.path());
  nn::TensorFile old;
  for (auto& [name, tensor] : file.tensors) {
    const auto at_weight = name.find("LayerNorm.weight"), at_bias = name.find("LayerNorm.bias");
    const auto renamed = at_weight != std::string::npos ? name.substr(0, at_weight) + "LayerNorm.gamma"
                         : at_bias != std::string::npos ? name.substr(0, at_bias) + "LayerNorm.beta"
                                                        : name;
    old.tensors[renamed] = tensor;
  }
  nn::write_safetensors(folder / "model.safetensors", old);
  const auto batch = random_batch(shape, 2, 3, 1);
  EXPECT_TRUE(is_close(logits(*families::read_model(folder.path()), batch), logits(*expected, batch)));
}

TEST_F(BertCheckpoint, InputsThatDoNotFitAreNamed) {
  const auto model = families::read_model(folder.path());
  const auto refused = [&](const std::map<std::string, at::Tensor>& inputs) {
    return message_of<InputError>([&] { model->outputs(inputs); });
  };
  const auto ids = at::ones({2, 3}, at::kLong);
  EXPECT_EQ(refused({}), "input input_ids is missing");
  EXPECT_EQ(refused({{"input_ids", ids}, {"attention_masks", ids}}),
            "unknown input 'attention_masks'\n    did you mean 'attention_mask'?\n    known: attention_mask, "
            "input_ids, token_type_ids");
  EXPECT_EQ(refused({{"input_ids", at::ones({2, 3})}}), "input input_ids has dtype Float, expected I64");
  EXPECT_EQ(refused({{"input_ids", at::ones({3}, at::kLong)}}),
            "input input_ids has shape [3], expected [examples, tokens] with at least one token");
  EXPECT_EQ(refused({{"input_ids", at::ones({2, 0}, at::kLong)}}),
            "input input_ids has shape [2, 0], expected [examples, tokens] with at least one token");
  EXPECT_EQ(refused({{"input_ids", at::ones({1, 25}, at::kLong)}}),
            "input input_ids has 25 tokens, the model takes at most 24 (max_position_embeddings)\n"
            "    cut texts to that: max_tokens = 24 in the dataset, --max-tokens 24 on the command line");
  EXPECT_EQ(refused({{"input_ids", ids * 30}}), "input input_ids holds 30, expected numbers from 0 to 29 (vocab_size)");
  EXPECT_EQ(refused({{"input_ids", ids * -1}}), "input input_ids holds -1, expected numbers from 0 to 29 (vocab_size)");
  EXPECT_EQ(refused({{"input_ids", ids}, {"attention_mask", at::ones({2, 4}, at::kLong)}}),
            "input attention_mask has shape [2, 4], but input_ids has [2, 3]");
  EXPECT_EQ(refused({{"input_ids", ids}, {"attention_mask", ids * 2}}),
            "input attention_mask holds 2, expected numbers from 0 to 1 (0: left out, 1: counts)");
  EXPECT_EQ(refused({{"input_ids", ids}, {"token_type_ids", ids * 2}}),
            "input token_type_ids holds 2, expected numbers from 0 to 1 (type_vocab_size)");
  EXPECT_EQ(model->outputs({{"input_ids", at::ones({0, 3}, at::kLong)}}).at("logits").sizes(), at::IntArrayRef({0, 4}));
}

}  // namespace
}  // namespace espalier::test
