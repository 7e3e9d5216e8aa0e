// CTranslate2's Whisper becomes Hugging Face's: names, parts, sizes, ids; and every damaged file is refused in words.
// check_import_with_transformers.py compares the import of a real model with a conversion in Python.
#include "families/ctranslate2.h"
#include <ATen/ATen.h>
#include <ATen/CPUGeneratorImpl.h>
#include <ATen/Parallel.h>
#include <espalier/error.h>
#include <gtest/gtest.h>
#include <nn/safetensors.h>
#include <words/atomic_file.h>

#include <functional>
#include <nlohmann/json.hpp>

#include "support/message_of.h"
#include "support/temp_dir.h"
#include "support/tensor_matchers.h"

namespace espalier::test {
namespace {

namespace fs = std::filesystem;
using Json = nlohmann::json;

constexpr std::int64_t english = 51864;

struct Variable {
  std::string name;
  at::Tensor tensor;
};

// A file of CTranslate2, put together byte by byte.
struct TinyFile {
  std::uint32_t version = 6, revision = 3;
  std::string specification = "WhisperSpec";
  std::vector<Variable> variables;
  std::vector<std::pair<std::string, std::string>> aliases;
  std::string tail;

  at::Tensor& operator[](const std::string& name) {
    for (auto& variable : variables) {
      if (variable.name == name) return variable.tensor;
    }
    return variables.emplace_back(name, at::Tensor()).tensor;
  }
  void remove(const std::string& name) {
    std::erase_if(variables, [&](const Variable& variable) { return variable.name == name; });
  }

  template <typename Number>
  static void put(std::string& bytes, Number number) {
    bytes.append(reinterpret_cast<const char*>(&number), sizeof number);
  }
  static void put_name(std::string& bytes, const std::string& name) {
    put(bytes, static_cast<std::uint16_t>(name.size() + 1));
    bytes += name + '\0';
  }
  static std::uint8_t type_number(at::ScalarType type) {
    switch (type) {
      case at::kFloat: return 0;
      case at::kChar: return 1;
      case at::kShort: return 2;
      case at::kInt: return 3;
      case at::kHalf: return 4;
      default: return 5;
    }
  }
  std::string bytes() const {
    std::string all;
    put(all, version);
    put_name(all, specification);
    put(all, revision);
    put(all, static_cast<std::uint32_t>(variables.size()));
    for (const auto& [name, tensor] : variables) {
      put_name(all, name);
      put(all, static_cast<std::uint8_t>(tensor.dim()));
      for (const auto extent : tensor.sizes()) put(all, static_cast<std::uint32_t>(extent));
      put(all, type_number(tensor.scalar_type()));
      put(all, static_cast<std::uint32_t>(tensor.nbytes()));
      const auto whole = tensor.contiguous();
      all.append(static_cast<const char*>(whole.const_data_ptr()), whole.nbytes());
    }
    put(all, static_cast<std::uint32_t>(aliases.size()));
    for (const auto& [alias, target] : aliases) {
      put_name(all, alias);
      put_name(all, target);
    }
    return all + tail;
  }
};

// A Whisper with 1 + 2 layers of width 4; the vocabulary tells whether it is English-only.
struct TinyWhisper {
  std::int64_t width = 4, inner = 6, mels = 5, positions = 50, length = 8, vocabulary = english;
  at::Generator generator = at::detail::createCPUGenerator(7);

  at::Tensor random(at::IntArrayRef shape) { return (at::randn(shape, generator) * 0.1).to(at::kHalf); }

