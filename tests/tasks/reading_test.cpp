// What a task reads of a dataset: which tokens, and how often its files.
#include <gtest/gtest.h>

#include "support/temp_dir.h"
#include "support/tensor_matchers.h"
#include "support/tiny_sounds.h"
#include "tables/split_tables.h"
#include "tasks/audio_task.h"
#include "tasks/text_task.h"

namespace espalier::test {
namespace {

// As RoBERTa's: <s> text </s></s> pair </s>, filled up with <pad>.
TEST(Reading, OfTextsTakesTheTokenizerThatTheCheckpointHas) {
  const TempDir folder;
  folder.write("config.json", R"({"model_type": "bert", "max_position_embeddings": 16})");
  folder.write("tokenizer.json", R"({"model": {"type": "BPE", "merges": ["a b"],
      "vocab": {"<s>": 0, "<pad>": 1, "</s>": 2, "a": 3, "b": 4, "ab": 5}},
      "pre_tokenizer": {"type": "ByteLevel", "add_prefix_space": false},
      "post_processor": {"type": "RobertaProcessing", "cls": ["<s>", 0], "sep": ["</s>", 2]}})");
  DatasetSettings dataset;
  dataset.format = Format::TextClassification;
  dataset.pair = "pair";
  dataset.split["test"] = folder.write("test.tsv", "text\tpair\tlabel\naba\tb\tno\nb\tb\tyes\n").string();
  DigestMemory digests(folder / "cache");
  tasks::TextTask task(dataset, folder.path().string(), {"yes", "no"}, digests);

  const auto& split = task.split("test");

  const std::vector<std::int64_t> both = {0, 1};
  const auto batch = split.examples->batch(both);
  EXPECT_TRUE(is_close(batch.inputs.at("input_ids"),
                       at::tensor({0, 5, 3, 2, 2, 4, 2, 0, 4, 2, 2, 4, 2, 1}, at::kLong).view({2, 7})));
  EXPECT_TRUE(is_close(split.labels, at::tensor({1, 0}, at::kLong)));
}

TEST(Reading, OfASplitOpensItsTableOnceAndDigestsItOnce) {
  const TempDir folder;
  write_tiny_ast(folder / "model");
  write_tone(folder, "low.wav", 300);
  write_tone(folder, "high.wav", 900);
  DatasetSettings dataset;
  dataset.format = Format::AudioClassification;
  dataset.split["train"] = folder.write("train.tsv", "path\tlabel\nlow.wav\tcalm\nhigh.wav\tloud\n").string();
  DigestMemory digests(folder / "cache");
  tasks::AudioTask task(dataset, (folder / "model").string(), {}, digests, folder / "cache", {});
  const auto before = table_counts();

  const auto digest = task.split_digest("train");
  EXPECT_EQ(task.labels(), (std::vector<std::string>{"calm", "loud"}));
  EXPECT_EQ(task.split("train").digest, digest);
  task.use_labels({"loud", "calm"});
  EXPECT_TRUE(is_close(task.split("train").labels, at::tensor({1, 0}, at::kLong)));
  EXPECT_EQ(task.split_digest("train"), digest);

  EXPECT_EQ(table_counts().opened - before.opened, 1);
  EXPECT_EQ(table_counts().digested - before.digested, 1);
}

}  // namespace
}  // namespace espalier::test
