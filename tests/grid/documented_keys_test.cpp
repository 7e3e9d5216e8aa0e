// docs/experiment-file.md says of each key what the program's own descriptions say.
#include <gtest/gtest.h>

#include <filesystem>

#include "grid/experiment.h"
#include "words/atomic_file.h"

namespace espalier::grid {
namespace {

TEST(DocumentedKeys, AreThoseOfThePage) {
  const auto page = read_file(std::filesystem::path(ESPALIER_SOURCE_DIR) / "docs/experiment-file.md");
  for (const auto& [title, table] : documented_keys()) {
    const auto heading = page.find("\n## " + title + "\n");
    ASSERT_NE(heading, std::string::npos) << "docs/experiment-file.md lacks the section '" << title << "'";
    const auto ends = page.find("\n## ", heading + 1);
    EXPECT_NE(page.substr(heading, ends - heading).find("\n" + table), std::string::npos)
        << "docs/experiment-file.md is not what the program reads; under '" << title << "' it should have\n\n"
        << table;
  }
}

}  // namespace
}  // namespace espalier::grid
