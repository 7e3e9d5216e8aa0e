// Everything known of one cell, for a reader: its settings, attempts, points, proofs and where they came from.
#pragma once

#include <string>

namespace espalier::report {

// `shown` is what ResultStore::show gave. Throws StoreError where it is not.
std::string cell_page(const std::string& shown);

}  // namespace espalier::report
