// The child of a worker: holds models and plugins, and computes one cell after the other. What came out it hands to the
// parent, which has the database.
#pragma once

#include <string>

#include "apart.h"
#include "commands.h"
#include "store/result_store.h"

namespace espalier::worker {

// What the child says.
enum Said {
  Nothing = 0,
  Ready,         // it has its engine, and waits for cells; the answer is its environment
  CannotStart,   // with the exit code; the reason is the note's verdict
  CellFinished,  // the answer is the attempt
  CellGivenBack,
  Spoilt,  // a plugin did what cannot be undone; the reason is the note's verdict, and the child ends
};

// The work of the child, see Apart. Batches of its whole life are halved so often.
int compute_cells(const CellsWords& words, std::int64_t batch_halvings, Shared& shared, int requests);

// A claim as one line of text, and back.
std::string line_of(const store::Claim& claim);
store::Claim claim_from(const std::string& line);

// What a cell came to, as bytes, and back: all but the environment. Throws a JSON exception for what bytes_of did not write.
std::string bytes_of(const Attempt& attempt);
Attempt attempt_from(const std::string& bytes);

}  // namespace espalier::worker
