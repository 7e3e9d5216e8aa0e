#include <ATen/ATen.h>
#include <espalier/error.h>
#include <gtest/gtest.h>

#include "data/tagging.h"
#include "support/message_of.h"

namespace espalier::data {
namespace {

at::Tensor column(std::vector<double> values) { return at::tensor(values, at::kDouble).unsqueeze(1); }

TEST(TaggingMetrics, FollowTheDefinitions) {
  const auto metrics = tagging_metrics(column({0.9, 0.8, 0.1}), column({1, 0, 1}));
  EXPECT_NEAR(metrics.at("map"), (1 + 2.0 / 3) / 2, 1e-12);
  EXPECT_NEAR(metrics.at("mauc"), 0.5, 1e-12);  // one of two pairs is in order
  EXPECT_NEAR(metrics.at("cross_entropy"),
              (std::log1p(std::exp(-0.9)) + std::log1p(std::exp(0.8)) + std::log1p(std::exp(-0.1))) / 3, 1e-12);
}

// Sorting and walking through thresholds would never end with them.
TEST(TaggingMetrics, OfScoresThatAreNotNumbersAreNone) {
  for (const double broken : {std::nan(""), HUGE_VAL, -HUGE_VAL}) {
    auto logits = at::zeros({4, 3}, at::kDouble);
    logits[1][0] = broken;
    logits[1][2] = broken;
    logits[3][1] = broken;
    const auto metrics = tagging_metrics(logits, at::ones({4, 3}, at::kDouble));
    EXPECT_EQ(metrics.at("not_finite"), 2);
    for (const char* name : {"map", "mauc", "cross_entropy", "classes_without_positives", "classes_without_curve"})
      EXPECT_TRUE(std::isnan(metrics.at(name))) << name;
  }
}

TEST(TaggingMetrics, CountEqualScoresAsOneThreshold) {
  // scikit-learn 1.7: average_precision_score([1, 0, 1, 0], [.5, .5, .5, .1]) and roc_auc_score.
  const auto metrics = tagging_metrics(column({0.5, 0.5, 0.5, 0.1}), column({1, 0, 1, 0}));
  EXPECT_NEAR(metrics.at("map"), 2.0 / 3, 1e-12);
  EXPECT_NEAR(metrics.at("mauc"), 0.75, 1e-12);
}

// Against the plain definition: pairs of a positive and a negative, ties half.
TEST(TaggingMetrics, EqualACountOfPairs) {
  at::manual_seed(4);
  const auto logits = at::randint(0, 12, {40, 5}).to(at::kDouble);
  const auto targets = at::rand({40, 5}).lt(0.3).to(at::kDouble);
  double sum = 0;
  for (std::int64_t klass = 0; klass < 5; ++klass) {
    double right = 0, pairs = 0;
    for (std::int64_t i = 0; i < 40; ++i) {
      for (std::int64_t j = 0; j < 40; ++j) {
        if (targets[i][klass].item<double>() < 0.5 || targets[j][klass].item<double>() > 0.5) continue;
        const double difference = (logits[i][klass] - logits[j][klass]).item<double>();
        right += difference > 0 ? 1 : difference == 0 ? 0.5 : 0;
        ++pairs;
      }
    }
    sum += right / pairs;
  }
  EXPECT_NEAR(tagging_metrics(logits, targets).at("mauc"), sum / 5, 1e-12);
}

TEST(TaggingMetrics, LeaveOutClassesThatHaveNone) {
  const auto logits = at::tensor({1.0, 2.0, 3.0, 2.0, 1.0, 4.0}).view({2, 3});
  const auto targets = at::tensor({1.0, 0.0, 1.0, 0.0, 0.0, 1.0}).view({2, 3});
  const auto metrics = tagging_metrics(logits, targets);
  EXPECT_EQ(metrics.at("classes_without_positives"), 1);
  EXPECT_EQ(metrics.at("classes_without_curve"), 2);
  EXPECT_NEAR(metrics.at("map"), (0.5 + 1) / 2, 1e-12);
  EXPECT_NEAR(metrics.at("mauc"), 0, 1e-12);
}

TEST(TaggingMetrics, RefuseWhatDoesNotFit) {
  EXPECT_EQ(test::message_of<InputError>([] {
              tagging_metrics(at::zeros({2, 3}), at::zeros({2}));
            }),
            "metrics of tags need logits and targets of one shape [examples, classes]");
  EXPECT_EQ(test::message_of<InputError>([] {
              tagging_metrics(at::zeros({0, 3}), at::zeros({0, 3}));
            }),
            "metrics of no examples cannot be\n    expected at least one");
}

}  // namespace
}  // namespace espalier::data
