// Searchers' evaluations: exact where they stop early, the same together as alone, kept where they are asked for again.
#include "mask_evaluator.h"

#include <ATen/ATen.h>
#include <espalier/error.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <bit>
#include <cmath>
#include <fstream>
#include <limits>
#include <optional>
#include <set>
#include <span>
#include <string>

#include "engine/base_model.h"
#include "family_cells.h"
#include "support/message_of.h"
#include "words/atomic_file.h"

namespace espalier::test {
namespace {

constexpr double no_bound = -std::numeric_limits<double>::infinity();

// Each another, and none that keeps everything.
std::vector<Mask> random_masks_of(const nn::Model& model, std::size_t count, double share) {
  const Units units(model.sites(), Granularity::Head);
  Random random(7);
  std::set<std::string> seen = {Mask(model.sites()).digest()};
  std::vector<Mask> masks;
  while (masks.size() < count) {
    auto mask = units.mask(random.uniform(units.count()).gt(share));
    if (seen.insert(mask.digest()).second) masks.push_back(std::move(mask));
  }
  return masks;
}

class Evaluator : public testing::Test {
 protected:
  static const CellSettings& with_many_examples(TinyCell& tiny) {
    tiny.cell.dataset.split["validation"] = write_tiny_table(tiny.folder, "long.tsv", 400, 5).string();
    return tiny.cell;
  }
  engine::SplitEvaluator make(const std::filesystem::path& folder = {}) {
    return {*base.model, everything, *base.task, {"", ComputeType::Float32, {}, folder, base.digest}, watch};
  }
  std::vector<Mask> random_masks(std::size_t count) const { return random_masks_of(*base.model, count, 0.4); }
  double plain(const Mask& mask) {
    return base.task->evaluate(*base.model->masked(mask), base.task->split("validation")).metrics.at("accuracy");
  }

