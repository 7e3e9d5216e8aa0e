// Broken inputs give one clear message and the right exit code, and lose nothing.
#include <ATen/ATen.h>

#include <nlohmann/json.hpp>

#include "tiny_world.h"

namespace espalier::test {
namespace {

void expect_refusal(const Ran& ran, int exit_code, const std::vector<std::string>& fragments) {
  EXPECT_EQ(ran.exit_code, exit_code) << ran.err;
  for (const auto& fragment : fragments)
    EXPECT_NE(ran.err.find(fragment), std::string::npos) << "expected: " << fragment << "\nfound: " << ran.err;
  for (const char* noise : {"Exception raised from", "frame #", "terminate called", "what():"}) {
    EXPECT_EQ(ran.err.find(noise), std::string::npos) << ran.err;
  }
}

TEST(BadInput, AMissingCheckpoint) {
  const TinyWorld world;
  expect_refusal(world.espalier({"predict", "--model", "nowhere", "--input", "x", "--output", "y"}), 5, {"nowhere"});
}

TEST(BadInput, TruncatedWeights) {
  const TinyWorld world;
  std::filesystem::resize_file(world.folder / "model/model.safetensors", 900);
  expect_refusal(world.espalier(evaluate_words), 5, {"model/model.safetensors", "truncated"});
}

TEST(BadInput, AConfigThatLiesAboutShapes) {
  const TinyWorld world;
  auto config = nlohmann::json::parse(read_file(world.folder / "model/config.json"));
  config["intermediate_size"] = 25;
  write_file(world.folder / "model/config.json", config.dump());
  expect_refusal(world.espalier(evaluate_words), 5, {"intermediate.dense.weight", "[24, 12]", "[25, 12]"});
}

TEST(BadInput, AConfigOfAnotherFamily) {
  const TinyWorld world;
  world.folder.write("model/config.json", R"({"model_type": "gpt2"})");
  expect_refusal(world.espalier(evaluate_words), 5, {"model/config.json", "gpt2"});
}

TEST(BadInput, AHeadlessCheckpointHasNothingToEvaluate) {
  const TinyWorld world;
  expect_refusal(world.espalier(evaluate_words), 5, {"has no classification head"});
}

// Its weights are numbers, and their products are not.
TEST(BadInput, AModelThatGivesNoNumbers) {
  const TinyWorld world;
  ASSERT_EQ(world.train().exit_code, 0);
  auto file = nn::read_safetensors(world.folder / "trained/model.safetensors");
  for (auto& [name, tensor] : file.tensors) tensor = at::full_like(tensor, 1e30);
  nn::write_safetensors(world.folder / "trained/model.safetensors", file);
  const auto ran = world.espalier(
      {"evaluate", "--model", "trained", "--data", "test.tsv", "--format", "text-classification", "--json"});
  expect_refusal(ran, 5,
                 {"trained: the model gives no numbers for 60 of 60 examples of the test split",
                  "use another checkpoint, or train again with a lower learning rate"});
  EXPECT_EQ(ran.out, "");
}

TEST(BadInput, ATrainingThatBlowsUpInItsOnlyStep) {
  const TinyWorld world;
  for (const std::string epochs : {"epochs=1", "epochs=2"}) {
    const auto ran = world.espalier({"train", "--model", "model", "--data", "train.tsv", "--format",
                                     "text-classification", "--set", epochs, "--set", "learning_rate=1e30", "--set",
                                     "batch=1000", "--set", "warmup=0", "--output", "trained"});
    expect_refusal(ran, 5, {"training diverged: ", "lower the learning rate (found 1e+30)"});
    EXPECT_FALSE(std::filesystem::exists(world.folder / "trained"));
  }
}

TEST(BadInput, DataThatTheFamilyCannotRead) {
  const TinyWorld world;
  const auto refusal =
      world.espalier({"evaluate", "--model", "model", "--data", "test.tsv", "--format", "speech-recognition"});
  expect_refusal(
      refusal, 5,
      {"model: is of family bert, which cannot read speech-recognition data", "it reads text-classification"});
}

TEST(BadInput, TextThatIsNotUtf8) {
  const TinyWorld world;
  world.folder.write("train.tsv", "text\tlabel\nred \xff\xfe\tcolour\n");
  expect_refusal(world.train(), 5, {"train.tsv:2", "UTF-8"});
}

TEST(BadInput, ALabelThatTrainingNeverSaw) {
  const TinyWorld world;
  world.folder.write("validation.tsv", "text\tlabel\nred\tcolor\n");
  expect_refusal(world.train(), 5, {"validation.tsv:2", "'color'", "colour"});
}

TEST(BadInput, AMissingTable) {
  const TinyWorld world;
  std::filesystem::remove(world.folder / "train.tsv");
  expect_refusal(world.train(), 5, {"train.tsv"});
}

TEST(BadInput, AnUnknownTrainingSetting) {
  const TinyWorld world;
  expect_refusal(
      world.espalier({"train", "--model", "model", "--data", "train.tsv", "--set", "epoch=2", "--output", "o"}), 2,
      {"'epoch'", "did you mean 'epochs'?"});
}

TEST(BadInput, AnUnknownScorerAndAnUndeclaredSetting) {
  const TinyWorld world;
  expect_refusal(world.espalier({"score", "--model", "model", "--scorer", "magnitud", "--output", "s"}), 2,
                 {"unknown scorer 'magnitud'", "did you mean 'magnitude'?"});
  expect_refusal(
      world.espalier({"score", "--model", "model", "--scorer", "magnitude", "--set", "nrom=2", "--output", "s"}), 2,
      {"'nrom'", "did you mean 'norm'?"});
}

TEST(BadInput, AMaskForAnotherModel) {
  const TinyWorld world;
  nn::write_safetensors(world.folder / "mask.safetensors",
                        {{{"encoder.layer.7.attention.self.q", at::ones({3, 4}, at::kBool)}},
                         {{"format", "espalier-mask"}, {"version", "1"}}});
  nn::write_safetensors(world.folder / "in.safetensors", {{{"input_ids", at::ones({1, 3}, at::kLong)}}, {}});
  expect_refusal(world.espalier({"predict", "--model", "model", "--input", "in.safetensors", "--output",
                                 "o.safetensors", "--mask", "mask.safetensors"}),
                 5, {"mask.safetensors", "encoder.layer.7.attention.self"});
}

TEST(BadInput, TokenIdsOutsideTheVocabulary) {
  const TinyWorld world;
  nn::write_safetensors(world.folder / "in.safetensors", {{{"input_ids", at::full({1, 3}, 99, at::kLong)}}, {}});
  expect_refusal(
      world.espalier({"predict", "--model", "model", "--input", "in.safetensors", "--output", "o.safetensors"}), 5,
      {"input_ids", "99"});
}

TEST(BadInput, AFolderThatCannotBeWritten) {
  const TinyWorld world;
  expect_refusal(
      world.espalier({"score", "--model", "model", "--scorer", "magnitude", "--output", "/proc/s.safetensors"}), 5,
      {"/proc/s.safetensors", "cannot be written"});
  expect_refusal(world.espalier({"prune", "--model", "model", "--mask", "none.safetensors", "--output", "test.tsv"}), 5,
                 {"none.safetensors"});
}

// A plugin that breaks its contract is named; one that was built for another ABI is refused before its code runs.
TEST(BadInput, APluginThatMisbehaves) {
  const TinyWorld world;
  const std::string broken = std::string(ESPALIER_BINARY_DIR) + "/broken_plugins/";
  const auto score = [&](const std::string& scorer, const std::string& file) {
    return world.espalier(
        {"score", "--model", "model", "--scorer", scorer, "--plugins", broken + file, "--output", "s"});
  };

  expect_refusal(score("returns-nan", "returns_nan.so"), 3,
                 {"scorer 'returns-nan' returned 1 scores that are not finite"});
  expect_refusal(score("wrong-length", "wrong_length.so"), 3, {"scorer 'wrong-length' returned", "for 6 units"});
  expect_refusal(score("other-tag", "other_tag.so"), 3,
                 {"other_tag.so", "was built for another", "LibTorch: plugin 1.13.1"});
  expect_refusal(score("missing-symbol", "missing_symbol.so"), 3, {"missing_symbol.so", "is used and defined nowhere"});
  EXPECT_FALSE(std::filesystem::exists(world.folder / "s"));
}

TEST(BadInput, APluginPathThatIsNotThereIsRefusedAlikeByBothPrograms) {
  const TinyWorld world;
  const std::string message = "--plugins: 'no/such.so' does not exist";
  expect_refusal(world.espalier({"plugins", "--plugins", "no/such.so"}), 2, {message});
  expect_refusal(world.espalier({"score", "--model", "model", "--scorer", "magnitude", "--plugins", "no/such.so",
                                 "--output", "s"}),
                 2, {message});
}

TEST(BadInput, AnUnknownCommandNamesTheNearest) {
  const TinyWorld world;
  expect_refusal(world.espalier({"evalute"}), 2, {"evalute", "evaluate"});
}

}  // namespace
}  // namespace espalier::test
