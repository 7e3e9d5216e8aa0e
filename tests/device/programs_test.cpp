// The programs on the fake device, as a user would run them on a GPU; and what they load without one.
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "fake_counts.h"
#include "support/tensor_matchers.h"
#include "worker/tiny_world.h"

namespace espalier::test {
namespace {

struct FakeWorld : TinyWorld {
  Ran on_fake(std::vector<std::string> words, const std::string& option = "--device") const {
    words.insert(words.end(), {option, "fake"});
    auto ran = espalier(
        words, {"FAKE_DEVICE_REPORT=1", "ESPALIER_ENDS_WHOLE=1"});  // ESPALIER_FAKE_DEVICE is set in this process
    EXPECT_EQ(ran.exit_code, 0) << ran.err << ran.out;
    return ran;
  }
  static bool computed(const Ran& ran) {
    const auto found = ran.err.find("fake device: ");
    return found != std::string::npos && ran.err.find("fake device: 0 operators") == std::string::npos;
  }
};

TEST(ProgramsOnTheFakeDevice, TrainScorePruneEvaluateAndPredict) {
  const FakeWorld world;
  const std::vector<std::string> data = {"--data", "validation.tsv", "--format", "text-classification"};
  const auto with_data = [&](std::vector<std::string> words) {
    words.insert(words.end(), data.begin(), data.end());
    return words;
  };
  EXPECT_TRUE(FakeWorld::computed(
      world.on_fake({"train", "--model", "model", "--data", "train.tsv", "--validation", "validation.tsv", "--format",
                     "text-classification", "--set", "epochs=1", "--set", "batch=8", "--output", "trained"})));
  world.on_fake(with_data({"score", "--model", "trained", "--scorer", "fisher", "--output", "s.safetensors"}));
  world.on_fake({"prune", "--model", "trained", "--scores", "s.safetensors", "--heads", "3", "--output", "masked"});
  const auto evaluate = with_data({"evaluate", "--model", "masked", "--json"});
  const auto there = world.on_fake(evaluate), here = world.espalier(evaluate);
  EXPECT_TRUE(FakeWorld::computed(there));
  const auto of_fake = nlohmann::json::parse(there.out), of_cpu = nlohmann::json::parse(here.out);
  EXPECT_EQ(of_fake["metrics"]["accuracy"], of_cpu["metrics"]["accuracy"]);
  nn::write_safetensors(world.folder / "in.safetensors",
                        {{{"input_ids", at::tensor({2, 5, 9, 3, 2, 12, 3, 0}, at::kLong).view({2, 4})}}, {}});
  const auto logits = [&](bool on_fake) {
    const std::vector<std::string> predict = {"predict",        "--model",  "masked",         "--input",
                                              "in.safetensors", "--output", "out.safetensors"};
    on_fake ? world.on_fake(predict) : world.espalier(predict);
    return nn::read_safetensors(world.folder / "out.safetensors").tensors.at("logits");
  };
  EXPECT_TRUE(is_close(logits(true), logits(false), {.relative = 1e-5, .absolute = 1e-5}));
}

TEST(ProgramsOnTheFakeDevice, RunAnExperimentOnTwoWorkers) {
  const FakeWorld world;
  world.folder.write("tiny.toml",
                     world.experiment("granularity = [\"head\", \"head-channel\"]\nscorer = [\"magnitude\", "
                                      "\"fisher\"]\nsparsity = 0.5\n"));

  const auto ran = world.on_fake({"run", "tiny.toml", "--workers", "2"}, "--devices");

  EXPECT_NE((ran.out + ran.err).find("4 of 4 done"), std::string::npos) << ran.out << ran.err;
}

// A cell that finds no room for one example fails with a sentence, and the next is computed.
TEST(ProgramsOnTheFakeDevice, ADeviceWithoutRoomFailsTheCellWithASentence) {
  const FakeWorld world;
  world.folder.write("tiny.toml", world.experiment("granularity = \"head\"\nscorer = \"magnitude\"\nsparsity = 0.5\n"));

  const auto ran = world.espalier({"run", "tiny.toml", "--devices", "fake"}, {"FAKE_DEVICE_BYTES=20000"});
  const auto status = world.espalier({"status", "tiny.toml"});

  EXPECT_NE(ran.exit_code, 0);
  EXPECT_NE((ran.out + ran.err + status.out).find("does not suffice for one example"), std::string::npos)
      << ran.out << ran.err << status.out;
}

// libtorch_cuda takes 0.15 s of every start, and 7 s of a cold one.
TEST(ProgramsWithoutAGpu, LoadNoCuda) {
  const TempDir folder;
  const auto libraries = run_program({"/usr/bin/ldd", program("espalier-worker")}, folder.path());
  ASSERT_EQ(libraries.exit_code, 0) << libraries.err;
  EXPECT_NE(libraries.out.find("libtorch_cpu"), std::string::npos) << libraries.out;
  EXPECT_EQ(libraries.out.find("libtorch_cuda"), std::string::npos) << libraries.out;
  EXPECT_EQ(libraries.out.find("libc10_cuda"), std::string::npos) << libraries.out;
}

}  // namespace
}  // namespace espalier::test
