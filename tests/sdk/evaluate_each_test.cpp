// What an evaluator answers that says nothing of several masks: to each as alone.
#include <ATen/ATen.h>
#include <espalier/searcher.h>
#include <gtest/gtest.h>

#include "sites.h"

namespace espalier::test {
namespace {

// Says how much of the first site's V is kept.
class Counting final : public MaskEvaluator {
 public:
  Evaluated evaluate(const Mask& mask, double at_least) override {
    bounds.push_back(at_least);
    return {mask.site(0).of(Projection::V).sum().item<double>(), bounds.size() % 2 == 1};
  }
  std::int64_t evaluations() const override { return std::ssize(bounds); }
  double seconds() const override { return 0; }
  double resolution() const override { return 1; }
  std::vector<double> bounds;
};

TEST(MaskEvaluator, AnswersSeveralMasksAsEachAlone) {
  const auto sites = layers(1, 2, 2, 4);
  Mask half(sites), none(sites);
  half.site(0).of(Projection::V)[0].fill_(false);
  none.site(0).of(Projection::V).fill_(false);
  Counting evaluator;
  MaskEvaluator& asked = evaluator;

  const auto answers = asked.evaluate_each(std::vector{Mask(sites), half, none}, 0.5);

  ASSERT_EQ(answers.size(), 3u);
  EXPECT_EQ(answers[0].quality, 4);
  EXPECT_EQ(answers[1].quality, 2);
  EXPECT_EQ(answers[2].quality, 0);
  EXPECT_TRUE(answers[0].complete);
  EXPECT_FALSE(answers[1].complete);
  EXPECT_EQ(evaluator.bounds, (std::vector<double>{0.5, 0.5, 0.5}));
  EXPECT_TRUE(asked.evaluate_each({}).empty());
}

}  // namespace
}  // namespace espalier::test
