// A database as files that other programs read: one a table, with a description of every column beside them.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

namespace espalier::exports {

enum class FileKind { Csv, Parquet };

struct ExportedFile {
  std::string name;  // of the file, in its folder
  std::string table;
  std::int64_t rows = 0;
  std::uint64_t bytes = 0;
  std::string sha256;
};

// Writes a file for each of store::open_tables(), and datapackage.json (Frictionless Data: types, units and meanings of the
// columns, sizes and SHA-256), to a folder that is there whole or not at all. The same database gives the same bytes. A
// folder that an export made is replaced; any other that is not empty is refused with InputError. Throws StoreError as
// reading does.
std::vector<ExportedFile> export_tables(const std::filesystem::path& database, const std::filesystem::path& folder,
                                        FileKind kind);

// metadata.yaml for datasette, which serves databases to browsers: titles, what the views' columns mean, and queries to
// start from, of the database that datasette knows by this name: its file's, without the ending.
std::string datasette_metadata(const std::string& database_name);

}  // namespace espalier::exports
