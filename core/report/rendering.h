// One table, printed in several ways. What a place of the table says is decided once, for people and for programs.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "report/table.h"

namespace espalier::report {

// "0.600 ± 0.248 n=3 (1 failed)"; `plus_minus` is how the format writes that sign.
std::string cell_text(const TableCell& cell, const TableRow& row, const Table& table, std::string_view plus_minus);
std::string caption(const Table& table);

std::string terminal_table(const Table& table);
std::string markdown_table(const Table& table);
std::string latex_table(const Table& table);
std::string csv_table(const Table& table);
std::string json_table(const Table& table);

}  // namespace espalier::report
