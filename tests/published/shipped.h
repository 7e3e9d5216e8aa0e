// The tables of results/published, as the source tree has them.
#pragma once

#include <gtest/gtest.h>

#include <filesystem>
#include <string>

#include "published/forensics.h"
#include "published/reference.h"

#define EXPECT_CONTAINS(text, part) EXPECT_NE((text).find(part), std::string::npos) << (text)

namespace espalier::published {

inline PublishedTable shipped(const std::string& name) {
  return read_table(std::filesystem::path(ESPALIER_SOURCE_DIR) / "results/published" / (name + ".toml"));
}

}  // namespace espalier::published
