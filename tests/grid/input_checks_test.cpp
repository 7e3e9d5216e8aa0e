// What checkpoints and data say before anything is trained: read for `plan`, refused by `run`.
#include "grid_test_support.h"
#include "support/tiny_files.h"

namespace espalier::grid {
namespace {

class Inputs : public GridTest {
 protected:
  Inputs() {
    write("minilm/config.json", R"({"model_type":"bert","id2label":{"0":"a"},"num_hidden_layers":2})");
    write("minilm/model.safetensors", test::bert_weights());
    write("minilm/vocab.txt", "[UNK]\n");
    for (const auto* split : {"train", "validation", "test"})
      write(split + std::string(".tsv"), "text\tlabel\nx\ta\ny\tb\n");
  }

  static std::string file(const std::string& train = "train = { epochs = 1 }\n", const std::string& dataset = "") {
    return "espalier = 1\nname = \"test\"\n[model.minilm]\nfamily = \"bert\"\ncheckpoint = \"minilm\"\n" + train +
           "[dataset.wordnet]\nformat = \"text-classification\"\ntrain = \"train.tsv\"\nvalidation = "
           "\"validation.tsv\"\n"
           "test = \"test.tsv\"\n" +
           dataset +
           "[[grid]]\nmodel = \"minilm\"\ndataset = \"wordnet\"\ngranularity = \"head\"\nscorer = \"random\"\n"
           "sparsity = 0.5\n";
  }
  std::vector<std::string> problems(const std::string& text = file()) {
    auto found = read(text).problems;
    for (auto& problem : found) problem = without_folder(problem);
    return found;
  }
  using Messages = std::vector<std::string>;
};

TEST_F(Inputs, ThatAreSoundAreNotNamed) { EXPECT_EQ(problems(), Messages{}); }

// A test split is read after training: its faults used to be found then.
TEST_F(Inputs, OfTheTestSplitAreFoundAtOnce) {
  write("test.tsv", "sentence\tlabel\nx\ta\n");
  EXPECT_EQ(problems().size(), 1U);
  EXPECT_TRUE(problems()[0].starts_with("test.tsv:1: has no column 'text'")) << problems()[0];
  EXPECT_TRUE(problems()[0].ends_with("\n    the test split of dataset 'wordnet', x.toml:7:1")) << problems()[0];
  write("test.tsv", "text\tlabel\nx\tcaf\xe9\n");
  EXPECT_TRUE(problems().at(0).starts_with("test.tsv:2: is not UTF-8")) << problems()[0];
  write("test.tsv", "text\tlabel\n");
  EXPECT_TRUE(problems().at(0).starts_with("test.tsv: holds no rows")) << problems()[0];
}

TEST_F(Inputs, AreNamedAllAtOnce) {
  write("test.tsv", "text\tclass\nx\ta\n");
  write("validation.tsv", "text\tlabel\n");
  write("minilm/config.json", "{");
  EXPECT_EQ(problems().size(), 3U);
}

TEST_F(Inputs, MayHaveTheLabelsOfTheTrainSplitAlone) {
  write("test.tsv", "text\tlabel\nx\ta\ny\tdog\nz\tdog\n");
  EXPECT_EQ(problems(),
            (Messages{"test.tsv:3: unknown label 'dog'\n    known: a, b\n    2 rows have labels that the train "
                      "split (train.tsv) does not know\n    the test split of dataset 'wordnet', x.toml:7:1"}));
  EXPECT_EQ(problems(file("train = { epochs = 1 }\n", "limit = { test = 1 }\n")),
            Messages{});  // its first row alone is read
}

TEST_F(Inputs, MayHaveTheLabelsOfTheCheckpointAlone) {
  write("minilm/model.safetensors", test::bert_weights_with_head());
  write("minilm/config.json", R"({"model_type":"bert","id2label":{"0":"LABEL_0"},"num_hidden_layers":2})");
  const auto regression = problems(file(""));
  ASSERT_EQ(regression.size(), 1U);
  EXPECT_EQ(regression[0],
            "x.toml:3:1: the checkpoint of model 'minilm' is made for another task than "
            "text-classification\n    minilm/config.json has one class, which is regression");
  const auto head = test::safetensors_file(
      R"({"embeddings.word_embeddings.weight":{"dtype":"F32","shape":[1,1],"data_offsets":[0,4]},)"
      R"("classifier.weight":{"dtype":"F32","shape":[2,1],"data_offsets":[4,12]}})",
      12);
  write("minilm/model.safetensors", head);
  write("minilm/config.json", R"({"model_type":"bert","num_hidden_layers":2})");
  EXPECT_EQ(problems(file("")),
            (Messages{"test.tsv:2: unknown label 'a'\n    known: LABEL_0, LABEL_1\n    test.tsv:3: "
                      "unknown label 'b'\n    2 rows have labels that the checkpoint of model 'minilm' "
                      "does not know\n    the test split of dataset 'wordnet', x.toml:6:1"}));
  write("test.tsv", "text\tlabel\nx\t0\ny\t1\n");
  EXPECT_EQ(problems(file("")), Messages{});
}

TEST_F(Inputs, NeedAHeadOrARecipe) {
  EXPECT_EQ(
      problems(file("")),
      (Messages{"x.toml:3:1: the checkpoint of model 'minilm' has no classification head, and the model gives no "
                "training recipe\n    minilm/model.safetensors holds no 'classifier.weight'\n    add train = { epochs "
                "= 2 } to it, or give a checkpoint with a head (espalier train makes one)"}));
}

TEST_F(Inputs, NeedACheckpointOfTheirFamily) {
  write("minilm/config.json", R"({"model_type":"whisper"})");
  EXPECT_EQ(problems(), (Messages{"minilm/config.json: model_type is 'whisper', expected 'bert' for family bert\n    "
                                  "supported families: bert, ast, whisper\n    the checkpoint of model 'minilm', "
                                  "x.toml:3:1"}));
}

TEST_F(Inputs, NeedATokenizer) {
  std::filesystem::remove(folder_ / "minilm/vocab.txt");
  EXPECT_EQ(problems().size(), 1U);
  EXPECT_TRUE(problems()[0].starts_with("minilm: has no tokenizer: neither tokenizer.json nor vocab.txt"))
      << problems()[0];
}

TEST_F(Inputs, LongerThanTheModelReadsAreWarnedAbout) {
  write("minilm/config.json", R"({"model_type":"bert","max_position_embeddings":64})");
  const auto warnings = read(file("train = { epochs = 1 }\n", "max_tokens = 100\n")).warnings;
  ASSERT_EQ(warnings.size(), 1U);
  EXPECT_EQ(without_folder(warnings[0]),
            "x.toml:12:14: max_tokens = 100 is more than model 'minilm' has positions for: "
            "texts are cut to its 64");
  EXPECT_TRUE(read(file()).warnings.empty());
}

TEST_F(Inputs, OfOneColumnTwiceAreRefused) {
  EXPECT_EQ(complaint(file("train = { epochs = 1 }\n", "text = \"label\"\n")),
            "x.toml:12:8: 'text' and 'label' both name the column 'label'");
}

TEST_F(Inputs, OfASliceAloneAreLookedAt) {
  write("test.tsv", "text\tlabel\nx\tdog\n");
  options_.only = "seed=0";
  EXPECT_EQ(problems().size(), 1U);
}

// A label in Latin-1 used to train the base model first, and fail then.
TEST_F(Inputs, OfSoundsAreReadTheSame) {
  write("ast/config.json", R"({"model_type":"audio-spectrogram-transformer"})");
  write("ast/model.safetensors", test::weights_of("embeddings.patch_embeddings.projection.weight"));
  write("dog.wav", "sound");
  for (const auto* split : {"train", "validation"}) write(split + std::string(".csv"), "path,label\ndog.wav,dog\n");
  write("test.csv",
        "path,label\ndog.wav,ch\xef"
        "en\n");
  const std::string text =
      "espalier = 1\nname = \"test\"\n[model.a]\nfamily = \"ast\"\ncheckpoint = \"ast\"\ntrain = { epochs = 1 }\n"
      "[dataset.d]\nformat = \"audio-classification\"\ntrain = \"train.csv\"\nvalidation = \"validation.csv\"\n"
      "test = \"test.csv\"\n[[grid]]\nmodel = \"a\"\ndataset = \"d\"\ngranularity = \"head\"\nscorer = \"random\"\n"
      "sparsity = 0.5\n";
  ASSERT_EQ(problems(text).size(), 1U);
  EXPECT_TRUE(problems(text)[0].starts_with("test.csv:2: is not UTF-8")) << problems(text)[0];
  EXPECT_TRUE(read(text).missing.empty());
  write("test.csv", "path,label\ndog.wav,cat\n");
  EXPECT_TRUE(problems(text).at(0).starts_with("test.csv:2: unknown label 'cat'\n    known: dog\n"))
      << problems(text)[0];
}

}  // namespace
}  // namespace espalier::grid
