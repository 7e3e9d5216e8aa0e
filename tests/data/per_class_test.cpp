// Equal to scikit-learn, class by class (tests/fixtures/data/make_per_class_golden.py).
#include "data/per_class.h"

#include <ATen/ATen.h>
#include <espalier/error.h>
#include <gtest/gtest.h>

#include <cmath>
#include <fstream>
#include <nlohmann/json.hpp>

#include "support/message_of.h"

namespace espalier::data {
namespace {

using nlohmann::json;

json golden() {
  std::ifstream file(std::string(ESPALIER_SOURCE_DIR) + "/tests/fixtures/data/per_class_golden.json");
  return json::parse(file);
}

at::Tensor matrix(const json& rows) {
  auto made =
      at::empty({static_cast<std::int64_t>(rows.size()), static_cast<std::int64_t>(rows[0].size())}, at::kFloat);
  for (std::size_t row = 0; row < rows.size(); ++row) {
    for (std::size_t column = 0; column < rows[row].size(); ++column)
      made[static_cast<std::int64_t>(row)][static_cast<std::int64_t>(column)] = rows[row][column].get<float>();
  }
  return made;
}

void expect_equal(const PerClass& found, const json& wanted) {
  ASSERT_EQ(found.classes.size(), wanted["classes"].size());
  for (std::size_t one = 0; one < found.classes.size(); ++one) {
    const auto& result = found.classes[one];
    const auto& expected = wanted["classes"][one];
    EXPECT_NEAR(result.precision, expected["precision"].get<double>(), 1e-12) << one;
    EXPECT_NEAR(result.recall, expected["recall"].get<double>(), 1e-12) << one;
    EXPECT_NEAR(result.f1, expected["f1"].get<double>(), 1e-12) << one;
    EXPECT_EQ(result.support, expected["support"].get<double>()) << one;
    ASSERT_EQ(result.average_precision.has_value(), expected.contains("average_precision")) << one;
    if (result.average_precision) {
      EXPECT_NEAR(*result.average_precision, expected["average_precision"].get<double>(), 1e-12) << one;
    }
  }
  EXPECT_EQ(json(found.confusion), wanted["confusion"]);
}

TEST(PerClassResults, OfOneClassAnExampleEqualScikitLearns) {
  for (const auto& one : golden()["one_class"])
    expect_equal(per_class(matrix(one["logits"]), at::tensor(one["labels"].get<std::vector<std::int64_t>>())), one);
}

TEST(PerClassResults, OfTagsEqualScikitLearns) {
  for (const auto& one : golden()["tags"]) expect_equal(per_tag(matrix(one["logits"]), matrix(one["targets"])), one);
}

TEST(PerClassResults, NeedNumbersThatFit) {
  auto logits = at::zeros({2, 3});
  logits[1][2] = std::nan("");
  const auto refusal = [](const auto& call) { return test::message_of<InputError>(call); };
  EXPECT_EQ(refusal([&] {
              per_tag(logits, at::zeros({2, 3}));
            }),
            "results of each class need numbers; the outputs of 1 examples are none");
  EXPECT_EQ(refusal([] {
              per_class(at::zeros({1, 2}), at::tensor({std::int64_t{2}}));
            }),
            "example 0 has class 2, but there are logits of 2 classes");
  EXPECT_EQ(refusal([] {
              per_class(at::zeros({2, 2}), at::tensor({std::int64_t{0}}));
            }),
            "results of each class need logits [examples, classes] and labels [examples]");
}

}  // namespace
}  // namespace espalier::data
