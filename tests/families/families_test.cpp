// The families that compute are those that planning knows.
#include "families/families.h"

#include <espalier/error.h>
#include <gtest/gtest.h>

#include <algorithm>

#include "cells/families.h"
#include "support/message_of.h"
#include "support/temp_dir.h"

namespace espalier::test {
namespace {

TEST(Families, AreThoseThatPlanningKnows) {
  std::vector<std::string> planned;
  for (const auto& facts : all_families()) planned.emplace_back(to_string(facts.family));
  auto computed = families::family_names();
  EXPECT_EQ(computed.size(), names<Family>().size());
  std::sort(planned.begin(), planned.end());
  std::sort(computed.begin(), computed.end());
  EXPECT_EQ(computed, planned);
}

TEST(Families, AreMadeAnewWherePlanningSaysSo) {
  const TempDir folder;
  folder.write("config.json", R"({"model_type": "none of them"})");
  const auto message = message_of<InputError>([&] { families::model_from_scratch(folder.path(), {"a", "b"}, {}, 1); });
  for (const auto& facts : all_families()) {
    EXPECT_EQ(message.find('\'' + std::string(facts.model_type) + '\'') != std::string::npos, facts.from_scratch)
        << facts.model_type << ": " << message;
  }
}

}  // namespace
}  // namespace espalier::test
