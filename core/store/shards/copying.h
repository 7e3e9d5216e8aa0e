// Rows of an attached database into this one: under numbers of its own, and only what is not here yet.
#pragma once

#include <initializer_list>
#include <string>
#include <string_view>

#include "connection.h"

namespace espalier::store {

// A table's columns but those left out, each after `prefix`: so whatever a later schema adds is copied too.
std::string columns_of(ResultStore::State& state, const std::string& table,
                       std::initializer_list<std::string_view> left_out, const std::string& prefix = "");

void execute(ResultStore::State& state, const std::string& sql);

// Experiments, and the cells whose numbers stand in temp.wanted, as waiting. Afterwards temp.cell_map says which of our
// cells is which of theirs.
void forget_wanted(ResultStore::State& state);
void copy_cells(ResultStore::State& state);

}  // namespace espalier::store
