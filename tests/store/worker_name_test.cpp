#include "store/worker_name.h"

#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <sstream>

#include "file_system.h"

namespace espalier::store {
namespace {

TEST(WorkerName, OfThisProcessIsAlive) { EXPECT_EQ(whereabouts(this_worker_name()), Whereabouts::Alive); }

TEST(WorkerName, OfAnEndedProcessIsNot) {
  const pid_t child = ::fork();
  if (child == 0) ::_exit(0);
  const auto name = worker_name(child);
  ::waitpid(child, nullptr, 0);

  EXPECT_EQ(whereabouts(name), Whereabouts::Gone);
}

TEST(WorkerName, OfAnEarlierProcessWithTheSameNumberIsNot) {
  const auto name = this_worker_name();

  EXPECT_EQ(whereabouts(name.substr(0, name.rfind(':')) + ":1"), Whereabouts::Gone);
}

TEST(WorkerName, OfAnotherHostOrFormCannotBeTold) {
  EXPECT_EQ(whereabouts("no-such-host:1:1"), Whereabouts::Elsewhere);
  EXPECT_EQ(whereabouts("a"), Whereabouts::Elsewhere);
  EXPECT_EQ(whereabouts(""), Whereabouts::Elsewhere);
}

TEST(NetworkFileSystem, IsToldByItsNumberOrItsMount) {
  std::istringstream none,
      sshfs("36 35 0:40 / /mnt/far rw - fuse.sshfs host:/ rw\n24 1 8:1 / / rw - ext4 /dev/sda1 rw\n");
  constexpr long nfs = 0x6969, ext4 = 0xEF53, fuse = 0x65735546;

  EXPECT_EQ(network_file_system(nfs, "/mnt", none), "NFS");
  EXPECT_EQ(network_file_system(ext4, "/mnt", none), "");
  EXPECT_EQ(network_file_system(fuse, "/mnt/far/results", sshfs), "fuse.sshfs");
}

}  // namespace
}  // namespace espalier::store
