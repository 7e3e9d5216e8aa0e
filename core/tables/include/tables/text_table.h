// Tables of texts: TSV, CSV and JSON lines become rows that still know where they stand in their file.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

namespace espalier {

struct TextColumns {
  std::string text = "text";
  std::string pair;             // empty: no second text
  std::string label = "label";  // empty: texts without labels
  // Said beside a header that lacks one of them.
  std::string advice =
      "which columns are read is said by the dataset's keys text, pair and label (on the command line --text, --pair, "
      "--label)";
};

struct TextRow {
  std::string text, pair, label;
  std::int64_t line = 0;  // where the row stands in its file, for messages
};

// Reads .tsv (no quoting: a quote is text), .csv (quoted, RFC 4180) or .jsonl with a header (or keys); the first
// `limit` rows where limit > 0. Blank lines are skipped. Texts are valid UTF-8. Throws InputError with FILE:LINE and
// all problems found (capped).
std::vector<TextRow> read_text_table(const std::filesystem::path& file, const TextColumns& columns,
                                     std::int64_t limit = 0);

// The labels of a table, each once, in order.
std::vector<std::string> labels_of(const std::vector<TextRow>& rows);

// Each label once, sorted: numbers first and by value, then texts by their bytes.
std::vector<std::string> in_order(std::vector<std::string> labels);

}  // namespace espalier
