// Scores from one pass against the same scores, each from a pass of its own: bit for bit.
#include <ATen/ops/equal.h>
#include <espalier/error.h>
#include <espalier/joint.h>
#include <gtest/gtest.h>

#include <map>

#include "engine/scoring.h"
#include "family_cells.h"
#include "joint/together.h"
#include "support/message_of.h"

namespace espalier::test {
namespace {

using engine::ScoreRequest;
using Values = std::map<std::string, SettingValue>;

struct SharedPass {
  explicit SharedPass(const std::string& format = "text-classification") {
    use_format(tiny, format);
    if (tiny.cell.model.train) tiny.cell.model.train->epochs = 1;
    models = std::make_unique<engine::BaseModels>(tiny.folder / "cache", Watch{});
    base = &models->get(tiny.cell);
  }

  ScoreRequest request(const std::string& scorer, Values values = {}) const {
    values.try_emplace("split", std::string("validation"));
    values.try_emplace("samples", std::int64_t{0});
    return {scorer, tiny.plugin("scorer", scorer, Settings(std::move(values))).settings};
  }
  at::Tensor alone(const ScoreRequest& request) {
    engine::ScoreCache cache(tiny.folder / "apart", bundled_plugins(), {});
    return cache.get(*base, request).values;
  }
  // The first one is asked for, the others come with it.
  void expect_as_alone(const std::vector<ScoreRequest>& requests) {
    engine::ScoreCache cache(tiny.folder / ("together-" + std::to_string(++times)), bundled_plugins(), watch());
    cache.get(*base, requests[0], requests);
    for (const auto& request : requests) {
      const auto answer = cache.get(*base, request);
      SCOPED_TRACE(request.scorer + ' ' + to_json(request.settings).dump() + ' ' + to_string(request.granularity));
      EXPECT_FALSE(answer.computed_now);
      EXPECT_TRUE(at::equal(answer.values, alone(request)));
    }
  }
  Watch watch() {
    Watch watch;
    watch.say = [this](const std::string& line) { told += line + '\n'; };
    return watch;
  }

  TinyCell tiny;
  std::unique_ptr<engine::BaseModels> models;
  engine::BaseModel* base = nullptr;
  std::string told;
  int times = 0;  // that a cache of its own was filled
};

class OfFormat : public testing::TestWithParam<std::string> {};

INSTANTIATE_TEST_SUITE_P(JointScores, OfFormat, testing::ValuesIn(data_formats()), [](const auto& format) {
  auto name = format.param;
  std::replace(name.begin(), name.end(), '-', '_');
  return name;
});

// Batches of three: the last one is shorter, and is read by some scorers and left out by others.
TEST_P(OfFormat, OfMiniBatchesAreThoseOfEachAlone) {
  SharedPass shared(GetParam());
  std::vector<ScoreRequest> requests;
  const Values batches = {{"batch", std::int64_t{4}}};
  const auto add = [&](const std::string& scorer, Values values) {
    values.insert(batches.begin(), batches.end());
    requests.push_back(shared.request(scorer, std::move(values)));
  };
  add("taylor", {});
  add("taylor", {{"power", std::string("absolute")}});
  add("fisher", {{"squares", std::string("per-batch")}});
  add("fisher", {{"squares", std::string("per-batch")}, {"weighted", true}});
  add("mask-fisher", {});
  add("gate-gradient", {{"absolute", std::string("batch")}, {"reduction", std::string("mean")}});
  add("gate-gradient", {{"absolute", std::string("batch")}});
  for (const auto granularity : {Granularity::Head, Granularity::HeadChannel, Granularity::ProjectionChannel}) {
    for (auto& request : requests) request.granularity = granularity;
    shared.expect_as_alone(requests);
  }
  EXPECT_EQ(shared.told.substr(0, shared.told.find('\n')),
            "scores of 'taylor', 'taylor', 'fisher', 'fisher', 'mask-fisher', 'gate-gradient', 'gate-gradient' in one "
            "pass");
}

TEST_P(OfFormat, OfSingleExamplesAndOfAttentionAreThoseOfEachAlone) {
  SharedPass shared(GetParam());
  std::vector<ScoreRequest> requests = {shared.request("gate-gradient"), shared.request("fisher"),
                                        shared.request("entropy"), shared.request("confidence"),
                                        shared.request("wanda")};
  shared.expect_as_alone(requests);
  EXPECT_NE(shared.told.find("'gate-gradient', 'fisher'"), std::string::npos) << shared.told;
}

TEST(JointScores, UnderBfloat16AreThoseOfEachAlone) {
  SharedPass shared;
  std::vector<ScoreRequest> requests = {shared.request("taylor"), shared.request("mask-fisher")};
  for (auto& request : requests) request.compute = ComputeType::BFloat16;

  shared.expect_as_alone(requests);
}

TEST(JointScores, AreOfEqualExamplesAndLossesOnly) {
  SharedPass shared;
  const auto wanted = shared.request("taylor");
  auto other_loss = shared.request("taylor", {{"loss", std::string("bce")}}),
       other_split = shared.request("mask-fisher", {{"split", std::string("train")}}),
       other_batches = shared.request("mask-fisher", {{"batch", std::int64_t{5}}}), no_data = shared.request("wanda"),
       evaluates = shared.request("ablation");
  no_data.scorer = "no-such-scorer";
  const std::vector<ScoreRequest> others = {other_loss, other_split, other_batches, no_data, evaluates};
  engine::ScoreCache cache(shared.tiny.folder / "cache", bundled_plugins(), shared.watch());

  const auto scores = cache.get(*shared.base, wanted, others).values;

  EXPECT_TRUE(at::equal(scores, shared.alone(wanted)));
  EXPECT_EQ(shared.told, "");
  for (const auto& other : {other_loss, other_split, other_batches, evaluates})
    EXPECT_TRUE(cache.get(*shared.base, other).computed_now) << other.scorer;
}

TEST(JointScores, OfOneThatFailsAreMissingAndTheOthersThere) {
  SharedPass shared;
  // This model has no such site.
  auto fails = shared.request("mask-fisher");
  fails.sites = SiteFilter::DecoderCross;
  const auto wanted = shared.request("taylor"), beside = shared.request("taylor", {{"power", std::string("absolute")}});
  engine::ScoreCache cache(shared.tiny.folder / "cache", bundled_plugins(), shared.watch());

  cache.get(*shared.base, wanted, std::vector<ScoreRequest>{fails, beside});

  EXPECT_FALSE(cache.get(*shared.base, beside).computed_now);
  EXPECT_NE(message_of<SettingsError>([&] { cache.get(*shared.base, fails); }), "");
}

// Counts what is asked of a model.
class Counted final : public PrunableModel {
 public:
  explicit Counted(std::unique_ptr<PrunableModel> model) : model_(std::move(model)) {}
  const std::vector<Site>& sites() const override { return model_->sites(); }
  at::Tensor weights(std::int64_t site, Projection projection) const override {
    return model_->weights(site, projection);
  }
  at::Tensor losses(const Batch& batch, const Units& units, const at::Tensor& gates) override {
    return ++losses_asked, model_->losses(batch, units, gates);
  }
  at::Tensor open_gates(std::vector<std::int64_t> shape) const override { return model_->open_gates(std::move(shape)); }
  std::vector<std::array<at::Tensor, 4>> gradients(const Batch& batch) override {
    return ++gradients_asked, model_->gradients(batch);
  }
  at::Tensor squared_gradients(const Batch& batch, const Units& units, Squares squares) override {
    return ++squares_asked, model_->squared_gradients(batch, units, squares);
  }
  void observe(const Batch& batch, const Observer& observer) override {
    ++observed;
    model_->observe(batch, observer);
  }
  int losses_asked = 0, gradients_asked = 0, squares_asked = 0, observed = 0;

