#include <espalier/error.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "cells/budgets.h"
#include "cells/families.h"
#include "cells/formats.h"
#include "cells/metrics.h"
#include "cells/softmax_scale.h"
#include "support/message_of.h"
#include "words/names.h"

namespace espalier::test {
namespace {

// A row for each word, in the order of the words: facts_of() finds rows by that.
TEST(Facts, StandInTheOrderOfTheirWords) {
  std::vector<std::string> families, formats, budgets;
  for (const auto& row : all_families()) families.emplace_back(to_string(row.family));
  for (const auto& row : all_formats()) formats.emplace_back(to_string(row.format));
  for (const auto& row : all_budgets()) budgets.emplace_back(to_string(row.kind));
  EXPECT_EQ(families, names<Family>());
  EXPECT_EQ(formats, names<Format>());
  EXPECT_EQ(budgets, names<BudgetKind>());
  for (const auto& row : all_families()) EXPECT_EQ(&facts_of(row.family), &row);
}

TEST(Facts, SayWhichFamilyReadsWhat) {
  EXPECT_EQ(what_families_read(),
            "bert reads text-classification, ast audio-classification and audio-tagging, whisper speech-recognition");
  EXPECT_EQ(families_that(&FamilyFacts::trains), "bert and ast");
  EXPECT_EQ(families_that(&FamilyFacts::from_scratch), "ast");
  EXPECT_FALSE(facts_of(Family::Ast).has_sites(SiteFilter::DecoderSelf));
  EXPECT_TRUE(facts_of(Family::Whisper).has_sites(SiteFilter::DecoderCross));
  EXPECT_EQ(join(facts_of(Family::Whisper).ways_to_hold_a_tokenizer(), " or "),
            "tokenizer.json or vocab.json and merges.txt");
}

// Every format has a metric that ranks models, and what ranks says which way it counts.
TEST(Facts, RankTheModelsOfEachFormat) {
  for (const auto format :
       {Format::TextClassification, Format::AudioClassification, Format::AudioTagging, Format::SpeechRecognition}) {
    const auto ranking = ranking_metrics_of(format), all = metrics_of(format);
    ASSERT_EQ(ranking.size(), 2U);
    for (const auto& name : ranking) {
      ASSERT_NE(find_metric(name), nullptr) << name;
      EXPECT_NE(std::find(all.begin(), all.end(), name), all.end()) << name;
    }
  }
  EXPECT_EQ(bounded_metrics_of(Format::SpeechRecognition), (std::vector<std::string>{"wer", "cer", "bleu"}));
  EXPECT_FALSE(find_metric("wer")->more_is_better);
  EXPECT_TRUE(find_metric("bleu")->more_is_better);
}

TEST(Facts, KnowNoMetricThatNobodyListed) {
  EXPECT_EQ(find_metric("substitutions"), nullptr);
  EXPECT_EQ(find_metric("-wer"), nullptr);
}

// nlohmann-json writes an enum as a number unless it is told otherwise, and a digest of that would be another.
TEST(Words, AreTheirNamesInJson) {
  const nlohmann::json json = {{"format", Format::AudioTagging}, {"rounding", Rounding::Floor}};
  EXPECT_EQ(json.dump(), R"({"format":"audio-tagging","rounding":"floor"})");
}

TEST(SoftmaxScales, AreWordsOrNumbers) {
  for (const auto* text : {"original", "pruned-width", "0.125", "1e-07"})
    EXPECT_EQ(to_string(softmax_scale_from(text)), text);
  for (const auto* text : {"", "-1", "0", "inf", "pruned", "0.5x"}) {
    EXPECT_EQ(
        message_of<SettingsError>([&] { softmax_scale_from(text); }),
        "softmax scale '" + std::string(text) + "' is none: expected original, pruned-width or a positive number");
  }
}

}  // namespace
}  // namespace espalier::test