  TinyFile file() {
    TinyFile file;
    const auto linear = [&](const std::string& name, std::int64_t out, std::int64_t in) {
      file[name + "/weight"] = random({out, in});
      file[name + "/bias"] = random({out});
    };
    const auto norm = [&](const std::string& name) {
      file[name + "/gamma"] = random({width});
      file[name + "/beta"] = random({width});
    };
    const auto stacked = [&](const std::string& name, std::int64_t parts) {
      linear(name, parts * width, width);
      file[name + "/bias"].slice(0, (parts - 2) * width, (parts - 1) * width).zero_();  // of the keys
    };
    const auto number = [&](const std::string& name, std::int64_t value, at::ScalarType type) {
      file[name] = at::scalar_tensor(value, at::TensorOptions(type));
    };
    file["encoder/conv1/weight"] = random({width, mels, 3});
    file["encoder/conv1/bias"] = random({width});
    file["encoder/conv2/weight"] = random({width, width, 3});
    file["encoder/conv2/bias"] = random({width});
    file["decoder/embeddings/weight"] = random({vocabulary, width});
    for (const std::string stack : {"encoder", "decoder"}) {
      file[stack + "/position_encodings/encodings"] = random({stack == "encoder" ? positions : length, width});
      norm(stack + "/layer_norm");
      number(stack + "/num_heads", 2, at::kShort);
      for (int layer = 0; layer < (stack == "encoder" ? 1 : 2); ++layer) {
        const auto name = stack + "/layer_" + std::to_string(layer);
        norm(name + "/self_attention/layer_norm");
        stacked(name + "/self_attention/linear_0", 3);
        linear(name + "/self_attention/linear_1", width, width);
        norm(name + "/ffn/layer_norm");
        linear(name + "/ffn/linear_0", inner, width);
        linear(name + "/ffn/linear_1", width, inner);
        if (stack == "encoder") continue;
        norm(name + "/attention/layer_norm");
        linear(name + "/attention/linear_0", width, width);
        stacked(name + "/attention/linear_1", 2);
        linear(name + "/attention/linear_2", width, width);
      }
    }
    number("decoder/activation", 3, at::kChar);
    number("decoder/pre_norm", 1, at::kChar);
    number("decoder/scale_embeddings", 0, at::kChar);
    number("decoder/alibi", 0, at::kChar);
    number("decoder/start_from_zero_embedding", 0, at::kChar);
    number("decoder/alignment_layer", -1, at::kShort);
    number("decoder/alignment_heads", 1, at::kShort);
    file.aliases = {{"decoder/projection/weight", "decoder/embeddings/weight"}};
    return file;
  }
};

Json tokenizer_json(std::int64_t end) {
  const auto token = [](std::int64_t id, const std::string& content) {
    return Json{{"id", id},        {"content", content},  {"single_word", false}, {"lstrip", false},
                {"rstrip", false}, {"normalized", false}, {"special", true}};
  };
  Json json = {{"model", {{"type", "BPE"}, {"vocab", {{"a", 0}, {"b", 1}, {"ab", 2}}}, {"merges", {"a b"}}}}};
  const std::vector<std::string> names = {
      "<|endoftext|>",   "<|startoftranscript|>", "<|en|>",          "<|zh|>",
      "<|haw|>",         "<|translate|>",         "<|transcribe|>",  "<|startoflm|>",
      "<|startofprev|>", "<|nocaptions|>",        "<|notimestamps|>"};
  for (std::size_t i = 0; i < names.size(); ++i)
    json["added_tokens"].push_back(token(end + static_cast<std::int64_t>(i), names[i]));
  return json;
}

class CTranslate2 : public testing::Test {
 protected:
  CTranslate2() {
    at::set_num_threads(1);
    fs::create_directory(output);
    write_config({{"suppress_ids", {1, 2, 7}},
                  {"suppress_ids_begin", {220, 50256}},
                  {"lang_ids", {50259, 50260}},
                  {"alignment_heads", {{1, 0}}}});
    write_tokenizer(tokenizer_json(50256));
  }
  void write_config(const Json& json) { folder.write("source/config.json", json.dump()); }
  void write_tokenizer(const Json& json) { folder.write("source/tokenizer.json", json.dump()); }
  families::ImportedWhisper imported(const TinyFile& file) {
    folder.write("source/model.bin", file.bytes());
    return families::import_ctranslate2_whisper(source, output);
  }
  std::string complaint(const TinyFile& file) {
    return message_of<InputError>([&] { imported(file); });
  }
  Json written(const std::string& name) { return Json::parse(read_file(output / name)); }

