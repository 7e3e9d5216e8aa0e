#include "runner/share/own_folder.h"

#include <espalier/error.h>
#include <fmt/format.h>

#include <cstdlib>
#include <system_error>

#include "store/worker_name.h"

namespace espalier::runner {

namespace fs = std::filesystem;

fs::path local_folder() {
  const char* given = std::getenv("TMPDIR");
  return given == nullptr || *given == '\0' ? "/tmp" : given;
}

OwnFolder::OwnFolder(const fs::path& parent, const std::string& kind) {
  const auto begin = "espalier-" + kind + "-";
  std::error_code failed, ignored;
  for (const auto& entry : fs::directory_iterator(parent, ignored)) {
    const auto name = entry.path().filename().string();
    if (name.starts_with(begin) && store::whereabouts(name.substr(begin.size())) == store::Whereabouts::Gone)
      fs::remove_all(entry.path(), ignored);
  }
  const auto path = parent / (begin + store::this_worker_name());
  fs::create_directory(path, failed);
  if (failed) {
    throw StoreError(fmt::format("{}: no folder can be made there: {}\n    set TMPDIR to a folder on a local disk",
                                 parent.string(), failed.message()));
  }
  path_ = path;
  fs::permissions(path_, fs::perms::owner_all, ignored);
}

OwnFolder::~OwnFolder() {
  std::error_code ignored;
  fs::remove_all(path_, ignored);
}

}  // namespace espalier::runner
