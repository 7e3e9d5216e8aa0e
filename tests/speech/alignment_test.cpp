// The counts of the bit-parallel alignment are those of the plain table, tie for tie; long texts take little memory.
#include <gtest/gtest.h>
#include <sys/resource.h>

#include <algorithm>
#include <random>

#include "speech/error_rate.h"

namespace espalier::speech {
namespace {

// The whole table and the way back through it, in the order that error_rate.h names.
EditCounts by_the_table(const std::string& reference, const std::string& hypothesis) {
  auto said = reference, heard = hypothesis;
  EditCounts counts;
  counts.reference = static_cast<std::int64_t>(said.size());
  while (!said.empty() && !heard.empty() && said.front() == heard.front()) said.erase(0, 1), heard.erase(0, 1);
  while (!said.empty() && !heard.empty() && said.back() == heard.back()) said.pop_back(), heard.pop_back();
  std::vector<std::vector<std::size_t>> table(said.size() + 1, std::vector<std::size_t>(heard.size() + 1));
  for (std::size_t r = 0; r <= said.size(); ++r) {
    for (std::size_t c = 0; c <= heard.size(); ++c) {
      if (r == 0 || c == 0) {
        table[r][c] = r + c;
        continue;
      }
      const std::size_t differs = said[r - 1] == heard[c - 1] ? 0 : 1;
      table[r][c] = std::min({table[r - 1][c - 1] + differs, table[r - 1][c] + 1, table[r][c - 1] + 1});
    }
  }
  auto r = said.size(), c = heard.size();
  while (r > 0 || c > 0) {
    const std::size_t differs = r > 0 && c > 0 && said[r - 1] == heard[c - 1] ? 0 : 1;
    if (r > 0 && c > 0 && table[r][c] == table[r - 1][c - 1] + differs) {
      counts.substitutions += static_cast<std::int64_t>(differs);
      --r, --c;
    } else if (r > 0 && table[r][c] == table[r - 1][c] + 1) {
      ++counts.deletions;
      --r;
    } else {
      ++counts.insertions;
      --c;
    }
  }
  return counts;
}

class Texts {
 public:
  explicit Texts(unsigned seed) : random_(seed) {}
  std::size_t below(std::size_t count) { return random_() % count; }
  std::string text(std::size_t length, std::size_t letters) {
    std::string made;
    for (std::size_t i = 0; i < length; ++i) made += static_cast<char>('a' + below(letters));
    return made;
  }
  std::string misheard(const std::string& text, std::size_t percent, std::size_t letters) {
    std::string made;
    for (const char letter : text) {
      if (below(100) >= percent) {
        made += letter;
        continue;
      }
      const auto kind = below(3);  // substituted, inserted before, deleted
      if (kind < 2) made += static_cast<char>('a' + below(letters));
      if (kind == 1) made += letter;
    }
    return made;
  }

 private:
  std::mt19937 random_;
};

TEST(Alignment, CountsAsTheWholeTableDoes) {
  Texts texts(11);
  for (int round = 0; round < 3000; ++round) {
    const auto letters = 1 + texts.below(round % 3 == 0 ? 26 : 3);
    const auto longest = std::size_t{round % 100 == 0 ? 700U : 140U};
    const auto said = texts.text(texts.below(longest), letters);
    const auto heard =
        round % 2 == 0 ? texts.text(texts.below(longest), letters) : texts.misheard(said, 1 + texts.below(60), letters);
    const auto found = character_errors(said, heard), wanted = by_the_table(said, heard);
    ASSERT_EQ(found.substitutions, wanted.substitutions) << said << '|' << heard;
    ASSERT_EQ(found.deletions, wanted.deletions) << said << '|' << heard;
    ASSERT_EQ(found.insertions, wanted.insertions) << said << '|' << heard;
    ASSERT_EQ(found.reference, wanted.reference);
  }
}

// The edges of a block of 64 rows, and of the band.
TEST(Alignment, CountsAtTheEdgesOfBlocks) {
  Texts texts(12);
  for (const std::size_t rows : {1U, 63U, 64U, 65U, 127U, 128U, 129U, 192U}) {
    for (const std::size_t columns : {1U, 63U, 64U, 65U, 128U, 200U}) {
      const auto said = texts.text(rows, 2), heard = texts.text(columns, 2);
      const auto found = character_errors(said, heard), wanted = by_the_table(said, heard);
      EXPECT_EQ(found.substitutions, wanted.substitutions) << rows << ' ' << columns;
      EXPECT_EQ(found.deletions, wanted.deletions) << rows << ' ' << columns;
      EXPECT_EQ(found.insertions, wanted.insertions) << rows << ' ' << columns;
    }
  }
}

// An hour of speech is about 53,000 characters; its table would hold 2.8 billion steps.
TEST(Alignment, OfAnHourOfSpeechTakesLittleMemory) {
  Texts texts(13);
  const auto said = texts.text(53'000, 26), heard = texts.misheard(said, 10, 26);
  rusage before{}, after{};
  getrusage(RUSAGE_SELF, &before);
  const auto counts = character_errors(said, heard);
  getrusage(RUSAGE_SELF, &after);
  EXPECT_EQ(counts.reference, 53'000);
  EXPECT_EQ(counts.reference - counts.deletions + counts.insertions, static_cast<std::int64_t>(heard.size()));
  EXPECT_NEAR(static_cast<double>(counts.errors()), 5100, 300);
  EXPECT_LT(after.ru_maxrss - before.ru_maxrss, 64 * 1024) << "kilobytes";
}

}  // namespace
}  // namespace espalier::speech