  const TempDir folder;
  const fs::path source = folder / "source", output = folder / "output";
  const std::string model_bin = (source / "model.bin").string(), tokenizer = (source / "tokenizer.json").string();
};

TEST_F(CTranslate2, BecomesTensorsOfHuggingFace) {
  auto file = TinyWhisper().file();

  const auto sizes = imported(file);

  const auto tensors = nn::read_safetensors(output / "model.safetensors");
  EXPECT_EQ(tensors.metadata.at("format"), "pt");
  EXPECT_EQ(sizes.tensors, static_cast<std::int64_t>(tensors.tensors.size()));
  EXPECT_EQ(tensors.tensors.size(), 11U + 15 + 2 * 24);
  std::map<std::string, at::Tensor> expected = {
      {"encoder.conv1.weight", file["encoder/conv1/weight"]},
      {"encoder.conv2.bias", file["encoder/conv2/bias"]},
      {"encoder.embed_positions.weight", file["encoder/position_encodings/encodings"]},
      {"encoder.layer_norm.weight", file["encoder/layer_norm/gamma"]},
      {"decoder.embed_positions.weight", file["decoder/position_encodings/encodings"]},
      {"decoder.embed_tokens.weight", file["decoder/embeddings/weight"]},
      {"decoder.layer_norm.bias", file["decoder/layer_norm/beta"]},
      {"encoder.layers.0.fc1.weight", file["encoder/layer_0/ffn/linear_0/weight"]},
      {"decoder.layers.1.fc2.bias", file["decoder/layer_1/ffn/linear_1/bias"]},
      {"decoder.layers.1.final_layer_norm.weight", file["decoder/layer_1/ffn/layer_norm/gamma"]},
      {"decoder.layers.0.self_attn_layer_norm.bias", file["decoder/layer_0/self_attention/layer_norm/beta"]},
      {"decoder.layers.0.self_attn.out_proj.weight", file["decoder/layer_0/self_attention/linear_1/weight"]},
      {"decoder.layers.1.encoder_attn_layer_norm.bias", file["decoder/layer_1/attention/layer_norm/beta"]},
      {"decoder.layers.1.encoder_attn.q_proj.bias", file["decoder/layer_1/attention/linear_0/bias"]},
      {"decoder.layers.1.encoder_attn.out_proj.weight", file["decoder/layer_1/attention/linear_2/weight"]}};
  const auto self = file["encoder/layer_0/self_attention/linear_0/weight"];
  const auto cross = file["decoder/layer_1/attention/linear_1/weight"];
  expected["encoder.layers.0.self_attn.q_proj.weight"] = self.slice(0, 0, 4);
  expected["encoder.layers.0.self_attn.k_proj.weight"] = self.slice(0, 4, 8);
  expected["encoder.layers.0.self_attn.v_proj.weight"] = self.slice(0, 8, 12);
  expected["encoder.layers.0.self_attn.v_proj.bias"] =
      file["encoder/layer_0/self_attention/linear_0/bias"].slice(0, 8, 12);
  expected["decoder.layers.1.encoder_attn.k_proj.weight"] = cross.slice(0, 0, 4);
  expected["decoder.layers.1.encoder_attn.v_proj.weight"] = cross.slice(0, 4, 8);
  expected["decoder.layers.1.encoder_attn.v_proj.bias"] =
      file["decoder/layer_1/attention/linear_1/bias"].slice(0, 4, 8);
  for (const auto& [name, tensor] : expected) {
    ASSERT_TRUE(tensors.tensors.contains("model." + name)) << name;
    EXPECT_TRUE(is_close(tensors.tensors.at("model." + name), tensor.to(at::kFloat))) << name;
  }
  for (const auto& [name, tensor] : tensors.tensors) {
    EXPECT_EQ(name.find("k_proj.bias"), std::string::npos) << name;
    EXPECT_EQ(name.find("proj_out"), std::string::npos) << name;
  }
}

TEST_F(CTranslate2, TellsSizesAndEnglishIds) {
  const auto sizes = imported(TinyWhisper().file());

  EXPECT_EQ(sizes.precision, "float16");
  EXPECT_EQ(sizes.width, 4);
  EXPECT_EQ(sizes.encoder_layers, 1);
  EXPECT_EQ(sizes.decoder_layers, 2);
  EXPECT_FALSE(sizes.multilingual);
  const auto config = written("config.json");
  const Json expected = {{"architectures", {"WhisperForConditionalGeneration"}},
                         {"model_type", "whisper"},
                         {"d_model", 4},
                         {"encoder_layers", 1},
                         {"decoder_layers", 2},
                         {"encoder_attention_heads", 2},
                         {"decoder_attention_heads", 2},
                         {"encoder_ffn_dim", 6},
                         {"decoder_ffn_dim", 6},
                         {"num_mel_bins", 5},
                         {"max_source_positions", 50},
                         {"max_target_positions", 8},
                         {"vocab_size", english},
                         {"activation_function", "gelu"},
                         {"eos_token_id", 50256},
                         {"bos_token_id", 50256},
                         {"pad_token_id", 50256},
                         {"decoder_start_token_id", 50257}};
  for (const auto& [key, value] : expected.items()) EXPECT_EQ(config[key], value) << key;
  const auto generation = written("generation_config.json");
  EXPECT_EQ(generation["suppress_tokens"], Json({1, 2, 7}));
  EXPECT_EQ(generation["begin_suppress_tokens"], Json({220, 50256}));
  EXPECT_EQ(generation["forced_decoder_ids"], Json::parse("[[1, 50266]]"));
  EXPECT_EQ(generation["no_timestamps_token_id"], 50266);
  EXPECT_EQ(generation["is_multilingual"], false);
  EXPECT_EQ(generation["max_length"], 8);
  EXPECT_EQ(generation["alignment_heads"], Json::parse("[[1, 0]]"));
  EXPECT_FALSE(generation.contains("lang_to_id"));  // the languages of config.json are those of other models
  const auto features = written("preprocessor_config.json");
  EXPECT_EQ(features["feature_extractor_type"], "WhisperFeatureExtractor");
  EXPECT_EQ(features["feature_size"], 5);
  EXPECT_EQ(features["chunk_length"], 1);
  EXPECT_EQ(features["n_samples"], 16000);
  EXPECT_EQ(features["nb_max_frames"], 100);
}

TEST_F(CTranslate2, TellsLanguagesAndTasksOfMultilingualModels) {
  TinyWhisper tiny;
  tiny.vocabulary = english + 1;
  write_tokenizer(tokenizer_json(50257));
  write_config({{"suppress_ids", Json::array()}});

  EXPECT_TRUE(imported(tiny.file()).multilingual);

  const auto generation = written("generation_config.json");
  EXPECT_EQ(generation["is_multilingual"], true);
  EXPECT_EQ(generation["lang_to_id"], Json::parse(R"({"<|en|>": 50259, "<|zh|>": 50260, "<|haw|>": 50261})"));
  EXPECT_EQ(generation["task_to_id"], Json::parse(R"({"translate": 50262, "transcribe": 50263})"));
  EXPECT_EQ(generation["forced_decoder_ids"], Json::parse("[[1, null], [2, 50263]]"));
  EXPECT_EQ(generation["begin_suppress_tokens"], Json({220, 50257}));
  EXPECT_EQ(generation["suppress_tokens"], Json::array());
  EXPECT_EQ(written("config.json")["eos_token_id"], 50257);
}

TEST_F(CTranslate2, CopiesTheTokenizer) {
  imported(TinyWhisper().file());

  EXPECT_EQ(read_file(output / "tokenizer.json"), read_file(source / "tokenizer.json"));
  const auto config = written("tokenizer_config.json");
  EXPECT_EQ(config["tokenizer_class"], "WhisperTokenizer");
  EXPECT_EQ(config["added_tokens_decoder"].size(), 11U);
  EXPECT_EQ(config["added_tokens_decoder"]["50266"]["content"], "<|notimestamps|>");
  EXPECT_EQ(written("vocab.json"), Json::parse(R"({"a": 0, "b": 1, "ab": 2})"));
  EXPECT_EQ(read_file(output / "merges.txt"), "#version: 0.2\na b\n");

  auto pairs = tokenizer_json(50256);
  pairs["model"]["merges"] = Json::parse(R"([["a", "b"]])");
  write_tokenizer(pairs);
  imported(TinyWhisper().file());
  EXPECT_EQ(read_file(output / "merges.txt"), "#version: 0.2\na b\n");
}

TEST_F(CTranslate2, WidensEveryNumberExactly) {
  // The smallest subnormals of both half formats among them.
  const auto values = at::tensor({5.9604645e-8F, -6.0975552e-5F, 65504.0F, -0.0F}, at::kFloat);
  for (const auto type : {at::kFloat, at::kHalf, at::kBFloat16}) {
    auto file = TinyWhisper().file();
    for (auto& variable : file.variables) {
      if (variable.tensor.dim() > 0) variable.tensor = variable.tensor.to(type);
    }
    file["encoder/layer_norm/gamma"] = values.to(type);
    if (type == at::kBFloat16) file["encoder/layer_norm/gamma"][0] = 9.2e-41F;

    const auto sizes = imported(file);

    EXPECT_EQ(sizes.precision, type == at::kFloat ? "float32" : type == at::kHalf ? "float16" : "bfloat16");
    const auto gamma = nn::read_safetensors(output / "model.safetensors").tensors.at("model.encoder.layer_norm.weight");
    EXPECT_NE(gamma[0].item<float>(), 0.0F);
    EXPECT_TRUE(gamma.to(type)
                    .view(type == at::kFloat ? at::kInt : at::kShort)
                    .equal(file["encoder/layer_norm/gamma"].view(type == at::kFloat ? at::kInt : at::kShort)));
  }
}

TEST_F(CTranslate2, TakesAnOutputMatrixThatRepeatsTheEmbeddings) {
  auto file = TinyWhisper().file();
  file.aliases.clear();
  EXPECT_EQ(complaint(file), model_bin +
                                 ": is not a Whisper model that can be imported\n    'decoder/projection/weight' is "
                                 "missing");
  file["decoder/projection/weight"] = file["decoder/embeddings/weight"].clone();
  EXPECT_EQ(imported(file).tensors, 74);

  file["decoder/projection/weight"][3][2] += 1;
  EXPECT_EQ(complaint(file),
            model_bin +
                ": is not a Whisper model that can be imported\n    'decoder/projection/weight' differs "
                "from 'decoder/embeddings/weight', which are one matrix in Whisper");
}

TEST_F(CTranslate2, RefusesQuantisedWeights) {
  auto file = TinyWhisper().file();
  file["decoder/layer_0/ffn/linear_0/weight"] = at::ones({6, 4}, at::kChar);
  file["decoder/layer_0/ffn/linear_0/weight_scale"] = at::ones({6}, at::kFloat);

  EXPECT_EQ(complaint(file),
            model_bin +
                ": its weights are quantised to whole numbers (2 variables, the first is "
                "'decoder/layer_0/ffn/linear_0/weight'), expected float32, float16 or bfloat16\n    convert the model "
                "again: ct2-transformers-converter --quantization float16");
}

TEST_F(CTranslate2, NamesEverythingThatWhisperDoesNotHave) {
  auto file = TinyWhisper().file();
  file.remove("encoder/conv1/bias");
  file["decoder/layer_norm/beta"] = at::zeros({5}, at::kHalf);
  file["decoder/layer_1/attention/linear_1/bias"][2] = 1.0;
  file["decoder/layer_1/adapter/weight"] = at::zeros({2}, at::kHalf);
  file["decoder/activation"] = at::scalar_tensor(0, at::TensorOptions(at::kChar));
  file["encoder/num_heads"] = at::scalar_tensor(3, at::TensorOptions(at::kShort));
  EXPECT_EQ(
      complaint(file),
      model_bin +
          ": is not a Whisper model that can be imported\n"
          "    'encoder/num_heads' is 3, expected a divisor of the width 4\n"
          "    'encoder/conv1/bias' is missing\n"
          "    'decoder/layer_1/attention/linear_1/bias' has 1 values other than 0 for the keys, which have no bias "
          "in Whisper\n"
          "    'decoder/layer_norm/beta' has shape [5], expected [4]\n"
          "    'decoder/activation' is 0, expected 3: Whisper computes the exact gelu\n"
          "    'decoder/layer_1/adapter/weight' is nothing that Whisper has");

  auto bare = TinyWhisper().file();
  std::erase_if(bare.variables, [](const Variable& variable) { return variable.name.starts_with("decoder/layer_"); });
  bare["encoder/conv1/weight"] = at::zeros({4, 5}, at::kHalf);
  const auto message = complaint(bare);
  EXPECT_NE(message.find("'encoder/conv1/weight' has shape [4, 5], expected 3 axes, none empty"), std::string::npos);
  EXPECT_NE(message.find("it has no layers 'decoder/layer_0/...'"), std::string::npos) << message;
  auto empty = TinyFile();
  EXPECT_NE(complaint(empty).find("'encoder/conv1/weight' is missing"), std::string::npos);

  auto many = TinyWhisper().file();
  for (int i = 0; i < 13; ++i) many["extra/" + std::to_string(i)] = at::zeros({1});
  EXPECT_TRUE(complaint(many).ends_with("\n    and 3 more")) << complaint(many);
}

TEST_F(CTranslate2, RefusesForeignFiles) {
  auto file = TinyWhisper().file();
  file.version = 3;
  EXPECT_EQ(
      complaint(file),
      model_bin +
          ": its first number is 3, expected version 4, 5 or 6 of a CTranslate2 model\n    is it one? if so, convert "
          "it again with ct2-transformers-converter of CTranslate2 4");
  file = TinyWhisper().file();
  file.specification = "TransformerSpec";
  EXPECT_EQ(complaint(file),
            model_bin +
                ": holds a model of 'TransformerSpec', expected 'WhisperSpec'\n    only Whisper can be "
                "imported from CTranslate2");
  file.specification = std::string("Whi\0sper", 8);
  EXPECT_EQ(complaint(file), model_bin +
                                 ": the name of the specification is not a text that ends in a zero byte: is it a "
                                 "CTranslate2 model?");
  file.specification = "WhisperSpec";
  file.revision = 2;
  EXPECT_EQ(complaint(file), model_bin +
                                 ": is revision 2 of WhisperSpec, expected 3\n    convert the model again: "
                                 "ct2-transformers-converter --quantization float16");
  file.revision = 3;
  file.tail = "more";
  EXPECT_EQ(complaint(file), model_bin + ": 4 bytes at the end of the file belong to nothing: the file is damaged");
  file.tail.clear();
  file.aliases.emplace_back("a", "b");
  EXPECT_EQ(complaint(file), model_bin + ": alias 'a' stands for 'b', which is not in the file");
  file.aliases = {{"encoder/conv1/bias", "encoder/conv2/bias"}};
  EXPECT_EQ(complaint(file), model_bin + ": 'encoder/conv1/bias' is in the file twice");
  file.variables.push_back(file.variables[0]);
  EXPECT_EQ(complaint(file), model_bin + ": 'encoder/conv1/weight' is in the file twice");
}

// One variable, written by hand, so that each of its numbers can be wrong.
TEST_F(CTranslate2, RefusesSizesThatCannotBe) {
  const auto with = [&](std::uint8_t rank, const std::vector<std::uint32_t>& shape, std::uint8_t type,
                        std::uint32_t size) {
    std::string bytes;
    TinyFile::put(bytes, std::uint32_t{6});
    TinyFile::put_name(bytes, "WhisperSpec");
    TinyFile::put(bytes, std::uint32_t{3});
    TinyFile::put(bytes, std::uint32_t{1});
    TinyFile::put_name(bytes, "x");
    TinyFile::put(bytes, rank);
    for (const auto extent : shape) TinyFile::put(bytes, extent);
    TinyFile::put(bytes, type);
    TinyFile::put(bytes, size);
    folder.write("source/model.bin", bytes + "12345678");
    return message_of<InputError>([&] { families::import_ctranslate2_whisper(source, output); });
  };
  const auto where = model_bin + ": variable 'x' ";
  EXPECT_EQ(with(9, {}, 0, 4), where + "has rank 9, at most 8 is known: the file is damaged");
  EXPECT_EQ(with(1, {0}, 0, 0), where + "is empty: the file is damaged");
  EXPECT_EQ(with(3, {1U << 31, 1U << 31, 16}, 0, 4), where + "has a shape that is too large: the file is damaged");
  EXPECT_EQ(with(1, {2}, 6, 8),
            where + "has type number 6, expected 0 to 5: the file is damaged or written by a newer CTranslate2");
  EXPECT_EQ(with(1, {2}, 4, 8),
            where + "has 8 bytes, but shape [2] of float16 needs another number: the file is damaged");
  EXPECT_EQ(with(2, {1U << 20, 1U << 8}, 0, 1U << 30),
            model_bin +
                ": truncated: variable 'x' needs 1073741824 bytes, the file has 8 left\n    copy or download it "
                "again");
  auto file = TinyFile();
  auto bytes = file.bytes();
  bytes.replace(bytes.size() - 8, 4, "\xff\xff\xff\xff", 4);
  folder.write("source/model.bin", bytes);
  EXPECT_EQ(message_of<InputError>([&] { families::import_ctranslate2_whisper(source, output); }),
            model_bin +
                ": truncated: it claims 4294967295 variables, for which its 4 bytes are too few\n    copy or "
                "download it again");
}

TEST_F(CTranslate2, RefusesTruncatedFilesWhereverTheyEnd) {
  TinyWhisper tiny;
  tiny.vocabulary = 12;
  const auto whole = tiny.file().bytes();
  for (std::size_t end = 0; end < whole.size(); end += end < 400 ? 1 : 97) {
    folder.write("source/model.bin", whole.substr(0, end));
    const auto message = message_of<InputError>([&] { families::import_ctranslate2_whisper(source, output); });
    ASSERT_TRUE(message.starts_with(model_bin + ": truncated: ")) << end << ": " << message;
  }
  EXPECT_TRUE(fs::is_empty(output));
}

TEST_F(CTranslate2, SurvivesDamagedBytes) {
  TinyWhisper tiny;
  tiny.vocabulary = 12;
  const auto whole = tiny.file().bytes();
  for (std::size_t place = 0; place < whole.size(); place += 11) {
    auto damaged = whole;
    damaged[place] = static_cast<char>(damaged[place] ^ 0x81);
    folder.write("source/model.bin", damaged);
    EXPECT_THROW(families::import_ctranslate2_whisper(source, output), InputError)
        << place;  // a vocabulary of 12 at the latest
  }
}

TEST_F(CTranslate2, RefusesVocabulariesOfNoWhisper) {
  TinyWhisper tiny;
  tiny.vocabulary = english - 1;
  EXPECT_EQ(
      complaint(tiny.file()),
      model_bin + ": has a vocabulary of 51863 words, expected 51864 (English-only) or at least 51865 (multilingual)");
  tiny.vocabulary = english;
  tiny.positions = 49;
  EXPECT_EQ(complaint(tiny.file()),
            model_bin + ": the encoder has 49 positions, expected whole seconds of 50 each, such as 1500");
}

TEST_F(CTranslate2, RefusesTokenizersOfOtherModels) {
  const auto file = TinyWhisper().file();
  const std::string expected = "\n    expected the tokenizer.json of the model that model.bin was converted from";
  write_tokenizer(tokenizer_json(50257));
  EXPECT_EQ(complaint(file),
            tokenizer + ": '<|endoftext|>' is token 50257, expected 50256 for the 51864 words of model.bin" + expected);
  auto json = tokenizer_json(50256);
  json["added_tokens"].erase(1);
  write_tokenizer(json);
  EXPECT_EQ(complaint(file), tokenizer + ": has no token '<|startoftranscript|>'" + expected);
  json["added_tokens"][0]["id"] = english;
  write_tokenizer(json);
  EXPECT_EQ(complaint(file),
            tokenizer + ": an added token has no id below 51864, the rows of model.bin, or no content" + expected);
  json = tokenizer_json(50256);
  json["model"]["merges"] = {1};
  write_tokenizer(json);
  EXPECT_EQ(complaint(file), tokenizer + ": a merge is neither a text nor a pair of texts" + expected);
  json.erase("added_tokens");
  write_tokenizer(json);
  EXPECT_EQ(complaint(file), tokenizer + ": has no 'added_tokens'" + expected);
  json.erase("model");
  write_tokenizer(json);
  EXPECT_EQ(complaint(file), tokenizer + ": has no byte-level BPE: no 'vocab' and 'merges' in 'model'" + expected);
  folder.write("source/tokenizer.json", "{");
  EXPECT_TRUE(complaint(file).starts_with(tokenizer + ": is not valid JSON")) << complaint(file);
}

TEST_F(CTranslate2, RefusesConfigurationsWithoutSuppressedTokens) {
  const auto config = (source / "config.json").string();
  write_config(Json::object());
  EXPECT_TRUE(complaint(TinyWhisper().file()).starts_with(config + ": ")) << complaint(TinyWhisper().file());
  EXPECT_NE(complaint(TinyWhisper().file()).find("suppress_ids"), std::string::npos);
  write_config({{"suppress_ids", {-1}}});
  EXPECT_EQ(complaint(TinyWhisper().file()),
            config + ": suppress_ids is [-1], expected a list: whole numbers from 0 to 51863");
}

TEST_F(CTranslate2, NamesMissingFiles) {
  const auto complaint_of = [&](const fs::path& place) {
    return message_of<InputError>([&] { families::import_ctranslate2_whisper(place, output); });
  };
  EXPECT_EQ(complaint_of(folder / "none"),
            (folder / "none").string() +
                ": is no folder, expected a CTranslate2 Whisper directory with model.bin, "
                "config.json and tokenizer.json");
  EXPECT_EQ(complaint_of(source), source.string() + ": is no CTranslate2 Whisper directory, it has no model.bin");
  folder.write("source/model.safetensors", "");
  EXPECT_EQ(complaint_of(source), source.string() +
                                      ": is no CTranslate2 Whisper directory, it has no model.bin\n    it looks like a "
                                      "Hugging Face directory, which needs no import");
  folder.write("source/model.bin", "");
  fs::remove(source / "model.safetensors");
  fs::remove(source / "tokenizer.json");
  EXPECT_EQ(complaint_of(source),
            source.string() +
                ": is no CTranslate2 Whisper directory, it has no tokenizer.json\n    take it from "
                "the model that was converted, for instance openai/whisper-tiny.en");
}

}  // namespace
}  // namespace espalier::test
