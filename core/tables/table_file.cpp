#include "table_file.h"

#include <espalier/error.h>

#include <algorithm>
#include <cstdio>

#include "counting.h"
#include "words/atomic_file.h"
#include "words/names.h"
#include "words/utf8.h"

namespace espalier::tables {
namespace {

constexpr std::size_t problems_shown = 10;
constexpr const char* convert = "\n    convert it: iconv -f LATIN1 -t UTF-8, where LATIN1 is what it is written in";

}  // namespace

void Problems::add(std::int64_t line, const std::string& what) {
  if (++count_ <= static_cast<std::int64_t>(problems_shown)) shown_.push_back(at(line) + what);
}

void Problems::throw_if_any(const std::string& advice) const {
  if (count_ == 0) return;
  if (count_ == 1) throw InputError(shown_.front() + advice);
  std::string message = file_ + ": " + std::to_string(count_) + " rows cannot be read\n    " + join(shown_, "\n    ");
  const auto more = count_ - static_cast<std::int64_t>(shown_.size());
  if (more > 0) message += "\n    and " + std::to_string(more) + " more";
  throw InputError(message + advice);
}

TableFile::TableFile(std::filesystem::path file)
    : file_(std::move(file)), bytes_(read_file(file_)), content_(bytes_), problems_(file_.string()) {
  ++files_opened;
  if (content_.starts_with("\xFF\xFE") || content_.starts_with("\xFE\xFF")) {
    throw InputError(file_.string() + ":1: is UTF-16, expected UTF-8\n    convert it: iconv -f UTF-16 -t UTF-8");
  }
  if (content_.starts_with("\xEF\xBB\xBF")) content_.remove_prefix(3);
}

bool TableFile::is_text(std::string_view bytes, std::int64_t line, std::size_t offset) {
  const auto nul = bytes.find('\0');
  const auto bad = invalid_utf8(bytes);
  if (nul == std::string_view::npos && !bad) return true;
  const std::size_t where = bad ? std::min(*bad, nul) : nul;
  const auto lines = std::count(bytes.begin(), bytes.begin() + static_cast<std::ptrdiff_t>(where), '\n');
  const std::size_t byte = offset + where + (bytes_.size() - content_.size());
  if (where == nul) {
    problem(line + lines, "holds a NUL byte at byte " + std::to_string(byte) + " of the file, expected text");
  } else {
    char hexadecimal[8];
    std::snprintf(hexadecimal, sizeof hexadecimal, "0x%02X", static_cast<unsigned char>(bytes[where]));
    problem(line + lines, "is not UTF-8 at byte " + std::to_string(byte) + " of the file (" + hexadecimal + ")");
    is_utf8_ = false;
  }
  return false;
}

void TableFile::throw_problems() const { problems_.throw_if_any(is_utf8_ ? "" : convert); }

TableKind kind_of(const std::filesystem::path& file) {
  std::string extension = file.extension().string();
  std::transform(extension.begin(), extension.end(), extension.begin(),
                 [](char byte) { return byte >= 'A' && byte <= 'Z' ? static_cast<char>(byte + 32) : byte; });
  if (extension == ".tsv") return TableKind::Tsv;
  if (extension == ".csv") return TableKind::Csv;
  if (extension == ".jsonl") return TableKind::JsonLines;
  throw InputError(file.string() + ": is no table that can be read: its extension is '" + extension +
                   "'\n    known: .csv, .jsonl, .tsv");
}

void read_rows(TableFile& file, TableKind kind, const WantedColumns& wanted, const std::function<bool()>& full,
               const std::function<void(FoundRow)>& take) {
  if (file.content().empty()) {
    throw InputError(file.path().string() + ": is empty, expected " +
                     (kind == TableKind::JsonLines ? "one JSON object a line" : "a header and rows") + " with " +
                     join(wanted.names));
  }
  if (kind == TableKind::JsonLines) {
    read_json_lines(file, wanted, full, take);
  } else {
    read_delimited(file, kind, wanted, full, take);
  }
}

std::string missing_columns(const WantedColumns& wanted, const std::vector<std::string>& missing,
                            const std::vector<std::string>& found) {
  std::string message = "has no column '" + join(missing, "' and no column '") + "'";
  for (const auto& name : missing) {
    if (const auto near = nearest_name(name, found)) {
      message += "\n    instead of '" + name + "', did you mean '" + *near + "'?";
    }
  }
  constexpr std::size_t shown = 30;
  auto columns = found;
  if (columns.size() > shown) columns.resize(shown);
  message += "\n    its columns: " + join(columns) + (found.size() > shown ? ", ..." : "");
  return message + "\n    " + wanted.advice;
}

}  // namespace espalier::tables
