#include "memory_disk.h"

#include <sqlite3.h>

#include <algorithm>
#include <cstring>
#include <iterator>
#include <new>
#include <utility>

namespace espalier::store {
namespace {

constexpr const char* disk_name = "espalier-memory";

// What SQLite opens: it allocates the bytes, and the first member is its own.
struct OpenFile {
  sqlite3_file base;
  MemoryDisk* disk;
  std::shared_ptr<MemoryFile>* file;
  int level;                               // SQLITE_LOCK_...
  unsigned index_shared, index_exclusive;  // slots that it holds
};

OpenFile& opened(sqlite3_file* file) { return *reinterpret_cast<OpenFile*>(file); }
MemoryFile& content(sqlite3_file* file) { return **opened(file).file; }

int unlock_to(sqlite3_file* handle, int level) {
  auto& open = opened(handle);
  auto& file = content(handle);
  if (open.level <= level) return SQLITE_OK;
  if (file.exclusive_by == handle) file.exclusive_by = nullptr;
  if (file.reserved_by == handle) file.reserved_by = nullptr;
  if (level == SQLITE_LOCK_NONE) --file.shared;
  open.level = level;
  return SQLITE_OK;
}

int lock(sqlite3_file* handle, int level) {
  auto& open = opened(handle);
  auto& file = content(handle);
  if (open.level >= level) return SQLITE_OK;
  if (file.exclusive_by != nullptr && file.exclusive_by != handle) return SQLITE_BUSY;
  if (level >= SQLITE_LOCK_RESERVED && file.reserved_by != nullptr && file.reserved_by != handle) return SQLITE_BUSY;
  if (level == SQLITE_LOCK_EXCLUSIVE && file.shared > 1) return SQLITE_BUSY;
  if (open.level == SQLITE_LOCK_NONE) ++file.shared;
  if (level >= SQLITE_LOCK_RESERVED) file.reserved_by = handle;
  if (level == SQLITE_LOCK_EXCLUSIVE) file.exclusive_by = handle;
  open.level = level;
  return SQLITE_OK;
}

int is_reserved(sqlite3_file* handle, int* answer) {
  *answer = content(handle).reserved_by != nullptr ? 1 : 0;
  return SQLITE_OK;
}

int close(sqlite3_file* handle) {
  unlock_to(handle, SQLITE_LOCK_NONE);
  delete opened(handle).file;
  return SQLITE_OK;
}

int read(sqlite3_file* handle, void* into, int count, sqlite3_int64 offset) {
  const auto& bytes = content(handle).bytes;
  const auto start = std::min(static_cast<std::size_t>(offset), bytes.size());
  const auto wanted = static_cast<std::size_t>(count), found = std::min(wanted, bytes.size() - start);
  std::memcpy(into, bytes.data() + start, found);
  std::memset(static_cast<char*>(into) + found, 0, wanted - found);
  return found == wanted ? SQLITE_OK : SQLITE_IOERR_SHORT_READ;
}

int write(sqlite3_file* handle, const void* from, int count, sqlite3_int64 offset) {
  if (const int failed = opened(handle).disk->next_write(); failed != SQLITE_OK) return failed;
  auto& file = content(handle);
  const auto end = static_cast<std::size_t>(offset) + static_cast<std::size_t>(count);
  if (file.bytes.size() < end) file.bytes.resize(end);
  std::memcpy(file.bytes.data() + offset, from, static_cast<std::size_t>(count));
  file.is_changed = true;
  return SQLITE_OK;
}

int truncate(sqlite3_file* handle, sqlite3_int64 size) {
  content(handle).bytes.resize(static_cast<std::size_t>(size));
  content(handle).is_changed = true;
  return SQLITE_OK;
}

int size_of(sqlite3_file* handle, sqlite3_int64* size) {
  *size = static_cast<sqlite3_int64>(content(handle).bytes.size());
  return SQLITE_OK;
}

int index_map(sqlite3_file* handle, int region, int bytes, int may_extend, void volatile** memory) {
  auto& file = content(handle);
  file.index_region_bytes = static_cast<std::size_t>(bytes);
  const auto place = static_cast<std::size_t>(region);
  while (may_extend != 0 && file.index.size() <= place) {
    file.index.push_back(std::make_unique<char[]>(file.index_region_bytes));
  }
  *memory = place < file.index.size() ? file.index[place].get() : nullptr;
  return SQLITE_OK;
}

int index_lock(sqlite3_file* handle, int first, int count, int flags) {
  auto& open = opened(handle);
  auto& file = content(handle);
  const bool exclusive = (flags & SQLITE_SHM_EXCLUSIVE) != 0;
  for (int slot = first; slot < first + count; ++slot) {
    const auto bit = 1U << static_cast<unsigned>(slot);
    if ((flags & SQLITE_SHM_UNLOCK) != 0) {
      if ((open.index_shared & bit) != 0) --file.index_shared[slot];
      if ((open.index_exclusive & bit) != 0) file.index_exclusive[slot] = nullptr;
      open.index_shared &= ~bit;
      open.index_exclusive &= ~bit;
      continue;
    }
    const bool held_by_another = file.index_exclusive[slot] != nullptr && file.index_exclusive[slot] != handle;
    const int others = file.index_shared[slot] - ((open.index_shared & bit) != 0 ? 1 : 0);
    if (held_by_another || (exclusive && others > 0)) return SQLITE_BUSY;
  }
  if ((flags & SQLITE_SHM_UNLOCK) != 0) return SQLITE_OK;
  for (int slot = first; slot < first + count; ++slot) {
    const auto bit = 1U << static_cast<unsigned>(slot);
    if (exclusive) {
      file.index_exclusive[slot] = handle;
      open.index_exclusive |= bit;
    } else if ((open.index_shared & bit) == 0) {
      ++file.index_shared[slot];
      open.index_shared |= bit;
    }
  }
  return SQLITE_OK;
}

int index_unmap(sqlite3_file* handle, int remove) {
  index_lock(handle, 0, 8, SQLITE_SHM_UNLOCK);
  if (remove != 0) content(handle).index.clear();
  return SQLITE_OK;
}

const sqlite3_io_methods& methods() {
  static const sqlite3_io_methods methods = {2,
                                             close,
                                             read,
                                             write,
                                             truncate,
                                             [](sqlite3_file*, int) { return SQLITE_OK; },
                                             size_of,
                                             lock,
                                             unlock_to,
                                             is_reserved,
                                             [](sqlite3_file*, int, void*) { return SQLITE_NOTFOUND; },
                                             [](sqlite3_file*) { return 512; },
                                             [](sqlite3_file*) { return SQLITE_IOCAP_POWERSAFE_OVERWRITE; },
                                             index_map,
                                             index_lock,
                                             [](sqlite3_file*) {},
                                             index_unmap,
                                             nullptr,
                                             nullptr};
  return methods;
}

MemoryDisk& disk_of(sqlite3_vfs* vfs) { return *static_cast<MemoryDisk*>(vfs->pAppData); }

int open(sqlite3_vfs* vfs, const char* name, sqlite3_file* handle, int flags, int* flags_out) {
  auto& disk = disk_of(vfs);
  auto file = name == nullptr ? std::make_shared<MemoryFile>() : disk.file(name, (flags & SQLITE_OPEN_CREATE) != 0);
  handle->pMethods = nullptr;
  if (!file) return SQLITE_CANTOPEN;
  opened(handle) = {{&methods()}, &disk, new std::shared_ptr<MemoryFile>(std::move(file)), SQLITE_LOCK_NONE, 0, 0};
  if (flags_out != nullptr) *flags_out = flags;
  return SQLITE_OK;
}

int remove_file(sqlite3_vfs* vfs, const char* name, int) {
  disk_of(vfs).remove(name);
  return SQLITE_OK;
}

int is_there(sqlite3_vfs* vfs, const char* name, int, int* answer) {
  *answer = disk_of(vfs).has(name) ? 1 : 0;
  return SQLITE_OK;
}

int full_name(sqlite3_vfs*, const char* name, int bytes, char* into) {
  sqlite3_snprintf(bytes, into, "%s", name);
  return SQLITE_OK;
}

sqlite3_vfs& registered() {
  static sqlite3_vfs vfs = {};
  return vfs;
}

}  // namespace

MemoryDisk::MemoryDisk() {
  const auto* real = sqlite3_vfs_find(nullptr);
  auto& vfs = registered();
  vfs = *real;
  vfs.iVersion = 1;
  vfs.szOsFile = sizeof(OpenFile);
  vfs.pNext = nullptr;
  vfs.zName = disk_name;
  vfs.pAppData = this;
  vfs.xOpen = open;
  vfs.xDelete = remove_file;
  vfs.xAccess = is_there;
  vfs.xFullPathname = full_name;
  // Salts of the log: any will do, as long as they are the same in each replay.
  vfs.xRandomness = [](sqlite3_vfs*, int count, char* into) {
    std::memset(into, 7, static_cast<std::size_t>(count));
    return count;
  };
  sqlite3_vfs_register(&vfs, 1);
}

MemoryDisk::~MemoryDisk() { sqlite3_vfs_unregister(&registered()); }

void MemoryDisk::fail_after(std::int64_t writes, Fault fault) {
  allowed_ = writes;
  fault_ = fault;
  failed_ = false;
}

int MemoryDisk::next_write() {
  if (!allowed_) return SQLITE_OK;
  if (--*allowed_ >= 0) return SQLITE_OK;
  *allowed_ = 0;
  failed_ = true;
  return fault_ == Fault::Full ? SQLITE_FULL : SQLITE_IOERR_WRITE;
}

std::shared_ptr<MemoryFile> MemoryDisk::file(const std::string& name, bool may_create) {
  const auto found = files_.find(name);
  if (found != files_.end()) return found->second;
  if (!may_create) return nullptr;
  return files_[name] = std::make_shared<MemoryFile>();
}

bool MemoryDisk::has_open_transaction() const {
  return std::any_of(files_.begin(), files_.end(), [](const auto& entry) {
    const auto& file = *entry.second;
    return std::any_of(std::begin(file.index_shared), std::end(file.index_shared),
                       [](int count) { return count > 0; }) ||
           std::any_of(std::begin(file.index_exclusive), std::end(file.index_exclusive),
                       [](const void* by) { return by != nullptr; });
  });
}

void MemoryDisk::remember() {
  for (auto& [name, file] : files_) {
    file->as_remembered = file->bytes;
    file->is_changed = false;
  }
}

void MemoryDisk::restore() {
  for (auto& [name, file] : files_) {
    if (file->is_changed) file->bytes = file->as_remembered;
    file->is_changed = false;
    // SQLite then reads the log anew, and drops what it holds of pages.
    for (auto& region : file->index) std::memset(region.get(), 0, file->index_region_bytes);
  }
}

}  // namespace espalier::store
