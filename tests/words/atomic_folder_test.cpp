#include "words/atomic_folder.h"

#include <espalier/error.h>
#include <gtest/gtest.h>

#include "support/message_of.h"
#include "support/temp_dir.h"
#include "words/atomic_file.h"

namespace espalier {
namespace {

namespace fs = std::filesystem;

std::size_t entries(const fs::path& folder) {
  return static_cast<std::size_t>(std::distance(fs::directory_iterator(folder), fs::directory_iterator{}));
}

TEST(AtomicFolder, IsThereWhenItIsWhole) {
  const test::TempDir place;
  AtomicFolder folder(place / "new/one/");
  write_file(folder.path() / "a", "text");
  EXPECT_FALSE(fs::exists(place / "new/one"));

  folder.commit();

  EXPECT_EQ(read_file(place / "new/one/a"), "text");
  EXPECT_EQ(entries(place / "new"), 1U);
}

TEST(AtomicFolder, LeavesNothingWithoutCommit) {
  const test::TempDir place;
  {
    const AtomicFolder folder(place / "one");
    write_file(folder.path() / "a", "text");
  }
  EXPECT_EQ(entries(place.path()), 0U);
}

TEST(AtomicFolder, TakesThePlaceOfAnEmptyFolder) {
  const test::TempDir place;
  fs::create_directory(place / "one");
  AtomicFolder folder(place / "one");
  write_file(folder.path() / "a", "text");

  folder.commit();

  EXPECT_EQ(read_file(place / "one/a"), "text");
}

TEST(AtomicFolder, ReplacesOnlyWhenAsked) {
  const test::TempDir place;
  place.write("one/old", "old");
  EXPECT_EQ(test::message_of<InputError>([&] { AtomicFolder(place / "one"); }),
            (place / "one").string() + ": exists and is not empty\n    remove it or choose another folder");

  AtomicFolder folder(place / "one", AtomicFolder::Existing::Replace);
  write_file(folder.path() / "new", "new");
  EXPECT_TRUE(fs::exists(place / "one/old"));
  folder.commit();

  EXPECT_FALSE(fs::exists(place / "one/old"));
  EXPECT_EQ(read_file(place / "one/new"), "new");
  EXPECT_EQ(entries(place.path()), 1U);
}

TEST(AtomicFolder, RemovesWhatAKilledProcessLeft) {
  const test::TempDir place;
  place.write("one.part.abcdef/half", "half");
  place.write("other.part.abcdef/half", "half");
  const AtomicFolder held(place / "one");

  AtomicFolder folder(place / "one");

  EXPECT_FALSE(fs::exists(place / "one.part.abcdef"));
  EXPECT_TRUE(fs::exists(place / "other.part.abcdef"));
  EXPECT_TRUE(fs::exists(held.path()));  // another that is being filled is left alone
}

TEST(AtomicFolder, NamesATargetThatIsAFile) {
  const test::TempDir place;
  const auto file = place.write("one", "text");
  EXPECT_EQ(test::message_of<InputError>([&] { AtomicFolder folder(file); }),
            file.string() + ": cannot be made: a file of that name exists\n    choose a folder that you may write to");
}

}  // namespace
}  // namespace espalier
