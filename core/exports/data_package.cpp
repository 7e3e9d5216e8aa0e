#include "data_package.h"

#include <algorithm>
#include <cctype>
#include <nlohmann/json.hpp>
#include <set>

#include "store/open/open_tables.h"
#include "words/atomic_file.h"
#include "words/version.h"

namespace espalier::exports {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;

constexpr const char* maker = "espalier export";

json field(const store::DescribedColumn& column) {
  json described = {{"name", column.name}, {"description", column.meaning}};
  switch (column.type) {
    case store::ColumnType::Text: described["type"] = "string"; break;
    case store::ColumnType::Integer: described["type"] = "integer"; break;
    case store::ColumnType::Real: described["type"] = "number"; break;
    case store::ColumnType::Flag:
      described["type"] = "boolean";
      described["trueValues"] = {"1"};
      described["falseValues"] = {"0"};
      break;
  }
  if (!column.unit.empty()) described["unit"] = column.unit;
  return described;
}

// As the format wants names: lower case, digits, '-', '_' and '.'.
std::string package_name(const std::string& text) {
  std::string name;
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    const bool stays = byte < 0x80 && (std::isalnum(byte) != 0 || c == '-' || c == '_' || c == '.');
    name += stays ? static_cast<char>(std::tolower(byte)) : '-';
  }
  return name.empty() ? "results" : name;
}

}  // namespace

json data_package(const std::string& name, const std::vector<ExportedFile>& files, FileKind kind) {
  const bool is_csv = kind == FileKind::Csv;
  auto resources = json::array();
  for (const auto& file : files) {
    const auto& tables = store::open_tables();
    const auto& table =
        *std::find_if(tables.begin(), tables.end(), [&](const auto& one) { return one.name == file.table; });
    json resource = {{"name", file.table},
                     {"path", file.name},
                     {"title", table.title},
                     {"description", table.meaning},
                     {"format", is_csv ? "csv" : "parquet"},
                     {"mediatype", is_csv ? "text/csv" : "application/vnd.apache.parquet"},
                     {"rows", file.rows},
                     {"bytes", file.bytes},
                     {"hash", "sha256:" + file.sha256}};
    auto& schema = resource["schema"];
    schema["fields"] = json::array();
    for (const auto& column : table.columns) schema["fields"].push_back(field(column));
    if (is_csv) {
      resource["profile"] = "tabular-data-resource";
      resource["encoding"] = "utf-8";
      resource["dialect"] = {
          {"delimiter", ","}, {"lineTerminator", "\r\n"}, {"quoteChar", "\""}, {"doubleQuote", true}, {"header", true}};
      schema["missingValues"] = {""};
    }
    resources.push_back(std::move(resource));
  }
  return {{"profile", is_csv ? "tabular-data-package" : "data-package"},
          {"name", package_name(name)},
          {"title", "Results of " + name},
          {"created_by", maker},
          {"espalier", version()},
          {"resources", resources}};
}

bool is_export(const fs::path& folder) {
  std::error_code failed;
  const auto description = folder / "datapackage.json";
  if (!fs::is_regular_file(description, failed)) return false;
  const auto document = json::parse(read_file(description), nullptr, false);
  if (!document.is_object() || document.value("created_by", json()) != maker) return false;
  std::set<std::string> known = {"datapackage.json"};
  if (const auto resources = document.find("resources"); resources != document.end() && resources->is_array()) {
    for (const auto& resource : *resources) {
      if (resource.is_object() && resource.contains("path") && resource.at("path").is_string())
        known.insert(resource.at("path").get<std::string>());
    }
  }
  for (const auto& entry : fs::directory_iterator(folder, failed)) {
    if (!entry.is_regular_file(failed) || !known.contains(entry.path().filename().string())) return false;
  }
  return true;
}

}  // namespace espalier::exports
