#include "words/names.h"

#include <gtest/gtest.h>

#include "words/unicode.h"

namespace espalier {
namespace {

TEST(Names, TheNearestKnownNameIsOffered) {
  const std::vector<std::string> known = {"fisher", "gate-gradient", "magnitude", "random"};

  EXPECT_EQ(nearest_name("gate-gradeint", known), "gate-gradient");
  EXPECT_EQ(nearest_name("magnitud", known), "magnitude");
  EXPECT_EQ(nearest_name("mag", known), "magnitude");
  EXPECT_EQ(nearest_name("entropy", known), std::nullopt);
  EXPECT_EQ(nearest_name("fisher", {}), std::nullopt);
}

TEST(Names, TheNearestSharesWords) {
  const std::vector<std::string> known = {"batch", "epochs", "learning_rate", "weight_decay", "head-channel", "seed"};

  EXPECT_EQ(nearest_name("batch_size", known), "batch");
  EXPECT_EQ(nearest_name("num_train_epochs", known), "epochs");
  EXPECT_EQ(nearest_name("lr", known), "learning_rate");
  EXPECT_EQ(nearest_name("rate", known), "learning_rate");
  EXPECT_EQ(nearest_name("head-chanel", known), "head-channel");  // a slip of one letter is nearer than a shared word
  EXPECT_EQ(nearest_name("random_state", known), std::nullopt);
}

TEST(Names, ThatLookAlikeAreToldApartByTheirCharacters) {
  EXPECT_EQ(nearest_name("gro\u0308\u00dfe", {"gr\u00f6\u00dfe"}), "gr\u00f6\u00dfe");
  EXPECT_EQ(unknown_name("model", "gro\u0308\u00dfe", {"gr\u00f6\u00dfe"}),
            "unknown model 'gro\u0308\u00dfe'\n    did you mean 'gr\u00f6\u00dfe'? They differ in their characters: "
            "U+006F U+0308 is written, U+00F6 is known\n    known: gr\u00f6\u00dfe");
  EXPECT_EQ(did_you_mean("m\u0430sk", "mask"),  // a Cyrillic a
            "\n    did you mean 'mask'? They differ in their characters: U+0430 is written, U+0061 is known");
}

TEST(Names, AreComposed) {
  EXPECT_EQ(composed("gro\u0308\u00dfe"), "gr\u00f6\u00dfe");
  EXPECT_EQ(composed("\u1112\u1161\u11ab"), "\ud55c");
  EXPECT_EQ(composed("no UTF-8: \xff"), "no UTF-8: \xff");
}

TEST(Names, AnUnknownNameIsAWholeMessage) {
  EXPECT_EQ(unknown_name("scorer", "fischer", {"random", "fisher"}),
            "unknown scorer 'fischer'\n    did you mean 'fisher'?\n    known: fisher, random");
  EXPECT_EQ(unknown_name("scorer", "x", {}), "unknown scorer 'x'\n    none is known here");
}

TEST(Names, ALongListIsCut) {
  std::vector<std::string> known;
  for (int i = 100; i < 150; ++i) known.push_back("name" + std::to_string(i));

  EXPECT_NE(unknown_name("name", "zzz", known).find("... (50 in all)"), std::string::npos);
}

}  // namespace
}  // namespace espalier
