// What `espalier prune` writes and says: numbers of the file it wrote, who loads it, and what it must not write over.
#include <ATen/ATen.h>

#include <nlohmann/json.hpp>
#include <regex>

#include "support/tensor_matchers.h"
#include "tiny_world.h"

namespace espalier::test {
namespace {

namespace fs = std::filesystem;

std::int64_t elements_of(const fs::path& folder, bool of_attention = false) {
  std::int64_t count = 0;
  for (const auto& [name, tensor] : nn::read_safetensors(folder / "model.safetensors").tensors) {
    const bool output_bias = name.ends_with("attention.output.dense.bias");
    const bool attention =
        name.find(".attention.self.") != std::string::npos || name.ends_with("attention.output.dense.weight");
    // A headless BERT does not use its pooler.
    if (of_attention ? attention && !output_bias : name.find("pooler") == std::string::npos) count += tensor.numel();
  }
  return count;
}

struct Said {
  double percent = 0;
  std::int64_t removed = 0, of = 0, parameters = 0;
};

Said said_by(const Ran& ran) {
  EXPECT_EQ(ran.exit_code, 0) << ran.err;
  static const std::regex line(
      R"(: (masked|compact) checkpoint, ([0-9.]+) % of the attention parameters (zeroed|removed) \((\d+) of (\d+)\), (\d+) parameters (left|in the file))");
  std::smatch found;
  if (!std::regex_search(ran.out, found, line)) {
    ADD_FAILURE() << ran.out;
    return {};
  }
  return {std::stod(found[2]), std::stoll(found[4]), std::stoll(found[5]), std::stoll(found[6])};
}

class Pruning : public testing::Test {
 protected:
  Ran prune(const std::string& model, const std::string& granularity, const std::vector<std::string>& more) const {
    const auto scored = world.espalier({"score", "--model", model, "--scorer", "magnitude", "--granularity",
                                        granularity, "--output", "scores.safetensors"});
    EXPECT_EQ(scored.exit_code, 0) << scored.err;
    std::vector<std::string> words = {"prune", "--model", model, "--scores", "scores.safetensors"};
    words.insert(words.end(), more.begin(), more.end());
    return world.espalier(words);
  }
  const TinyWorld world;
};

// A checkpoint with fewer QK than VO channels, pruned again by every granularity: what is asked for goes, what is said is
// what the files hold.
TEST_F(Pruning, OfACompactCheckpointCountsWhatItHolds) {
  ASSERT_EQ(
      prune("model", "q-channel", {"--scope", "local", "--sparsity", "0.5", "--format", "compact", "--output", "small"})
          .exit_code,
      0);
  const auto attention = elements_of(world.folder / "small", true);
  EXPECT_LT(attention, elements_of(world.folder / "model", true));
  for (const std::string granularity : {"head", "head-channel", "same-channel", "q-channel", "k-channel", "v-channel",
                                        "o-channel", "projection-channel"}) {
    const auto output = "again-" + granularity;
    const auto ran = prune("small", granularity,
                           {"--scope", "local", "--sparsity", "0.5", "--format", "compact", "--output", output});
    const auto said = said_by(ran);
    const auto left = elements_of(world.folder / output, true);
    EXPECT_EQ(said.of, attention) << granularity;
    EXPECT_EQ(said.removed, attention - left) << granularity;
    EXPECT_GT(said.removed, 0) << granularity;
    EXPECT_NEAR(said.percent, 100.0 * static_cast<double>(said.removed) / static_cast<double>(attention), 0.006);
    EXPECT_EQ(said.parameters, elements_of(world.folder / output)) << granularity;
    // Half of each head's QK and VO channels, of those that there are; halves down, and heads differ in QK.
    if (granularity == "head-channel") {
      EXPECT_GT(said.percent, 40);
    }
  }
}

TEST_F(Pruning, SaysWhatAMaskedFileHolds) {
  const auto ran = prune("model", "head", {"--heads", "3", "--output", "masked"});
  const auto said = said_by(ran);
  EXPECT_EQ(said.parameters, elements_of(world.folder / "masked"));
  EXPECT_EQ(said.parameters, elements_of(world.folder / "model"));
  std::int64_t zeros = 0;
  for (const auto& [name, tensor] : nn::read_safetensors(world.folder / "masked/model.safetensors").tensors) {
    if (name.find(".attention.self.") != std::string::npos || name.ends_with("attention.output.dense.weight"))
      zeros += tensor.eq(0).sum().item<std::int64_t>();
  }
  EXPECT_EQ(said.removed, zeros);
  const auto left = elements_of(world.folder / "model") - zeros;
  EXPECT_NE(ran.out.find(std::to_string(said.parameters) + " parameters in the file, of which compact leaves " +
                         std::to_string(left) + "\n    loads in transformers 4 and 5, and in Espalier\n"),
            std::string::npos)
      << ran.out;
}

TEST_F(Pruning, SaysWhoLoadsACompactCheckpoint) {
  const auto whole =
      prune("model", "head",
            {"--sparsity", "0.5", "--set", "keep_one_head=true", "--format", "compact", "--output", "heads"});
  EXPECT_NE(
      whole.out.find("\n    loads in transformers 4 and in Espalier; not in transformers 5, which no longer reads "
                     "pruned_heads (there, use --format masked of the dense model)\n"),
      std::string::npos)
      << whole.out << whole.err;
  const auto empty = prune("model", "head", {"--heads", "0", "--format", "compact", "--output", "empty"});
  EXPECT_NE(
      empty.out.find("\n    loads in Espalier alone, not in transformers 4 or 5: they have no layer without heads "
                     "(there, use --format masked of the dense model)\n"),
      std::string::npos)
      << empty.out << empty.err;
  const auto channels =
      prune("model", "head-channel", {"--sparsity", "0.5", "--format", "compact", "--output", "some"});
  EXPECT_NE(channels.out.find("\n    loads in Espalier alone, not in transformers 4 or 5: they have no heads of other "
                              "widths or scales (there, use --format masked of the dense model)\n"),
            std::string::npos)
      << channels.out << channels.err;
}

TEST_F(Pruning, RefusesAScaleThatAMaskedCheckpointCannotHave) {
  for (const std::string scale : {"pruned-width", "0.5"}) {
    const auto ran = prune("model", "q-channel", {"--sparsity", "0.5", "--softmax-scale", scale, "--output", "masked"});
    EXPECT_EQ(ran.exit_code, 2);
    EXPECT_EQ(ran.err, "--softmax-scale " + scale +
                           " belongs to --format compact: a masked checkpoint has the widths, and so the scale, of the "
                           "dense one\n    add --format compact, or leave --softmax-scale out\n");
    EXPECT_FALSE(fs::exists(world.folder / "masked"));
  }
  EXPECT_EQ(prune("model", "q-channel",
                  {"--sparsity", "0.5", "--softmax-scale", "pruned-width", "--format", "compact", "--output", "small"})
                .exit_code,
            0);
}

TEST_F(Pruning, LeavesSourcesAndOtherCheckpointsAlone) {
  ASSERT_EQ(world.train().exit_code, 0);
  const auto weights = read_file(world.folder / "model/model.safetensors");
  const auto trained = read_file(world.folder / "trained/model.safetensors");
  fs::create_directory_symlink("model", world.folder / "link");
  fs::create_directory(world.folder / "model/inner");
  const auto refused = [&](const Ran& ran, const std::string& message) {
    EXPECT_EQ(ran.exit_code, 2) << ran.out;
    // Before it, a line may say which tensors of the model are skipped.
    EXPECT_TRUE(ran.err.ends_with(message + "\n")) << ran.err;
    EXPECT_EQ(read_file(world.folder / "model/model.safetensors"), weights);
    EXPECT_EQ(read_file(world.folder / "trained/model.safetensors"), trained);
  };
  const auto train_into = [&](const std::string& output, const std::vector<std::string>& more = {}) {
    std::vector<std::string> words = {"train", "--model",  "model",    "--data", "train.tsv",
                                      "--set", "epochs=1", "--output", output};
    words.insert(words.end(), more.begin(), more.end());
    return world.espalier(words);
  };
  // The model's own folder, by any path; --overwrite is not for it.
  for (const std::string same : {"model", "model/", "./model", "link", "link/", "model/.", "model/inner/.."}) {
    const auto message =
        "--output " + same + " is the folder of --model model, which would be overwritten\n    choose another folder";
    refused(prune("model", "head", {"--sparsity", "0.5", "--output", same}), message);
    refused(train_into(same, {"--overwrite"}), message);
  }
  // Another checkpoint, unless it is said.
  const std::string other =
      "--output trained holds another checkpoint (config.json)\n    choose another folder, or add --overwrite to "
      "replace it";
  refused(prune("model", "head", {"--sparsity", "0.5", "--output", "trained"}), other);
  refused(train_into("trained"), other);
  // What an earlier pruning of the same model left is replaced, and said.
  ASSERT_EQ(prune("model", "head", {"--sparsity", "0.5", "--output", "pruned"}).exit_code, 0);
  const auto again = prune("model", "head", {"--sparsity", "0.25", "--output", "pruned"});
  EXPECT_EQ(again.exit_code, 0) << again.err;
  EXPECT_NE(again.err.find("pruned: what an earlier pruning of this model left there is replaced\n"), std::string::npos)
      << again.err;
  refused(prune("trained", "head", {"--sparsity", "0.5", "--output", "pruned"}),
          "--output pruned holds another checkpoint (config.json)\n    choose another folder, or add --overwrite to "
          "replace it");
  // A mask that would be written over.
  refused(world.espalier({"prune", "--model", "model", "--mask", "pruned/mask.safetensors", "--output", "pruned/"}),
          "--mask pruned/mask.safetensors lies in --output pruned/, where a file of that name is written\n    choose "
          "another folder, or keep that file elsewhere");
  EXPECT_EQ(prune("trained", "head", {"--sparsity", "0.5", "--output", "pruned", "--overwrite"}).exit_code, 0);
  EXPECT_EQ(train_into("pruned", {"--overwrite"}).exit_code, 0);
  EXPECT_FALSE(fs::exists(world.folder / "pruned/mask.safetensors"));
  // Files.
  refused(world.espalier({"score", "--model", "model", "--scorer", "magnitude", "--output", "link/model.safetensors"}),
          "--output link/model.safetensors is a file of --model model, which would be overwritten\n    choose another "
          "file");
  refused(world.espalier({"score", "--model", "model", "--scorer", "magnitude", "--output", "trained/config.json"}),
          "--output trained/config.json is part of a checkpoint, which would be overwritten\n    choose another file");
  nn::write_safetensors(world.folder / "in.safetensors", {{{"input_ids", at::zeros({1, 3}, at::kLong)}}, {}});
  refused(world.espalier({"predict", "--model", "model", "--input", "in.safetensors", "--output", "./in.safetensors"}),
          "--output ./in.safetensors is --input in.safetensors, which would be overwritten\n    choose another file");
  refused(world.espalier({"evaluate", "--model", "trained", "--data", "test.tsv", "--predictions", "test.tsv"}),
          "--predictions test.tsv is --data test.tsv, which would be overwritten\n    choose another file");
}

}  // namespace
}  // namespace espalier::test
