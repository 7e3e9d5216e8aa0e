// What is kept of each example gives the metrics again: of each kind of data, dense, pruned and recovered, computed and
// read back.
#include <gtest/gtest.h>

#include <numeric>
#include <set>

#include "family_cells.h"

namespace espalier::test {
namespace {

using Numbers = std::vector<std::int64_t>;

double sum(const Numbers& numbers) { return static_cast<double>(std::accumulate(numbers.begin(), numbers.end(), 0LL)); }

double macro_f1(const Numbers& predicted, const Numbers& labels) {
  std::set<std::int64_t> classes(labels.begin(), labels.end());
  classes.insert(predicted.begin(), predicted.end());
  double all = 0;
  for (const auto one : classes) {
    double both = 0, either = 0;
    for (std::size_t i = 0; i < labels.size(); ++i) {
      both += predicted[i] == one && labels[i] == one ? 1 : 0;
      either += (predicted[i] == one ? 1 : 0) + (labels[i] == one ? 1 : 0);
    }
    all += 2 * both / either;
  }
  return all / static_cast<double>(classes.size());
}

void expect_metrics_of_classes(const Point& point) {
  const auto &predicted = point.example_numbers.at("predicted"), &labels = point.example_numbers.at("label");
  ASSERT_EQ(point.example_numbers.size(), 2u);
  ASSERT_EQ(std::ssize(predicted), point.examples);
  ASSERT_EQ(std::ssize(labels), point.examples);
  double right = 0;
  for (std::size_t i = 0; i < labels.size(); ++i) {
    const bool is_right = predicted[i] == labels[i];
    right += is_right ? 1 : 0;
    EXPECT_EQ(point.predictions[i], is_right ? '1' : '0');
  }
  EXPECT_NEAR(right / static_cast<double>(point.examples), point.metrics.at("accuracy"), 1e-12);
  EXPECT_NEAR(macro_f1(predicted, labels), point.metrics.at("macro_f1"), 1e-12);
}

void expect_rates_of_errors(const Point& point) {
  const auto& numbers = point.example_numbers;
  ASSERT_EQ(numbers.size(), 4u);
  for (const auto& [name, list] : numbers) ASSERT_EQ(std::ssize(list), point.examples) << name;
  EXPECT_NEAR(sum(numbers.at("word_errors")) / sum(numbers.at("words")), point.metrics.at("wer"), 1e-12);
  EXPECT_NEAR(sum(numbers.at("character_errors")) / sum(numbers.at("characters")), point.metrics.at("cer"), 1e-12);
  EXPECT_EQ(sum(numbers.at("words")), point.metrics.at("words"));
}

void expect_numbers(const std::vector<Point>& points, const std::string& format) {
  for (const auto& point : points) {
    SCOPED_TRACE(format + ' ' + point.kind);
    if (format == "audio-tagging") {
      EXPECT_TRUE(point.example_numbers.empty());
    } else if (format == "speech-recognition") {
      expect_rates_of_errors(point);
    } else {
      expect_metrics_of_classes(point);
    }
  }
}

TEST(ExampleNumbers, GiveTheMetricsOfEachPoint) {
  for (const auto& format : data_formats()) {
    TinyCell tiny;
    use_format(tiny, format);
    tiny.cell.recovery = tiny.plugin("recovery", "finetune", with({{"batch", std::int64_t{4}}}));
    const auto computed = tiny.engine()->run(tiny.cell);
    ASSERT_EQ(computed.failure, "");
    ASSERT_EQ(computed.points.size(), 3u);
    expect_numbers(computed.points, format);

    // Another measure beside the same cell: the points are those that were kept.
    tiny.cell.measure.proof = false;
    const auto known = tiny.engine()->run(tiny.cell);
    EXPECT_TRUE(known.timing.cached.at("points")) << format;
    expect_numbers(known.points, format);
    for (std::size_t i = 0; i < known.points.size(); ++i)
      EXPECT_EQ(known.points[i].example_numbers, computed.points[i].example_numbers) << format;
  }
}

// One process, two seeds that nobody uses: the second cell computes nothing.
TEST(ExampleNumbers, AreThoseOfTheCellThatIsShared) {
  TinyCell tiny;
  const auto engine = tiny.engine();
  const auto first = engine->run(tiny.cell);
  tiny.cell.seed = 7;
  const auto second = engine->run(tiny.cell);
  EXPECT_TRUE(second.timing.cached.at("evaluation"));
  expect_numbers(second.points, "text-classification");
  EXPECT_EQ(second.points[1].example_numbers, first.points[1].example_numbers);
}

// A point that was kept before there were such numbers has none, and stays a point.
TEST(ExampleNumbers, AreMissingInPointsOfBefore) {
  TinyCell tiny;
  auto json = to_json(tiny.engine()->run(tiny.cell).points[1]);
  const auto whole = point_from_json(json);
  EXPECT_FALSE(whole.example_numbers.empty());
  json.erase("example_numbers");
  const auto point = point_from_json(json);
  EXPECT_TRUE(point.example_numbers.empty());
  EXPECT_EQ(point.metrics, whole.metrics);
}

}  // namespace
}  // namespace espalier::test
