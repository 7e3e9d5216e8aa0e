#include <espalier/error.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <zip.h>

#include <algorithm>
#include <set>

#include "bundle/archive.h"
#include "words/atomic_file.h"
#include "words/digest.h"
#include "words/printable.h"

namespace espalier::bundle {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t most_entries = 200'000;
// Deflate packs 1,032 bytes into one at most, and tables of results ten or twenty: what unpacks to far more than it is long
// was made to fill a disk. Small archives may hold a long row of equal bytes.
constexpr std::uint64_t most_times_larger = 200, always_allowed_bytes = 16UL * 1024 * 1024;
constexpr std::size_t most_complaints = 10;

std::string said_by(int code) {
  zip_error_t error;
  zip_error_init_with_code(&error, code);
  std::string said = zip_error_strerror(&error);
  zip_error_fini(&error);
  return said;
}

bool is_link(zip_t* archive, zip_uint64_t index) {
  zip_uint8_t system = 0;
  zip_uint32_t attributes = 0;
  if (zip_file_get_external_attributes(archive, index, 0, &system, &attributes) != 0) return false;
  return system == ZIP_OPSYS_UNIX && S_ISLNK(attributes >> 16);
}

// Of one entry, or empty.
std::string complaint_about(zip_t* archive, zip_uint64_t index, const zip_stat_t& stat, std::set<std::string>& names) {
  constexpr zip_uint64_t needed = ZIP_STAT_NAME | ZIP_STAT_SIZE | ZIP_STAT_COMP_METHOD | ZIP_STAT_ENCRYPTION_METHOD;
  if ((stat.valid & needed) != needed) return "an entry without a name or a size";
  const std::string name = stat.name;
  const auto shown = "'" + printable_line(name) + "' ";
  if (const auto complaint = complaint_about_name(name); !complaint.empty()) return shown + complaint;
  if (!names.insert(name).second) return shown + "is there twice";
  if (is_link(archive, index)) return shown + "is a link";
  if (stat.encryption_method != ZIP_EM_NONE) return shown + "is encrypted";
  if (stat.comp_method != ZIP_CM_STORE && stat.comp_method != ZIP_CM_DEFLATE)
    return shown + fmt::format("is packed by method {}, expected deflate", stat.comp_method);
  return {};
}

}  // namespace

struct ArchiveReader::State {
  fs::path file;
  zip_t* archive = nullptr;

  ~State() {
    if (archive != nullptr) zip_discard(archive);
  }
};

ArchiveReader::ArchiveReader(const fs::path& file) : state_(std::make_unique<State>()) {
  state_->file = file;
  std::error_code absent;
  const auto packed_bytes = fs::file_size(file, absent);
  if (absent) throw InputError(file.string() + ": cannot be read: " + absent.message());
  int code = 0;
  state_->archive = zip_open(file.c_str(), ZIP_RDONLY | ZIP_CHECKCONS, &code);
  if (code == ZIP_ER_EXISTS) throw InputError(file.string() + ": holds one name twice; nothing was unpacked");
  if (state_->archive == nullptr) {
    throw InputError(file.string() + ": is no zip archive, or is cut off: " + said_by(code) +
                     "\n    expected what 'espalier bundle' wrote");
  }
  const auto count = static_cast<std::size_t>(std::max<zip_int64_t>(0, zip_get_num_entries(state_->archive, 0)));
  if (count > most_entries)
    throw InputError(fmt::format("{}: holds {} files, expected at most {}", file.string(), count, most_entries));
  std::set<std::string> names;
  std::vector<std::string> complaints;
  const std::uint64_t most_bytes = packed_bytes * most_times_larger + always_allowed_bytes;
  std::uint64_t bytes = 0;
  for (zip_uint64_t i = 0; i < count; ++i) {
    zip_stat_t stat;
    zip_stat_init(&stat);
    if (zip_stat_index(state_->archive, i, ZIP_FL_ENC_GUESS, &stat) != 0) stat.valid = 0;
    auto complaint = complaint_about(state_->archive, i, stat, names);
    if (!complaint.empty()) {
      if (complaints.size() < most_complaints) complaints.push_back("\n    " + complaint);
      continue;
    }
    if (stat.size > most_bytes || bytes > most_bytes - stat.size) {
      throw InputError(
          fmt::format("{}: would unpack to more than {} bytes, of {} packed\n    this was made to fill a "
                      "disk; nothing was unpacked",
                      file.string(), most_bytes, packed_bytes));
    }
    bytes += stat.size;
    entries_.push_back({stat.name, stat.size});
  }
  if (complaints.empty()) return;
  std::string all;
  for (const auto& complaint : complaints) all += complaint;
  throw InputError(file.string() + ": is no archive to unpack; nothing was" + all);
}

ArchiveReader::~ArchiveReader() = default;

bool ArchiveReader::has(std::string_view name) const {
  return std::any_of(entries_.begin(), entries_.end(), [&](const auto& entry) { return entry.name == name; });
}

void ArchiveReader::each_piece(const std::string& name, const std::function<void(std::string_view)>& take) const {
  const auto fail = [&](const std::string& what) {
    throw InputError(state_->file.string() + ": '" + name + "' " + what);
  };
  const auto entry = std::find_if(entries_.begin(), entries_.end(), [&](const auto& one) { return one.name == name; });
  if (entry == entries_.end()) fail("is not in it");
  const std::unique_ptr<zip_file_t, int (*)(zip_file_t*)> file(zip_fopen(state_->archive, name.c_str(), 0), zip_fclose);
  if (file == nullptr) fail(std::string("cannot be unpacked: ") + zip_strerror(state_->archive));
  std::string piece(1 << 18, '\0');
  std::uint64_t bytes = 0;
  while (true) {
    const auto read = zip_fread(file.get(), piece.data(), piece.size());
    if (read < 0) fail(std::string("cannot be unpacked: ") + zip_file_strerror(file.get()));
    if (read == 0) break;
    bytes += static_cast<std::uint64_t>(read);
    if (bytes > entry->bytes) break;
    take(std::string_view(piece).substr(0, static_cast<std::size_t>(read)));
  }
  if (bytes != entry->bytes) fail("is of another size than it says");
}

std::string ArchiveReader::sha256(const std::string& name) const {
  Sha256 digest;
  each_piece(name, [&](std::string_view piece) { digest.update(piece); });
  return digest.hex();
}

std::string ArchiveReader::text(const std::string& name, std::uint64_t most_bytes) const {
  std::string text;
  each_piece(name, [&](std::string_view piece) {
    if (text.size() + piece.size() > most_bytes)
      throw InputError(fmt::format("{}: '{}' is longer than {} bytes", state_->file.string(), name, most_bytes));
    text += piece;
  });
  return text;
}

void ArchiveReader::unpack(const std::string& name, const fs::path& path) const {
  AtomicFile file(path);
  each_piece(name, [&](std::string_view piece) { file.write(piece); });
  file.commit();
}

}  // namespace espalier::bundle
