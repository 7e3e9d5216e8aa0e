// `espalier bundle` and `espalier check-bundle` as a user meets them.
#include "cli_fixture.h"

namespace espalier::cli {
namespace {

class Bundle : public CliTest {
 protected:
  void SetUp() override {
    CliTest::SetUp();
    ASSERT_EQ(espalier({"run", "tiny.toml"}, {"FAKE_FAIL_SEED=1"}).exit_code, 1);
  }
};

TEST_F(Bundle, HoldsWhatItSaysWhereverItIs) {
  const auto made = espalier({"bundle", "tiny.toml", "-o", "tiny.zip", "--license", "https://example.org/licence"});
  ASSERT_EQ(made.exit_code, 0) << made.err;
  EXPECT_TRUE(made.out.starts_with("tiny.zip: ")) << made.out;
  std::filesystem::remove(folder_ / "results/tiny.db");
  std::filesystem::remove(folder_ / "tiny.toml");

  const auto checked = espalier({"check-bundle", "tiny.zip"});
  EXPECT_EQ(checked.exit_code, 0) << checked.out << checked.err;
  EXPECT_CONTAINS(checked.out, "experiments  holds  1 experiment files are those that ran last\n");
  EXPECT_CONTAINS(checked.out, "tables       holds  4 tables and lists of cells were made again and are the same\n");
  EXPECT_TRUE(checked.out.ends_with("the bundle holds what it says\n")) << checked.out;
  const auto verified = espalier({"verify", "tiny.zip"});
  EXPECT_EQ(verified.exit_code, 0);
  EXPECT_EQ(verified.out, checked.out);
}

TEST_F(Bundle, IsVerifiedWithoutAReference) {
  const auto with_reference = espalier({"verify", "tiny.zip", "astar-2021"});
  EXPECT_EQ(with_reference.exit_code, 2);
  EXPECT_CONTAINS(with_reference.err, "takes no reference");
  const auto of_database = espalier({"verify", "results/tiny.db", "--rerun", "1"});
  EXPECT_EQ(of_database.exit_code, 2);
  EXPECT_CONTAINS(of_database.err, "--rerun and --time-limit are of a bundle");
}

TEST_F(Bundle, HoldsTheFilesThatAnExperimentIncludes) {
  folder_.write("shared/more.toml", "[scorer.plain]\nplugin = \"random\"\n");
  const auto text = folder_.path() / "tiny.toml";
  std::ifstream before(text);
  const std::string whole((std::istreambuf_iterator<char>(before)), {});
  folder_.write("sub/tiny.toml", "include = \"../shared/more.toml\"\n" + whole);
  for (const char* file :
       {"model/config.json", "model/model.safetensors", "model/vocab.txt", "train.tsv", "validation.tsv", "test.tsv"}) {
    std::filesystem::create_directories((folder_ / "sub" / file).parent_path());
    std::filesystem::copy_file(folder_ / file, folder_ / "sub" / file);
  }
  ASSERT_EQ(espalier({"run", "sub/tiny.toml", "--db", "two.db"}).exit_code, 0);
  const auto made = espalier({"bundle", "two.db", "-o", "two.zip", "--json"});
  const auto checked = espalier({"check-bundle", "two.zip"});

  const auto document = json(made);
  for (const auto& missing : document.at("missing")) EXPECT_NE(missing.at("kind"), "experiment") << made.out;
  EXPECT_EQ(checked.exit_code, 0) << checked.out;
  EXPECT_CONTAINS(checked.out, "experiments  holds  1 experiment files are those that ran last\n");
}

TEST_F(Bundle, SaysWhatItLacks) {
  folder_.write("tiny.toml", "changed = true\n");
  const auto made = espalier({"bundle", "results/tiny.db", "-o", "tiny.zip", "--json"});

  ASSERT_EQ(made.exit_code, 0) << made.err;
  const auto document = json(made);
  ASSERT_GE(document.at("missing").size(), 1U);
  EXPECT_EQ(document.at("missing")[0].at("kind"), "experiment");
  EXPECT_CONTAINS(made.err, "not in it: experiment 'tiny.toml' is not here, or not as it was when it ran last");
  EXPECT_CONTAINS(made.err, "no licence of the results is stated");
  EXPECT_EQ(espalier({"check-bundle", "tiny.zip"}).exit_code, 0);
}

TEST_F(Bundle, ComputesSomeOfItsCellsAgain) {
  ASSERT_EQ(espalier({"bundle", "tiny.toml", "-o", "tiny.zip"}).exit_code, 0);
  const auto ran = espalier({"check-bundle", "tiny.zip", "--rerun", "5", "--seed", "3", "--json"});

  const auto document = json(ran);
  EXPECT_EQ(ran.exit_code, 0) << ran.out << ran.err;
  ASSERT_EQ(document.at("reruns").size(), 2U) << "two cells are done";
  EXPECT_EQ(document.at("reruns")[0].at("rung"), "identical") << document.dump(2);
}

TEST_F(Bundle, SaysWhatIsMissingToComputeItsCellsAgain) {
  ASSERT_EQ(espalier({"bundle", "tiny.toml", "-o", "tiny.zip"}).exit_code, 0);
  std::filesystem::remove(folder_ / "test.tsv");
  const auto ran = espalier({"check-bundle", "tiny.zip", "--rerun", "1"});

  EXPECT_EQ(ran.exit_code, 5);
  EXPECT_CONTAINS(ran.out, ": not computed again: '");
  EXPECT_CONTAINS(ran.out, "test.tsv' is not on this machine\n");
}

TEST_F(Bundle, BeginsNoCellThatTakesLongerThanIsLeft) {
  ASSERT_EQ(espalier({"bundle", "tiny.toml", "-o", "tiny.zip"}).exit_code, 0);
  const auto ran = espalier({"check-bundle", "tiny.zip", "--rerun", "1", "--time-limit", "0.000001s"});

  EXPECT_EQ(ran.exit_code, 5) << ran.out;
  EXPECT_CONTAINS(ran.out, "then, and of --time-limit ");
  EXPECT_EQ(espalier({"check-bundle", "tiny.zip", "--rerun", "1", "--time-limit", "soon"}).exit_code, 2);
}

// A table of ours for what the fake worker measures: .7 at half the units.
constexpr const char* own_table = R"([source]
title = "What the fake worker says"
citation = "Nobody, 2026"
sparsity_unit = "percent"
certainty = "calculated"

[metric.accuracy]
unit = "share"
better = "higher"
decimals = 3

[[cell]]
model = "small"
dataset = "few"
granularity = "head"
scorer = "magnitude"
scope = "global"
metric = "accuracy"
requested_sparsity = 50.0
value = 0.7
kind = "measured"
)";

TEST_F(Bundle, HasItsVerdictsMadeAgain) {
  folder_.write("own.toml", own_table);
  const auto verified = espalier({"verify", "tiny.toml", "own.toml", "--json"});
  auto verdicts = json(verified);
  ASSERT_EQ(verdicts.at("cells").at(0).at("verdict"), "within") << verified.out;
  const auto checked_with = [&](const nlohmann::json& kept) {
    folder_.write("verdicts.json", kept.dump());
    const auto made =
        espalier({"bundle", "tiny.toml", "-o", "tiny.zip", "--reference", "own.toml", "--verdicts", "verdicts.json"});
    EXPECT_EQ(made.exit_code, 0) << made.err;
    return espalier({"check-bundle", "tiny.zip"});
  };

  const auto whole = checked_with(verdicts);
  EXPECT_EQ(whole.exit_code, 0) << whole.out;
  EXPECT_CONTAINS(whole.out, "1 verdicts were made again and are the same");

  auto invented = verdicts;
  invented["cells"][0]["found"] = 0.8;
  const auto value = checked_with(invented);
  EXPECT_EQ(value.exit_code, 1);
  EXPECT_CONTAINS(value.out, "the bundle says within with 0.8 found, its database gives within with 0.7");

  invented = verdicts;
  invented["cells"][0]["verdict"] = "missing";
  EXPECT_EQ(checked_with(invented).exit_code, 1);

  invented["cells"] = nlohmann::json::array();
  const auto none = checked_with(invented);
  EXPECT_EQ(none.exit_code, 1);
  EXPECT_CONTAINS(none.out, " has no verdict in the bundle");
}

TEST_F(Bundle, OfAnythingElseIsRefused) {
  folder_.write("text.zip", "no archive");
  folder_.write("verdicts.json", "no json");
  const auto none = espalier({"check-bundle", "none.zip"}), text = espalier({"check-bundle", "text.zip"});
  const auto verdicts = espalier({"bundle", "tiny.toml", "-o", "tiny.zip", "--verdicts", "verdicts.json"});

  EXPECT_EQ(none.exit_code, 5);
  EXPECT_CONTAINS(none.err, "none.zip: cannot be read: No such file or directory");
  EXPECT_EQ(text.exit_code, 5);
  EXPECT_CONTAINS(text.err, "text.zip: is no zip archive, or is cut off");
  EXPECT_EQ(verdicts.exit_code, 5);
  EXPECT_CONTAINS(verdicts.err, "verdicts.json: holds no JSON, expected what 'espalier verify --json' prints");
  EXPECT_FALSE(std::filesystem::exists(folder_ / "tiny.zip"));
  EXPECT_EQ(espalier({"bundle", "none.db", "-o", "tiny.zip"}).exit_code, 4);
}

TEST_F(Bundle, HasHelpWithAnExample) {
  for (const char* command : {"bundle", "check-bundle"}) {
    const auto ran = espalier({command, "--help"});
    EXPECT_EQ(ran.exit_code, 0);
    EXPECT_CONTAINS(ran.out, std::string("Example: espalier ") + command);
  }
}

}  // namespace
}  // namespace espalier::cli