 private:
  std::unique_ptr<PrunableModel> model_;
};

struct AtOnce {
  SharedPass shared;
  std::vector<Batch> batches = shared.base->task->split("validation").collated();
  Units heads{shared.base->model->sites(), Granularity::Head};
  Counted model{shared.base->model->prunable()};
  engine::Together together{model};
};

TEST(JointScores, AskOnceWhatSeveralAskOfABatch) {
  AtOnce at_once;
  const auto& batches = at_once.batches;
  ASSERT_GT(batches.size(), 1U);
  const auto gradients = [&](PrunableModel& model) {
    for (const auto& batch : batches) model.gradients(batch);
  };
  const auto squares = [&](PrunableModel& model) {
    for (const auto& batch : batches) model.squared_gradients(batch, at_once.heads, Squares::PerBatch);
  };
  const auto sees = [&](PrunableModel& model) {
    for (const auto& batch : batches) model.observe(batch, [](std::int64_t, const SiteActivity&) {});
  };
  const auto gates = [&](PrunableModel& model) {
    for (const auto& batch : batches)
      gate_gradients(model, batch, at_once.heads, {at_once.heads.count()}, LossOfBatch::Sum);
  };

  const auto failures = at_once.together.run({gradients, squares, gradients, sees, gates, sees, gates});

  const auto count = static_cast<int>(batches.size());
  EXPECT_EQ(failures, std::vector<std::exception_ptr>(7));
  EXPECT_EQ(at_once.model.gradients_asked, count);
  EXPECT_EQ(at_once.model.squares_asked, 0);
  EXPECT_EQ(at_once.model.observed, count);
  EXPECT_EQ(at_once.model.losses_asked, count);
  EXPECT_EQ(at_once.together.passes(), 3 * count);
  EXPECT_EQ(at_once.together.questions(), 7 * count);
}

TEST(JointScores, OfAnObserverThatFailsAreItsOwnMatter) {
  AtOnce at_once;
  int sites = 0;
  const auto fails = [&](PrunableModel& model) {
    model.observe(at_once.batches[0], [](std::int64_t, const SiteActivity&) { throw InputError("too much to see"); });
  };
  const auto sees = [&](PrunableModel& model) {
    model.observe(at_once.batches[0], [&](std::int64_t, const SiteActivity&) { ++sites; });
  };

  const auto failures = at_once.together.run({fails, sees});

  EXPECT_EQ(message_of<InputError>([&] { std::rethrow_exception(failures[0]); }), "too much to see");
  EXPECT_EQ(failures[1], nullptr);
  EXPECT_EQ(sites, static_cast<int>(at_once.model.sites().size()));
}

TEST(JointScores, AnswerThoseThatEndEarlyOrReadSomethingElse) {
  AtOnce at_once;
  const auto& batches = at_once.batches;
  const auto one = [&](PrunableModel& model) { model.gradients(batches[0]); };
  const auto other = [&](PrunableModel& model) {
    for (auto batch = batches.rbegin(); batch != batches.rend(); ++batch) model.gradients(*batch);
  };
  const auto nothing = [](PrunableModel&) {};
  const auto throws = [&](PrunableModel& model) {
    model.gradients(batches[0]);
    throw InputError("no more");
  };

  const auto failures = at_once.together.run({one, other, nothing, throws});

  EXPECT_EQ(message_of<InputError>([&] { std::rethrow_exception(failures[3]); }), "no more");
  EXPECT_EQ(at_once.model.gradients_asked, 1 + static_cast<int>(batches.size()));
}

}  // namespace
}  // namespace espalier::test
