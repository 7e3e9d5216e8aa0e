// The verdicts that a bundle holds, made again from its own database and tables.
#pragma once

#include <filesystem>

#include "bundle/archive.h"
#include "bundle/check.h"

namespace espalier::cli {

// Names each cell whose verdict or value is not the one that the bundle holds. A table is the bundle's own where it has it,
// else the one of that name that ships. `folder` is for files that are unpacked.
bundle::BundleFinding verdicts_again(const bundle::ArchiveReader& archive, const std::filesystem::path& database,
                                     const std::filesystem::path& folder);

}  // namespace espalier::cli
