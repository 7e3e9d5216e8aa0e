// Which files of a checkpoint count, and what is said about those that cannot be read.
#include <espalier/error.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <map>
#include <nlohmann/json.hpp>
#include <string>

#include "support/message_of.h"
#include "support/temp_dir.h"
#include "text/wordpiece.h"

namespace espalier::text {
namespace {

using nlohmann::json;

const char* const hint = "\n    expected a WordPiece tokenizer as transformers saves it for BERT";

json tokenizer() {
  return {{"added_tokens", json::array()},
          {"normalizer", {{"type", "BertNormalizer"}, {"lowercase", false}, {"strip_accents", nullptr}}},
          {"pre_tokenizer", {{"type", "BertPreTokenizer"}}},
          {"model",
           {{"type", "WordPiece"},
            {"unk_token", "[UNK]"},
            {"vocab", {{"[PAD]", 7}, {"[UNK]", 1}, {"[CLS]", 2}, {"[SEP]", 3}, {"Ab", 4}, {"ab", 5}, {"\u00e9", 9}}}}}};
}

std::vector<std::int32_t> ids(const test::TempDir& folder, const std::string& text) {
  return WordPiece::read(folder.path()).encode(text, std::nullopt, 64).ids;
}

using Ids = std::vector<std::int32_t>;

TEST(TokenizerFiles, PrefersTokenizerJson) {
  const test::TempDir folder;
  folder.write("vocab.txt", "[PAD]\n[UNK]\n[CLS]\n[SEP]\nab\n");
  folder.write("tokenizer.json", tokenizer().dump());
  folder.write("tokenizer_config.json", R"({"do_lower_case": false})");

  EXPECT_EQ(ids(folder, "Ab ab \u00e9 [MASK]"), (Ids{2, 4, 5, 9, 1, 1, 1, 3}));
  EXPECT_EQ(WordPiece::read(folder.path()).vocabulary_size(), 10);
  EXPECT_EQ(WordPiece::read(folder.path()).padding(), 7);
}

TEST(TokenizerFiles, LetsTheConfigurationDecideOnCaseAndAccents) {
  const test::TempDir folder;
  folder.write("tokenizer.json", tokenizer().dump());

  folder.write("tokenizer_config.json", R"({"do_lower_case": true})");
  EXPECT_EQ(ids(folder, "Ab \u00e9"), (Ids{2, 5, 1, 3}));
  folder.write("tokenizer_config.json", R"({"do_lower_case": true, "strip_accents": false})");
  EXPECT_EQ(ids(folder, "Ab \u00e9"), (Ids{2, 5, 9, 3}));
  folder.write("tokenizer_config.json", R"({"do_lower_case": true, "tokenizer_class": "PreTrainedTokenizerFast"})");
  EXPECT_EQ(ids(folder, "Ab \u00e9"), (Ids{2, 4, 9, 3}));
}

TEST(TokenizerFiles, TakesSpecialTokensFromTheConfiguration) {
  const test::TempDir folder;
  folder.write("vocab.txt", "<s>\n</s>\n<unk>\n<x>\na\n");
  folder.write("tokenizer_config.json",
               R"({"cls_token": "<s>", "sep_token": {"content": "</s>", "special": true}, "unk_token": "<unk>",
                   "added_tokens_decoder": {"3": {"content": "<x>", "special": true}}})");

