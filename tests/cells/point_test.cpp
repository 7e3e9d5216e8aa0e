#include "cells/point.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "cells/attempt.h"

namespace espalier {
namespace {

using nlohmann::json;

Point sample() {
  Point point;
  point.step = 2;
  point.kind = "pruned";
  point.requested_sparsity = 0.5;
  point.achieved_sparsity = 0.25;
  point.parameters_dense = 1000;
  point.parameters_masked = 200;
  point.parameters_removed = 250;
  point.parameters_total = 4750;
  point.multiply_adds_dense = 4000;
  point.multiply_adds_done = 3000;
  point.mask_digest = "mask";
  point.split = "test";
  point.examples = 4;
  point.metrics = {{"accuracy", 0.75}, {"mcc", std::numeric_limits<double>::quiet_NaN()}};
  point.proof_passed = true;
  point.proof = Proof{true, 4, 1e-6, 3.5, 1e-4, {{"a", 0.5, 1e-7, true}}, ""};
  point.predictions = "1101";
  point.latency = {{8, 22, 10.5, 7.875, 50, 0.75, 0.7, 0.8, 2, "cpu"}};
  auto& details = point.details.emplace();
  details.sites = {{"a", 1, 2, 32, {{32, 0}}, {{32, 0}}, 4000, 2000, 3000, 1500}};
  details.operations = OperationsLeft{22, 13, 12, 7, 6};
  details.search.emplace().notes = {{"ended_by", "no head fits"}, {"heads", 12.0}, {"share", 0.625}};
  return point;
}

TEST(Point, ComesBackFromItsJson) {
  const auto written = to_json(sample());

  const auto read = point_from_json(json::parse(written.dump()));

  auto expected = sample();
  expected.predictions_digest = read.predictions_digest;
  EXPECT_EQ(to_json(read), to_json(expected));
  EXPECT_EQ(read.predictions_digest.size(), 64U);
  EXPECT_TRUE(std::isnan(read.metrics.at("mcc")));
  EXPECT_EQ(read.proof, sample().proof);
  EXPECT_EQ(read.latency[0].verdict(), "faster");
}

// As finished steps and known points were kept before, word for word.
TEST(Point, IsReadFromItsEarlierForm) {
  const auto early =
      json::parse(R"({"achieved_sparsity":0.25,"details":"{\"sites\":[{\"site\":\"a\",\"heads\":3}]}",)"
                  R"("examples":4,"kind":"pruned","latency":[[8,22,10.5,7.875,0.75,0.7,0.8,50,2,"cpu"]],)"
                  R"("mask_digest":"mask","metrics":{"accuracy":0.75,"mcc":null},"multiply_adds_dense":4000,)"
                  R"("multiply_adds_done":3000,"parameters_dense":1000,"parameters_masked":200,)"
                  R"("parameters_removed":250,"parameters_total":4750,"predictions":"1101","proof":"{)"
                  R"(\"examples\":4,\"failure\":\"\",\"largest_difference\":1e-06,\"passed\":true,)"
                  R"(\"sites\":[],\"spread\":3.5,\"tolerance\":0.0001}","proof_passed":true,"split":"test",)"
                  R"("step":2})");

  const auto point = point_from_json(early);

  EXPECT_EQ(point.heads_kept(), 3);
  EXPECT_FALSE(point.requested_sparsity.has_value());
  EXPECT_EQ(point.proof_passed, true);
  EXPECT_EQ(point.proof->spread, 3.5);
  ASSERT_EQ(point.latency.size(), 1U);
  EXPECT_EQ(point.latency[0].repeats, 50);
  EXPECT_EQ(point.latency[0].ratio_high, 0.8);
  EXPECT_EQ(point.latency[0].device, "cpu");
  EXPECT_EQ(point.predictions_digest, point_from_json(to_json(sample())).predictions_digest);
  auto damaged = early;
  damaged.erase("step");
  EXPECT_THROW(point_from_json(damaged), json::exception);
}

TEST(Timing, ComesBackFromItsJson) {
  Timing timing;
  timing.seconds = {{"scores", 1.5}};
  timing.cached = {{"scores", true}, {"evaluation", false}};
  timing.steps_read = 2;
  timing.recovery = {{{{{1, 0.5, {{"accuracy", 0.75}}}}, 1, 10, 2.5, "the loss is nan"}}};
  timing.peak_memory_bytes = 1024;

  const auto written = to_json(timing);

  EXPECT_EQ(to_json(timing_from_json(json::parse(written.dump()))), written);
  EXPECT_EQ(written["cached"]["steps"], 2);
  EXPECT_EQ(written["recovery"][0][0]["divergence"], "the loss is nan");
}

}  // namespace
}  // namespace espalier
