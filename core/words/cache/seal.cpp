#include "seal.h"

#include <espalier/error.h>
#include <fmt/format.h>

#include <algorithm>
#include <cstdint>
#include <sstream>
#include <system_error>

#include "words/atomic_file.h"
#include "words/digest.h"

namespace espalier {
namespace {

namespace fs = std::filesystem;

// Smaller files are read faster than it is found out that they need not be.
constexpr std::uint64_t large_bytes = 1 << 20;
constexpr std::size_t digest_characters = 64, end_characters = 16, shown_characters = 12;
constexpr const char* end_mark = "# seal ";

bool is_large(const fs::path& path) {
  std::error_code failed;
  const auto bytes = fs::file_size(path, failed);
  return !failed && bytes >= large_bytes;
}

std::string digest_of(const fs::path& path) {
  return is_large(path) ? sha256_of_file(path) : sha256_hex(read_file(path));
}

}  // namespace

std::vector<EntryFile> files_of_entry(const fs::path& entry) {
  std::error_code failed;
  if (!fs::is_directory(entry, failed)) return {{entry.filename().string(), entry}};
  std::vector<EntryFile> files;
  for (auto place = fs::recursive_directory_iterator(entry, failed); place != fs::recursive_directory_iterator();
       place.increment(failed)) {
    if (failed) break;
    if (place->is_directory(failed) || place->path().filename().string().starts_with(".")) continue;
    files.push_back({place->path().lexically_relative(entry).generic_string(), place->path()});
  }
  std::sort(files.begin(), files.end(), [](const EntryFile& a, const EntryFile& b) { return a.name < b.name; });
  return files;
}

fs::path Seal::place(const fs::path& entry, bool is_folder) {
  if (is_folder) return entry / ".sha256";
  auto beside = entry;
  beside += ".sha256";
  return beside;
}

Seal Seal::of(const fs::path& path, const std::string& name, const std::string& digest) {
  Seal seal;
  std::error_code failed;
  if (!fs::is_directory(path, failed)) {
    seal.files_.push_back({name, digest.empty() ? digest_of(path) : digest});
    return seal;
  }
  for (const auto& file : files_of_entry(path)) seal.files_.push_back({file.name, digest_of(file.path)});
  return seal;
}

std::optional<Seal> Seal::from(const std::string& text) {
  const auto end = text.rfind(end_mark);
  if (end == std::string::npos) return std::nullopt;
  const auto above = text.substr(0, end);
  if (text.substr(end) != fmt::format("{}{}\n", end_mark, sha256_hex(above).substr(0, end_characters)))
    return std::nullopt;
  Seal seal;
  std::istringstream lines(above);
  for (std::string line; std::getline(lines, line);) {
    if (line.starts_with("# ") && !seal.files_.empty())
      seal.files_.back().identity = line.substr(2);
    else if (line.size() > digest_characters + 2)
      seal.files_.push_back({line.substr(digest_characters + 2), line.substr(0, digest_characters)});
  }
  return seal;
}

std::string Seal::text() const {
  std::string text;
  for (const auto& file : files_) {
    text += fmt::format("{}  {}\n", file.digest, file.name);
    if (!file.identity.empty()) text += fmt::format("# {}\n", file.identity);
  }
  return fmt::format("{}{}{}\n", text, end_mark, sha256_hex(text).substr(0, end_characters));
}

std::string Seal::damage_of(const fs::path& entry, bool every_byte) {
  const auto there = files_of_entry(entry);
  for (const auto& file : files_) {
    if (std::none_of(there.begin(), there.end(), [&](const EntryFile& other) { return other.name == file.name; }))
      return fmt::format("{} is missing", file.name);
  }
  for (const auto& [name, path] : there) {
    const auto known = std::find_if(files_.begin(), files_.end(), [&](const File& file) { return file.name == name; });
    if (known == files_.end()) return fmt::format("{} was not written there", name);
    const auto identity = is_large(path) ? file_identity(path) : std::string();
    if (!every_byte && !identity.empty() && identity == known->identity) continue;
    try {
      if (const auto digest = digest_of(path); digest != known->digest) {
        return fmt::format("{} holds other bytes than were written (sha256 {}..., expected {}...)", name,
                           digest.substr(0, shown_characters), known->digest.substr(0, shown_characters));
      }
    } catch (const InputError& error) {
      return error.what();
    }
    if (identity.empty() || identity == known->identity || file_identity(path) != identity) continue;
    known->identity = identity;
    learned_ = true;
  }
  return "";
}

bool Seal::remember(const fs::path& entry) {
  bool any = false;
  for (const auto& [name, path] : files_of_entry(entry)) {
    const auto known = std::find_if(files_.begin(), files_.end(), [&](const File& file) { return file.name == name; });
    if (known == files_.end() || !is_large(path)) continue;
    known->identity = file_identity(path);
    any = any || !known->identity.empty();
  }
  return any;
}

}  // namespace espalier
