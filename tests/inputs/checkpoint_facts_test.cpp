#include "inputs/checkpoint_facts.h"

#include <gtest/gtest.h>

#include "support/temp_dir.h"
#include "support/tiny_files.h"

namespace espalier::inputs {
namespace {

class Checkpoint : public testing::Test {
 protected:
  std::vector<std::string> problems(const std::string& config, const std::string& weights = test::bert_weights(),
                                    Family family = Family::Bert) {
    folder_.write("config.json", config);
    folder_.write("model.safetensors", weights);
    auto found = checkpoint_facts(folder_.path(), family, true).problems;
    const auto prefix = folder_.path().string() + "/";
    for (auto& problem : found) {
      for (std::size_t at = 0; (at = problem.find(prefix, at)) != std::string::npos;) problem.erase(at, prefix.size());
    }
    return found;
  }
  using Messages = std::vector<std::string>;

  const test::TempDir folder_;
};

TEST_F(Checkpoint, SaysItsClassesHeadAndPositions) {
  folder_.write("config.json", R"({"model_type":"bert","id2label":{"1":"b","0":"a"},"max_position_embeddings":64})");
  folder_.write("model.safetensors", test::bert_weights());
  const auto headless = checkpoint_facts(folder_.path(), Family::Bert, true);
  folder_.write("config.json", R"({"num_labels":1})");
  folder_.write("model.safetensors", test::bert_weights_with_head());
  const auto with_head = checkpoint_facts(folder_.path(), Family::Bert, true);

  EXPECT_EQ(headless.labels, (Messages{"a", "b"}));
  EXPECT_EQ(headless.positions, 64);
  EXPECT_EQ(headless.has_head, false);
  EXPECT_TRUE(headless.problems.empty());
  EXPECT_EQ(with_head.labels, (Messages{"LABEL_0"}));
  EXPECT_EQ(with_head.positions, 512);
  EXPECT_EQ(with_head.has_head, true);
}

TEST_F(Checkpoint, OfAnotherFamilyIsNamed) {
  EXPECT_EQ(problems(R"({"model_type":"whisper"})"),
            (Messages{"config.json: model_type is 'whisper', expected 'bert' for family bert\n    supported families: "
                      "bert, ast, whisper"}));
  EXPECT_EQ(problems(R"({"model_type":"bert"})", test::bert_weights(), Family::Ast),
            (Messages{"config.json: model_type is 'bert', expected 'audio-spectrogram-transformer' for family ast\n    "
                      "supported families: bert, ast, whisper"}));
  EXPECT_EQ(problems("{}", test::bert_weights(), Family::Ast),
            (Messages{"model.safetensors: holds no tensor 'embeddings.patch_embeddings.projection.weight': are these "
                      "weights of a model of family ast?"}));
}

TEST_F(Checkpoint, ThatIsMalformedIsNamed) {
  EXPECT_EQ(problems("{\"a\": }"), (Messages{"config.json: is not valid JSON (character 7)"}));
  EXPECT_EQ(problems("[]"), (Messages{"config.json: is not a JSON object"}));
  EXPECT_EQ(
      problems(R"({"id2label":{"0":"a","2":"b"},"hidden_size":10,"num_attention_heads":4,"hidden_act":"swiglu"})"),
      (Messages{"config.json: id2label is not an object of class names under \"0\", \"1\", ...",
                "config.json: hidden_size 10 is not a multiple of num_attention_heads 4",
                "config.json: hidden_act 'swiglu' is not supported\n    supported: gelu, gelu_new, "
                "gelu_pytorch_tanh, relu, silu, tanh"}));
  EXPECT_EQ(problems("{}", "weights"),
            (Messages{"model.safetensors: truncated: a safetensors file has at least 8 bytes, this one has 7"}));
  EXPECT_EQ(problems("{}", "This is a text"),
            (Messages{"model.safetensors: is no safetensors file: it does not begin with the size of a header"}));
  EXPECT_EQ(problems("{}", test::safetensors_file("[]", 0)),
            (Messages{"model.safetensors: is no safetensors file: its header is not a JSON object"}));
  const auto whole = test::bert_weights();
  EXPECT_EQ(problems("{}", whole.substr(0, whole.size() - 1)),
            (Messages{"model.safetensors: truncated: the header says 4 bytes of data, the file has 3"}));
}

TEST_F(Checkpoint, WhoseWeightsAreOfAnotherConfigIsNamed) {
  EXPECT_EQ(
      problems(R"({"vocab_size":9})"),
      (Messages{"model.safetensors: 'bert.embeddings.word_embeddings.weight' has shape [1, 1], and config.json has "
                "vocab_size 9"}));
  EXPECT_EQ(problems(R"({"id2label":{"0":"a","1":"b"}})", test::bert_weights_with_head()),
            (Messages{"model.safetensors: 'classifier.weight' has 1 classes, and config.json names 2 (id2label, "
                      "num_labels)"}));
}

}  // namespace
}  // namespace espalier::inputs
