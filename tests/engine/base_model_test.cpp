#include "engine/base_model.h"

#include <espalier/error.h>
#include <gtest/gtest.h>

#include <chrono>
#include <optional>
#include <thread>

#include "loader/at_work.h"
#include "support/message_of.h"
#include "support/tensor_matchers.h"
#include "tiny_cell.h"
#include "words/cache/lock.h"

namespace espalier::test {
namespace {

TEST(BaseModel, IsTrainedOnceAndFoundAgain) {
  TinyCell tiny;
  engine::BaseModels first(tiny.folder / "cache", Watch{}), second(tiny.folder / "cache", Watch{});

  auto& trained = first.get(tiny.cell);
  auto& found = second.get(tiny.cell);

  EXPECT_TRUE(trained.trained_now);
  EXPECT_FALSE(found.trained_now);
  EXPECT_EQ(trained.digest, found.digest);
  EXPECT_EQ(found.model->labels(), (std::vector<std::string>{"animal", "colour", "number"}));
  EXPECT_TRUE(is_close(second.dense_evaluation(found, "test", ComputeType::Float32).outputs.at("logits"),
                       first.dense_evaluation(trained, "test", ComputeType::Float32).outputs.at("logits")));
}

// The other one lets go as soon as it sees that it is waited for.
TEST(BaseModel, ThatAnotherProcessMakesIsWaitedForAndThatIsNoted) {
  TinyCell tiny;
  engine::BaseModels first(tiny.folder / "cache", Watch{}), second(tiny.folder / "cache", Watch{});
  const auto folder = first.get(tiny.cell).folder;
  const auto before = loader::work_note().waited_seconds;
  auto held = std::make_optional<PathLock>(folder.string() + ".lock", PathLock::Kind::Exclusive);
  ASSERT_TRUE(held->is_open());
  std::thread other([&] {
    for (int looks = 0; looks < 6000 && loader::work_note().waited_seconds <= before; ++looks)
      std::this_thread::sleep_for(std::chrono::milliseconds(10));
    held.reset();
  });

  const auto& found = second.get(tiny.cell);
  other.join();

  EXPECT_FALSE(found.trained_now);
  EXPECT_GT(loader::work_note().waited_seconds, before);
}

TEST(BaseModel, DependsOnSeedRecipeAndDataButNotOnPathsOrNames) {
  TinyCell tiny;
  engine::BaseModels models(tiny.folder / "cache", Watch{});
  const auto digest = models.get(tiny.cell).digest;

  auto seeded = tiny.cell;
  seeded.base_seed = 1;
  auto longer = tiny.cell;
  longer.model.train->epochs = 1;
  auto limited = tiny.cell;
  limited.dataset.limit["train"] = 50;
  auto moved = tiny.cell;
  std::filesystem::copy(tiny.folder / "model", tiny.folder / "elsewhere");
  moved.model.checkpoint = (tiny.folder / "elsewhere").string();
  moved.model.name = "other";

  EXPECT_NE(models.get(seeded).digest, digest);
  EXPECT_NE(models.get(longer).digest, digest);
  EXPECT_NE(models.get(limited).digest, digest);
  EXPECT_EQ(models.get(moved).digest, digest);
}

TEST(BaseModel, IsAnOrdinaryCheckpointWithItsTokenizer) {
  TinyCell tiny;
  engine::BaseModels models(tiny.folder / "cache", Watch{});

  const auto folder = models.get(tiny.cell).folder;

  for (const char* name : {"config.json", "model.safetensors", "vocab.txt"}) {
    EXPECT_TRUE(std::filesystem::exists(folder / name)) << name;
  }
}

TEST(BaseModel, AHeadlessCheckpointWithoutARecipeSaysWhatToDo) {
  TinyCell tiny;
  tiny.cell.model.train.reset();
  engine::BaseModels models(tiny.folder / "cache", Watch{});

  const auto message = message_of<InputError>([&] { models.get(tiny.cell); });

  EXPECT_NE(message.find("has no classification head, and model 'tiny' gives no training recipe"), std::string::npos)
      << message;
  EXPECT_NE(message.find("add train = { epochs = 2 }"), std::string::npos) << message;
}

TEST(BaseModel, ALabelThatTrainingNeverSawIsRefused) {
  TinyCell tiny;
  tiny.cell.dataset.split["test"] = tiny.folder.write("odd.tsv", "text\tlabel\nred cat\tcolor\n").string();
  engine::BaseModels models(tiny.folder / "cache", Watch{});
  auto& base = models.get(tiny.cell);

  const auto message = message_of<InputError>([&] { models.dense_evaluation(base, "test", ComputeType::Float32); });

  EXPECT_NE(message.find("odd.tsv:2"), std::string::npos) << message;
  EXPECT_NE(message.find("'color'"), std::string::npos) << message;
  EXPECT_NE(message.find("colour"), std::string::npos) << message;
}

}  // namespace
}  // namespace espalier::test
