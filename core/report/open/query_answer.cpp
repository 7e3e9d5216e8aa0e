#include "report/open/query_answer.h"

#include <espalier/error.h>
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>

#include "rendering.h"
#include "report/escaping.h"
#include "words/texts/csv_field.h"

namespace espalier::report {
namespace {

using store::Bytes;
using store::QueryValue;

std::string hex(const std::string& bytes) {
  std::string digits;
  for (const char byte : bytes) digits += fmt::format("{:02x}", static_cast<unsigned char>(byte));
  return digits;
}

bool is_number(const QueryValue& value) {
  return std::holds_alternative<std::int64_t>(value) || std::holds_alternative<double>(value);
}

// What is no text; of texts nothing.
std::string plain_text(const QueryValue& value) {
  if (const auto* integer = std::get_if<std::int64_t>(&value)) return std::to_string(*integer);
  if (const auto* real = std::get_if<double>(&value)) return number_in_full(*real);
  if (const auto* bytes = std::get_if<Bytes>(&value)) return fmt::format("x'{}'", hex(bytes->content));
  return {};
}

// On one line, and told apart from what is absent.
std::string shown(const QueryValue& value) {
  if (std::holds_alternative<std::monostate>(value)) return "NULL";
  const auto* text = std::get_if<std::string>(&value);
  if (text == nullptr) return plain_text(value);
  return *text == "NULL" ? "'NULL'" : printable(*text);
}

std::string terminal(const QueryAnswer& answer) {
  std::vector<std::vector<std::string>> lines;
  auto& names = lines.emplace_back();
  for (const auto& name : answer.columns) names.push_back(printable(name));
  std::vector<bool> numeric(answer.columns.size(), true);
  for (const auto& row : answer.rows) {
    auto& line = lines.emplace_back();
    for (std::size_t i = 0; i < row.size(); ++i) {
      line.push_back(shown(row[i]));
      if (!is_number(row[i]) && !std::holds_alternative<std::monostate>(row[i])) numeric[i] = false;
    }
  }
  std::vector<std::size_t> widths(answer.columns.size(), 0);
  for (const auto& line : lines) {
    for (std::size_t i = 0; i < line.size(); ++i) widths[i] = std::max(widths[i], width_of(line[i]));
  }
  std::string out;
  for (const auto& line : lines) {
    std::string text;
    for (std::size_t i = 0; i < line.size(); ++i) text += (i > 0 ? "  " : "") + padded(line[i], widths[i], numeric[i]);
    out += without_trailing_spaces(text) + "\n";
  }
  return out;
}

std::string markdown(const QueryAnswer& answer) {
  std::string out = "|", rule = "|";
  for (const auto& name : answer.columns) {
    out += " " + markdown_escaped(name) + " |";
    rule += " --- |";
  }
  out += "\n" + rule + "\n";
  for (const auto& row : answer.rows) {
    out += "|";
    for (const auto& value : row) out += " " + markdown_escaped(shown(value)) + " |";
    out += "\n";
  }
  return out;
}

std::string as_csv(const QueryAnswer& answer) {
  std::string out;
  for (std::size_t i = 0; i < answer.columns.size(); ++i) out += (i > 0 ? "," : "") + csv_field(answer.columns[i]);
  out += "\r\n";
  for (const auto& row : answer.rows) {
    for (std::size_t i = 0; i < row.size(); ++i) out += (i > 0 ? "," : "") + csv_value(row[i]);
    out += "\r\n";
  }
  return out;
}

nlohmann::json json_value(const QueryValue& value) {
  if (const auto* integer = std::get_if<std::int64_t>(&value)) return *integer;
  if (const auto* real = std::get_if<double>(&value)) {
    if (std::isfinite(*real)) return *real;
    return *real < 0 ? "-Infinity" : "Infinity";
  }
  if (const auto* bytes = std::get_if<Bytes>(&value)) return {{"blob", hex(bytes->content)}};
  if (const auto* text = std::get_if<std::string>(&value)) return *text;
  return nullptr;
}

std::string as_json(const QueryAnswer& answer) {
  auto rows = nlohmann::json::array();
  for (const auto& row : answer.rows) {
    auto& values = rows.emplace_back(nlohmann::json::array());
    for (const auto& value : row) values.push_back(json_value(value));
  }
  const nlohmann::json document = {{"columns", answer.columns}, {"rows", rows}, {"complete", answer.complete}};
  return document.dump(2, ' ', false, nlohmann::json::error_handler_t::replace) + "\n";
}

}  // namespace

std::string csv_value(const QueryValue& value) {
  if (const auto* text = std::get_if<std::string>(&value)) return csv_field(*text);
  return plain_text(value);
}

std::string render(const QueryAnswer& answer, Format format) {
  switch (format) {
    case Format::Terminal: return terminal(answer);
    case Format::Markdown: return markdown(answer);
    case Format::Csv: return as_csv(answer);
    case Format::Json: return as_json(answer);
    default: break;
  }
  throw SettingsError("the rows of a query have no such format, expected terminal, markdown, csv or json");
}

}  // namespace espalier::report
