// ro-crate-metadata.json: a bundle for programs that know nothing of Espalier (Workflow Run RO-Crate 0.5 on RO-Crate 1.1).
#pragma once

#include <cstdint>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <vector>

#include "bundle/bundle.h"

namespace espalier::bundle {

// A file as it stands in the archive.
struct PackedFile {
  std::string name, title, media_type, sha256;
  std::uint64_t bytes = 0;
};

// `files`: all that the archive will hold but the description itself and the checksums.
nlohmann::json ro_crate(const BundleContents& contents, const std::string& database_name,
                        const std::vector<PackedFile>& files);

}  // namespace espalier::bundle
