// What a GPU would be asked to launch: at 4 to 5 microseconds a launch, a call for each length of text was most of the time
// of a small model's evaluation (2,677 launches of one dense evaluation of 1,000 glosses by MiniLM).
#include <gtest/gtest.h>

#include <cstdlib>

#include "many_texts.h"

namespace espalier::test {
namespace {

constexpr std::int64_t most_launches = 110;

void expect_few_launches(ManyTexts& texts, const std::vector<std::uint64_t>& masks) {
  const FakeCounts of_first;
  texts.evaluate(*texts.model);
  EXPECT_LE(of_first.operators(), most_launches) << "the first evaluation, which packs its inputs";
  for (const auto seed : masks) {
    const auto mask = texts.half_of_the_heads(seed);
    const FakeCounts counts;

    const auto compacted = texts.model->compacted(mask);
    const auto of_compaction = counts.operators();
    texts.evaluate(*compacted);

    EXPECT_LE(counts.operators(), most_launches) << of_compaction << " of them compact the model";
    EXPECT_LE(counts.named("aten::_efficient_attention_forward"), 6) << "one a site";
    EXPECT_EQ(counts.casts(), 0);
    EXPECT_LE(counts.copies_to_host(), 2) << "each waits for all that was launched";
    std::printf("mask %llu: %lld launches, %lld of them to compact; %lld copies to the device, %lld from it\n",
                static_cast<unsigned long long>(seed), static_cast<long long>(counts.operators()),
                static_cast<long long>(of_compaction), static_cast<long long>(counts.copies_from_host()),
                static_cast<long long>(counts.copies_to_host()));
  }
}

TEST(Launches, OfAMaskOfSixLayersAreFew) {
  ManyTexts texts(fake_device());
  expect_few_launches(texts, {1, 2, 3});
}

TEST(Launches, OfAMaskOfMiniLmOverAThousandGlossesAreFew) {
  const char* data = std::getenv("ESPALIER_DATA");
  const auto folder = std::filesystem::path(data == nullptr ? "" : data);
  if (data == nullptr || !std::filesystem::exists(folder / "minilm") || !std::filesystem::exists(folder / "wordnet"))
    GTEST_SKIP() << "ESPALIER_DATA has no minilm and wordnet";
  DatasetSettings dataset;
  dataset.name = "wordnet";
  dataset.max_tokens = 48;
  for (const char* split : {"train", "test"}) dataset.split[split] = (folder / "wordnet/test.tsv").string();
  dataset.limit = {{"test", 1000}};
  const TempDir cache;
  DigestMemory digests(cache / "digests");
  const auto labels =
      tasks::make_task(dataset, (folder / "minilm").string(), {}, digests, cache.path(), {}, nullptr, fake_device())
          ->labels();
  ManyTexts texts(fake_device(), dataset, folder / "minilm", labels);

  expect_few_launches(texts, {1});
}

}  // namespace
}  // namespace espalier::test