  TinyCell tiny;
  engine::BaseModels models{tiny.folder / "cache", {}};
  engine::BaseModel& base = models.get(with_many_examples(tiny));
  const Mask everything{base.model->sites()};
  Watch watch;
};

TEST_F(Evaluator, GivesTheMetricOfTheMaskedModel) {
  auto evaluator = make();
  for (const auto& mask : random_masks(6)) {
    const auto answer = evaluator.evaluate(mask, no_bound);
    EXPECT_TRUE(answer.complete);
    EXPECT_DOUBLE_EQ(answer.quality, plain(mask));
  }
  EXPECT_DOUBLE_EQ(evaluator.resolution(), 1.0 / 400);
}

TEST_F(Evaluator, KeepsEachAnswerThatIsBetterThanAllBefore) {
  auto evaluator = make();
  std::vector<std::pair<double, double>> better;  // quality, evaluations
  double asked = 0;
  for (const auto& mask : random_masks(12)) {
    ++asked;
    const auto quality = plain(mask);
    evaluator.evaluate(mask, no_bound);
    if (better.empty() || quality > better.back().first) better.emplace_back(quality, asked);
  }
  const auto& kept = evaluator.improvements();
  ASSERT_EQ(kept.size(), better.size());
  for (std::size_t i = 0; i < kept.size(); ++i) {
    EXPECT_DOUBLE_EQ(kept[i].at("quality"), better[i].first);
    EXPECT_EQ(kept[i].at("evaluations"), better[i].second);
    EXPECT_GE(kept[i].at("seconds"), i == 0 ? 0 : kept[i - 1].at("seconds"));
  }
}

TEST_F(Evaluator, StopsOnlyWhereTheBoundIsCertainlyMissed) {
  const double dense = plain(everything);
  int stopped = 0;
  for (const double loss : {0.0, 0.02, 0.2}) {
    auto evaluator = make();
    evaluator.evaluate(everything, no_bound);
    for (const auto& mask : random_masks(12)) {
      const auto answer = evaluator.evaluate(mask, dense - loss);
      const double truth = plain(mask);
      EXPECT_TRUE(answer.complete || truth < dense - loss) << "what meets the bound is computed whole";
      if (answer.complete) {
        EXPECT_DOUBLE_EQ(answer.quality, truth);
      } else {
        EXPECT_LT(answer.quality, dense - loss);
        EXPECT_GE(answer.quality, truth);
        ++stopped;
      }
    }
    const auto work = evaluator.work();
    EXPECT_LE(work.examples, work.examples_asked);
  }
  EXPECT_GT(stopped, 5);
}

TEST_F(Evaluator, AnswersAreKeptAcrossSearches) {
  const auto masks = random_masks(5);
  const auto folder = tiny.folder / "kept";
  std::vector<double> first;
  std::filesystem::path journal;
  {
    auto evaluator = make(folder);
    for (const auto& mask : masks) first.push_back(evaluator.evaluate(mask, no_bound).quality);
    EXPECT_EQ(evaluator.work().computed, 5);
    journal = evaluator.journal();
  }
  std::ofstream(journal, std::ios::app) << "{\"mask\": \"torn";  // as a killed process leaves it
  auto again = make(folder);
  for (std::size_t i = 0; i < masks.size(); ++i) EXPECT_DOUBLE_EQ(again.evaluate(masks[i], no_bound).quality, first[i]);
  EXPECT_EQ(again.work().computed, 0);
  EXPECT_EQ(again.evaluations(), 5);
  EXPECT_EQ(again.work().known, 5);
  EXPECT_EQ(again.evaluate(masks[0], 2.0).complete, true) << "what is known whole stays whole";
}

TEST_F(Evaluator, AnAnswerThatWasChangedOnDiskIsComputedAgainAndSaid) {
  const auto masks = random_masks(3);
  const auto folder = tiny.folder / "kept";
  std::vector<double> first;
  std::filesystem::path journal;
  {
    auto evaluator = make(folder);
    for (const auto& mask : masks) first.push_back(evaluator.evaluate(mask, no_bound).quality);
    journal = evaluator.journal();
  }
  auto lines = read_file(journal);
  const auto digit = lines.find("\"quality\":0.") + 12;
  lines[digit] = lines[digit] == '1' ? '2' : '1';
  write_file(journal, lines);
  std::vector<std::string> told;
  watch.say = [&](const std::string& line) { told.push_back(line); };
  auto again = make(folder);
  for (std::size_t i = 0; i < masks.size(); ++i) EXPECT_DOUBLE_EQ(again.evaluate(masks[i], no_bound).quality, first[i]);
  EXPECT_EQ(again.work().computed, 1);
  ASSERT_EQ(told.size(), 1U);
  EXPECT_EQ(told[0], journal.string() + ": 1 of its lines do not verify, and those masks are computed again");
}

TEST_F(Evaluator, AnIncompleteAnswerServesLowerQuestionsOnlyWhereItSuffices) {
  auto evaluator = make();
  evaluator.evaluate(everything, no_bound);
  const auto mask = random_masks(1).front();
  const double truth = plain(mask);
  const auto stopped = evaluator.evaluate(mask, 1.0);
  ASSERT_FALSE(stopped.complete);
  const auto whole = evaluator.evaluate(mask, truth);
  EXPECT_TRUE(whole.complete);
  EXPECT_DOUBLE_EQ(whole.quality, truth);
}

// Nobody knows which way it counts: were it taken for a metric, errors would be searched upwards.
TEST_F(Evaluator, OfANumberThatNoMetricIsIsRefused) {
  const tasks::Metrics metrics = {{"accuracy", 0.75}, {"cross_entropy", 0.5}, {"errors", 3}};
  EXPECT_EQ(base.task->quality(metrics, "cross_entropy"), -0.5);
  EXPECT_EQ(message_of<SettingsError>([&] { base.task->quality(metrics, "errors"); }),
            "unknown metric of text-classification data: 'errors'\n    known: accuracy, cross_entropy");
}

TEST_F(Evaluator, OfAMetricThatIsNotThereSaysWhichThereAre) {
  engine::SplitEvaluator evaluator(*base.model, everything, *base.task, {"accurcy", ComputeType::Float32, {}, {}, ""},
                                   watch);
  const auto message = message_of<SettingsError>([&] { evaluator.evaluate(everything, no_bound); });
  EXPECT_NE(message.find("accurcy"), std::string::npos) << message;
  EXPECT_NE(message.find("accuracy"), std::string::npos) << message;
}

// --- by a sample of examples

engine::EvaluatorSettings within(double error, const std::string& metric = "") {
  return {metric, ComputeType::Float32, {}, {}, "", error};
}

TEST_F(Evaluator, WithinAnErrorSaysWhichAnswersAreNotCertain) {
  const auto masks = random_masks(12);
  std::vector<double> truths;
  for (const auto& mask : masks) truths.push_back(plain(mask));
  const double bound = *std::max_element(truths.begin(), truths.end());
  engine::SplitEvaluator exact(*base.model, everything, *base.task, within(0), watch);
  engine::SplitEvaluator sampled(*base.model, everything, *base.task, within(0.2), watch);
  std::int64_t not_certain = 0;
  const auto answers = sampled.evaluate_each(masks, bound);
  const auto certain = exact.evaluate_each(masks, bound);
  for (std::size_t i = 0; i < masks.size(); ++i) {
    not_certain += answers[i].certain ? 0 : 1;
    EXPECT_TRUE(certain[i].certain);
    if (answers[i].complete) {
      EXPECT_TRUE(answers[i].certain);
      EXPECT_DOUBLE_EQ(answers[i].quality, truths[i]);
    } else {
      EXPECT_LT(answers[i].quality, bound);
      EXPECT_TRUE(!answers[i].certain || answers[i].quality >= truths[i]);
    }
  }
  EXPECT_GT(not_certain, 0);
  EXPECT_EQ(sampled.within_error(), not_certain);
  EXPECT_EQ(exact.within_error(), 0);
  EXPECT_LT(sampled.work().examples, exact.work().examples);
}

// Over orders that have nothing to do with each other: a mask is asked beside others, and each time its order is another.
TEST_F(Evaluator, WithinAnErrorIsWrongNoOftenerThanSaid) {
  const auto asked = random_masks(50);
  const auto& mask = asked.front();
  const double truth = plain(mask), error = 0.1;
  int wrong = 0;
  for (std::size_t i = 1; i < asked.size(); ++i) {
    engine::SplitEvaluator sampled(*base.model, everything, *base.task, within(error), watch);
    const std::vector<Mask> two = {mask, asked[i]};
    wrong += sampled.evaluate_each(two, truth)[0].complete ? 0 : 1;
  }
  EXPECT_LE(wrong, 11) << "of 49, of which 5 are expected at most";
}

TEST_F(Evaluator, WithinAnErrorIsKeptApart) {
  const auto folder = tiny.folder / "apart";
  auto settings = within(0.2);
  settings.folder = folder;
  engine::SplitEvaluator sampled(*base.model, everything, *base.task, settings, watch);
  const auto exact = make(folder).journal();
  EXPECT_NE(sampled.journal(), exact);
  const auto masks = random_masks(12);
  sampled.evaluate_each(masks, plain(everything) + 0.1);
  engine::SplitEvaluator again(*base.model, everything, *base.task, settings, watch);
  again.evaluate_each(masks, plain(everything) + 0.1);
  EXPECT_EQ(again.work().computed, 0);
  EXPECT_GT(again.within_error(), 0);
  EXPECT_EQ(again.within_error(), sampled.within_error());
}

TEST_F(Evaluator, WithinAnErrorOfOtherMetricsIsRefused) {
  engine::SplitEvaluator sampled(*base.model, everything, *base.task, within(0.05, "macro_f1"), watch);
  EXPECT_TRUE(sampled.evaluate(everything, no_bound).complete) << "without a bound nothing stops";
  EXPECT_EQ(message_of<SettingsError>([&] { sampled.evaluate(random_masks(1).front(), 0.5); }),
            "stopping_error = 0.05 stops evaluations by a random sample of examples, which says nothing of macro_f1\n"
            "    expected metric accuracy; without stopping_error, evaluations stop where a bound is certainly missed");
}

// --- every task

struct Asked {
  std::string format, metric;
};

void PrintTo(const Asked& asked, std::ostream* out) { *out << asked.format << ' ' << asked.metric; }

class EveryEvaluator : public testing::TestWithParam<Asked> {
 protected:
  EveryEvaluator() {
    use_format(tiny, GetParam().format);
    auto& split = tiny.cell.dataset.split;
    if (GetParam().format == "text-classification") {
      split["validation"] = write_tiny_table(tiny.folder, "long.tsv", 400, 5).string();
    } else {
      split["validation"] = write_tones(tiny.folder, "many", GetParam().format, 12, 350);
    }
    base = &models.get(tiny.cell);
    everything.emplace(base->model->sites());
  }
  std::unique_ptr<engine::SplitEvaluator> make() {
    auto made = std::make_unique<engine::SplitEvaluator>(
        *base->model, *everything, *base->task,
        engine::EvaluatorSettings{GetParam().metric, ComputeType::Float32, {}, {}, base->digest}, watch);
    made->evaluate(*everything, no_bound);  // by which examples are ordered
    return made;
  }
  static bool is_bounded() { return GetParam().metric != "mcc" && GetParam().format != "audio-tagging"; }
  std::vector<Mask> masks() const { return random_masks_of(*base->model, 10, 0.4); }
  double plain(const Mask& mask) {
    const auto evaluation = base->task->evaluate(*base->model->masked(mask), base->task->split("validation"));
    return base->task->quality(evaluation.metrics, GetParam().metric);
  }
  // Between these two of what the masks are worth: some miss it.
  double middle() {
    std::vector<double> all;
    for (const auto& mask : masks()) all.push_back(plain(mask));
    std::sort(all.begin(), all.end());
    return all[all.size() * 3 / 4];
  }

