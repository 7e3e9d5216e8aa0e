// A flat table as a Parquet file: every column optional, values PLAIN, one page a column and row group, compressed by gzip.
// It is the least that every reader of Parquet reads; the room's README says why it is written here.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "store/open/described_columns.h"
#include "store/open/query.h"
#include "words/atomic_file.h"

namespace espalier::exports {

class ParquetFile {
 public:
  ParquetFile(const std::filesystem::path& path, const store::DescribedView& table);
  // Values as OpenTables gives them.
  void add(const std::vector<store::QueryValue>& row);
  // Writes what is left, and the footer. Without it there is no file.
  void commit();

 private:
  // Of the row group that is being filled.
  struct Column {
    std::string values;            // in the PLAIN encoding; of flags one byte each, packed when they are written
    std::vector<bool> is_present;  // one a row
  };
  // Where a column of a row group was written.
  struct Chunk {
    std::int64_t offset = 0, bytes = 0, raw_bytes = 0, rows = 0, absent = 0;
  };
  struct Group {
    std::vector<Chunk> chunks;
    std::int64_t rows = 0;
  };

  void write(std::string_view bytes);
  void end_group();
  Chunk written(const Column& column, store::ColumnType type);
  std::string footer() const;

  const store::DescribedView& table_;
  AtomicFile file_;
  std::int64_t offset_ = 0;
  std::vector<Column> columns_;
  std::size_t buffered_bytes_ = 0;
  std::vector<Group> groups_;
  std::int64_t rows_ = 0;
};

}  // namespace espalier::exports
