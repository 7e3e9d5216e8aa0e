// The child of a worker: holds models and plugins, computes one cell after the other, and writes each into the database
// when no plugin is in work. The database is open in it only then.
#pragma once

#include <string>

#include "apart.h"
#include "commands.h"
#include "store/result_store.h"

namespace espalier::worker {

// What the child says.
enum Said {
  Nothing = 0,
  Ready,         // it has its engine, and waits for cells
  CannotStart,   // with the exit code; the reason is the note's verdict
  CellFinished,  // it is in the database
  CellGivenBack,
  DatabaseFailed,  // with the exit code; the reason is the note's verdict
  Spoilt,          // a plugin did what cannot be undone; the reason is the note's verdict, and the child ends
};

// The work of the child, see Apart.
int compute_cells(const CellsWords& words, Shared& shared, int requests);

// A claim as one line of text, and back.
std::string line_of(const store::Claim& claim);
store::Claim claim_from(const std::string& line);

}  // namespace espalier::worker
