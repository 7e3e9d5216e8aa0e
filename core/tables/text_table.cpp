#include "tables/text_table.h"

#include <espalier/error.h>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <cstdio>
#include <optional>
#include <tuple>

#include "table_reading.h"
#include "tables/utf8.h"
#include "words/atomic_file.h"
#include "words/names.h"

namespace espalier {
namespace {

constexpr std::size_t problems_shown = 10;

std::optional<double> number(const std::string& text) {
  double value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  const bool whole = error == std::errc() && end == text.data() + text.size() && std::isfinite(value);
  return whole ? std::optional(value) : std::nullopt;
}

}  // namespace

TableReading::TableReading(const std::filesystem::path& file, const TextColumns& columns, std::int64_t limit)
    : file_(file), columns_(columns), limit_(limit), bytes_(read_file(file)), content_(bytes_) {
  if (content_.starts_with("\xFF\xFE") || content_.starts_with("\xFE\xFF")) {
    throw InputError(file.string() + ":1: is UTF-16, expected UTF-8\n    convert it: iconv -f UTF-16 -t UTF-8");
  }
  if (content_.starts_with("\xEF\xBB\xBF")) content_.remove_prefix(3);
}

std::vector<std::string> TableReading::wanted() const {
  std::vector<std::string> names{columns_.text, columns_.label};
  if (!columns_.pair.empty()) names.insert(names.begin() + 1, columns_.pair);
  return names;
}

std::string TableReading::at(std::int64_t line) const { return file_.string() + ":" + std::to_string(line) + ": "; }

void TableReading::problem(std::int64_t line, const std::string& what) {
  ++count_;
  if (++problem_count_ <= static_cast<std::int64_t>(problems_shown)) problems_.push_back(at(line) + what);
}

bool TableReading::is_text(std::string_view bytes, std::int64_t line, std::size_t offset) {
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
  }
  return false;
}

void TableReading::add(TextRow row) {
  if (row.label.empty()) {
    problem(row.line, "its label ('" + columns_.label + "') is empty");
    return;
  }
  ++count_;
  rows_.push_back(std::move(row));
}

std::string TableReading::missing(const std::vector<std::string>& names, const std::vector<std::string>& found) const {
  std::string message = "has no column '" + join(names, "' and no column '") + "'";
  for (const auto& name : names) {
    if (const auto near = nearest_name(name, found)) {
      message += "\n    instead of '" + name + "', did you mean '" + *near + "'?";
    }
  }
  constexpr std::size_t shown = 30;
  auto columns = found;
  if (columns.size() > shown) columns.resize(shown);
  message += "\n    its columns: " + join(columns) + (found.size() > shown ? ", ..." : "");
  return message + "\n    which columns are read is said by the data set's keys text, pair and label";
}

std::vector<TextRow> TableReading::finish(bool with_header) {
  if (problem_count_ == 1) throw InputError(problems_.front());
  if (problem_count_ > 1) {
    std::string message = file_.string() + ": " + std::to_string(problem_count_) + " rows cannot be read\n    " +
                          join(problems_, "\n    ");
    const auto more = problem_count_ - static_cast<std::int64_t>(problems_.size());
    if (more > 0) message += "\n    and " + std::to_string(more) + " more";
    throw InputError(message);
  }
  if (rows_.empty()) {
    throw InputError(file_.string() + ": holds no rows" + (with_header ? ", only a header" : "") +
                     "\n    expected at least one row with " + join(wanted()));
  }
  return std::move(rows_);
}

std::vector<TextRow> read_text_table(const std::filesystem::path& file, const TextColumns& columns,
                                     std::int64_t limit) {
  std::string extension = file.extension().string();
  std::transform(extension.begin(), extension.end(), extension.begin(),
                 [](char byte) { return byte >= 'A' && byte <= 'Z' ? static_cast<char>(byte + 32) : byte; });
  if (extension != ".tsv" && extension != ".csv" && extension != ".jsonl") {
    throw InputError(file.string() + ": is no table that can be read: its extension is '" + extension +
                     "'\n    known: .csv, .jsonl, .tsv");
  }
  TableReading reading(file, columns, limit);
  if (reading.content().empty()) {
    throw InputError(file.string() + ": is empty, expected " +
                     (extension == ".jsonl" ? "one JSON object a line" : "a header and rows") + " with " +
                     join(reading.wanted()));
  }
  if (extension == ".jsonl") {
    read_json_lines(reading);
  } else {
    read_delimited(reading, extension == ".tsv" ? '\t' : ',', extension == ".csv");
  }
  return reading.finish(extension != ".jsonl");
}

std::vector<std::string> labels_of(const std::vector<TextRow>& rows) {
  std::vector<std::string> labels;
  labels.reserve(rows.size());
  for (const auto& row : rows) labels.push_back(row.label);
  return in_order(std::move(labels));
}

std::vector<std::string> in_order(std::vector<std::string> labels) {
  std::sort(labels.begin(), labels.end());
  labels.erase(std::unique(labels.begin(), labels.end()), labels.end());
  std::stable_sort(labels.begin(), labels.end(), [](const std::string& a, const std::string& b) {
    const auto left = number(a), right = number(b);
    return std::make_tuple(!left, left.value_or(0)) < std::make_tuple(!right, right.value_or(0));
  });
  return labels;
}

}  // namespace espalier
