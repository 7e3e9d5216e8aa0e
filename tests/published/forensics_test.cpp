#include <gtest/gtest.h>

#include <algorithm>

#include "forensics/architectures.h"
#include "shipped.h"

namespace espalier::published {
namespace {

std::vector<std::string> rules_of(const Forensics& forensics) {
  std::vector<std::string> rules;
  for (const auto& finding : forensics.findings) rules.push_back(finding.rule);
  return rules;
}

// What is wrong with the published tables, as reading them with pen and paper shows.
TEST(Forensics, FindThatTheDenseWhisperIsOfAnotherSize) {
  const auto forensics = check_table(shipped("silence-of-the-weights.whisper"));
  const auto found = std::find_if(forensics.findings.begin(), forensics.findings.end(),
                                  [](const auto& finding) { return finding.rule == "parameters"; });

  ASSERT_NE(found, forensics.findings.end());
  EXPECT_EQ(found->found, "764 M");
  EXPECT_EQ(found->expected, "1543.30 M, truncated");
  EXPECT_CONTAINS(found->sentence,
                  "rows fit whisper-large (20 heads, width 1280); 764 M is the size of whisper-medium");
}

TEST(Forensics, FindThatFisherIsNotAlwaysBetter) {
  const auto forensics = check_table(shipped("silence-of-the-weights.ast-speechcommands"));
  ASSERT_FALSE(forensics.findings.empty());
  EXPECT_EQ(forensics.findings.back().rule, "statement");
  EXPECT_CONTAINS(forensics.findings.back().sentence, "at 30 % has 97.69");
  EXPECT_CONTAINS(forensics.findings.back().sentence, "magnitude has 97.91");
}

TEST(Forensics, FindThatSparsitiesAreFractions) {
  auto table = shipped("silence-of-the-weights.ast-speechcommands");
  for (auto& cell : table.cells) {
    if (cell.requested_sparsity) *cell.requested_sparsity /= 100;
    if (cell.achieved_sparsity) *cell.achieved_sparsity /= 100;
  }
  const auto rules = rules_of(check_table(table));
  EXPECT_EQ(std::count(rules.begin(), rules.end(), "sparsity-unit"), 1);
}

TEST(Forensics, FindNothingElseInTheShippedTables) {
  using Rules = std::vector<std::string>;
  for (const char* name :
       {"astar-2021", "block-movement", "cofi-2022", "dsp-2021", "kwon-2022", "michel-2019", "voita-2019"})
    EXPECT_EQ(rules_of(check_table(shipped(name))), Rules{}) << name;
  EXPECT_EQ(rules_of(check_table(shipped("silence-of-the-weights.ast-audioset"))), (Rules{"statement"}));
  EXPECT_EQ(rules_of(check_table(shipped("silence-of-the-weights.ast-speechcommands"))),
            (Rules{"claim", "claim", "statement"}));
}

// 37,760,640 to 1,543,304,960 are the parameter counts of the public checkpoints.
TEST(Architectures, HaveTheParametersOfTheirCheckpoints) {
  const auto known = architectures_of("whisper-large-class");
  ASSERT_EQ(known.size(), 5u);
  EXPECT_EQ(known.front().parameters, 37'760'640);
  EXPECT_EQ(known[3].parameters, 763'857'920);
  EXPECT_EQ(known.back().parameters, 1'543'304'960);
}

// The dense values that the source prints: 12.89 and 131.65 G.
TEST(Architectures, HaveTheOperationsOfTheSource) {
  const auto ast = architectures_of("ast").at(0);
  EXPECT_NEAR(spectrogram_operations(ast, *spectrogram_tokens("speech-commands-v2-35"), 144, 9216), 12.8908e9, 1e5);
  EXPECT_NEAR(spectrogram_operations(ast, *spectrogram_tokens("audioset-balanced"), 144, 9216), 131.6489e9, 1e5);
}

}  // namespace
}  // namespace espalier::published
