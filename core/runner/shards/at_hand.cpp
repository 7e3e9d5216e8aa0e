#include "runner/shards/at_hand.h"

#include <espalier/error.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <system_error>

#include "store/shards/shard.h"
#include "store/worker_name.h"
#include "words/atomic_file.h"

namespace espalier::runner {
namespace fs = std::filesystem;

DatabaseAtHand::DatabaseAtHand(const fs::path& database, const fs::path& local, const std::string& network)
    : database_(database), path_(database) {
  if (network.empty()) return;
  std::error_code absent;
  if (const auto size = fs::file_size(database.string() + "-wal", absent); !absent && size > 0) {
    throw StoreError(
        fmt::format("{}: '{}-wal' beside it holds results that are not in it yet, and on {} they cannot be "
                    "read\n    copy both files to a local disk, run 'espalier status' on the copy there, and "
                    "bring it back",
                    database.string(), database.filename().string(), network));
  }
  if (database.has_parent_path()) fs::create_directories(database.parent_path(), absent);
  take_lock();
  try {
    folder_ = std::make_unique<OwnFolder>(local, "database");
    path_ = folder_->path() / database.filename();
    if (fs::exists(database)) fs::copy_file(database, path_);
  } catch (const fs::filesystem_error& error) {
    fs::remove(lock_, absent);
    throw StoreError(fmt::format("{}: cannot be copied to {}: {}", database.string(), path_.parent_path().string(),
                                 error.code().message()));
  } catch (...) {
    fs::remove(lock_, absent);
    throw;
  }
}

void DatabaseAtHand::take_lock() {
  const auto lock = database_.string() + ".at-work";
  for (int tries = 0; tries < 2; ++tries) {
    const int descriptor = ::open(lock.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
    if (descriptor >= 0) {
      const auto me = store::this_worker_name();
      const bool written = ::write(descriptor, me.data(), me.size()) == static_cast<ssize_t>(me.size());
      ::close(descriptor);
      lock_ = lock;
      if (written) return;
      std::error_code ignored;
      fs::remove(lock_, ignored);
      throw StoreError(fmt::format("{}: cannot be written", lock));
    }
    if (errno != EEXIST) throw StoreError(fmt::format("{}: cannot be made: {}", lock, std::strerror(errno)));
    std::string holder;
    try {
      holder = read_file(lock);
    } catch (const InputError&) {  // it went away meanwhile
      continue;
    }
    if (store::whereabouts(holder) != store::Whereabouts::Gone) {
      throw StoreError(fmt::format("{}: is being written by {}\n    wait for it; where it is dead, remove {}",
                                   database_.string(), holder.empty() ? "another program" : holder, lock));
    }
    std::error_code ignored;
    fs::remove(lock, ignored);
  }
  throw StoreError(fmt::format("{}: is being written by others\n    run the same command again", database_.string()));
}

void DatabaseAtHand::bring_back() {
  if (!folder_) return;
  try {
    store::carry_home(path_, database_);
  } catch (const InputError& error) {
    throw StoreError(error.what());
  }
}

DatabaseAtHand::~DatabaseAtHand() {
  folder_.reset();
  std::error_code ignored;
  if (!lock_.empty()) fs::remove(lock_, ignored);
}

}  // namespace espalier::runner
