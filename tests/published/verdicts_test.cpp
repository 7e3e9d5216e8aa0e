#include "published/verdicts.h"

#include <espalier/error.h>
#include <gtest/gtest.h>

#include <cmath>
#include <nlohmann/json.hpp>

#include "cells/lines/trajectory.h"
#include "certainty.h"
#include "shipped.h"
#include "support/message_of.h"

namespace espalier::published {
namespace {

PublishedCell published_cell(const std::string& kind, double sparsity, double value) {
  PublishedCell cell;
  cell.model = "ast", cell.dataset = "speech", cell.granularity = "head", cell.scorer = "fisher", cell.scope = "global";
  cell.metric = "accuracy", cell.kind = kind, cell.value = value;
  (kind == "measured" ? cell.achieved_sparsity : cell.requested_sparsity) = sparsity;
  return cell;
}

PublishedTable table_of(std::vector<PublishedCell> cells) {
  PublishedTable table;
  table.file = "paper.toml";
  table.source = {{"title", "T"}, {"citation", "C"}, {"certainty", "sourced"}};
  table.metrics["accuracy"] = {"percent", true, 2};
  table.cells = std::move(cells);
  return table;
}

OwnPoint own(double sparsity, double accuracy, const std::string& scorer = "fisher") {
  OwnPoint point;
  point.key = "k" + scorer + std::to_string(sparsity);
  point.state = "done";
  point.model = "ast", point.dataset = "speech", point.granularity = "head", point.scorer = scorer,
  point.scope = "global";
  point.dense = sparsity == 0;
  point.achieved_sparsity = sparsity;
  point.examples = 10000;
  point.metrics["accuracy"] = accuracy;
  return point;
}

std::string verdict_of(const PublishedCell& cell, const std::vector<OwnPoint>& points, VerdictRequest request = {}) {
  const auto table = table_of({cell});
  return judge(table, points, request).cells.at(0).verdict;
}

TEST(Verdicts, OfAMeasuredCellAtItsSparsity) {
  EXPECT_EQ(verdict_of(published_cell("measured", 25, 90.00), {own(0, 0.95), own(0.25, 0.9)}), "within");
  EXPECT_EQ(verdict_of(published_cell("measured", 25, 95.00), {own(0, 0.95), own(0.25, 0.9)}), "outside");
}

// 1.96 * sqrt(2 * 0.9 * 0.1 / 10000) is 0.83 percent.
TEST(Verdicts, AllowForTheSamplingOfTheTestSet) {
  EXPECT_EQ(verdict_of(published_cell("measured", 25, 90.80), {own(0.25, 0.9)}), "within");
  EXPECT_EQ(verdict_of(published_cell("measured", 25, 90.90), {own(0.25, 0.9)}), "outside");
  VerdictRequest request;
  request.tolerance = 0.5;
  EXPECT_EQ(verdict_of(published_cell("measured", 25, 90.80), {own(0.25, 0.9)}, request), "outside");
}

TEST(Verdicts, TellAMeasuredCellFromAnInterpolatedOne) {
  EXPECT_EQ(verdict_of(published_cell("measured", 12.5, 92.50), {own(0, 0.95), own(0.25, 0.9)}), "interpolated");
  EXPECT_EQ(verdict_of(published_cell("interpolated", 12.5, 92.50), {own(0, 0.95), own(0.25, 0.9)}), "within");
  EXPECT_EQ(verdict_of(published_cell("interpolated", 12.5, 94.00), {own(0, 0.95), own(0.25, 0.9)}), "outside");
}

TEST(Verdicts, OfANearestCellTakeTheNearestPoint) {
  EXPECT_EQ(verdict_of(published_cell("nearest", 30, 90.00), {own(0, 0.95), own(0.27, 0.9)}), "within");
}

TEST(Verdicts, SupportOrContradictAClaim) {
  EXPECT_EQ(verdict_of(published_cell("claimed", 25, 90.00), {own(0.25, 0.9)}), "supported");
  EXPECT_EQ(verdict_of(published_cell("claimed", 25, 97.00), {own(0.25, 0.9)}), "contradicted");
}

TEST(Verdicts, TellMissingFromFailed) {
  EXPECT_EQ(verdict_of(published_cell("measured", 25, 90.00), {}), "missing");
  EXPECT_EQ(verdict_of(published_cell("measured", 25, 90.00), {own(0.25, 0.9, "magnitude")}), "missing");
  auto failed = own(0.25, 0.9);
  failed.state = "failed", failed.achieved_sparsity.reset(), failed.metrics.clear();
  EXPECT_EQ(verdict_of(published_cell("measured", 25, 90.00), {failed}), "failed");
}

TEST(Verdicts, UseTheNamesThatTheUserGives) {
  auto point = own(0.25, 0.9);
  point.model = "ast-small";
  VerdictRequest request;
  request.models["ast"] = "ast-small";
  EXPECT_EQ(verdict_of(published_cell("measured", 25, 90.00), {point}, request), "within");
  request.models["asst"] = "x";
  const auto table = table_of({published_cell("measured", 25, 90.00)});
  EXPECT_CONTAINS(test::message_of<SettingsError>([&] { judge(table, {}, request); }),
                  "unknown model of the published table 'asst'");
}

TEST(Verdicts, JudgeRankingsWithTheirCertainty) {
  auto other = published_cell("interpolated", 25, 88.00);
  other.scorer = "magnitude";
  const auto table = table_of({published_cell("interpolated", 25, 90.00), other});
  const auto verdicts = judge(table, {own(0.25, 0.90), own(0.25, 0.89, "magnitude")}, {});

  ASSERT_EQ(verdicts.rankings.size(), 1u);
  EXPECT_NEAR(verdicts.rankings[0].published_difference, 2, 1e-9);
  EXPECT_NEAR(*verdicts.rankings[0].found_difference, 1, 1e-9);
  // z = 0.01 / sqrt((0.9 * 0.1 + 0.89 * 0.11) / 10000) = 2.308; the normal table gives 0.9895.
  EXPECT_NEAR(*verdicts.rankings[0].probability, 0.9895, 1e-4);
}

// Of 100 examples both get 80 right, and the one 10 more: no resample has the other ahead.
TEST(Verdicts, JudgeRankingsByTheSameExamplesWhereTheyAreKept) {
  auto other = published_cell("interpolated", 25, 88.00);
  other.scorer = "magnitude";
  const auto table = table_of({published_cell("interpolated", 25, 90.00), other});
  const auto answers = [](const OwnPoint& first, const OwnPoint&, const std::string& metric) {
    EXPECT_EQ(metric, "accuracy");
    std::vector<double> more(100, 1), fewer(100, 1);
    for (std::size_t i = 90; i < 100; ++i) more[i] = 0;
    for (std::size_t i = 80; i < 100; ++i) fewer[i] = 0;
    const bool is_better = first.scorer == "fisher";
    return std::optional(
        PairedAnswers{is_better ? more : fewer, is_better ? fewer : more, std::vector<double>(100, 1)});
  };
  const auto verdicts = judge(table, {own(0.25, 0.90), own(0.25, 0.80, "magnitude")}, {}, answers);

  ASSERT_EQ(verdicts.rankings.size(), 1u);
  EXPECT_EQ(verdicts.rankings[0].test, "paired bootstrap over 100 examples");
  EXPECT_GT(*verdicts.rankings[0].probability, 0.999);
  EXPECT_CONTAINS(verdicts.rankings[0].sentence, "(paired bootstrap over 100 examples)");
}

TEST(Verdicts, DoNotFindCellsOfAnEarlierVersionOfTheExperiment) {
  auto earlier = own(0.25, 0.9);
  earlier.current = false;
  const auto table = table_of({published_cell("measured", 25, 90.00)});
  const auto verdicts = judge(table, {earlier}, {});

  EXPECT_EQ(verdicts.cells[0].verdict, "missing");
  EXPECT_CONTAINS(verdicts.cells[0].why, "1 own points are of an earlier version of the experiment");
}

TEST(Verdicts, ReadNoLineOverACellThatFailed) {
  auto failed = own(0.4, 0);
  failed.state = "failed", failed.requested_sparsity = 0.4, failed.achieved_sparsity.reset(), failed.metrics.clear();
  const auto cell = published_cell("interpolated", 30, 90.00);
  EXPECT_EQ(verdict_of(cell, {own(0.2, 0.91), own(0.5, 0.88)}), "within");
  EXPECT_EQ(verdict_of(cell, {own(0.2, 0.91), failed, own(0.5, 0.88)}), "failed");
  auto diverged = own(0.4, 0.5);
  diverged.kind = "diverged";
  EXPECT_EQ(verdict_of(cell, {own(0.2, 0.91), diverged, own(0.5, 0.88)}), "missing");
}

TEST(Verdicts, GoByTheKindsOfSitesThatArePruned) {
  auto cell = published_cell("measured", 25, 90.00);
  cell.encoder_self_sparsity = 30, cell.decoder_self_sparsity = 45, cell.decoder_cross_sparsity = 0;
  auto point = own(0.25, 0.9);
  point.sparsity_by_kind = {{"encoder-self", 0.30}, {"decoder-self", 0.48}, {"decoder-cross", 0}};
  const auto table = table_of({cell});
  const std::vector<OwnPoint> points = {point};
  const auto verdicts = judge(table, points, {});
  EXPECT_EQ(verdicts.cells[0].verdict, "within");
  EXPECT_CONTAINS(verdicts.cells[0].why, "; sparsity of decoder-self sites 48.00 % here, 45.00 % published");
  EXPECT_EQ(verdicts.cells[0].why.find("encoder-self sites"), std::string::npos);

  point.sparsity_by_kind["decoder-cross"] = 0.2;
  EXPECT_EQ(verdict_of(cell, {point}), "missing");

  auto scoped = published_cell("measured", 25, 90.00);
  scoped.scope = "encoder-only";
  auto encoder = own(0.25, 0.9);
  encoder.sites = "all";
  EXPECT_EQ(verdict_of(scoped, {encoder}), "missing");
  encoder.sites = "encoder-self";
  EXPECT_EQ(verdict_of(scoped, {encoder}), "within");
}

TEST(Verdicts, TellLanguagesApart) {
  auto cell = published_cell("measured", 25, 90.00);
  cell.language = "fr";
  auto point = own(0.25, 0.9);
  EXPECT_EQ(verdict_of(cell, {point}), "within");  // the data set does not say
  point.language = "de";
  EXPECT_EQ(verdict_of(cell, {point}), "missing");
  point.language = "fr";
  EXPECT_EQ(verdict_of(cell, {point}), "within");
}

TEST(Verdicts, CompareTimesOfOneDeviceAtOneBatch) {
  auto cell = published_cell("measured", 25, 9.00);
  cell.metric = "latency_ms", cell.device = "A100", cell.batch_size = 4;
  auto table = table_of({cell});
  table.metrics["latency_ms"] = {"milliseconds", false, 2};
  auto point = own(0.25, 0.9);
  point.passes[1] = {5, 4.9, 5.1, "cuda:0, NVIDIA A100-SXM4-40GB"};
  point.passes[4] = {9.1, 8.9, 9.3, "cuda:0, NVIDIA A100-SXM4-40GB"};
  const auto found = judge(table, {point}, {}).cells[0];
  EXPECT_EQ(found.verdict, "within");
  EXPECT_NEAR(*found.found, 9.1, 1e-12);
  EXPECT_NEAR(found.tolerance, 0.205, 1e-12);  // half a digit, and half of the interval

  point.passes[4].device = "cpu";
  const std::vector<OwnPoint> points = {point};
  const auto elsewhere = judge(table, points, {}).cells[0];
  EXPECT_EQ(elsewhere.verdict, "missing");
  EXPECT_EQ(elsewhere.why, "own times are of another device, cpu, and say nothing of this one");
}

TEST(Verdicts, SayWhatTheyWereAskedWithAndReadItBack) {
  VerdictRequest request;
  request.models = {{"ast", "mine"}};
  request.tolerance = 0.25;
  request.distance = 1.5;
  const auto again = request_from_json(as_json(request));
  EXPECT_EQ(again.models, request.models);
  EXPECT_EQ(again.tolerance, request.tolerance);
  EXPECT_EQ(again.distance, 1.5);
  EXPECT_CONTAINS(test::message_of<InputError>([] {
                    request_from_json({{"models", 3}});
                  }),
                  "expected models, datasets, tolerance and distance");
}

TEST(Verdicts, AreJsonOfTheDocumentedShape) {
  const auto table = table_of({published_cell("measured", 25, 90.00)});
  const auto document = as_json(table, judge(table, {own(0.25, 0.9)}, {}));

  const auto& cell = document.at("cells").at(0);
  EXPECT_EQ(cell.at("axes").at("scorer"), "fisher");
  EXPECT_EQ(cell.at("verdict"), "within");
  EXPECT_NEAR(cell.at("high").get<double>() - cell.at("low").get<double>(), 2 * cell.at("tolerance").get<double>(),
              1e-9);
  EXPECT_EQ(document.at("summary").at("within"), 1);
  EXPECT_EQ(document.at("summary").at("missing"), 0);
}

TEST(Verdicts, EscapeNamesInMarkdown) {
  auto hostile = published_cell("measured", 25, 90.00);
  hostile.model = "<b>|*x*";
  const auto table = table_of({hostile});
  auto point = own(0.25, 0.9);
  point.model = hostile.model;
  const auto text = as_markdown(table, judge(table, {point}, {}));

  EXPECT_CONTAINS(text, "&lt;b&gt;\\|\\*x\\*");
  EXPECT_EQ(text.find("<b>"), std::string::npos);
}

TEST(Interpolation, IsTheLineBetweenTheNeighbours) {
  const std::vector<TrajectoryPoint> points = {{0, 10}, {10, 20}, {30, 0}};
  EXPECT_NEAR(interpolate(points, 5)->value, 15, 1e-12);
  EXPECT_NEAR(interpolate(points, 20)->value, 10, 1e-12);
  EXPECT_FALSE(interpolate(points, 31));
}

TEST(OwnTables, AreCheckedByTheSameRules) {
  auto point = own(0.25, 0.9);
  point.parameters_dense = 400, point.parameters_removed = 100;
  EXPECT_TRUE(check_own({point}).findings.empty());
  point.metrics["accuracy"] = 0.90005;
  point.parameters_removed = 101;
  const auto found = check_own({point}).findings;
  ASSERT_EQ(found.size(), 2u);
  EXPECT_EQ(found[0].rule, "count");
  EXPECT_EQ(found[1].rule, "parameters");
}

}  // namespace
}  // namespace espalier::published
