// Entries of the cache that are not what was written are computed again, and it is said; so is what was trimmed.
#include <gtest/gtest.h>

#include <algorithm>
#include <fstream>

#include "engine/base_model.h"
#include "tiny_cell.h"
#include "words/cache/entry.h"
#include "words/cache/folder.h"

namespace espalier {
namespace {

namespace fs = std::filesystem;
using test::TinyCell;

class EngineCache : public testing::Test {
 protected:
  std::vector<Point> run() {
    said_.clear();
    engine::Engine engine(test::bundled_plugins(), cache(),
                          {[&](const std::string& line) { said_.push_back(line); }, {}});
    return engine.run(tiny_.cell).points;
  }
  fs::path cache() const { return tiny_.folder / "cache"; }
  // The first entry of a kind; of a folder its weights.
  fs::path file_of(const std::string& kind) const {
    for (const auto& entry : CacheFolder(cache()).entries()) {
      if (entry.kind == kind) return fs::is_directory(entry.path) ? entry.path / "model.safetensors" : entry.path;
    }
    ADD_FAILURE() << "no entry of " << kind;
    return {};
  }
  // One bit in the middle: what was a number stays one.
  static void flip(const fs::path& path) {
    const auto place = static_cast<std::streamoff>(fs::file_size(path) * 3 / 4);
    std::fstream file(path, std::ios::in | std::ios::out | std::ios::binary);
    file.seekg(place);
    const char byte = static_cast<char>(file.get() ^ 1);
    file.seekp(place);
    file.put(byte);
  }
  std::size_t said(const std::string& kind, const std::string& what) const {
    return static_cast<std::size_t>(std::count_if(said_.begin(), said_.end(), [&](const std::string& line) {
      const bool is_of_kind = kind.empty() || line.find("/" + kind + "/") != std::string::npos;
      return is_of_kind && line.find(what) != std::string::npos;
    }));
  }
  void expect_same(const std::vector<Point>& found, const std::vector<Point>& expected, const std::string& what) {
    ASSERT_EQ(found.size(), expected.size()) << what;
    for (std::size_t i = 0; i < found.size(); ++i) {
      EXPECT_EQ(found[i].mask_digest, expected[i].mask_digest) << what;
      EXPECT_EQ(found[i].metrics, expected[i].metrics) << what;
    }
  }

  TinyCell tiny_;
  std::vector<std::string> said_;
};

TEST_F(EngineCache, WithAFlippedBitOrATornEndIsMadeAgainAndSaysSo) {
  const auto points = run();
  for (const std::string kind : {"scores", "dense", "masks", "base_models"}) {
    flip(file_of(kind));
    expect_same(run(), points, kind + ", flipped");
    EXPECT_EQ(said(kind, ": does not verify and is computed again: "), 1U) << kind;
    fs::resize_file(file_of(kind), fs::file_size(file_of(kind)) / 2);
    expect_same(run(), points, kind + ", torn");
    EXPECT_EQ(said(kind, ": does not verify and is computed again: "), 1U) << kind;
    expect_same(run(), points, kind + ", whole");
    EXPECT_EQ(said(kind, "does not verify"), 0U) << kind;
    for (const auto& entry : CacheFolder(cache()).entries()) EXPECT_EQ(CacheFolder::damage_of(entry), "") << entry.path;
  }
}

TEST_F(EngineCache, OfPointsIsComputedAgainWhereABitIsFlipped) {
  Settings once;
  once.set("epochs", std::int64_t{1});
  tiny_.cell.recovery = tiny_.plugin("recovery", "finetune", once);
  tiny_.cell.measure.proof = true;
  const auto points = run();
  flip(file_of("points"));
  tiny_.cell.measure.proof = false;

  const auto again = run();

  EXPECT_EQ(said("points", ": does not verify and is computed again: "), 1U);
  expect_same(again, points, "points");
}

TEST_F(EngineCache, ThatWasTrimmedIsMadeAgain) {
  const auto points = run();

  const auto removed = CacheFolder(cache()).trim(0, 0);

  EXPECT_GE(removed.entries, 3U);
  EXPECT_TRUE(fs::exists(file_of("masks")));
  expect_same(run(), points, "trimmed");
  EXPECT_EQ(said("", "does not verify"), 0U);
}

TEST_F(EngineCache, KeepsTheBaseModelOfALivingProcess) {
  engine::BaseModels models(cache(), {});
  const auto folder = models.get(tiny_.cell).folder;

  const auto removed = CacheFolder(cache()).trim(0, 0);

  EXPECT_EQ(removed.in_use, 1U);
  EXPECT_TRUE(fs::exists(folder / "model.safetensors"));
}

}  // namespace
}  // namespace espalier
