// What the readers of the three table formats share: the file, the rows, and the problems found on the way.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "tables/text_table.h"

namespace espalier {

class TableReading {
 public:
  TableReading(const std::filesystem::path& file, const TextColumns& columns, std::int64_t limit);

  // The file without its byte order mark.
  std::string_view content() const { return content_; }
  const TextColumns& columns() const { return columns_; }
  std::vector<std::string> wanted() const;  // names of the columns to be read

  std::string at(std::int64_t line) const;  // "FILE:LINE: "
  // A row that cannot be used; reading goes on, so that a user sees all of them.
  void problem(std::int64_t line, const std::string& what);
  // Whether bytes that start at `offset` of the content are text; a problem otherwise.
  bool is_text(std::string_view bytes, std::int64_t line, std::size_t offset);
  void add(TextRow row);
  bool full() const { return limit_ > 0 && count_ >= limit_; }
  // "has no column 'text'", the nearest name, and the columns that are there.
  std::string missing(const std::vector<std::string>& names, const std::vector<std::string>& found) const;
  std::vector<TextRow> finish(bool with_header);

 private:
  std::filesystem::path file_;
  const TextColumns& columns_;
  std::int64_t limit_, count_ = 0, problem_count_ = 0;
  std::string bytes_;
  std::string_view content_;
  std::vector<TextRow> rows_;
  std::vector<std::string> problems_;
};

void read_delimited(TableReading& reading, char delimiter, bool quoted);
void read_json_lines(TableReading& reading);

}  // namespace espalier
