// Ids against those of Hugging Face tokenizers (tests/fixtures/data/make_wordpiece_golden.py).
#include "text/wordpiece.h"

#include <espalier/error.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <string>

#include "support/message_of.h"
#include "support/temp_dir.h"
#include "words/digest.h"

namespace espalier::text {
namespace {

using nlohmann::json;
namespace fs = std::filesystem;

const fs::path data_fixtures = fs::path(ESPALIER_SOURCE_DIR) / "tests/fixtures/data";

std::vector<json> read_lines(const fs::path& file) {
  std::vector<json> lines;
  std::ifstream input(file);
  for (std::string line; std::getline(input, line);) lines.push_back(json::parse(line));
  return lines;
}

Encoding encode(const WordPiece& tokenizer, const json& golden) {
  const auto text = golden.at("text").get<std::string>();
  std::optional<std::string> pair;
  if (golden.contains("pair")) pair = golden.at("pair").get<std::string>();
  return tokenizer.encode(text, pair ? std::optional<std::string_view>(*pair) : std::nullopt, golden.at("max_tokens"));
}

void expect_golden(const WordPiece& tokenizer, const fs::path& file, const std::string& name) {
  const auto lines = read_lines(file);
  ASSERT_GT(lines.size(), 400u);
  for (const auto& golden : lines) {
    const Encoding encoding = encode(tokenizer, golden);
    EXPECT_EQ(encoding.ids, golden.at(name).get<std::vector<std::int32_t>>()) << golden.dump();
    const auto first = golden.value(name + "_first", encoding.ids.size());
    ASSERT_EQ(encoding.types.size(), encoding.ids.size());
    for (std::size_t place = 0; place < encoding.types.size(); ++place) {
      ASSERT_EQ(encoding.types[place], place < first ? 0 : 1) << golden.dump();
    }
  }
}

void append_utf8(std::string& text, std::uint32_t point) {
  const auto byte = [&](std::uint32_t value) { text.push_back(static_cast<char>(value)); };
  if (point < 0x80) {
    byte(point);
  } else if (point < 0x800) {
    byte(0xC0 | point >> 6), byte(0x80 | (point & 0x3F));
  } else if (point < 0x10000) {
    byte(0xE0 | point >> 12), byte(0x80 | (point >> 6 & 0x3F)), byte(0x80 | (point & 0x3F));
  } else {
    byte(0xF0 | point >> 18), byte(0x80 | (point >> 12 & 0x3F)), byte(0x80 | (point >> 6 & 0x3F)),
        byte(0x80 | (point & 0x3F));
  }
}

class WordPieceGolden : public ::testing::TestWithParam<const char*> {};

TEST_P(WordPieceGolden, GivesTheIdsOfHuggingFace) {
  const WordPiece tokenizer = WordPiece::read(data_fixtures / GetParam());

  expect_golden(tokenizer, data_fixtures / "wordpiece_golden.jsonl", GetParam());
}

TEST_P(WordPieceGolden, GivesTheIdsOfHuggingFaceForEveryCodePoint) {
  const WordPiece tokenizer = WordPiece::read(data_fixtures / GetParam());

  for (const auto& block : read_lines(data_fixtures / "every_character.jsonl")) {
    const auto start = block.at("first").get<std::uint32_t>();
    std::string ids;
    for (std::uint32_t point = start; point < start + 0x2000; ++point) {
      if (point >= 0xD800 && point < 0xE000) continue;
      std::string text = "a";
      append_utf8(text, point);
      text += "b";
      const auto encoding = tokenizer.encode(text, std::nullopt, 512);
      for (const auto id : encoding.ids) ids.append(std::to_string(id)).push_back(' ');
      ids.back() = '\n';
    }
    EXPECT_EQ(sha256_hex(ids).substr(0, 16), block.at(GetParam()).get<std::string>()) << std::hex << start;
  }
}

INSTANTIATE_TEST_SUITE_P(Checkpoints, WordPieceGolden, ::testing::Values("uncased", "cased", "added"),
                         [](const auto& checkpoint) { return std::string(checkpoint.param); });

TEST(WordPiece, GivesTheIdsOfHuggingFaceWithTheRealVocabulary) {
  const char* const data = std::getenv("ESPALIER_DATA");
  const fs::path minilm = (data != nullptr ? fs::path(data) : fs::path(ESPALIER_SOURCE_DIR) / ".deps/data") / "minilm";
  if (!fs::exists(minilm / "tokenizer.json"))
    GTEST_SKIP() << minilm << " is not there; bash cmake/quickstart.sh fetches it";
  const WordPiece tokenizer = WordPiece::read(minilm);

  expect_golden(tokenizer, data_fixtures / "minilm_golden.jsonl", "minilm");
  EXPECT_EQ(tokenizer.vocabulary_size(), 30522);
  EXPECT_EQ(tokenizer.padding(), 0);
}

TEST(WordPiece, ReadsAVocabularyWithCarriageReturns) {
  const test::TempDir folder;
  folder.write("vocab.txt", "[PAD]\r\n[UNK]\r\n[CLS]\r\n[SEP]\r\nhello\r\n##s");
  const WordPiece tokenizer = WordPiece::read(folder.path());

  EXPECT_EQ(tokenizer.encode("Hellos x", std::nullopt, 16).ids, (std::vector<std::int32_t>{2, 4, 5, 1, 3}));
  EXPECT_EQ(tokenizer.vocabulary_size(), 6);
}

TEST(WordPiece, ReadsInvalidUtf8AsTheReplacementCharacter) {
  const test::TempDir folder;
  folder.write("vocab.txt", "[PAD]\n[UNK]\n[CLS]\n[SEP]\na\n##b\n");
  const WordPiece tokenizer = WordPiece::read(folder.path());

  EXPECT_EQ(tokenizer
                .encode("a\xC3"
                        "b",
                        std::nullopt, 8)
                .ids,
            (std::vector<std::int32_t>{2, 4, 5, 3}));
}

TEST(WordPiece, NeedsRoomForItsOwnTokens) {
  const WordPiece tokenizer = WordPiece::read(data_fixtures / "uncased");

  EXPECT_EQ(test::message_of<SettingsError>([&] { tokenizer.encode("a", std::nullopt, 1); }),
            "max_tokens is 1, but a text needs at least 2: [CLS] and [SEP] are tokens too");
  EXPECT_EQ(test::message_of<SettingsError>([&] { tokenizer.encode("a", "b", 2); }),
            "max_tokens is 2, but a pair of texts needs at least 3: [CLS] and [SEP] are tokens too");
}

}  // namespace
}  // namespace espalier::text
