// What the readers of all tables share: the file, its rows, and the problems found on the way.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "records.h"

namespace espalier::tables {

// What is wrong with the rows of a file, said all at once.
class Problems {
 public:
  explicit Problems(std::string file) : file_(std::move(file)) {}
  std::string at(std::int64_t line) const { return file_ + ":" + std::to_string(line) + ": "; }
  void add(std::int64_t line, const std::string& what);
  std::int64_t count() const { return count_; }
  // Throws InputError where there are any; `advice` ends it.
  void throw_if_any(const std::string& advice = "") const;

 private:
  std::string file_;
  std::int64_t count_ = 0;
  std::vector<std::string> shown_;
};

class TableFile {
 public:
  // Throws InputError for a file that cannot be read, and for UTF-16.
  explicit TableFile(std::filesystem::path file);

  // The file without its byte order mark.
  std::string_view content() const { return content_; }
  const std::filesystem::path& path() const { return file_; }
  std::string at(std::int64_t line) const { return problems_.at(line); }  // "FILE:LINE: "

  // A row that cannot be used; reading goes on, so that a user sees all of them.
  void problem(std::int64_t line, const std::string& what) { problems_.add(line, what); }
  std::int64_t problems() const { return problems_.count(); }
  // Whether bytes that start at `offset` of the content are text; a problem otherwise.
  bool is_text(std::string_view bytes, std::int64_t line, std::size_t offset);
  // Of a record of the content.
  bool is_text(const Record& record) {
    return is_text(content_.substr(record.begin, record.end - record.begin), record.line, record.begin);
  }
  // InputError with the problems found, where there are any.
  void throw_problems() const;

 private:
  std::filesystem::path file_;
  std::string bytes_;
  std::string_view content_;
  Problems problems_;
  bool is_utf8_ = true;
};

enum class TableKind { Tsv, Csv, JsonLines };

// By its extension, in any case. Throws InputError for others.
TableKind kind_of(const std::filesystem::path& file);

// The columns that are wanted, and what to say beside a header that lacks one.
struct WantedColumns {
  std::vector<std::string> names;
  std::string advice;
};

struct FoundRow {
  std::int64_t line = 0;
  std::vector<std::string> values;  // of the wanted columns, in their order
};

// Hands every usable row to `take`, until `full` says that no more are needed; the others become problems of the file.
void read_rows(TableFile& file, TableKind kind, const WantedColumns& wanted, const std::function<bool()>& full,
               const std::function<void(FoundRow)>& take);
void read_delimited(TableFile& file, TableKind kind, const WantedColumns& wanted, const std::function<bool()>& full,
                    const std::function<void(FoundRow)>& take);
void read_json_lines(TableFile& file, const WantedColumns& wanted, const std::function<bool()>& full,
                     const std::function<void(FoundRow)>& take);

// "has no column 'text'", the nearest name, the columns that are there, and the advice.
std::string missing_columns(const WantedColumns& wanted, const std::vector<std::string>& missing,
                            const std::vector<std::string>& found);

}  // namespace espalier::tables
