#include <ATen/ATen.h>

#include <nlohmann/json.hpp>

#include "support/tensor_matchers.h"
#include "tiny_world.h"
#include "words/command_line.h"

namespace espalier::test {
namespace {

TEST(Commands, TrainWritesAnOrdinaryCheckpointThatEvaluates) {
  const TinyWorld world;

  const auto trained = world.train();
  const auto evaluated = world.espalier(
      {"evaluate", "--model", "trained", "--data", "test.tsv", "--format", "text-classification", "--json"});

  ASSERT_EQ(trained.exit_code, 0) << trained.err;
  EXPECT_NE(trained.out.find("120 examples, 3 classes, 30 steps"), std::string::npos) << trained.out;
  ASSERT_EQ(evaluated.exit_code, 0) << evaluated.err;
  const auto answer = nlohmann::json::parse(evaluated.out);
  EXPECT_EQ(answer["examples"], 60);
  for (const char* metric : {"accuracy", "macro_f1", "mcc", "cross_entropy"})
    EXPECT_TRUE(answer["metrics"].contains(metric));
  const auto config = nlohmann::json::parse(read_file(world.folder / "trained/config.json"));
  EXPECT_EQ(config["id2label"]["0"], "animal");
  EXPECT_EQ(config["architectures"][0], "BertForSequenceClassification");
}

// score -> prune -> predict: the masked checkpoint, the mask on the dense one and the compact one give equal logits.
TEST(Commands, AMaskedACompactAndAMaskedOnTheFlyModelAgree) {
  const TinyWorld world;
  ASSERT_EQ(world.train().exit_code, 0);
  nn::write_safetensors(world.folder / "in.safetensors",
                        {{{"input_ids", at::tensor({2, 5, 9, 3, 2, 12, 3, 0}, at::kLong).view({2, 4})},
                          {"attention_mask", at::tensor({1, 1, 1, 1, 1, 1, 1, 0}, at::kLong).view({2, 4})}},
                         {}});
  const auto run = [&](const std::vector<std::string>& words) {
    const auto ran = world.espalier(words);
    EXPECT_EQ(ran.exit_code, 0) << ran.err;
  };
  const auto logits = [&](std::vector<std::string> words) {
    words.insert(words.end(), {"--input", "in.safetensors", "--output", "out.safetensors"});
    run(words);
    return nn::read_safetensors(world.folder / "out.safetensors").tensors.at("logits");
  };
  for (const std::string granularity : {"head", "head-channel"}) {
    run({"score", "--model", "trained", "--data", "validation.tsv", "--format", "text-classification", "--scorer",
         "fisher", "--set", "squares=per-sample", "--granularity", granularity, "--output", "scores.safetensors"});
    for (const std::string format : {"masked", "compact"}) {
      run({"prune", "--model", "trained", "--scores", "scores.safetensors", "--searcher", "ranking", "--scope",
           "global", "--sparsity", "0.5", "--output", format, "--format", format});
    }

    const auto masked = logits({"predict", "--model", "masked"});
    const auto compact = logits({"predict", "--model", "compact"});
    const auto zeroed = logits({"predict", "--model", "trained", "--mask", "masked/mask.safetensors"});
    const auto compacted = logits({"predict", "--model", "trained", "--mask", "masked/mask.safetensors", "--compact"});
    const auto dense = logits({"predict", "--model", "trained"});

    EXPECT_TRUE(is_close(masked, zeroed, {.absolute = 1e-6})) << granularity;
    EXPECT_TRUE(is_close(compact, zeroed, {.absolute = 1e-5})) << granularity;
    EXPECT_TRUE(is_close(compacted, zeroed, {.absolute = 1e-5})) << granularity;
    EXPECT_FALSE(is_close(dense, zeroed, {.absolute = 1e-4})) << granularity;
    EXPECT_TRUE(std::filesystem::exists(world.folder / "compact/vocab.txt"));
  }
}

TEST(Commands, EvaluateUnderAMaskEqualsTheMaskedCheckpoint) {
  const TinyWorld world;
  ASSERT_EQ(world.train().exit_code, 0);
  ASSERT_EQ(
      world.espalier({"score", "--model", "trained", "--scorer", "magnitude", "--output", "s.safetensors"}).exit_code,
      0);
  ASSERT_EQ(
      world.espalier({"prune", "--model", "trained", "--scores", "s.safetensors", "--heads", "2", "--output", "masked"})
          .exit_code,
      0);

  const auto on_the_fly = world.espalier({"evaluate", "--model", "trained", "--data", "test.tsv", "--format",
                                          "text-classification", "--mask", "masked/mask.safetensors", "--json"});
  const auto checkpoint = world.espalier(
      {"evaluate", "--model", "masked", "--data", "test.tsv", "--format", "text-classification", "--json"});

  ASSERT_EQ(on_the_fly.exit_code, 0) << on_the_fly.err;
  EXPECT_EQ(nlohmann::json::parse(on_the_fly.out)["metrics"]["accuracy"],
            nlohmann::json::parse(checkpoint.out)["metrics"]["accuracy"]);
}

TEST(Commands, EveryCommandHasHelpWithAnExample) {
  const TinyWorld world;
  for (const std::string command : {"train", "score", "prune", "predict", "evaluate", "map", "bench", "data", "run",
                                    "plan", "status", "table", "show", "plugins"}) {
    const auto help = world.espalier({command, "--help"});
    EXPECT_EQ(help.exit_code, 0) << command << help.err;
    EXPECT_NE(help.out.find("espalier " + command), std::string::npos) << command << help.out;
  }
}

TEST(Commands, BothProgramsSayOfACommandWhatItIsFor) {
  const TinyWorld world;
  const auto list = world.espalier({"--help"}).out;
  for (const auto& command : worker_commands) {
    const std::string name = command.name, summary = command.summary;
    EXPECT_EQ(list.find("  " + name + std::string(28 - name.size(), ' ') + summary) != std::string::npos,
              command.handed_over)
        << name << "\n"
        << list;
    if (!command.handed_over) continue;
    EXPECT_TRUE(world.espalier({name, "--help"}).out.starts_with(summary + "\n")) << name;
  }
}

}  // namespace
}  // namespace espalier::test
