#include "steps.h"

#include <ATen/TensorOperators.h>
#include <ATen/ops/linalg_svd.h>
#include <ATen/ops/log_softmax.h>
#include <espalier/error.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "families/families.h"
#include "nn/mask_file.h"
#include "recovering.h"
#include "support/message_of.h"
#include "support/tensor_matchers.h"
#include "tasks/text_task.h"
#include "tiny_cell.h"
#include "words/atomic_file.h"

namespace espalier::test {
namespace {

ScheduleSettings tenths(std::int64_t steps) {
  return {steps, 0.1, BudgetShare::Remaining, Rounding::Ceil, std::nullopt};
}

std::vector<std::string> kinds_of(const std::vector<Point>& points) {
  std::vector<std::string> kinds;
  for (const auto& point : points) kinds.push_back(point.kind + ' ' + std::to_string(point.step));
  return kinds;
}

struct ScheduledCell : TinyCell {
  // Whole heads of a model of six; a tenth, rounded up, is one.
  ScheduledCell() {
    cell.budget = {std::nullopt, 0};
    cell.schedule = tenths(3);
  }
  void recover_by(const std::string& name, const Settings& settings = {}) {
    cell.recovery = plugin("recovery", name, settings);
  }
};

Settings with(std::map<std::string, SettingValue> values) { return Settings(std::move(values)); }

TEST(Steps, OfNoScheduleIsTheBudgetItself) {
  CellSettings cell;
  cell.budget = {BudgetKind::Heads, 7};
  cell.rounding = Rounding::Floor;

  const auto steps = engine::steps_of(cell, 24);

  ASSERT_EQ(steps.size(), 1u);
  EXPECT_EQ(steps[0].budget.kind, BudgetKind::Heads);
  EXPECT_EQ(steps[0].budget.value, 7);
  EXPECT_EQ(steps[0].rounding, Rounding::Floor);
  EXPECT_FALSE(steps[0].requested.has_value());
}

TEST(Steps, FollowTheirShape) {
  CellSettings cell;
  cell.budget = {BudgetKind::Sparsity, 0.75};
  cell.schedule = ScheduleSettings{2, 0, BudgetShare::Remaining, Rounding::Nearest, ScheduleShape::Linear};
  const auto linear = engine::steps_of(cell, 24);
  EXPECT_DOUBLE_EQ(linear.at(0).requested.value(), 0.375);
  EXPECT_DOUBLE_EQ(linear.at(1).requested.value(), 0.75);

  cell.schedule->shape = ScheduleShape::Geometric;
  const auto geometric = engine::steps_of(cell, 24);
  EXPECT_DOUBLE_EQ(geometric.at(0).requested.value(), 0.5);  // the root of what stays, a fourth
  EXPECT_DOUBLE_EQ(geometric.at(1).requested.value(), 0.75);

  cell.budget = {std::nullopt, 0};
  cell.schedule = ScheduleSettings{3, 0.2, BudgetShare::All, Rounding::Nearest, std::nullopt};
  const auto of_all = engine::steps_of(cell, 24);
  EXPECT_NEAR(of_all.at(2).requested.value(), 0.6, 1e-12);
  EXPECT_FALSE(of_all.at(2).of_remaining);

  cell.budget = {BudgetKind::Macs, 0.5};
  cell.schedule->shape = ScheduleShape::Linear;
  EXPECT_EQ(
      message_of<SettingsError>([&] { engine::steps_of(cell, 24); }),
      "a schedule leads to a sparsity or to a number of heads, and the budget is 'macs'\n    give the grid one of "
      "these, or nothing beside a schedule by fractions");
}

// Heads that each step keeps.
std::vector<double> heads_kept(const CellSettings& cell, std::int64_t units) {
  std::vector<double> kept;
  for (const auto& step : engine::steps_of(cell, units)) {
    EXPECT_EQ(step.budget.kind, BudgetKind::Heads);
    kept.push_back(step.budget.value);
  }
  return kept;
}

TEST(Steps, LeadToANumberOfHeads) {
  CellSettings cell;
  cell.budget = {BudgetKind::Heads, 12};
  // Twelve heads a step, as the iterated gate gradient of Michel et al. is published for BERT.
  cell.schedule = ScheduleSettings{11, 0, BudgetShare::Remaining, Rounding::Nearest, ScheduleShape::Linear};
  EXPECT_EQ(heads_kept(cell, 144), (std::vector<double>{132, 120, 108, 96, 84, 72, 60, 48, 36, 24, 12}));
  cell.budget.value = 36;
  cell.schedule = ScheduleSettings{2, 0, BudgetShare::Remaining, Rounding::Nearest, ScheduleShape::Geometric};
  EXPECT_EQ(heads_kept(cell, 144), (std::vector<double>{72, 36}));
  cell.schedule = ScheduleSettings{10, 0.5, BudgetShare::Remaining, Rounding::Ceil, std::nullopt};
  EXPECT_EQ(heads_kept(cell, 144), (std::vector<double>{72, 36}));
  cell.schedule = ScheduleSettings{3, 0.1, BudgetShare::All, Rounding::Nearest, std::nullopt};
  cell.budget.value = 8;
  EXPECT_EQ(heads_kept(cell, 20), (std::vector<double>{18, 16, 14}));  // too few steps: it ends above the budget
}

TEST(Steps, ByFractionsEndWhereTheSparsityIsReached) {
  CellSettings cell;
  cell.budget = {BudgetKind::Sparsity, 0.25};
  cell.schedule = tenths(10);  // 0.1, 0.19, 0.271

  const auto steps = engine::steps_of(cell, 24);

  ASSERT_EQ(steps.size(), 3u);
  EXPECT_TRUE(steps[1].of_remaining);
  EXPECT_EQ(steps[1].budget.value, 0.1);
  EXPECT_FALSE(steps[2].of_remaining);
  EXPECT_EQ(steps[2].budget.value, 0.25);
  EXPECT_EQ(steps[2].requested, 0.25);
}

TEST(Schedule, RemovesATenthOfWhatRemainsInEachStep) {
  ScheduledCell tiny;

  const auto result = tiny.engine()->run(tiny.cell);

  EXPECT_EQ(kinds_of(result.points), (std::vector<std::string>{"dense 0", "pruned 1", "pruned 2", "pruned 3"}));
  for (std::size_t step = 1; step <= 3; ++step) {
    EXPECT_EQ(result.points[step].parameters_removed, static_cast<std::int64_t>(step) * 204);
    EXPECT_TRUE(result.points[step].proof_passed.value()) << result.points[step].proof->failure;
    EXPECT_FALSE(result.points[step].requested_sparsity.has_value());
  }
}

// What a step removes stays removed.
TEST(Schedule, NestsItsMasks) {
  ScheduledCell tiny;
  tiny.cell.granularity = Granularity::HeadChannel;
  tiny.cell.scorer = tiny.plugin("scorer", "random");
  tiny.cell.schedule->fraction = 0.2;  // of 24, 18 and 12 channels: bundles of three heads' channels fit
  const auto result = tiny.engine()->run(tiny.cell);
  const auto sites = families::read_model(tiny.cell.model.checkpoint)->sites();

  std::vector<Mask> masks;
  for (const auto& artifact : result.artifacts) {
    if (artifact.kind == "mask") masks.push_back(nn::read_mask(artifact.path, sites, ""));
  }

  ASSERT_EQ(masks.size(), 3u);
  for (std::size_t step = 1; step < masks.size(); ++step) {
    EXPECT_TRUE(masks[step].intersected(masks[step - 1]) == masks[step]);
    EXPECT_FALSE(masks[step] == masks[step - 1]);
  }
}

TEST(Schedule, OfASparsityEndsWhereOneShotEnds) {
  TinyCell tiny;
  tiny.cell.granularity = Granularity::ProjectionChannel;
  const auto one_shot = tiny.engine()->run(tiny.cell).points.back();
  for (const char* shape : {"linear", "geometric"}) {
    tiny.cell.schedule =
        ScheduleSettings{4, 0, BudgetShare::Remaining, Rounding::Nearest, find_name<ScheduleShape>(shape)};
    const auto stepwise = tiny.engine()->run(tiny.cell).points;
    ASSERT_EQ(stepwise.size(), 5u);
    EXPECT_EQ(stepwise.back().requested_sparsity, 0.5);
    EXPECT_EQ(stepwise.back().parameters_masked, one_shot.parameters_masked) << shape;
  }
}

TEST(Recovery, FollowsEachStepAndIsAPointOfItsOwn) {
  ScheduledCell tiny;
  tiny.recover_by("finetune", with({{"epochs", std::int64_t{2}}, {"learning_rate", 5e-3}, {"batch", std::int64_t{8}}}));

  const auto result = tiny.engine()->run(tiny.cell);

  EXPECT_EQ(kinds_of(result.points), (std::vector<std::string>{"dense 0", "pruned 1", "recovered 1", "pruned 2",
                                                               "recovered 2", "pruned 3", "recovered 3"}));
  EXPECT_EQ(result.points[6].parameters_removed, 3 * 204);
  EXPECT_EQ(result.points[6].mask_digest, result.points[5].mask_digest);
  EXPECT_NE(result.points[6].metrics.at("cross_entropy"), result.points[5].metrics.at("cross_entropy"));
  EXPECT_EQ(result.plugins.size(), 3u);
  EXPECT_FALSE(std::filesystem::exists(tiny.folder / "cache/steps") &&
               !std::filesystem::is_empty(tiny.folder / "cache/steps"));
}

// Stopped after the first step and run again, a cell gives the points it gives in one go.
TEST(Recovery, GoesOnAtTheLastFinishedStep) {
  ScheduledCell tiny;
  tiny.recover_by("finetune", with({{"epochs", std::int64_t{2}}, {"learning_rate", 5e-3}, {"batch", std::int64_t{8}}}));
  const auto in_one_go = tiny.engine()->run(tiny.cell).points;

  ScheduledCell stopped;
  stopped.recover_by("finetune", tiny.cell.recovery.settings);
  std::vector<std::string> said;
  const auto is_kept = [&] {
    for (const auto& entry : std::filesystem::recursive_directory_iterator(stopped.folder / "cache"))
      if (entry.path().filename() == "step.json") return true;
    return false;
  };
  {
    engine::Engine first(bundled_plugins(), stopped.folder / "cache", {{}, is_kept});
    EXPECT_THROW(first.run(stopped.cell), Interrupted);
    ASSERT_TRUE(is_kept());
  }
  engine::Engine second(bundled_plugins(), stopped.folder / "cache",
                        {[&](const std::string& line) { said.push_back(line); }, {}});
  const auto resumed = second.run(stopped.cell).points;

  EXPECT_EQ(std::count(said.begin(), said.end(), "going on after step 1 of 3"), 1);
  ASSERT_EQ(kinds_of(resumed), kinds_of(in_one_go));
  for (std::size_t i = 0; i < resumed.size(); ++i) {
    EXPECT_EQ(resumed[i].mask_digest, in_one_go[i].mask_digest) << i;
    EXPECT_NEAR(resumed[i].metrics.at("cross_entropy"), in_one_go[i].metrics.at("cross_entropy"), 1e-5) << i;
  }
}

// A finished step that cannot be used is computed again, and it is said why.
TEST(Recovery, StartsAnewWhereTheFinishedStepIsDamaged) {
  for (const std::string name : {"parameters.safetensors", "mask.safetensors", "step.json"}) {
    ScheduledCell tiny;
    tiny.recover_by("finetune", with({{"epochs", std::int64_t{1}}, {"batch", std::int64_t{8}}}));
    const auto step = [&](const std::string& name_of_file) {
      const auto is_it = [&](const std::filesystem::path& path) {
        return path.filename() == name_of_file && path.string().find("/steps/") != std::string::npos &&
               path.string().find(".part") == std::string::npos;
      };
      for (const auto& entry : std::filesystem::recursive_directory_iterator(tiny.folder / "cache"))
        if (is_it(entry.path())) return entry.path();
      return std::filesystem::path();
    };
    engine::Engine first(bundled_plugins(), tiny.folder / "cache", {{}, [&] { return !step("step.json").empty(); }});
    EXPECT_THROW(first.run(tiny.cell), Interrupted);
    const auto damaged = step(name);
    ASSERT_FALSE(damaged.empty());
    write_file(damaged, "broken");

    std::vector<std::string> said;
    engine::Engine second(bundled_plugins(), tiny.folder / "cache",
                          {[&](const std::string& line) { said.push_back(line); }, {}});
    const auto points = second.run(tiny.cell).points;

    EXPECT_EQ(points.size(), 7u);
    const auto why = std::find_if(said.begin(), said.end(), [](const auto& line) {
      return line.find(": does not verify and is computed again: ") != std::string::npos;
    });
    ASSERT_NE(why, said.end()) << name;
    EXPECT_NE(why->find(name), std::string::npos) << *why;
    EXPECT_EQ(std::count(said.begin(), said.end(), "step 1 of 3"), 1) << name;
  }
}

TEST(Recovery, ThatDivergesIsAStateOfThePoint) {
  TinyCell tiny;
  tiny.cell.recovery =
      tiny.plugin("recovery", "finetune", with({{"learning_rate", 1e30}, {"clip_norm", 0.0}, {"warmup", 0.0}}));

  const auto result = tiny.engine()->run(tiny.cell);

  ASSERT_EQ(kinds_of(result.points), (std::vector<std::string>{"dense 0", "pruned 1", "diverged 1"}));
  // The weights are those before the training.
  EXPECT_EQ(result.points[2].metrics, result.points[1].metrics);
  const auto timing = json_text(to_json(result.timing));
  EXPECT_NE(timing.find("the loss is"), std::string::npos) << timing;
}

// One recovery of half the heads of a model that fine-tuning made.
struct Repair {
  // Without dropout a student computes what it is compared by.
  static const CellSettings& without_dropout(const TinyCell& tiny) {
    const std::filesystem::path file = std::filesystem::path(tiny.cell.model.checkpoint) / "config.json";
    auto config = nlohmann::json::parse(read_file(file));
    config["hidden_dropout_prob"] = config["attention_probs_dropout_prob"] = 0.0;
    write_file(file, config.dump());
    return tiny.cell;
  }
  Repair() : base(models.get(without_dropout(tiny))), mask(base.model->sites()) {
    mask.site(0).of(Projection::V)[1].fill_(false);
    mask.site(0).of(Projection::O)[1].fill_(false);
    mask.site(1).of(Projection::V).narrow(1, 0, 2).fill_(false);
    pruned = base.model->compacted(mask);
  }
  engine::Recovered run(const std::string& name, const Settings& settings = {}) {
    return engine::recover(bundled_plugins(), *pruned, *base.model, mask, *base.task,
                           {name, tiny.plugin("recovery", name, settings).settings, 1, ComputeType::Float32}, {});
  }
  at::Tensor logits(const nn::Model& model) {
    const auto batches = base.task->split("test").collated();
    return model.logits(batches);
  }

