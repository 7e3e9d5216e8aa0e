// The table of an experiment on stdout, for `table` and at the end of `run`.
#pragma once

#include "commands.h"
#include "experiment_file.h"

namespace espalier::cli {

void print_table(const Source& source, const TableArguments& arguments);

}  // namespace espalier::cli
