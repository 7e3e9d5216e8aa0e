#include "run/recent.h"

#include <gtest/gtest.h>

namespace espalier::test {
namespace {

TEST(Recent, KeepsWhatWasUsedLast) {
  engine::Recent<int> recent(2);
  recent.keep("a", 1);
  recent.keep("b", 2);
  EXPECT_EQ(*recent.find("a"), 1);

  EXPECT_EQ(recent.keep("c", 3), 3);

  EXPECT_EQ(recent.find("b"), nullptr);
  EXPECT_EQ(*recent.find("a"), 1);
  EXPECT_EQ(*recent.find("c"), 3);
  EXPECT_EQ(recent.keep("c", 4), 4);
  EXPECT_EQ(*recent.find("a"), 1);
  recent.clear();
  EXPECT_EQ(recent.find("a"), nullptr);
}

}  // namespace
}  // namespace espalier::test
