// Against what the reference implementations make of the same texts (tests/fixtures/speech/make_golden.py).
#include <espalier/error.h>
#include <gtest/gtest.h>

#include <fstream>
#include <nlohmann/json.hpp>
#include <random>

#include "speech/bleu.h"
#include "speech/error_rate.h"
#include "speech/normalizer.h"
#include "support/message_of.h"

namespace espalier::speech {
namespace {

using nlohmann::json;

const std::filesystem::path fixtures = std::filesystem::path(ESPALIER_SOURCE_DIR) / "tests/fixtures/speech";

std::vector<json> lines_of(const std::string& name) {
  std::ifstream file(fixtures / name);
  std::vector<json> lines;
  for (std::string line; std::getline(file, line);) lines.push_back(json::parse(line));
  return lines;
}

TEST(Normalizers, EqualTheReferenceOnes) {
  const auto cases = lines_of("normalizers.jsonl");
  ASSERT_GT(cases.size(), 700U);
  for (const auto& one : cases) {
    const std::string text = one["text"];
    EXPECT_EQ(normalized(Normalizer::WhisperEnglish, text), one["english"].get<std::string>()) << text;
    EXPECT_EQ(normalized(Normalizer::WhisperBasic, text), one["basic"].get<std::string>()) << text;
  }
}

TEST(Normalizers, AsciiKeepsLettersAndDropsOtherScripts) {
  const auto ascii = [](const char* text) { return normalized(Normalizer::Ascii, text); };
  EXPECT_EQ(ascii("Crème  Brûlée!"), "creme brulee");
  EXPECT_EQ(ascii("It's 5 o'clock - now."), "it's 5 o'clock now");
  for (const char* text : {"Привет, мир", "你好", "مرحبا", "नमस्ते"}) EXPECT_EQ(ascii(text), "") << text;
}

TEST(Normalizers, HaveNames) {
  for (const auto one : {Normalizer::WhisperEnglish, Normalizer::WhisperBasic, Normalizer::Ascii})
    EXPECT_EQ(from_name<Normalizer>(to_string(one)), one);
  EXPECT_EQ(
      test::message_of<SettingsError>([] { from_name<Normalizer>("whisper-englich"); }),
      "unknown normalizer 'whisper-englich'\n    did you mean 'whisper-english'?\n    known: ascii, whisper-basic, "
      "whisper-english");
}

TEST(Bleu, EqualsSacrebleu) {
  std::ifstream file(fixtures / "bleu.json");
  for (const auto& one : json::parse(file)) {
    EXPECT_NEAR(corpus_bleu(one["hypotheses"], one["references"]), one["score"].get<double>(), 1e-9) << one;
  }
  EXPECT_EQ(corpus_bleu({}, {}), 0);
}

TEST(ErrorRate, CountsTheFewestEdits) {
  const auto counts = word_errors("the cat sat on the mat", "the cat sit on mat");
  EXPECT_EQ(counts.substitutions, 1);
  EXPECT_EQ(counts.deletions, 1);
  EXPECT_EQ(counts.insertions, 0);
  EXPECT_EQ(counts.reference, 6);
  EXPECT_NEAR(counts.rate(), 1.0 / 3, 1e-12);
  EXPECT_EQ(character_errors("née", "nee").substitutions, 1);
  EXPECT_EQ(character_errors("ab", "ab c").insertions, 2);
}

TEST(ErrorRate, OfNothingSaidIsNeverInfinite) {
  EXPECT_EQ(word_errors("", "").rate(), 0);
  EXPECT_EQ(word_errors("", "one two").rate(), 1);
  EXPECT_EQ(word_errors("", "one two").insertions, 2);
  EXPECT_EQ(word_errors("one two", "").rate(), 1);
}

// Every way to align, tried.
std::int64_t fewest(const std::vector<std::string>& a, const std::vector<std::string>& b, std::size_t i,
                    std::size_t j) {
  if (i == a.size()) return static_cast<std::int64_t>(b.size() - j);
  if (j == b.size()) return static_cast<std::int64_t>(a.size() - i);
  const auto diagonal = fewest(a, b, i + 1, j + 1) + (a[i] == b[j] ? 0 : 1);
  return std::min({diagonal, fewest(a, b, i + 1, j) + 1, fewest(a, b, i, j + 1) + 1});
}

TEST(ErrorRate, EqualsTryingEverything) {
  std::mt19937 random(5);
  for (int round = 0; round < 300; ++round) {
    std::string reference, hypothesis;
    for (auto* text : {&reference, &hypothesis}) {
      const auto count = random() % 6;
      for (std::size_t i = 0; i < count; ++i) *text += std::string(1, static_cast<char>('a' + random() % 3)) + " ";
    }
    const auto counts = word_errors(reference, hypothesis);
    const auto said = words_of(reference), heard = words_of(hypothesis);
    EXPECT_EQ(counts.errors(), fewest(said, heard, 0, 0)) << reference << "| " << hypothesis;
    EXPECT_EQ(counts.reference - counts.deletions + counts.insertions, static_cast<std::int64_t>(heard.size()));
  }
}

}  // namespace
}  // namespace espalier::speech
