// datapackage.json: what the files of an export are, for programs (Frictionless Data, tabular data package).
#pragma once

#include <filesystem>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <vector>

#include "exports/export.h"

namespace espalier::exports {

nlohmann::json data_package(const std::string& name, const std::vector<ExportedFile>& files, FileKind kind);

// Whether there is nothing in a folder but what an export wrote to it.
bool is_export(const std::filesystem::path& folder);

}  // namespace espalier::exports
