#include "tables/text_table.h"

#include <espalier/error.h>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <optional>
#include <tuple>

#include "table_file.h"
#include "words/names.h"

namespace espalier {
namespace {

std::optional<double> number(const std::string& text) {
  double value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  const bool whole = error == std::errc() && end == text.data() + text.size() && std::isfinite(value);
  return whole ? std::optional(value) : std::nullopt;
}

}  // namespace

std::vector<TextRow> read_text_table(const std::filesystem::path& path, const TextColumns& columns,
                                     std::int64_t limit) {
  const auto kind = tables::kind_of(path);
  tables::WantedColumns wanted{{columns.text}, columns.advice};
  if (!columns.pair.empty()) wanted.names.push_back(columns.pair);
  if (!columns.label.empty()) wanted.names.push_back(columns.label);
  tables::TableFile file(path);
  std::vector<TextRow> rows;
  const auto full = [&] { return limit > 0 && static_cast<std::int64_t>(rows.size()) + file.problems() >= limit; };
  tables::read_rows(file, kind, wanted, full, [&](tables::FoundRow found) {
    TextRow row;
    row.line = found.line;
    std::size_t place = 0;
    row.text = std::move(found.values[place++]);
    if (!columns.pair.empty()) row.pair = std::move(found.values[place++]);
    if (!columns.label.empty()) row.label = std::move(found.values[place]);
    if (!columns.label.empty() && row.label.empty()) {
      file.problem(row.line, "its label ('" + columns.label + "') is empty");
    } else {
      rows.push_back(std::move(row));
    }
  });
  file.throw_problems();
  if (rows.empty()) {
    throw InputError(path.string() + ": holds no rows" +
                     (kind == tables::TableKind::JsonLines ? "" : ", only a header") +
                     "\n    expected at least one row with " + join(wanted.names));
  }
  return rows;
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
