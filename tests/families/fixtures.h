// Where checkpoints with golden answers lie; make_golden.py beside them makes them.
#pragma once

#include <filesystem>

namespace espalier::test {

inline const std::filesystem::path fixtures = std::filesystem::path(ESPALIER_SOURCE_DIR) / "tests/fixtures/nn";

}  // namespace espalier::test
