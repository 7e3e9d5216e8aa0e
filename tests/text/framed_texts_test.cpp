// Texts in their frames: what stands around one and around two, and what is left of them at a limit.
#include <espalier/error.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "support/message_of.h"
#include "support/temp_dir.h"
#include "text/byte_level_bpe.h"
#include "text/tokenizer.h"
#include "text/wordpiece.h"

namespace espalier::text {
namespace {

using nlohmann::json;
using Ids = std::vector<std::int32_t>;

// As transformers saves RoBERTa's, with six merges: "Ġ" is a space.
json roberta() {
  json vocabulary = {{"<s>", 0}, {"<pad>", 1}, {"</s>", 2}, {"<unk>", 3}};
  std::int32_t next = 4;
  for (const char* token : {"l", "o", "w", "e", "r", "n", "\u0120", "lo", "low", "er", "\u0120low", "\u0120n", "ne"})
    vocabulary[token] = next++;
  const auto added = [](std::int32_t id, const char* content, bool lstrip) {
    return json{{"id", id},        {"content", content}, {"single_word", false}, {"lstrip", lstrip},
                {"rstrip", false}, {"normalized", true}, {"special", true}};
  };
  vocabulary["<mask>"] = next;
  return {
      {"added_tokens",
       {added(0, "<s>", false), added(1, "<pad>", false), added(2, "</s>", false), added(3, "<unk>", false),
        added(next, "<mask>", true)}},
      {"normalizer", nullptr},
      {"pre_tokenizer", {{"type", "ByteLevel"}, {"add_prefix_space", false}, {"trim_offsets", true}}},
      {"post_processor",
       {{"type", "RobertaProcessing"},
        {"sep", {"</s>", 2}},
        {"cls", {"<s>", 0}},
        {"trim_offsets", true},
        {"add_prefix_space", false}}},
      {"decoder", {{"type", "ByteLevel"}}},
      {"model",
       {{"type", "BPE"}, {"vocab", vocabulary}, {"merges", {"l o", "lo w", "e r", "\u0120 low", "\u0120 n", "n e"}}}}};
}

class FramedTexts : public testing::Test {
 protected:
  std::unique_ptr<const Tokenizer> read(const json& tokenizer) {
    folder.write("tokenizer.json", tokenizer.dump());
    return read_tokenizer(folder.path());
  }
  test::TempDir folder;
};

// l 4, o 5, w 6, e 7, r 8, n 9, Ġ 10, lo 11, low 12, er 13, Ġlow 14, Ġn 15, ne 16, <mask> 17.
TEST_F(FramedTexts, OfRobertaStandBetweenItsTokens) {
  const auto tokenizer = read(roberta());
  const auto one = tokenizer->encode("low lower", std::nullopt, 32);
  EXPECT_EQ(one.ids, (Ids{0, 12, 14, 13, 2}));
  EXPECT_EQ(one.types, (Ids{0, 0, 0, 0, 0}));
  const auto two = tokenizer->encode("low", "new low", 32);
  EXPECT_EQ(two.ids, (Ids{0, 12, 2, 2, 16, 6, 14, 2}));
  EXPECT_EQ(two.types, Ids(8, 0)) << "RoBERTa has one type";
  EXPECT_EQ(tokenizer->padding(), 1);
  EXPECT_EQ(tokenizer->vocabulary_size(), 18);
  EXPECT_EQ(tokenizer->decode({0, 12, 14, 13, 2, 1, 1}), "low lower");
}

TEST_F(FramedTexts, AreCutLongestFirst) {
  const auto tokenizer = read(roberta());
  EXPECT_EQ(tokenizer->encode("low low low", std::nullopt, 4).ids, (Ids{0, 12, 14, 2}));
  EXPECT_EQ(tokenizer->encode("low low low", "low", 7).ids, (Ids{0, 12, 14, 2, 2, 12, 2}));
  EXPECT_EQ(test::message_of<SettingsError>([&] { tokenizer->encode("low", "low", 3); }),
            "max_tokens is 3, but a pair of texts needs at least 4: <s> and </s> are tokens too");
}

TEST_F(FramedTexts, HoldTokensThatAreWrittenInThem) {
  const auto tokenizer = read(roberta());
  EXPECT_EQ(tokenizer->encode("low <mask> low</s>", std::nullopt, 32).ids, (Ids{0, 12, 17, 14, 2, 2}));
}

TEST_F(FramedTexts, BeginWithASpaceWhereTheFilesSaySo) {
  folder.write("tokenizer_config.json", R"({"tokenizer_class": "RobertaTokenizer", "add_prefix_space": true})");
  EXPECT_EQ(read(roberta())->encode("low", std::nullopt, 32).ids, (Ids{0, 14, 2}));
}

TEST_F(FramedTexts, FollowATemplate) {
  auto tokenizer = roberta();
  const auto special = [](const char* name, int type) {
    return json{{"SpecialToken", {{"id", name}, {"type_id", type}}}};
  };
  const auto text = [](const char* name, int type) { return json{{"Sequence", {{"id", name}, {"type_id", type}}}}; };
  const auto token = [](const char* name, int id) { return json{{"id", name}, {"ids", {id}}, {"tokens", {name}}}; };
  tokenizer["post_processor"] = {
      {"type", "Sequence"},
      {"processors",
       {{{"type", "ByteLevel"}},
        {{"type", "TemplateProcessing"},
         {"single", {special("<s>", 0), text("A", 0)}},
         {"pair", {special("<s>", 0), text("A", 0), special("</s>", 0), text("B", 1), special("</s>", 1)}},
         {"special_tokens", {{"<s>", token("<s>", 0)}, {"</s>", token("</s>", 2)}}}}}}};
  const auto read_back = read(tokenizer);
  EXPECT_EQ(read_back->encode("low", std::nullopt, 32).ids, (Ids{0, 12}));
  const auto two = read_back->encode("low", "low", 32);
  EXPECT_EQ(two.ids, (Ids{0, 12, 2, 12, 2}));
  EXPECT_EQ(two.types, (Ids{0, 0, 0, 1, 1}));
  EXPECT_FALSE(read_back->encodes_as(*read(roberta()))) << "the same ids in another frame";
  EXPECT_TRUE(read_back->gives_the_ids_of(*read(roberta())));
}

TEST_F(FramedTexts, AreRefusedWhereTheFrameIsNotKnown) {
  const auto file = (folder / "tokenizer.json").string();
  const std::string hint = "\n    expected a byte-level BPE tokenizer of texts as transformers saves it for RoBERTa";
  auto tokenizer = roberta();
  tokenizer["post_processor"] = {{"type", "Novel"}};
  EXPECT_EQ(test::message_of<InputError>([&] { read(tokenizer); }),
            file + ": its post_processor is of type 'Novel', which is not implemented" + hint);
  EXPECT_EQ(ByteLevelBpe::read(folder.path()).encode("low"), std::vector<std::int64_t>{12})
      << "ids of a text alone need none";
  tokenizer["post_processor"] = {{"type", "RobertaProcessing"}, {"cls", {"<s>", 0}}};
  EXPECT_EQ(test::message_of<InputError>([&] { read(tokenizer); }), file + ": its post_processor lacks 'sep'" + hint);
  tokenizer = roberta();
  tokenizer["pre_tokenizer"] = {{"type", "Metaspace"}};
  EXPECT_EQ(test::message_of<InputError>([&] { read(tokenizer); }),
            file + ": its pre_tokenizer is not of type 'ByteLevel', which is the one implemented" + hint);
}

TEST_F(FramedTexts, OfBertAreReadFromWordPiece) {
  folder.write("vocab.txt", "[PAD]\n[UNK]\n[CLS]\n[SEP]\n[MASK]\nlow\n##er\n.\n");
  const auto tokenizer = read_tokenizer(folder.path());
  const auto two = tokenizer->encode("Lower.", "low", 32);
  EXPECT_EQ(two.ids, (Ids{2, 5, 6, 7, 3, 5, 3}));
  EXPECT_EQ(two.types, (Ids{0, 0, 0, 0, 0, 1, 1}));
  EXPECT_EQ(tokenizer->decode({2, 5, 6, 7, 3, 5, 3, 0}), "lower. low");
  EXPECT_FALSE(tokenizer->gives_the_ids_of(*read(roberta())));
}

}  // namespace
}  // namespace espalier::text
