// Against what the reference implementations make of the same texts (tests/fixtures/speech/make_golden.py).
#include "text/byte_level_bpe.h"

#include <espalier/error.h>
#include <gtest/gtest.h>

#include <fstream>
#include <nlohmann/json.hpp>

#include "support/message_of.h"
#include "support/temp_dir.h"

namespace espalier::text {
namespace {

using nlohmann::json;

const std::filesystem::path fixtures = std::filesystem::path(ESPALIER_SOURCE_DIR) / "tests/fixtures/speech";

std::vector<json> lines_of(const std::string& name) {
  std::ifstream file(fixtures / name);
  std::vector<json> lines;
  for (std::string line; std::getline(file, line);) lines.push_back(json::parse(line));
  return lines;
}

TEST(ByteLevelBpeTest, EqualsHuggingFaceTokenizers) {
  const auto tokenizer = ByteLevelBpe::read(fixtures / "bpe");
  for (const auto& one : lines_of("bpe.jsonl")) {
    const std::vector<std::int64_t> ids = one["ids"];
    EXPECT_EQ(tokenizer.decode(ids), one["decoded"].get<std::string>()) << one;
    if (one.contains("text")) {
      EXPECT_EQ(tokenizer.encode(one["text"].get<std::string>()), ids) << one;
    }
  }
}

TEST(ByteLevelBpeTest, ReadsVocabularyAndMergesApart) {
  std::ifstream file(fixtures / "bpe/tokenizer.json");
  const auto whole = json::parse(file);
  const test::TempDir folder;
  folder.write("vocab.json", whole["model"]["vocab"].dump());
  std::string merges = "#version: 0.2\n";
  for (const auto& merge : whole["model"]["merges"])
    merges += (merge.is_string() ? merge.get<std::string>()
                                 : merge[0].get<std::string>() + " " + merge[1].get<std::string>()) +
              "\n";
  folder.write("merges.txt", merges);
  const auto apart = ByteLevelBpe::read(folder.path()), together = ByteLevelBpe::read(fixtures / "bpe");
  for (const auto& one : lines_of("bpe.jsonl")) {
    if (!one.contains("text")) continue;
    EXPECT_EQ(apart.encode(one["text"].get<std::string>()), together.encode(one["text"].get<std::string>())) << one;
  }
}

// tests/fixtures/speech/make_timestamp_golden.py
TEST(ByteLevelBpeTest, LeavesTimestampsOutAsWhisperTokenizerDoes) {
  std::ifstream file(fixtures / "bpe/tokenizer.json"), golden_file(fixtures / "timestamps.json");
  auto tokenizer = json::parse(file);
  const auto golden = json::parse(golden_file);
  for (const auto& token : golden["added"]) tokenizer["added_tokens"].push_back(token);
  const test::TempDir folder;
  folder.write("tokenizer.json", tokenizer.dump());
  const auto whisper = ByteLevelBpe::read(folder.path());
  for (const auto& one : golden["cases"])
    EXPECT_EQ(whisper.decode(one["ids"].get<std::vector<std::int64_t>>()), one["decoded"].get<std::string>()) << one;
}

TEST(ByteLevelBpeTest, OfAnotherClassIsRefusedByItsName) {
  const test::TempDir folder;
  std::ifstream file(fixtures / "bpe/tokenizer.json");
  folder.write("tokenizer.json", json::parse(file).dump());
  for (const char* name : {"WhisperTokenizer", "WhisperTokenizerFast", "PreTrainedTokenizerFast"}) {
    folder.write("tokenizer_config.json", json{{"tokenizer_class", name}}.dump());
    EXPECT_GT(ByteLevelBpe::read(folder.path()).vocabulary_size(), 256);
  }
  folder.write("tokenizer_config.json", R"({"tokenizer_class": "Speech2TextTokenizer"})");
  EXPECT_EQ(test::message_of<InputError>([&] { ByteLevelBpe::read(folder.path()); }),
            (folder / "tokenizer_config.json").string() +
                ": tokenizer_class is 'Speech2TextTokenizer', which is not implemented: its texts would become other "
                "tokens\n    expected WhisperTokenizer, PreTrainedTokenizer (or Fast)");
}

TEST(ByteLevelBpeTest, SaysWhatIsWrong) {
  const test::TempDir folder;
  const auto says = [&] { return test::message_of<InputError>([&] { ByteLevelBpe::read(folder.path()); }); };
  EXPECT_EQ(says(),
            folder.path().string() + ": has no tokenizer\n    expected tokenizer.json, or vocab.json and merges.txt");
  folder.write("tokenizer.json", "{]");
  EXPECT_EQ(says(), (folder / "tokenizer.json").string() + ": is not valid JSON");
  folder.write("tokenizer.json", R"({"model": {"type": "WordPiece"}})");
  EXPECT_EQ(says(), (folder / "tokenizer.json").string() + ": holds no BPE model with vocab and merges");
  folder.write("tokenizer.json", R"({"model": {"type": "BPE", "vocab": {"a": -4}, "merges": []}})");
  EXPECT_EQ(says(), (folder / "tokenizer.json").string() + ": token id -4 makes no sense");
}

}  // namespace
}  // namespace espalier::text
