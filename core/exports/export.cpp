#include "exports/export.h"

#include <espalier/error.h>

#include <memory>
#include <nlohmann/json.hpp>

#include "data_package.h"
#include "parquet/parquet_file.h"
#include "store/open/open_tables.h"
#include "words/atomic_file.h"
#include "words/atomic_folder.h"
#include "words/digest.h"
#include "words/texts/csv_field.h"

namespace espalier::exports {
namespace {

namespace fs = std::filesystem;

std::string csv_value(const store::QueryValue& value) {
  if (const auto* text = std::get_if<std::string>(&value)) return csv_field(*text);
  if (const auto* integer = std::get_if<std::int64_t>(&value)) return std::to_string(*integer);
  if (const auto* real = std::get_if<double>(&value)) return number_in_full(*real);
  return {};
}

std::int64_t write_csv(store::OpenTables& tables, const store::DescribedView& table, const fs::path& path) {
  constexpr std::size_t bytes_at_once = 1 << 20;
  AtomicFile file(path);
  std::string lines;
  for (const auto& column : table.columns) lines += (lines.empty() ? "" : ",") + csv_field(column.name);
  lines += "\r\n";
  std::int64_t rows = 0;
  tables.each_row(table.name, [&](const auto& row) {
    for (std::size_t i = 0; i < row.size(); ++i) {
      if (i > 0) lines += ',';
      lines += csv_value(row[i]);
    }
    lines += "\r\n";
    ++rows;
    if (lines.size() < bytes_at_once) return;
    file.write(lines);
    lines.clear();
  });
  file.write(lines);
  file.commit();
  return rows;
}

std::int64_t write_parquet(store::OpenTables& tables, const store::DescribedView& table, const fs::path& path) {
  ParquetFile file(path, table);
  std::int64_t rows = 0;
  tables.each_row(table.name, [&](const auto& row) {
    file.add(row);
    ++rows;
  });
  file.commit();
  return rows;
}

AtomicFolder::Existing what_is_there(const fs::path& folder) {
  std::error_code absent;
  if (!fs::exists(folder, absent) || fs::is_empty(folder, absent)) return AtomicFolder::Existing::Refuse;
  if (is_export(folder)) return AtomicFolder::Existing::Replace;
  throw InputError(folder.string() +
                   ": holds something that no export wrote, expected an empty folder or an earlier export\n    choose "
                   "another folder");
}

}  // namespace

std::vector<ExportedFile> export_tables(const fs::path& database, const fs::path& folder, FileKind kind) {
  store::OpenTables tables(database);
  AtomicFolder filled(folder, what_is_there(folder));
  std::vector<ExportedFile> files;
  for (const auto& table : store::open_tables()) {
    ExportedFile file;
    file.table = table.name;
    file.name = table.name + (kind == FileKind::Csv ? ".csv" : ".parquet");
    const auto path = filled.path() / file.name;
    file.rows = kind == FileKind::Csv ? write_csv(tables, table, path) : write_parquet(tables, table, path);
    file.bytes = fs::file_size(path);
    file.sha256 = sha256_of_file(path);
    files.push_back(std::move(file));
  }
  write_file(filled.path() / "datapackage.json",
             data_package(database.stem().string(), files, kind)
                     .dump(2, ' ', false, nlohmann::json::error_handler_t::replace) +
                 "\n");
  filled.commit();
  return files;
}

}  // namespace espalier::exports
