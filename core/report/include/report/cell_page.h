// Everything known of one cell, for a reader: its settings, attempts, points, proofs and where they came from.
#pragma once

#include <string>

#include "store/cell_record.h"

namespace espalier::report {

std::string cell_page(const store::CellRecord& cell);

}  // namespace espalier::report
