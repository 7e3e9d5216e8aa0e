// One table, printed in several ways. What a place of the table says is decided once, for people and for programs.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "report/table.h"

namespace espalier::report {

// "0.600 ± 0.248 n=3 (1 failed)", of the cell at this place of a row.
std::string cell_text(const TableRow& row, std::size_t at, const Table& table);
std::string caption(const Table& table);
// The head of the columns: one line for each column axis, and one of the values' names where there are several, each with
// a label over every cell of a row; and what those lines are called.
std::vector<std::vector<std::string>> head_lines(const Table& table);
std::vector<std::string> head_names(const Table& table);
bool marks_best(const Table& table);
bool has_tests(const Table& table);
const char* name_of(Tested tested);  // better, worse, same; nothing where there was no test

// To a width on the terminal; what is longer stays.
std::string padded(const std::string& text, std::size_t width, bool to_the_right);
std::string without_trailing_spaces(std::string line);

std::string terminal_table(const Table& table);
std::string markdown_table(const Table& table);
std::string latex_table(const Table& table);
std::string typst_table(const Table& table);
std::string csv_table(const Table& table);
std::string json_table(const Table& table);

}  // namespace espalier::report
