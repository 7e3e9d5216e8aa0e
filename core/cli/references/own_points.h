// What a database measured, as a published table is judged by it.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "published/forensics.h"
#include "store/result_store.h"

namespace espalier::cli {

// Every measured state of done cells, and the others by their state. `experiment`: empty for all.
std::vector<published::OwnPoint> own_points(const store::ResultStore& store, const std::string& experiment);

// Their names to ours, of pairs THEIRS=OURS. Throws SettingsError, which names `option`, for what is no pair.
std::map<std::string, std::string> names_from(const std::vector<std::string>& pairs, const char* option);

}  // namespace espalier::cli