  TinyCell tiny;
  engine::BaseModels models{tiny.folder / "cache", {}};
  engine::BaseModel* base = nullptr;
  std::optional<Mask> everything;
  Watch watch;
};

bool same(const Evaluated& one, const Evaluated& other) {
  return std::bit_cast<std::uint64_t>(one.quality) == std::bit_cast<std::uint64_t>(other.quality) &&
         one.complete == other.complete;
}

TEST_P(EveryEvaluator, StopsOnlyWhereTheBoundIsCertainlyMissed) {
  const double bound = middle();
  auto evaluator = make();
  const auto all = masks();
  for (const auto& mask : all) {
    const auto answer = evaluator->evaluate(mask, bound);
    const double truth = plain(mask);
    EXPECT_TRUE(answer.complete || truth < bound) << "what meets the bound is computed whole";
    if (answer.complete) {
      EXPECT_DOUBLE_EQ(answer.quality, truth);
    } else {
      EXPECT_LT(answer.quality, bound);
      EXPECT_GE(answer.quality, truth);
    }
  }
  // What nothing can meet is told after a part.
  auto strict = make();
  for (const auto& mask : all) EXPECT_EQ(strict->evaluate(mask, 2).complete, !is_bounded());
  const auto work = strict->work();
  EXPECT_EQ(work.stopped, is_bounded() ? 10 : 0);
  EXPECT_EQ(work.examples_asked, 11 * base->task->split("validation").examples->size());
  EXPECT_EQ(work.examples < work.examples_asked / 2, is_bounded());
}

// Whatever is asked beside it, and in whatever order.
TEST_P(EveryEvaluator, AnswersTogetherAsAlone) {
  const auto all = masks();
  const double low = middle();
  // Every bound: none, one that some masks meet, and one that none meets.
  for (const double bound : {no_bound, low, 2.0}) {
    std::vector<Evaluated> alone;
    for (const auto& mask : all) alone.push_back(make()->evaluate(mask, bound));
    const auto together = make()->evaluate_each(all, bound);
    std::vector<Mask> turned(all.rbegin(), all.rend());
    std::swap(turned[1], turned[6]);
    auto in_other_order = make()->evaluate_each(turned, bound);
    std::swap(in_other_order[1], in_other_order[6]);
    std::reverse(in_other_order.begin(), in_other_order.end());
    auto evaluator = make();
    auto in_two = evaluator->evaluate_each(std::span(all).first(3), bound);
    const auto rest = evaluator->evaluate_each(std::span(all).subspan(3), bound);
    in_two.insert(in_two.end(), rest.begin(), rest.end());
    ASSERT_EQ(together.size(), all.size());
    for (std::size_t i = 0; i < all.size(); ++i) {
      EXPECT_TRUE(same(together[i], alone[i])) << i << ": " << together[i].quality << ' ' << alone[i].quality;
      EXPECT_TRUE(same(in_other_order[i], alone[i])) << i;
      // Examples come in another order once a mask that is far from the first was evaluated whole: what is told early may
      // then be told by other examples.
      EXPECT_EQ(in_two[i].complete, alone[i].complete) << i;
      if (alone[i].complete || bound == 2.0) {
        EXPECT_TRUE(same(in_two[i], alone[i])) << i;
      }
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Tasks, EveryEvaluator,
                         testing::Values(Asked{"text-classification", ""}, Asked{"text-classification", "macro_f1"},
                                         Asked{"text-classification", "mcc"}, Asked{"audio-classification", ""},
                                         Asked{"audio-tagging", ""}, Asked{"speech-recognition", ""},
                                         Asked{"speech-recognition", "cer"}));

}  // namespace
}  // namespace espalier::test
