// Grids of many cells: what a cell takes, and that it is put together as if it had been kept whole.
#include "grid_test_support.h"

namespace espalier::grid {
namespace {

class Size : public GridTest {
 protected:
  static constexpr const char* axes =
      "[[grid]]\nmodel = \"minilm\"\ndataset = \"wordnet\"\ngranularity = [\"head\", \"head-channel\"]\n"
      "scorer = [\"random\", \"magnitude\"]\n";
};

std::size_t resident_bytes() {
  std::size_t total = 0, resident = 0;
  auto* file = std::fopen("/proc/self/statm", "r");
  if (file == nullptr || std::fscanf(file, "%zu %zu", &total, &resident) != 2) resident = 0;
  if (file != nullptr) std::fclose(file);
  return resident * static_cast<std::size_t>(sysconf(_SC_PAGESIZE));
}

TEST_F(Size, OfACellIsFarBelowTwoHundredBytes) {
  const auto before = resident_bytes();
  const auto experiment = read_grid(std::string(axes) +
                                    "sparsity = { from = 0.01, to = 1, step = 0.01 }\nseed = "
                                    "\"0..499\"\n");
  const auto after = resident_bytes();

  ASSERT_EQ(experiment.cells.size(), 200'000U);
  EXPECT_LT(after - before, 200'000U * 200);
}

TEST_F(Size, DoesNotChangeWhatACellSays) {
  const auto cells = read_grid(std::string(axes) +
                               "sparsity = [0.5, 0.25]\nseed = [4, 2]\n"
                               "skip = [{ scorer = \"magnitude\", seed = 2 }]\n")
                         .cells;

  ASSERT_EQ(cells.size(), 12U);
  for (std::size_t i = 0; i < cells.size(); ++i) {
    const auto whole = settings(cells[i]);
    EXPECT_EQ(to_json(whole).dump(), cells.settings(i));
    EXPECT_EQ(cells.value(i, "seed"), std::to_string(whole.seed));
    EXPECT_EQ(cells.value(i, "scorer"), to_json(whole.scorer).dump());
    EXPECT_EQ(cells.value(i, "measure"), to_json(whole.measure).dump());
    EXPECT_EQ(cells.value(i, "no-member"), "");
    EXPECT_EQ(cells.key(i).size(), 64U);
  }
  const std::vector<PlannedCell> listed = {cells[3], cells[7]};
  const Cells again(listed);
  EXPECT_EQ(again[1].settings, cells[7].settings);
  EXPECT_EQ(again[0].key, cells[3].key);
}

TEST_F(Size, OfAnAxisHasALimit) {
  std::string seeds = "0";
  for (int i = 1; i <= 100'000; ++i) seeds.append(",").append(std::to_string(i));
  EXPECT_EQ(complaint(test_head + axes + "sparsity = 0.5\nseed = [" + seeds + "]\n"),
            "x.toml:17:8: 'seed' has 100001 values, an axis has at most 100000");
}

// A slice takes cells out of the file; it does not make another file of it.
TEST_F(Size, OfASliceAndOfItsFile) {
  const auto text = std::string(axes) + "sparsity = [0.5, 0.25]\nseed = \"0..4\"\n";
  const auto whole = read_grid(text);
  options_.only = "seed=3,scorer=random";
  const auto slice = read_grid(text);

  EXPECT_TRUE(whole.whole.empty());
  EXPECT_EQ(slice.cells.size(), 4U);
  ASSERT_EQ(slice.whole.size(), whole.cells.size());
  std::vector<std::string> asked;
  for (std::size_t i = 0; i < slice.whole.size(); ++i) {
    EXPECT_EQ(slice.whole.key(i), whole.cells.key(i));
    if (slice.whole.asked(i)) asked.push_back(slice.whole.key(i));
  }
  EXPECT_EQ(asked, keys(slice));
}

TEST_F(Size, OfASliceNeedsOnlyItsOwnFiles) {
  std::filesystem::remove(folder_ / "train.tsv");
  const std::string text =
      std::string("[[grid]]\nmodel = \"minilm\"\ndataset = \"wordnet\"\ngranularity = \"head\"\n") +
      "scorer = [\"random\", { plugin = \"fisher\", split = \"train\" }]\nsparsity = 0.5\n";
  options_.only = "scorer=random";

  const auto slice = read_grid(text);

  EXPECT_TRUE(slice.missing.empty());
  ASSERT_EQ(slice.whole.size(), 2U);
  EXPECT_NE(slice.whole.key(0), "");
  EXPECT_EQ(slice.whole.key(1), "");
}

// An error of the file is one, whatever is asked for.
TEST_F(Size, OfASliceHidesNoError) {
  const std::string head = test_head + "[[grid]]\nmodel = \"minilm\"\ndataset = \"wordnet\"\n";
  const std::string searchers =
      "granularity = \"head\"\nsearcher = [\"gates\", { plugin = \"a-star\", metric = \"task\" }]\nheads = 3\n";
  const std::string granularities = "granularity = [\"head\", \"head-channel\"]\nsearcher = \"a-star\"\nheads = 3\n";
  const std::string empty = "granularity = \"head\"\nscorer = \"random\"\nsparsity = 0.5\nskip = [{ seed = 0 }]\n";

  for (const auto& [lines, only] : {std::pair(searchers, "searcher=gates"),
                                    std::pair(granularities, "granularity=head"), std::pair(empty, "seed=0")}) {
    options_.only.clear();
    const auto whole = complaint(head + lines);
    options_.only = only;
    EXPECT_NE(whole, "no complaint");
    EXPECT_EQ(complaint(head + lines), whole);
  }
}

}  // namespace
}  // namespace espalier::grid
