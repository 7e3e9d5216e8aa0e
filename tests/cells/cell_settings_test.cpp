#include "cells/cell_settings.h"

#include <espalier/error.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "support/message_of.h"

namespace espalier::test {
namespace {

TEST(CellSettings, SurviveJson) {
  CellSettings cell;
  cell.model = {"minilm", "bert", "path", TrainSettings{}};
  cell.dataset.split["test"] = "test.tsv";
  cell.dataset.limit["test"] = 10;
  cell.scorer = {"fisher", "fisher", "1.0.0", {{"samples", std::int64_t{1000}}}};
  cell.budget = {"sparsity", 0.25};
  cell.schedule = ScheduleSettings{10, 0.1, "remaining", "ceil"};
  cell.measure.latency = LatencySettings{{1, 8}, 50};

  EXPECT_EQ(to_json(cell_from_json(nlohmann::json::parse(to_json(cell).dump()))), to_json(cell));
}

TEST(CellSettings, WhatIsNoCellIsRefused) {
  EXPECT_NE(message_of<StoreError>([] { cell_from_json(nlohmann::json::object()); }).find("cannot be read"),
            std::string::npos);
}

}  // namespace
}  // namespace espalier::test
