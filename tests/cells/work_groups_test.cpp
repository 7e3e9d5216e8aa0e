#include "cells/sharing/work_groups.h"

#include <gtest/gtest.h>

#include <functional>
#include <nlohmann/json.hpp>

namespace espalier {
namespace {

using nlohmann::json;

CellSettings some_cell() {
  CellSettings cell;
  cell.model = {"minilm", Family::Bert, "/models/minilm", TrainSettings{}};
  cell.dataset.name = "wordnet";
  cell.dataset.split = {{"train", "/data/train.tsv"}, {"test", "/data/test.tsv"}};
  cell.scorer = {"fisher", "fisher", "1", {}};
  return cell;
}

PluginDescription scorer(std::uint32_t traits) {
  PluginDescription plugin;
  plugin.name = "fisher";
  plugin.role = "scorer";
  plugin.traits = traits;
  return plugin;
}

WorkGroups groups(const std::function<void(CellSettings&)>& change, std::uint32_t traits = needs_data,
                  const json& source = json::object()) {
  auto cell = some_cell();
  change(cell);
  const auto plugin = scorer(traits);
  return work_groups(cell, source, &plugin);
}

const WorkGroups usual = groups([](CellSettings&) {});

TEST(WorkGroups, AreOfWhatDecidesTheBaseModelAndItsData) {
  EXPECT_GT(*usual.base, 0);
  EXPECT_EQ(groups([](CellSettings& cell) { cell.budget.value = 0.7; }), usual);
  EXPECT_EQ(groups([](CellSettings& cell) { cell.scope = Scope::Local; }), usual);
  EXPECT_EQ(groups([](CellSettings& cell) { cell.model.name = cell.dataset.name = "another"; }), usual);
  EXPECT_NE(groups([](CellSettings& cell) { cell.model.checkpoint = "/models/other"; }).base, usual.base);
  EXPECT_NE(groups([](CellSettings& cell) { cell.model.train->epochs = 5; }).base, usual.base);
  EXPECT_NE(groups([](CellSettings& cell) { cell.dataset.limit["test"] = 5; }).base, usual.base);
  EXPECT_NE(groups([](CellSettings& cell) { cell.base_seed = 1; }).base, usual.base);
  EXPECT_NE(groups([](CellSettings& cell) { cell.compute = ComputeType::BFloat16; }).base, usual.base);
}

TEST(WorkGroups, OfACheckpointThatIsUsedAsItIsKnowNoSeedOfTraining) {
  const auto plain = [](CellSettings& cell) { cell.model.train.reset(); };
  const auto seeded = [](CellSettings& cell) {
    cell.model.train.reset();
    cell.base_seed = 1;
  };

  EXPECT_EQ(groups(plain).base, groups(seeded).base);
  EXPECT_NE(groups(plain).base, usual.base);
}

TEST(WorkGroups, AreOfWhatLiesBehindPathsWhereThatIsKnown) {
  const json source = {{"checkpoint", "aa"}, {"train", "bb"}, {"test", "cc"}, {"results_version", 2}};
  const auto here = groups([](CellSettings&) {}, needs_data, source);
  const auto moved = [](CellSettings& cell) {
    cell.model.checkpoint = "/elsewhere/minilm";
    cell.dataset.split = {{"train", "/elsewhere/train.tsv"}, {"test", "/elsewhere/test.tsv"}};
  };
  auto corrected = source;
  corrected["test"] = "dd";

  EXPECT_EQ(groups(moved, needs_data, source), here);
  EXPECT_NE(groups(moved), usual);
  EXPECT_NE(groups([](CellSettings&) {}, needs_data, corrected), here);
}

TEST(WorkGroups, OfScoresAreOfScorerGranularityAndSites) {
  EXPECT_EQ(groups([](CellSettings& cell) { cell.searcher.plugin = "a-star"; }).scores, usual.scores);
  EXPECT_NE(groups([](CellSettings& cell) { cell.scorer.plugin = "taylor"; }).scores, usual.scores);
  EXPECT_NE(groups([](CellSettings& cell) { cell.scorer.settings.set("samples", std::int64_t{5}); }).scores,
            usual.scores);
  EXPECT_NE(groups([](CellSettings& cell) { cell.granularity = Granularity::HeadChannel; }).scores, usual.scores);
  EXPECT_NE(groups([](CellSettings& cell) { cell.sites = SiteFilter::EncoderSelf; }).scores, usual.scores);
  EXPECT_NE(groups([](CellSettings& cell) { cell.base_seed = 1; }).scores, usual.scores);
}

TEST(WorkGroups, OfScoresKnowTheSeedOfARandomScorerAlone) {
  const auto seeded = [](CellSettings& cell) { cell.seed = 7; };

  EXPECT_EQ(groups(seeded), usual);
  EXPECT_NE(groups(seeded, uses_randomness).scores, groups([](CellSettings&) {}, uses_randomness).scores);
}

TEST(WorkGroups, OfHeadsAndChannelsAreOneWhereHeadsAreSums) {
  const auto channels = [](CellSettings& cell) { cell.granularity = Granularity::HeadChannel; };

  EXPECT_EQ(groups(channels, sums_over_channels).scores, groups([](CellSettings&) {}, sums_over_channels).scores);
  EXPECT_EQ(scored_granularity(sums_over_channels | heads_only, Granularity::Head), Granularity::Head);
  EXPECT_EQ(scored_granularity(no_traits, Granularity::Head), Granularity::Head);
  EXPECT_EQ(scored_granularity(sums_over_channels, Granularity::QChannel), Granularity::QChannel);
}

TEST(WorkGroups, HaveNoScoresWhereTheScorerIsNotKnown) {
  const auto found = work_groups(some_cell(), json::object(), nullptr);

  EXPECT_EQ(found.base, usual.base);
  EXPECT_FALSE(found.scores);
}

}  // namespace
}  // namespace espalier
