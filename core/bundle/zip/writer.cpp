#include <espalier/error.h>
#include <sys/stat.h>
#include <zip.h>

#include <cstdlib>
#include <cstring>
#include <set>

#include "bundle/archive.h"
#include "words/atomic_file.h"
#include "words/printable.h"

namespace espalier::bundle {
namespace {

namespace fs = std::filesystem;

constexpr zip_uint16_t first_day_of_zip = 1 << 5 | 1;  // 1980-01-01, of which no time zone makes another day
constexpr int usual_level = 6;

}  // namespace

struct ArchiveWriter::State {
  fs::path file;
  zip_t* archive = nullptr;
  std::set<std::string> names;

  [[noreturn]] void fail(const std::string& what) const {
    throw InputError(file.string() + ": " + what + ": " + zip_strerror(archive));
  }
  void add(const std::string& name, zip_source_t* source);
};

ArchiveWriter::ArchiveWriter(fs::path file) : state_(std::make_unique<State>()) {
  state_->file = std::move(file);
  int code = 0;
  state_->archive = zip_open(state_->file.c_str(), ZIP_CREATE | ZIP_TRUNCATE, &code);
  if (state_->archive != nullptr) return;
  zip_error_t error;
  zip_error_init_with_code(&error, code);
  const std::string said = zip_error_strerror(&error);
  zip_error_fini(&error);
  throw InputError(state_->file.string() + ": cannot be written: " + said);
}

ArchiveWriter::~ArchiveWriter() {
  if (state_->archive != nullptr) zip_discard(state_->archive);
}

void ArchiveWriter::State::add(const std::string& name, zip_source_t* source) {
  if (source == nullptr) fail("'" + name + "' cannot be read");
  const auto complaint = complaint_about_name(name);
  if (!complaint.empty() || !names.insert(name).second) {
    zip_source_free(source);
    throw InputError(file.string() + ": the name '" + printable_line(name) + "' " +
                     (complaint.empty() ? "is there already" : complaint));
  }
  const auto index = zip_file_add(archive, name.c_str(), source, ZIP_FL_ENC_UTF_8);
  if (index < 0) {
    zip_source_free(source);
    fail("'" + name + "' cannot be added");
  }
  const auto place = static_cast<zip_uint64_t>(index);
  const zip_uint32_t plain_file = static_cast<zip_uint32_t>(S_IFREG | 0644) << 16;
  if (zip_set_file_compression(archive, place, ZIP_CM_DEFLATE, usual_level) != 0 ||
      zip_file_set_dostime(archive, place, 0, first_day_of_zip, 0) != 0 ||
      zip_file_set_external_attributes(archive, place, 0, ZIP_OPSYS_UNIX, plain_file) != 0)
    fail("'" + name + "' cannot be added");
}

void ArchiveWriter::add_text(const std::string& name, std::string content) {
  auto* copy = static_cast<char*>(std::malloc(content.size() + 1));  // libzip frees it
  if (copy == nullptr) throw std::bad_alloc();
  std::memcpy(copy, content.data(), content.size());
  auto* source = zip_source_buffer(state_->archive, copy, content.size(), 1);
  if (source == nullptr) std::free(copy);
  state_->add(name, source);
}

void ArchiveWriter::add_file(const std::string& name, const fs::path& path) {
  state_->add(name, zip_source_file(state_->archive, path.c_str(), 0, -1));
}

void ArchiveWriter::commit() {
  if (zip_close(state_->archive) != 0) state_->fail("cannot be written");
  state_->archive = nullptr;
}

}  // namespace espalier::bundle