  TinyCell tiny;
  engine::BaseModels models{tiny.folder / "cache", Watch{}};
  engine::BaseModel& base;
  Mask mask;
  std::unique_ptr<nn::Model> pruned;
};

TEST(Recovery, ByAdaptersStartsFromWhatIsThere) {
  Repair repair;

  const auto untouched = repair.run("lora", with({{"epochs", std::int64_t{0}}}));

  EXPECT_TRUE(is_close(repair.logits(*untouched.model), repair.logits(*repair.pruned)));
}

TEST(Recovery, ByAdaptersChangesLinearWeightsByAtMostTheirRank) {
  Repair repair;

  const auto recovered =
      repair.run("lora", with({{"rank", std::int64_t{1}}, {"learning_rate", 1e-2}, {"batch", std::int64_t{8}}}));

  const auto before = repair.pruned->parameters(), after = recovered.model->parameters();
  ASSERT_EQ(before.size(), after.size());
  bool changed = false;
  for (std::size_t i = 0; i < before.size(); ++i) {
    const auto difference = (after[i].tensor - before[i].tensor).to(at::kDouble);
    if (!before[i].is_linear) {
      EXPECT_EQ(difference.abs().max().item<double>(), 0) << before[i].name;
      continue;
    }
    std::int64_t row = 0;
    for (const auto rows : before[i].blocks) {
      const auto values = std::get<1>(at::linalg_svd(difference.narrow(0, row, rows)));
      changed = changed || values[0].item<double>() > 1e-4;
      if (values.size(0) > 1) {
        EXPECT_LT(values[1].item<double>(), 1e-5 * (1 + values[0].item<double>()));
      }
      row += rows;
    }
  }
  EXPECT_TRUE(changed);
}

// What can be learnt by heart is: every recovery that trains brings the loss of a few examples near to nothing.
TEST(Recovery, LearnsAFewExamplesByHeart) {
  Repair repair;
  auto cell = repair.tiny.cell;
  cell.dataset.limit["train"] = 8;
  DigestMemory digests(repair.tiny.folder / "few");
  tasks::TextTask few(cell.dataset, cell.model.checkpoint, repair.base.task->labels(), digests);
  for (const auto& [name, settings] : std::map<std::string, Settings>{
           {"finetune", with({{"optimiser", std::string("adamw")}, {"learning_rate", 1e-2}})},
           {"lora", with({{"learning_rate", 1e-2}})},
           {"distill", with({{"optimiser", std::string("adamw")}, {"learning_rate", 1e-2}, {"distillation", 0.0}})}}) {
    auto all = settings;
    for (const auto& [key, value] : std::map<std::string, SettingValue>{{"epochs", std::int64_t{120}},
                                                                        {"batch", std::int64_t{8}},
                                                                        {"decay", std::string("none")},
                                                                        {"weight_decay", 0.0}})
      all.set(key, value);
    const auto recovered =
        engine::recover(bundled_plugins(), *repair.pruned, *repair.base.model, repair.mask, few,
                        {name, repair.tiny.plugin("recovery", name, all).settings, 1, ComputeType::Float32}, {});
    const auto& epochs = recovered.trainings.at(0).epochs;
    EXPECT_LT(epochs.back().training_loss, 0.05 * epochs.front().training_loss + 0.01) << name;
  }
}

TEST(Recovery, ByDistillationStaysWhereTheTeacherIs) {
  Repair repair;
  const Mask everything(repair.base.model->sites());
  const auto recovered = engine::recover(
      bundled_plugins(), *repair.base.model, *repair.base.model, everything, *repair.base.task,
      {"distill",
       repair.tiny
           .plugin("recovery", "distill",
                   with({{"task", 0.0}, {"distillation", 1.0}, {"weight_decay", 0.0}, {"learning_rate", 0.1}}))
           .settings,
       1, ComputeType::Float32},
      {});

  EXPECT_LT(recovered.trainings.at(0).epochs.at(0).training_loss, 1e-6);
  EXPECT_TRUE(is_close(repair.logits(*recovered.model), repair.logits(*repair.base.model), {1e-4, 1e-4}));
}

TEST(Recovery, ByDistillationApproachesTheTeacher) {
  Repair repair;
  const auto distance = [&](const nn::Model& model) {
    return (repair.logits(model).log_softmax(-1) - repair.logits(*repair.base.model).log_softmax(-1))
        .square()
        .mean()
        .item<double>();
  };

  const auto recovered = repair.run("distill", with({{"task", 0.0},
                                                     {"distillation", 1.0},
                                                     {"optimiser", std::string("adamw")},
                                                     {"learning_rate", 3e-3},
                                                     {"epochs", std::int64_t{8}},
                                                     {"batch", std::int64_t{8}}}));

  EXPECT_LT(distance(*recovered.model), 0.5 * distance(*repair.pruned));
}

TEST(Recovery, ByMaskTuningComesCloserToTheDenseSites) {
  Repair repair;
  const auto batch = repair.base.task->split("train").collated().at(0);
  const auto error = [&](const nn::Model& model) {
    const auto input = repair.base.model->site_inputs(batch).at(0);
    return (model.site_output(0, input) - repair.base.model->site_output(0, input)).square().sum().item<double>();
  };

  const auto tuned = repair.run("mask-tuning", with({{"damping", 0.0}, {"samples", std::int64_t{0}}}));

  EXPECT_LT(error(*tuned.model), error(*repair.pruned));
}

TEST(Recovery, ByMaskTuningLeavesADenseModelAlone) {
  Repair repair;
  repair.mask = Mask(repair.base.model->sites());
  repair.pruned = repair.base.model->compacted(repair.mask);

  const auto tuned = repair.run("mask-tuning");

  EXPECT_TRUE(is_close(repair.logits(*tuned.model), repair.logits(*repair.base.model), {1e-6, 1e-6}));
}

TEST(Recovery, KeepsPaddingZero) {
  Repair repair;
  // Heads of one and of three VO channels share a group, padded.
  repair.mask = Mask(repair.base.model->sites());
  repair.mask.site(0).of(Projection::V)[0].narrow(0, 0, 3).fill_(false);
  repair.mask.site(0).of(Projection::V)[1].narrow(0, 0, 1).fill_(false);
  repair.pruned = repair.base.model->compacted(repair.mask);

  const auto recovered = repair.run("finetune", with({{"learning_rate", 1e-2}, {"batch", std::int64_t{8}}}));

  bool any = false;
  for (const auto& parameter : recovered.model->parameters()) {
    if (!parameter.fixed.defined()) continue;
    any = true;
    EXPECT_EQ(parameter.tensor.masked_select(parameter.fixed).abs().max().item<double>(), 0) << parameter.name;
  }
  EXPECT_TRUE(any);
}

}  // namespace
}  // namespace espalier::test
