#include "cells/cell_settings.h"

#include <espalier/error.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "support/message_of.h"

namespace espalier::test {
namespace {

TEST(CellSettings, SurviveJson) {
  CellSettings cell;
  cell.model = {"minilm", Family::Bert, "path", TrainSettings{}};
  cell.dataset.split["test"] = "test.tsv";
  cell.dataset.limit["test"] = 10;
  cell.scorer = {"fisher", "fisher", "1.0.0", Settings({{"samples", std::int64_t{1000}}})};
  cell.budget = {BudgetKind::Sparsity, 0.25};
  cell.schedule = ScheduleSettings{10, 0.1, BudgetShare::Remaining, Rounding::Ceil};
  cell.measure.latency = LatencySettings{{1, 8}, 50};

  EXPECT_EQ(to_json(cell_from_json(nlohmann::json::parse(to_json(cell).dump()))), to_json(cell));
}

TEST(CellSettings, TheDeviceOfTimesIsWrittenWhereItIsSaid) {
  CellSettings cell;
  cell.measure.latency = LatencySettings{{1}, 50};
  EXPECT_FALSE(to_json(cell)["measure"]["latency"].contains("device"));

  cell.measure.latency->device = LatencyDevice::Cuda;
  EXPECT_EQ(to_json(cell)["measure"]["latency"]["device"], "cuda");
  EXPECT_EQ(cell_from_json(to_json(cell)).measure.latency->device, LatencyDevice::Cuda);
}

// A word of another version is no other word: an unknown rounding is not the nearest one.
TEST(CellSettings, AnUnknownWordIsRefused) {
  const auto refused = [](const char* place, const char* word) {
    auto json = to_json(CellSettings{});
    json[nlohmann::json::json_pointer(place)] = word;
    return message_of<StoreError>([&] { cell_from_json(json); });
  };
  EXPECT_EQ(refused("/rounding", "up"),
            "the settings of a cell in the database cannot be read: unknown rounding 'up'\n    known: ceil, floor, "
            "nearest");
  for (const auto* place : {"/model/family", "/dataset/format", "/granularity", "/sites", "/scope", "/budget/kind",
                            "/rounding", "/compute", "/softmax_scale"}) {
    EXPECT_NE(refused(place, "another").find("cannot be read: "), std::string::npos) << place;
  }
}

TEST(CellSettings, WhatIsNoCellIsRefused) {
  EXPECT_NE(message_of<StoreError>([] { cell_from_json(nlohmann::json::object()); }).find("cannot be read"),
            std::string::npos);
}

}  // namespace
}  // namespace espalier::test
