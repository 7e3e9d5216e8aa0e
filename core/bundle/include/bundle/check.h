// A bundle, looked at again with nothing but itself: whether it holds what it says, and whether its parts agree.
#pragma once

#include <filesystem>
#include <functional>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <vector>

#include "bundle/archive.h"
#include "bundle/bundle.h"

namespace espalier::bundle {

struct BundleFinding {
  std::string subject;   // checksums, database, masks, ...
  std::string sentence;  // what was looked at, and how many of it
  std::vector<std::string> wrong;
};

struct BundleCheck {
  std::filesystem::path database;  // unpacked
  std::vector<BundleFinding> findings;
  std::vector<MissingFile> missing;  // as the bundle itself says

  bool holds() const;
};

// The digest that databases record of an experiment's text and of those that it includes: the room that reads them knows it.
using DigestOfTexts = std::function<std::string(const std::string& text, const std::vector<std::string>& included)>;

// Unpacks the database into the folder, which must be there and empty. Throws InputError for what is no bundle, or one of a
// newer format.
BundleCheck check_bundle(const ArchiveReader& archive, const std::filesystem::path& folder,
                         const DigestOfTexts& digest_of);

nlohmann::json to_json(const BundleFinding& finding);

}  // namespace espalier::bundle
