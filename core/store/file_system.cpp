#include "file_system.h"

#include <sys/vfs.h>

#include <array>
#include <fstream>
#include <sstream>
#include <utility>

namespace espalier::store {
namespace {

constexpr long fuse_type = 0x65735546;

// Numbers as in statfs(2) and in the file systems' own sources.
constexpr std::array<std::pair<long, const char*>, 12> network_types{{{0x6969, "NFS"},
                                                                      {0x0BD00BD0, "Lustre"},
                                                                      {0x47504653, "GPFS"},
                                                                      {0xFF534D42, "CIFS"},
                                                                      {0xFE534D42, "SMB"},
                                                                      {0x517B, "SMB"},
                                                                      {0x19830326, "BeeGFS"},
                                                                      {0x00C36400, "Ceph"},
                                                                      {0x5346414F, "AFS"},
                                                                      {0x7461636F, "OCFS2"},
                                                                      {0x01161970, "GFS2"},
                                                                      {0xAAD7AAEA, "PanFS"}}};

std::string type_of_mount(const std::string& folder, std::istream& mounts) {
  std::string line, best, best_type;
  while (std::getline(mounts, line)) {
    std::istringstream fields(line);
    std::string skipped, point, type;
    fields >> skipped >> skipped >> skipped >> skipped >> point;
    while (fields >> skipped && skipped != "-") {
    }
    fields >> type;
    const bool inside = point == "/" || folder == point || folder.starts_with(point + "/");
    if (inside && point.size() >= best.size()) {
      best = point;
      best_type = type;
    }
  }
  return best_type;
}

}  // namespace

std::string network_file_system(long type, const std::string& absolute_folder, std::istream& mounts) {
  for (const auto& [number, name] : network_types) {
    // f_type is a signed word on some machines: compare the 32 bits that carry the number.
    if ((static_cast<unsigned long>(type) & 0xFFFFFFFFUL) == (static_cast<unsigned long>(number) & 0xFFFFFFFFUL))
      return name;
  }
  if (type != fuse_type) return "";
  const std::string mounted = type_of_mount(absolute_folder, mounts);
  // NTFS and exFAT disks, and the root of rootless containers, are FUSE but local.
  if (mounted == "fuseblk" || mounted == "fuse.fuse-overlayfs" || mounted.empty()) return "";
  return mounted;
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
