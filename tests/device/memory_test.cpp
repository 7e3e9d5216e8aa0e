// A device whose memory does not suffice: smaller pieces give the same numbers, and it is recorded.
#include <espalier/error.h>
#include <gtest/gtest.h>

#include "device_cells.h"
#include "engine/scoring.h"
#include "many_texts.h"
#include "support/message_of.h"
#include "support/tensor_matchers.h"

namespace espalier::test {
namespace {

// What `compute` takes at most, beside what was held before.
template <typename Compute>
std::int64_t bytes_of(Compute&& compute) {
  const FakeCounts counts;
  const auto before = ESPALIER_OF_FAKE_DEVICE(fake_device_bytes)();
  compute();
  return counts.peak_bytes() - before;
}

TEST(LittleDeviceMemory, SufficesForAnEvaluationInSmallerPieces) {
  ManyTexts plenty(fake_device()), little(fake_device());
  tasks::Evaluation expected, found;
  const auto bytes = bytes_of([&] { expected = plenty.evaluate(*plenty.model); });
  const auto before = nn::memory_shortages();
  {
    const LittleMemory limit(bytes / 4);
    found = little.evaluate(*little.model);
  }

  EXPECT_GT(nn::memory_shortages(), before);
  EXPECT_EQ(found.outcomes, expected.outcomes);
  EXPECT_NEAR(found.metrics.at("cross_entropy"), expected.metrics.at("cross_entropy"), 1e-5);
  // What was learnt is kept: the next evaluation of the same inputs meets no shortage.
  const auto learnt = nn::memory_shortages();
  const LittleMemory limit(bytes / 4);
  little.evaluate(*little.model);
  EXPECT_EQ(nn::memory_shortages(), learnt);
}

TEST(LittleDeviceMemory, SufficesForScoresOfFewerExamplesAtATime) {
  ManyTexts texts(fake_device(), 200);
  const auto& card = bundled_plugins().find("scorer", "fisher").description;
  const engine::ScoreSource source{*texts.model, *texts.model, texts.task.get(), &texts.task->split("test")};
  const engine::ScoreRequest request{"fisher", complete_settings(card, {})};
  at::Tensor expected, found;
  const auto bytes = bytes_of([&] { expected = engine::compute_scores(bundled_plugins(), source, request); });
  const auto before = nn::memory_shortages();
  {
    const LittleMemory limit(bytes / 3);
    found = engine::compute_scores(bundled_plugins(), source, request);
  }

  EXPECT_GT(nn::memory_shortages(), before);
  EXPECT_TRUE(is_close(found, expected, {.relative = 1e-4}));
}

TEST(LittleDeviceMemory, SufficesForTranscriptsOfFewerUtterancesAtATime) {
  const CellOnDevices tiny({"whisper", [](TinyCell& one) {
                              cells::use_sounds(one, "speech-recognition");
                              one.cell.dataset.split["test"] =
                                  write_tones(one.folder, "many", "speech-recognition", 40, 200);
                            }});
  const auto& checkpoint = tiny.cell.model.checkpoint;
  const auto model = families::read_model(checkpoint, "", fake_device().place);
  const auto evaluate = [&] {
    DigestMemory digests(tiny.folder / "digests");
    const auto task = tasks::make_task(tiny.cell.dataset, checkpoint, {}, digests, tiny.folder / "cache-whisper", {},
                                       model.get(), fake_device());
    return task->evaluate(*model, task->split("test"));
  };
  tasks::Evaluation expected, found;
  const auto bytes = bytes_of([&] { expected = evaluate(); });
  const auto before = nn::memory_shortages();
  {
    const LittleMemory limit(bytes / 4);
    found = evaluate();
  }

  EXPECT_GT(nn::memory_shortages(), before);
  EXPECT_EQ(found.outcomes, expected.outcomes);
  for (const auto& [name, value] : expected.metrics) EXPECT_NEAR(found.metrics.at(name), value, 1e-4) << name;
}

TEST(LittleDeviceMemory, IsRecordedWithTheCell) {
  const CellOnDevices tiny({"fisher", [](TinyCell& one) {
                              cells::scorer("fisher")(one);
                              one.cell.dataset.split["test"] =
                                  write_tiny_table(one.folder, "many.tsv", 2000, 3).string();
                            }});
  engine::CellResult expected, found;
  const auto bytes = bytes_of([&] { expected = tiny.run(fake_device(), "plenty"); });
  {
    const LittleMemory limit(bytes / 3);
    auto device = fake_device();
    device.memory_bytes = bytes;  // so that what is kept between masks is a share of little
    found = tiny.run(device, "little");
  }

  EXPECT_EQ(expected.timing.memory_shortages, 0);
  EXPECT_GT(found.timing.memory_shortages, 0);
  EXPECT_EQ(found.failure, "");
  EXPECT_TRUE(equal_masks(found, expected));
}

// The programs make a sentence of it (core/worker/device/devices.cpp).
TEST(LittleDeviceMemory, DoesNotSufficeForOneExample) {
  ManyTexts texts(fake_device());
  texts.task->split("test");
  const LittleMemory limit(6000);

  try {
    texts.evaluate(*texts.model);
    ADD_FAILURE() << "nothing was thrown";
  } catch (const std::exception& error) {
    EXPECT_TRUE(nn::is_out_of_memory(error)) << error.what();
  }
}

}  // namespace
}  // namespace espalier::test