  EXPECT_EQ(ids(folder, "a<x>b</s>"), (Ids{0, 4, 3, 2, 1, 1}));
}

// tests/fixtures/data/make_tokenizer_golden.py
TEST(TokenizerFiles, GiveTheIdsOfAutoTokenizer) {
  std::ifstream input(std::filesystem::path(ESPALIER_SOURCE_DIR) / "tests/fixtures/data/tokenizers.json");
  const auto golden = json::parse(input);
  const auto& texts = golden.at(0).at("texts");
  ASSERT_GT(golden.size(), 20u);
  for (std::size_t i = 1; i < golden.size(); ++i) {
    const test::TempDir folder;
    for (const auto& [file, text] : golden[i].at("files").items()) folder.write(file, text.get<std::string>());
    for (std::size_t text = 0; text < texts.size(); ++text) {
      EXPECT_EQ(json(ids(folder, texts[text].get<std::string>())), golden[i].at("ids")[text])
          << golden[i].at("name") << ": " << texts[text];
    }
  }
}

std::string refusal(const std::map<std::string, std::string>& files) {
  const test::TempDir folder;
  for (const auto& [name, text] : files) folder.write(name, text);
  const auto message = test::message_of<InputError>([&] { WordPiece::read(folder.path()); });
  const auto begin = folder.path().string() + "/";
  EXPECT_TRUE(message.starts_with(begin)) << message;
  return message.substr(std::min(begin.size(), message.size()));
}

TEST(TokenizerFiles, OfAnotherClassAreRefusedByItsName) {
  const std::string like =
      "BertTokenizer, ConvBertTokenizer, ElectraTokenizer, LayoutLMTokenizer, LxmertTokenizer, "
      "MobileBertTokenizer, SqueezeBertTokenizer";
  const std::string vocabulary = "[PAD]\n[UNK]\n[CLS]\n[SEP]\nab\n";
  const auto of_class = [](const char* name) { return json{{"tokenizer_class", name}}.dump(); };
  for (const char* name : {"BertJapaneseTokenizer", "DistilBertTokenizerFast", "MPNetTokenizer", "RobertaTokenizer"}) {
    const auto expected = std::string(": tokenizer_class is '") + name +
                          "', which is not implemented: its texts would become other tokens\n    expected ";
    EXPECT_EQ(refusal({{"vocab.txt", vocabulary}, {"tokenizer_config.json", of_class(name)}}),
              "tokenizer_config.json" + expected + like + " (or Fast)");
    EXPECT_EQ(refusal({{"tokenizer.json", tokenizer().dump()}, {"config.json", of_class(name)}}),
              "config.json" + expected + like + ", PreTrainedTokenizer (or Fast)");
    // Also where its own files are not ours.
    EXPECT_EQ(refusal({{"spiece.model", "x"}, {"tokenizer_config.json", of_class(name)}}),
              "tokenizer_config.json" + expected + like + " (or Fast)");
  }
  // What says how a text is cut, where the class is not said.
  EXPECT_EQ(refusal({{"vocab.txt", vocabulary}, {"tokenizer_config.json", R"({"word_tokenizer_type": "mecab"})"}}),
            std::string("tokenizer_config.json: 'word_tokenizer_type' is 'mecab', which is not implemented") + hint);
  EXPECT_EQ(
      refusal({{"vocab.txt", vocabulary}, {"tokenizer_config.json", R"({"subword_tokenizer_type": "character"})"}}),
      std::string("tokenizer_config.json: 'subword_tokenizer_type' is 'character', which is not implemented") + hint);
}

std::string complaint(const std::string& name, const std::string& content) {
  const test::TempDir folder;
  if (name != "vocab.txt" && name != "tokenizer.json") folder.write("tokenizer.json", tokenizer().dump());
  const auto file = folder.write(name, content).string();
  const std::string message = test::message_of<InputError>([&] { WordPiece::read(folder.path()); });
  EXPECT_TRUE(message.starts_with(file + ": ")) << message;
  EXPECT_TRUE(message.ends_with(hint)) << message;
  return message.substr(std::min(message.size(), file.size() + 2),
                        message.size() - file.size() - 2 - std::string(hint).size());
}

std::string complaint_after(const json& patch) {
  json document = tokenizer();
  document.merge_patch(patch);
  return complaint("tokenizer.json", document.dump());
}

TEST(TokenizerFiles, NamesWhatIsWrongWithTokenizerJson) {
  EXPECT_EQ(complaint("tokenizer.json", "{\"model\": "), "is not valid JSON (byte 11)");
  EXPECT_EQ(complaint("tokenizer.json", "[]"), "holds a JSON array, not an object");
  EXPECT_EQ(complaint("tokenizer.json", "{}"), "has no 'model'");
  EXPECT_EQ(complaint("tokenizer.json", R"({"model": 3})"), "'model' is a JSON number, not an object");
  EXPECT_EQ(complaint_after({{"model", {{"type", "BPE"}}}}), "its model is of type 'BPE'");
  EXPECT_EQ(complaint_after({{"model", {{"type", nullptr}}}}), "its model is of type 'missing'");
  EXPECT_EQ(complaint_after({{"model", {{"vocab", nullptr}}}}), "has no 'model.vocab'");
  EXPECT_EQ(complaint_after({{"model", {{"vocab", 3}}}}),
            "'model.vocab' is a JSON number, not an object of tokens and ids");
  EXPECT_EQ(complaint_after({{"model", {{"vocab", {{"Ab", 5}}}}}}), "tokens 'Ab' and 'ab' have the same id 5");
  EXPECT_EQ(complaint_after({{"model", {{"vocab", {{"Ab", -1}}}}}}),
            "'model.vocab.Ab' is -1, expected an integer from 0 to 2147483646");
  EXPECT_EQ(complaint_after({{"model", {{"vocab", {{"Ab", "x"}}}}}}),
            "'model.vocab.Ab' is \"x\", expected an integer from 0 to 2147483646");
  EXPECT_EQ(complaint_after({{"model", {{"vocab", {{"[SEP]", nullptr}}}}}}), "has no token '[SEP]'");
  EXPECT_EQ(complaint_after({{"model", {{"vocab", {{"[CLS]", nullptr}}}}}}), "has no token '[CLS]'");
  EXPECT_EQ(complaint_after({{"model", {{"unk_token", "<unk>"}}}}), "has no token '<unk>'");
  EXPECT_EQ(complaint_after({{"model", {{"max_input_chars_per_word", 1.5}}}}),
            "'model.max_input_chars_per_word' is 1.5, expected an integer from 0 to 1073741824");
  EXPECT_EQ(complaint_after({{"normalizer", {{"type", "Lowercase"}}}}), "its normalizer is of type 'Lowercase'");
  EXPECT_EQ(complaint_after({{"normalizer", {{"lowercase", "yes"}}}}),
            "'normalizer.lowercase' is \"yes\", expected true or false");
  EXPECT_EQ(complaint_after({{"pre_tokenizer", {{"type", "Whitespace"}}}}),
            "its pre_tokenizer is of type 'Whitespace'");
  EXPECT_EQ(complaint_after({{"added_tokens", 3}}), "'added_tokens' is 3, expected a list");
  EXPECT_EQ(complaint_after({{"added_tokens", {{{"content", "x"}}}}}),
            "an entry of 'added_tokens' lacks its id or content");
  EXPECT_EQ(complaint_after({{"added_tokens", {3}}}), "'added_tokens' is a JSON number, not an object");
}

TEST(TokenizerFiles, NamesWhatIsWrongWithTheOtherFiles) {
  EXPECT_EQ(complaint("vocab.txt", ""), "is empty, expected one token a line");
  EXPECT_EQ(complaint("vocab.txt", "[PAD]\n\xFFx\n"), "line 2 is not UTF-8 at byte 6 of the file");
  EXPECT_EQ(complaint("vocab.txt", "[PAD]\n[CLS]\n[SEP]\n"), "has no token '[UNK]'");
  EXPECT_EQ(complaint("tokenizer_config.json", "nothing"), "is not valid JSON (byte 2)");
  EXPECT_EQ(complaint("tokenizer_config.json", R"({"do_lower_case": 1})"),
            "'do_lower_case' is 1, expected true or false");
  EXPECT_EQ(complaint("tokenizer_config.json", R"({"cls_token": 1})"), "'cls_token' is a JSON number, not an object");
  EXPECT_EQ(complaint("tokenizer_config.json", R"({"added_tokens_decoder": []})"),
            "'added_tokens_decoder' is [], expected an object of ids and tokens");
  EXPECT_EQ(complaint("tokenizer_config.json", R"({"added_tokens_decoder": {"x": {"content": "y"}}})"),
            "'added_tokens_decoder' has an entry 'x' that is not an id with its token");
  EXPECT_EQ(complaint("added_tokens.json", R"({"x": -1})"), "'x' is -1, expected an integer from 0 to 2147483646");
  EXPECT_EQ(complaint("added_tokens.json", R"({"x": 4})"), "tokens 'Ab' and 'x' have the same id 4");
  EXPECT_EQ(complaint("added_tokens.json", "[]"), "holds a JSON array, not an object");
  EXPECT_EQ(complaint("tokenizer_config.json", R"({"additional_special_tokens": 3})"),
            "'additional_special_tokens' is 3, expected a list");
}

TEST(TokenizerFiles, NamesTheFolderThatHoldsNone) {
  const test::TempDir folder;

  EXPECT_EQ(
      test::message_of<InputError>([&] { WordPiece::read(folder.path()); }),
      folder.path().string() + ": holds no tokenizer\n    expected tokenizer.json or vocab.txt of a BERT checkpoint");
  EXPECT_EQ(test::message_of<InputError>([&] { WordPiece::read(folder / "none"); }),
            (folder / "none").string() + ": is not a folder\n    expected a Hugging Face checkpoint with a tokenizer");
}

}  // namespace
}  // namespace espalier::text
