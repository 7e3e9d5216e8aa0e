// --device on a machine, or in a process, where no GPU answers: sentences with exit code 2, and nothing lost.
#include <ATen/ATen.h>

#include <nlohmann/json.hpp>

#include "tiny_world.h"

namespace espalier::test {
namespace {

const std::vector<std::string> no_gpu = {"CUDA_VISIBLE_DEVICES="};

void expect_refusal(const Ran& ran, const std::string& begins) {
  EXPECT_EQ(ran.exit_code, 2) << ran.err;
  EXPECT_TRUE(ran.err.starts_with(begins)) << "expected: " << begins << "\nfound: " << ran.err;
  EXPECT_EQ(ran.out, "");
}

TEST(Device, AnUnknownOneIsRefusedWithTheNearest) {
  const TinyWorld world;
  expect_refusal(world.espalier(with(evaluate_words, {"--device", "gpu"})),
                 "--device 'gpu': no such device\n    did you mean 'cuda'?\n");
  expect_refusal(world.espalier(evaluate_words, {"ESPALIER_DEVICE=cpu:1"}),
                 "ESPALIER_DEVICE 'cpu:1': no such device\n");
  expect_refusal(world.espalier({"import", "somewhere", "--output", "x", "--device", "cpu"}),
                 "unknown option '--device'");
}

// In this process and in a child of it, and in that of the program's own worker.
TEST(Device, AGpuThatDoesNotAnswerIsRefused) {
  const TinyWorld world;
  const std::string refused = "--device cuda:0: no GPU answers: ";
  expect_refusal(world.espalier(with(evaluate_words, {"--device", "cuda"}), no_gpu), refused);
  expect_refusal(
      world.espalier({"score", "--model", "model", "--scorer", "magnitude", "--output", "s", "--device", "cuda"},
                     no_gpu),
      refused);
  expect_refusal(world.espalier(evaluate_words, {"CUDA_VISIBLE_DEVICES=", "ESPALIER_DEVICE=cuda:0"}), refused);
  EXPECT_FALSE(std::filesystem::exists(world.folder / "s"));
}

TEST(Device, ARunIsRefusedBeforeItClaimsACell) {
  const TinyWorld world;
  world.folder.write("tiny.toml", world.experiment("granularity = \"head\"\nscorer = \"magnitude\"\nsparsity = 0.5\n"));
  for (const auto* devices : {"cuda:0", "all", "cuda:0,cuda:1"}) {
    expect_refusal(world.espalier({"run", "tiny.toml", "--devices", devices}, no_gpu),
                   "--device cuda:0: no GPU answers: ");
  }
  EXPECT_FALSE(std::filesystem::exists(world.folder / "results/tiny.db"));
}

TEST(Device, AutoComputesWhereItCan) {
  const TinyWorld world;
  ASSERT_EQ(world.train().exit_code, 0);
  auto words = evaluate_words;
  words[2] = "trained";

  const auto ran = world.espalier(with(words, {"--json", "--device", "auto"}), no_gpu);

  EXPECT_EQ(ran.exit_code, 0) << ran.err;
  EXPECT_EQ(nlohmann::json::parse(ran.out)["examples"], 60);
}

TEST(Device, Tf32NeedsAGpu) {
  const TinyWorld world;
  ASSERT_EQ(world.train().exit_code, 0);
  auto words = evaluate_words;
  words[2] = "trained";

  const auto refused = world.espalier(with(words, {"--compute", "tf32"}));
  const auto half = world.espalier(with(words, {"--compute", "float16", "--json"}));

  EXPECT_EQ(refused.exit_code, 2) << refused.err;
  EXPECT_NE(refused.err.find("tf32"), std::string::npos) << refused.err;
  EXPECT_EQ(half.exit_code, 0) << half.err;
}

TEST(Device, TheListSaysWhatThereIsOrWhyNot) {
  const TinyWorld world;
  const auto text = world.espalier({"devices"}, no_gpu);
  const auto document = world.espalier({"devices", "--json"}, no_gpu);
  const auto checked = world.espalier({"devices", "--check", "auto", "--json"}, no_gpu);

  ASSERT_EQ(text.exit_code, 0) << text.err;
  EXPECT_TRUE(text.out.starts_with("cpu      ")) << text.out;
  EXPECT_NE(text.out.find("\nno GPU answers: "), std::string::npos) << text.out;
  const auto known = nlohmann::json::parse(document.out);
  ASSERT_EQ(known["devices"].size(), 1U);
  EXPECT_EQ(known["devices"][0]["device"], "cpu");
  EXPECT_TRUE(known["no_gpu"].get<std::string>().starts_with("no GPU answers: ")) << document.out;
  EXPECT_EQ(nlohmann::json::parse(checked.out)["devices"][0]["device"], "cpu");
  expect_refusal(world.espalier({"devices", "--check", "cpu,cuda:0"}),
                 "--devices cpu,cuda:0: computes on one kind of device\n");
  expect_refusal(world.espalier({"devices", "--check", "all"}, no_gpu), "--device cuda:0: no GPU answers: ");
}

}  // namespace
}  // namespace espalier::test
