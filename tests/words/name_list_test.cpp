#include "words/texts/name_list.h"

#include <gtest/gtest.h>

namespace espalier {
namespace {

using Names = std::vector<std::string>;

TEST(NameList, IsCutAtCommasAndWithoutBlanks) {
  EXPECT_EQ(names_in("scorer, scope"), (Names{"scorer", "scope"}));
  EXPECT_EQ(names_in("  one name  ,b"), (Names{"one name", "b"}));
}

TEST(NameList, HasNoEmptyEntries) {
  EXPECT_EQ(names_in(""), Names());
  EXPECT_EQ(names_in(" , ,,"), Names());
  EXPECT_EQ(names_in(",a,,b,"), (Names{"a", "b"}));
}

}  // namespace
}  // namespace espalier
