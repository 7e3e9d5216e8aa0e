// What can still become of a metric: the best of all ways to go on, by trying them all.
#include "tasks/bounded.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include <bit>
#include <cmath>
#include <limits>
#include <random>

#include "data/metrics.h"
#include "speech/error_rate.h"

namespace espalier::test {
namespace {

using tasks::BoundedMetric;
using Answers = std::vector<std::int64_t>;

constexpr auto unseen = BoundedMetric::unseen, no_number = BoundedMetric::no_number;

// All that these answers can become where each that is unseen becomes one of 0 .. count-1.
std::vector<Answers> completions(const Answers& answers, std::int64_t count) {
  std::vector<Answers> all = {answers};
  for (std::size_t example = 0; example < answers.size(); ++example) {
    if (answers[example] != unseen) continue;
    std::vector<Answers> longer;
    for (const auto& known : all) {
      for (std::int64_t answer = 0; answer < count; ++answer) {
        longer.push_back(known);
        longer.back()[example] = answer;
      }
    }
    all = std::move(longer);
  }
  return all;
}

// Every sequence of this length of the numbers first .. count-1.
std::vector<Answers> sequences(std::size_t length, std::int64_t first, std::int64_t count) {
  std::vector<Answers> all = {{}};
  for (std::size_t i = 0; i < length; ++i) {
    std::vector<Answers> longer;
    for (const auto& begin : all) {
      for (auto next = first; next < count; ++next) {
        longer.push_back(begin);
        longer.back().push_back(next);
      }
    }
    all = std::move(longer);
  }
  return all;
}

std::unique_ptr<BoundedMetric> of_classes(const Answers& labels, const std::string& metric) {
  tasks::Split split;
  split.labels = at::tensor(labels);
  return tasks::bounded_by_classes(split, metric);
}

// The metric of answers as it is measured.
double measured(const Answers& answers, const Answers& labels, std::int64_t classes, const std::string& metric) {
  const auto logits = at::one_hot(at::tensor(answers), classes).to(at::kFloat);  // [examples, classes]
  return data::classification_metrics(logits, at::tensor(labels)).at(metric);
}

TEST(Bounded, OfClassesIsTheBestThatCanFollow) {
  constexpr std::int64_t classes = 3;
  for (const std::string metric : {"accuracy", "macro_f1"}) {
    for (const Answers& labels : {Answers{0, 1, 2, 0}, Answers{0, 0, 1, 1}, Answers{2, 2, 2, 2}, Answers{0, 1, 1, 1}}) {
      const auto bounded = of_classes(labels, metric);
      for (const auto& answers : sequences(labels.size(), unseen, classes)) {
        double best = 0;
        for (const auto& whole : completions(answers, classes)) {
          const double quality = measured(whole, labels, classes, metric);
          EXPECT_EQ(bounded->at_most(whole), quality) << metric;
          best = std::max(best, quality);
        }
        EXPECT_EQ(bounded->at_most(answers), best) << metric;
      }
    }
  }
}

// With more classes and examples than can be tried, no way to go on is better.
TEST(Bounded, OfManyClassesIsNeverPassed) {
  std::mt19937_64 random(3);
  constexpr std::int64_t classes = 7;
  for (int round = 0; round < 200; ++round) {
    const auto draw = [&] { return static_cast<std::int64_t>(random() % classes); };
    Answers labels(40), whole(40);
    for (auto& label : labels) label = draw() / 2;
    for (std::size_t i = 0; i < whole.size(); ++i) whole[i] = random() % 2 == 0 ? labels[i] : draw();
    const auto bounded = of_classes(labels, "macro_f1");
    const double truth = measured(whole, labels, classes, "macro_f1");
    double before = 1;
    Answers answers(labels.size(), unseen);
    for (std::size_t i = 0; i < whole.size(); ++i) {
      answers[i] = whole[i];
      const double most = bounded->at_most(answers);
      EXPECT_GE(most, truth);
      EXPECT_LE(most, before);
      before = most;
    }
    EXPECT_EQ(before, truth);
  }
}

TEST(Bounded, OfErrorsIsTheBestThatCanFollow) {
  for (const Answers& said : {Answers{3, 0, 5}, Answers{1, 1, 1}, Answers{0, 0, 0}}) {
    const auto bounded = tasks::bounded_by_errors(said, {});
    for (const auto& answers : sequences(said.size(), unseen, 4)) {
      double best = -std::numeric_limits<double>::infinity();
      for (const auto& whole : completions(answers, 4)) {
        speech::EditCounts counts{0, 0, whole[0] + whole[1] + whole[2], said[0] + said[1] + said[2]};
        EXPECT_EQ(bounded->at_most(whole), -counts.rate());
        best = std::max(best, -counts.rate());
      }
      EXPECT_EQ(bounded->at_most(answers), best);
    }
  }
}

TEST(Bounded, IsNoNumberOnlyWhereAllIsSeen) {
  for (const auto& bounded : {of_classes({0, 1, 1}, "accuracy"), of_classes({0, 1, 1}, "macro_f1"),
                              tasks::bounded_by_errors({2, 2, 2}, {})}) {
    EXPECT_TRUE(std::isfinite(bounded->at_most(Answers{no_number, unseen, 1})));
    EXPECT_TRUE(std::isnan(bounded->at_most(Answers{no_number, 0, 1})));
  }
  EXPECT_EQ(of_classes({0, 1, 1}, "accuracy")->at_most(Answers{no_number, unseen, 1}), 2.0 / 3);
}

TEST(Bounded, AnswersAreClassesAndTheLeastSureComeFirst) {
  const auto bounded = of_classes({2, 0, 1, 1}, "accuracy");
  constexpr float infinite = std::numeric_limits<float>::infinity();
  tasks::Evaluation evaluation;
  // Of equally large logits the first is the answer. Examples 3, 0, 1.
  evaluation.outputs["logits"] = at::tensor({0.5F, 0.5F, 0.25F, 1.F, 2.F, 4.F, infinite, 0.F, 0.F}).view({3, 3});

  const auto found = bounded->found(evaluation, Answers{3, 0, 1});

  EXPECT_EQ(found[0].answer, 0);
  EXPECT_EQ(found[0].sureness, 0);
  EXPECT_EQ(found[1].answer, 2);
  EXPECT_EQ(found[1].sureness, 2);
  EXPECT_EQ(found[2].answer, no_number);
  EXPECT_EQ(found[2].sureness, -std::numeric_limits<double>::infinity());
}

TEST(Bounded, ErrorsComeFirst) {
  const auto bounded = tasks::bounded_by_errors({4, 4}, [](const tasks::Evaluation&, std::span<const std::int64_t>) {
    return Answers{3, no_number};
  });
  const auto found = bounded->found({}, Answers{0, 1});
  EXPECT_EQ(found[0].answer, 3);
  EXPECT_EQ(found[0].sureness, -3);
  EXPECT_EQ(found[1].answer, no_number);
  EXPECT_LT(found[1].sureness, found[0].sureness);
}

// By the definition: of all draws of so many of the examples, the share in which no more are right.
TEST(Bounded, OfASampleIsPassedAsSeldomAsAsked) {
  const Answers labels(9, 0);
  const auto bounded = of_classes(labels, "accuracy");
  for (const double error : {0.02, 0.1, 0.3}) {
    for (std::size_t right = 0; right <= labels.size(); ++right) {
      // Which are right does not matter where all draws are looked at.
      Answers whole(labels.size(), 1);
      std::fill_n(whole.begin(), right, 0);
      for (int size = 1; size <= 9; ++size) {
        double draws = 0, passed = 0;
        for (unsigned drawn = 0; drawn < 1U << labels.size(); ++drawn) {
          if (std::popcount(drawn) != size) continue;
          Answers answers(labels.size(), unseen);
          for (std::size_t i = 0; i < labels.size(); ++i) {
            if ((drawn >> i & 1U) != 0) answers[i] = whole[i];
          }
          const double most = bounded->likely_at_most(answers, error).value();
          EXPECT_LE(most, bounded->at_most(answers));
          ++draws;
          passed += most < static_cast<double>(right) / 9 ? 1 : 0;
        }
        EXPECT_LE(passed / draws, error) << right << " of 9, " << size << " seen";
      }
    }
  }
  // Not so seldom that nothing is gained: 3 of 3 wrong are seen of 9 with 7 right never, with 5 right in 4 of 84 draws.
  Answers answers(9, unseen);
  std::fill_n(answers.begin(), 3, 1);
  EXPECT_EQ(bounded->likely_at_most(answers, 0.05).value(), 4.0 / 9);
  EXPECT_EQ(bounded->at_most(answers), 6.0 / 9);
  EXPECT_FALSE(of_classes(labels, "macro_f1")->likely_at_most(answers, 0.1));
  EXPECT_FALSE(tasks::bounded_by_errors(labels, {})->likely_at_most(answers, 0.1));
}

TEST(Bounded, KnowsTheSmallestDifference) {
  EXPECT_EQ(of_classes({0, 1, 1, 0}, "accuracy")->resolution(), 0.25);
  EXPECT_EQ(of_classes({0, 1, 1, 0}, "macro_f1")->resolution(), 0);
  EXPECT_EQ(tasks::bounded_by_errors({3, 5}, {})->resolution(), 0.125);
  EXPECT_EQ(tasks::bounded_by_errors({0}, {})->resolution(), 0);
}

TEST(Bounded, OfOtherMetricsAndOfSeveralClassesIsNone) {
  EXPECT_EQ(of_classes({0, 1}, "mcc"), nullptr);
  tasks::Split tagged;
  tagged.labels = at::zeros({2, 3});
  EXPECT_EQ(tasks::bounded_by_classes(tagged, "accuracy"), nullptr);
}

}  // namespace
}  // namespace espalier::test
