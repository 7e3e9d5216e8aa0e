// What a database measured, as verdicts on published tables need it.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "published/verdicts.h"
#include "store/result_store.h"

namespace espalier::cli {

// What only some tables ask for, and what takes another look at the database.
struct OwnNeeds {
  bool languages = false, kinds = false, times = false;

  void see(const published::PublishedTable& table);
};

// Every point of each done cell but those before a repair, then the cells that are not done. A cell of several experiments
// is there once, as current where one of them holds it.
std::vector<published::OwnPoint> own_points(const std::filesystem::path& database, const store::ResultStore& store,
                                            const std::string& experiment, const OwnNeeds& needs);

// Reads what was said of each example from the store, which outlives the source.
published::AnswerSource answers_of(const store::ResultStore& store, const std::string& experiment);

}  // namespace espalier::cli
