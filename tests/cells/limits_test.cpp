#include "cells/run/limits.h"

#include <espalier/error.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "support/message_of.h"

namespace espalier {
namespace {

using test::message_of;

TEST(Limits, ReadTimesInTheirUnits) {
  EXPECT_DOUBLE_EQ(seconds_from("90", "x"), 90);
  EXPECT_DOUBLE_EQ(seconds_from("90s", "x"), 90);
  EXPECT_DOUBLE_EQ(seconds_from("10 min", "x"), 600);
  EXPECT_DOUBLE_EQ(seconds_from("1.5h", "x"), 5400);
  EXPECT_DOUBLE_EQ(seconds_from("2d", "x"), 172800);
  EXPECT_DOUBLE_EQ(seconds_from("250ms", "x"), 0.25);
}

TEST(Limits, RefuseWhatIsNoTime) {
  for (const char* text : {"", "0", "-3s", "soon", "10 parsecs", "nan", "inf", "1e400", "99999999d"}) {
    EXPECT_EQ(message_of<SettingsError>([&] { seconds_from(text, "--time-limit"); }),
              std::string("--time-limit is '") + text +
                  "', expected a time of more than 0\n    as in 90s, 10min, 1.5h, 2d or plain seconds");
  }
}

TEST(Limits, ComeFromTheSettingsOfAFile) {
  EXPECT_EQ(limits_from({}), CellLimits{});
  EXPECT_EQ(limits_from({"10min", "8GiB", 5}), (CellLimits{600, std::int64_t{8} << 30, 5}));
}

TEST(Limits, NameTheOptionOrTheKeyThatIsWrong) {
  EXPECT_TRUE(message_of<SettingsError>([] {
                limits_from({"soon", "", 2}, "--");
              }).starts_with("--cell-timeout is 'soon'"));
  EXPECT_TRUE(message_of<SettingsError>([] { limits_from({"", "much", 2}); }).starts_with("cell_memory is 'much'"));
  EXPECT_EQ(message_of<SettingsError>([] {
              limits_from({"", "0GiB", 2}, "--");
            }),
            "--cell-memory is 0, expected more\n    as in 8GiB");
}

TEST(Limits, ComeBackFromJson) {
  const CellLimits some{90, 1 << 20, 3};
  EXPECT_EQ(limits_from_json(to_json(some)), some);
  EXPECT_EQ(limits_from_json(to_json(CellLimits{})), CellLimits{});
  EXPECT_EQ(limits_from_json({{"timeout_seconds", "soon"}, {"memory_bytes", -1}, {"attempts", 0}}), CellLimits{});
  EXPECT_EQ(limits_from_json(nullptr), CellLimits{});
}

}  // namespace
}  // namespace espalier
