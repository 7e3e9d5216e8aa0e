// The good plugin and the broken ones (tests/broken_plugins), and a task to call them with.
#pragma once

#include <espalier/error.h>

#include <filesystem>
#include <string>

#include "loader/plugin_catalog.h"
#include "plugins/fake_model.h"
#include "sdk/sites.h"
#include "support/message_of.h"

namespace espalier::test {

inline std::filesystem::path plugin_file(const std::string& name) {
  return std::filesystem::path(ESPALIER_BINARY_DIR) / "broken_plugins" / (name + ".so");
}

// A scorer's task over five heads.
struct Task {
  FakeModel model{uneven()};
  Units units{uneven(), Granularity::Head};
  Batches batches;
  Random random{1};
  ScoringTask scoring{model, units, batches, random, {}};
};

// Whether `text` begins with `beginning` and holds each of the parts.
inline ::testing::AssertionResult says(const std::string& text, const std::string& beginning,
                                       const std::vector<std::string>& parts = {}) {
  if (!text.starts_with(beginning)) return ::testing::AssertionFailure() << "begins otherwise: " << text;
  for (const auto& part : parts) {
    if (text.find(part) == std::string::npos)
      return ::testing::AssertionFailure() << "'" << part << "' is missing in: " << text;
  }
  return ::testing::AssertionSuccess();
}

}  // namespace espalier::test
