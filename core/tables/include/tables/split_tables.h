// The tables behind a dataset's splits, each read and digested once for whoever asks.
#pragma once

#include <cstdint>
#include <exception>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "tables/audio_table.h"
#include "tables/text_table.h"
#include "words/digest.h"

namespace espalier {

// A split's table as it was when it was first asked for.
struct SplitTable {
  std::vector<TextRow> texts;        // of text-classification
  std::vector<AudioRow> sounds;      // of the other formats
  std::vector<std::string> missing;  // sound files that it names and that are not there; their rows are given
};

// The file or folder of a split. Throws InputError where it is not given.
const std::string& split_path(const DatasetSettings& dataset, const std::string& split);

// The rows that the dataset's limit leaves, or all.
enum class TableExtent { Limited, Whole };

// Not for several threads at once.
class SplitTables {
 public:
  // `digests` outlives it.
  explicit SplitTables(DigestMemory& digests) : digests_(digests) {}

  // Throws InputError where the split is not given or its table cannot be used, each time alike.
  std::shared_ptr<const SplitTable> table(const DatasetSettings& dataset, const std::string& split,
                                          TableExtent extent = TableExtent::Limited);
  // What the split is known by: of texts the bytes of its file, of sounds those of the table's rows and of every file that
  // they name, in order. No paths.
  const std::string& digest(const DatasetSettings& dataset, const std::string& split);
  // Rows that nobody asks for again take no memory.
  void forget_rows(const DatasetSettings& dataset, const std::string& split);

  DigestMemory& digests() const { return digests_; }

 private:
  struct Reading {
    std::shared_ptr<const SplitTable> table;
    std::exception_ptr problem;
  };

  DigestMemory& digests_;
  std::map<std::string, Reading> readings_;
  std::map<std::string, std::string> known_digests_;
};

// How often this process has opened a table or list of files, and digested the files that one names: reading once is held
// against it.
struct TableCounts {
  std::int64_t opened = 0, digested = 0;
};
TableCounts table_counts();

}  // namespace espalier
