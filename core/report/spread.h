// A few values as one: mean, and how far they lie apart.
#pragma once

#include <string>
#include <vector>

#include "report/table.h"

namespace espalier::report {

enum class Spread { Usual, Interval, Deviation, Error, Range, None };

// interval, sd, se, range, none; empty: the usual one. Throws SettingsError for another word.
Spread spread_from(const std::string& word);

// Sets mean, n, deviation and what the spread asks for. The usual one is the 95 % t interval, and the range of two values,
// whose interval would be thirteen times as wide as their distance and say nothing.
void summarise(const std::vector<double>& values, Spread spread, TableCell& cell);

}  // namespace espalier::report
