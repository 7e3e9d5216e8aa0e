#include <ATen/ATen.h>
#include <espalier/error.h>
#include <gtest/gtest.h>

#include <cmath>

#include "data/metrics.h"
#include "support/message_of.h"

namespace espalier::data {
namespace {

at::Tensor labels(std::vector<std::int64_t> values) { return at::tensor(values, at::kLong); }

// Logits that predict these classes.
at::Tensor predicting(const std::vector<std::int64_t>& classes, std::int64_t count) {
  auto logits = at::zeros({static_cast<std::int64_t>(classes.size()), count});
  for (std::size_t row = 0; row < classes.size(); ++row) logits[static_cast<std::int64_t>(row)][classes[row]] = 1.0;
  return logits;
}

TEST(ClassificationMetrics, AgreesWithATwoByTwoTable) {
  // 3 true positives, 1 false negative, 2 false positives, 4 true negatives.
  const auto metrics =
      classification_metrics(predicting({1, 1, 1, 0, 1, 1, 0, 0, 0, 0}, 2), labels({1, 1, 1, 1, 0, 0, 0, 0, 0, 0}));

  EXPECT_DOUBLE_EQ(metrics.at("accuracy"), 0.7);
  EXPECT_DOUBLE_EQ(metrics.at("macro_f1"), (6.0 / 9 + 8.0 / 11) / 2);
  EXPECT_NEAR(metrics.at("mcc"), (3 * 4 - 2 * 1) / std::sqrt(5.0 * 4 * 6 * 5), 1e-15);
}

TEST(ClassificationMetrics, AgreesWithScikitLearnOnThreeClasses) {
  const auto metrics = classification_metrics(predicting({0, 2, 1, 0, 0, 1}, 3), labels({0, 1, 2, 0, 1, 2}));

  EXPECT_NEAR(metrics.at("accuracy"), 1.0 / 3, 1e-15);
  EXPECT_NEAR(metrics.at("macro_f1"), 0.8 / 3, 1e-15);  // the example in the documentation of f1_score: 0.26
  EXPECT_NEAR(metrics.at("mcc"), (2.0 * 6 - 12) / std::sqrt((36.0 - 12) * (36 - 14)), 1e-15);
}

// Pearson's correlation of one-hot tables is the definition of R_K.
TEST(ClassificationMetrics, IsTheCorrelationOfOneHotTables) {
  const auto truth = at::randint(0, 5, {200}, at::kLong),
             guess = at::where(at::rand({200}) < 0.5, truth, at::randint(0, 5, {200}, at::kLong));
  const auto one_hot = [](const at::Tensor& classes) { return at::one_hot(classes, 5).to(at::kDouble); };
  const auto centred = [&](const at::Tensor& classes) { return one_hot(classes) - one_hot(classes).mean(0); };
  const auto product = [](const at::Tensor& a, const at::Tensor& b) { return (a * b).sum().item<double>(); };
  const auto x = centred(truth), y = centred(guess);

  const auto metrics = classification_metrics(one_hot(guess), truth);

  EXPECT_NEAR(metrics.at("mcc"), product(x, y) / std::sqrt(product(x, x) * product(y, y)), 1e-12);
}

TEST(ClassificationMetrics, CountsOnlyClassesThatOccur) {
  const auto metrics = classification_metrics(predicting({3, 3, 5}, 26), labels({3, 3, 3}));

  EXPECT_DOUBLE_EQ(metrics.at("macro_f1"), 0.8 / 2);
}

TEST(ClassificationMetrics, HasNoCorrelationWhereOneClassIsAll) {
  EXPECT_EQ(classification_metrics(predicting({1, 1}, 3), labels({0, 1})).at("mcc"), 0.0);
  EXPECT_EQ(classification_metrics(predicting({1, 1}, 3), labels({1, 1})).at("mcc"), 0.0);
}

TEST(ClassificationMetrics, TakesTheFirstOfEqualLogits) {
  EXPECT_EQ(classification_metrics(at::zeros({1, 3}), labels({0})).at("accuracy"), 1.0);
}

TEST(ClassificationMetrics, ComputesCrossEntropyInDoublePrecision) {
  EXPECT_DOUBLE_EQ(classification_metrics(at::zeros({2, 4}), labels({0, 3})).at("cross_entropy"), std::log(4.0));
  EXPECT_DOUBLE_EQ(classification_metrics(at::tensor({1000.0, 0.0}).view({1, 2}), labels({1})).at("cross_entropy"),
                   1000.0);
  const auto logits = at::randn({50, 7}, at::kFloat);
  const auto truth = at::randint(0, 7, {50}, at::kLong);
  EXPECT_NEAR(classification_metrics(logits, truth).at("cross_entropy"),
              at::cross_entropy_loss(logits.to(at::kDouble), truth).item<double>(), 1e-12);
  EXPECT_NEAR(classification_metrics(logits.to(at::kBFloat16), truth).at("cross_entropy"),
              at::cross_entropy_loss(logits.to(at::kBFloat16).to(at::kDouble), truth).item<double>(), 1e-12);
}

// The largest of them says nothing of a class.
TEST(ClassificationMetrics, OfLogitsThatAreNotNumbersAreNone) {
  for (const float broken : {NAN, INFINITY, -INFINITY}) {
    auto logits = at::zeros({5, 3}, at::kFloat);
    logits[2][1] = broken;
    const auto metrics = classification_metrics(logits, at::tensor({0, 0, 0, 1, 2}));
    EXPECT_EQ(metrics.at("not_finite"), 1);
    for (const char* name : {"accuracy", "macro_f1", "mcc", "cross_entropy"})
      EXPECT_TRUE(std::isnan(metrics.at(name))) << name;
  }
}

TEST(ClassificationMetrics, NamesWhatDoesNotFit) {
  EXPECT_EQ(test::message_of<InputError>([] {
              classification_metrics(at::zeros({2, 3}), labels({0}));
            }),
            "metrics of logits [2, 3] and labels [1] cannot be\n    expected logits [examples, classes] and labels "
            "[examples]");
  EXPECT_EQ(test::message_of<InputError>([] {
              classification_metrics(at::zeros({0, 3}), labels({}));
            }),
            "metrics of no examples cannot be\n    expected at least one");
  EXPECT_EQ(test::message_of<InputError>([] {
              classification_metrics(at::zeros({2, 3}), labels({0, 3}));
            }),
            "example 1 has class 3, but there are logits of 3 classes");
}

}  // namespace
}  // namespace espalier::data
