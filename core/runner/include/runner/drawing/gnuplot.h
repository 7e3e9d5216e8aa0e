// The program that draws figures.
#pragma once

#include <string>

namespace espalier::runner {

// What gnuplot, found on PATH, writes on its standard output for this script, which it gets as a file in a folder that is
// gone afterwards. It reads no settings of the user's. Throws SettingsError where there is no gnuplot, where it takes
// longer than a minute, and with its words where it draws nothing.
std::string drawn_by_gnuplot(const std::string& script);

}  // namespace espalier::runner
