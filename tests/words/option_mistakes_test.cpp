#include "words/command_line.h"

#include <gtest/gtest.h>

#include <limits>

namespace espalier {
namespace {

const std::vector<KnownOption> known = {
    {"--sparsity"}, {"--limit", true}, {"--seed", true}, {"--split"}, {"--batch-size"}};

// The sentences on the left are CLI11's.
TEST(OptionMistakes, NameTheOptionWhatWasGivenAndWhatIsExpected) {
  const auto said = [](const std::string& sentence) { return option_mistake(sentence, {}, known); };

  EXPECT_EQ(said("Could not convert: --sparsity = 50%"),
            "--sparsity is '50%', expected a number\n    did you mean 0.5?");
  EXPECT_EQ(said("Could not convert: --sparsity = 0,25"),
            "--sparsity is '0,25', expected a number\n    did you mean 0.25?");
  EXPECT_EQ(said("Could not convert: --sparsity = half"), "--sparsity is 'half', expected a number");
  EXPECT_EQ(said("Could not convert: --limit = 1.5"), "--limit is '1.5', expected a whole number");
  EXPECT_EQ(said("--seed: Value -1 not in range 0.000000 to " + std::to_string(std::numeric_limits<double>::max())),
            "--seed is '-1', expected a whole number of at least 0");
  EXPECT_EQ(said("--sparsity: Value 0 not in range 0.000000 to " + std::to_string(std::numeric_limits<double>::max())),
            "--sparsity is '0', expected a number of at least 0");
  EXPECT_EQ(said("--limit: Value 0 not in range 1 to 1024"), "--limit is '0', expected a whole number from 1 to 1024");
  EXPECT_EQ(said("--split: tset not in {train,validation,test}"),
            "unknown value of --split 'tset'\n    did you mean 'test'?\n    known: test, train, validation");
  EXPECT_EQ(said("--model is required\n"), "--model is required");
}

TEST(OptionMistakes, OfferTheNearestOption) {
  const auto said = [](const std::vector<std::string>& words) { return option_mistake("?", words, known); };

  EXPECT_EQ(said({"evaluate", "--limt", "5"}), "unknown option '--limt'\n    did you mean '--limit'?");
  EXPECT_EQ(said({"--batch=5"}), "unknown option '--batch'\n    did you mean '--batch-size'?");
  EXPECT_EQ(said({"--nothing-like-it"}), "unknown option '--nothing-like-it'");
  EXPECT_EQ(said({"--seed", "x", "--", "--limt"}), "?");
}

}  // namespace
}  // namespace espalier
