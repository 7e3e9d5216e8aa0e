#include "file_system.h"

#include <sys/vfs.h>

#include <algorithm>
#include <array>
#include <fstream>
#include <sstream>
#include <utility>

namespace espalier::store {
namespace {

constexpr long fuse_type = 0x65735546;

// Numbers as in statfs(2), in the file systems' own sources and in coreutils' stat.
constexpr std::array<std::pair<long, const char*>, 19> network_types{{{0x6969, "NFS"},
                                                                      {0x0BD00BD0, "Lustre"},
                                                                      {0x47504653, "GPFS"},
                                                                      {0xFF534D42, "CIFS"},
                                                                      {0xFE534D42, "SMB"},
                                                                      {0x517B, "SMB"},
                                                                      {0x19830326, "BeeGFS"},
                                                                      {0x00C36400, "Ceph"},
                                                                      {0x5346414F, "AFS"},
                                                                      {0x6B414653, "AFS"},
                                                                      {0x7461636F, "OCFS2"},
                                                                      {0x01161970, "GFS2"},
                                                                      {0xAAD7AAEA, "PanFS"},
                                                                      {0x20030528, "OrangeFS"},
                                                                      {0x73757245, "Coda"},
                                                                      {0x564C, "NCP"},
                                                                      {0xBEEFDEAD, "StorNext"},
                                                                      {0x61636673, "ACFS"},
                                                                      {0x786F4256, "a folder of VirtualBox's host"}}};

// What a machine shares with its host: 9p and virtiofs. A sandbox may have its whole root on 9p, and nobody else has it.
constexpr long nine_p_type = 0x01021997;

// File systems that are known by the name in the list of mounts: their numbers are not settled, or borrowed.
constexpr std::array<const char*, 10> network_mounts{"nfs",    "nfs4",     "cifs",   "smb3", "lustre",
                                                     "beegfs", "virtiofs", "wekafs", "ceph", "gpfs"};

struct Mount {
  std::string point, type;
};

Mount mount_of(const std::string& folder, std::istream& mounts) {
  std::string line;
  Mount best;
  while (std::getline(mounts, line)) {
    std::istringstream fields(line);
    std::string skipped, point, type;
    fields >> skipped >> skipped >> skipped >> skipped >> point;
    while (fields >> skipped && skipped != "-") {
    }
    fields >> type;
    const bool inside = point == "/" || folder == point || folder.starts_with(point + "/");
    if (inside && point.size() >= best.point.size()) best = {point, type};
  }
  return best;
}

}  // namespace

std::string network_file_system(long type, const std::string& absolute_folder, std::istream& mounts) {
  for (const auto& [number, name] : network_types) {
    // f_type is a signed word on some machines: compare the 32 bits that carry the number.
    if ((static_cast<unsigned long>(type) & 0xFFFFFFFFUL) == (static_cast<unsigned long>(number) & 0xFFFFFFFFUL))
      return name;
  }
  const auto mount = mount_of(absolute_folder, mounts);
  if (std::find(network_mounts.begin(), network_mounts.end(), mount.type) != network_mounts.end()) return mount.type;
  if (type == nine_p_type) return mount.point == "/" ? "" : "9p";
  if (type != fuse_type) return "";
  // NTFS and exFAT disks, and the root of rootless containers, are FUSE but local.
  if (mount.type == "fuseblk" || mount.type == "fuse.fuse-overlayfs" || mount.type.empty()) return "";
  return mount.type;
}

std::string network_file_system(const std::filesystem::path& folder) {
  struct statfs found {};
  if (::statfs(folder.empty() ? "." : folder.c_str(), &found) != 0) return "";
  std::error_code ignored;
  const auto absolute = std::filesystem::canonical(folder.empty() ? "." : folder, ignored);
  std::ifstream mounts("/proc/self/mountinfo");
  return network_file_system(static_cast<long>(found.f_type), absolute.string(), mounts);
}

}  // namespace espalier::store
