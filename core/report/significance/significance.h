// Whether a value differs from the unpruned model's, and from the best of its column, by more than chance: paired tests over
// the answers that the database keeps of each example.
#pragma once

#include <string>
#include <vector>

#include "report/table.h"
#include "store/result_store.h"

namespace espalier::report {

// Throws SettingsError where it is no level of a test.
void check_level(double level);

// Sets p_dense, p_best and what they say in each place that can be tested, corrected by Holm for all comparisons of the table;
// returns sentences of what was tested, and of what could not be and why. The table's best are marked already.
std::vector<std::string> test_significance(const store::ResultStore& store, const std::string& experiment, double level,
                                           Table& table);

}  // namespace espalier::report
