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

TEST(NetworkFileSystem, OfClustersAreKnown) {
  std::istringstream none;
  const std::vector<std::pair<long, std::string>> known = {
      {0x0BD00BD0, "Lustre"}, {0x19830326, "BeeGFS"},   {0x47504653, "GPFS"}, {static_cast<long>(0xFF534D42), "CIFS"},
      {0x00C36400, "Ceph"},   {0x20030528, "OrangeFS"}, {0x6B414653, "AFS"}};
  for (const auto& [number, name] : known) EXPECT_EQ(network_file_system(number, "/mnt", none), name);
}

TEST(NetworkFileSystem, OfHostsAndOfBorrowedNumbersAreToldByTheirMount) {
  constexpr long fuse = 0x65735546, nine_p = 0x01021997, other = 0x1234;
  const auto told = [](long type, const std::string& mounted) {
    std::istringstream mounts("36 35 0:40 / /mnt rw - " + mounted + " x rw\n24 1 8:1 / / rw - 9p none rw\n");
    return network_file_system(type, "/mnt/results", mounts);
  };
  EXPECT_EQ(told(fuse, "virtiofs"), "virtiofs");
  EXPECT_EQ(told(other, "wekafs"), "wekafs");
  EXPECT_EQ(told(nine_p, "9p"), "9p");
  EXPECT_EQ(told(fuse, "fuseblk"), "");
  EXPECT_EQ(told(fuse, "fuse.fuse-overlayfs"), "");
  EXPECT_EQ(told(other, "xfs"), "");
  std::istringstream sandbox("24 1 0:1 / / rw - 9p none rw\n");
  EXPECT_EQ(network_file_system(nine_p, "/home/me", sandbox), "");
}

}  // namespace
}  // namespace espalier::store
