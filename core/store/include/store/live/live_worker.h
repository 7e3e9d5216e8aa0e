// Who is at work, what is left to do, and how one cell stands: what a person asks who watches a run.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "store/worker_name.h"

namespace espalier::store {

// A worker as it said of itself last. Its cell is what it holds now, whatever it said.
struct LiveWorker {
  std::string name, experiment, device;
  std::int64_t threads = 0;
  std::string stage;  // of the cell: "scores", "search"; empty: not known
  std::optional<std::int64_t> memory_bytes;
  std::int64_t finished = 0;  // cells since it was started

  // What the store adds when it is read.
  Whereabouts where = Whereabouts::Elsewhere;
  std::optional<double> silent_seconds;  // since it said something; none: it only holds a cell
  std::string key;                       // of the cell that it holds; empty: none
  std::optional<double> seconds_at_cell;
};

// Cells of an experiment that take about equally long: of one granularity, scorer, searcher, recovery and model.
struct KindOfCells {
  std::string granularity, scorer, searcher, recovery, model;
  std::int64_t waiting = 0, running = 0;  // of those asked for
  double running_seconds = 0;             // how long those that run have been at it, in sum
  std::int64_t finished = 0;              // that were measured
  double mean_seconds = 0;                // of those
};

// How many seconds one worker has to do, from what cells of each kind took; a kind that was not measured takes its time from
// the nearest ones. Nothing where none was measured.
std::optional<double> seconds_of_work(const std::vector<KindOfCells>& kinds);

// The same shared by so many workers: no more than there are cells work at once.
std::optional<double> seconds_left(const std::vector<KindOfCells>& kinds, std::int64_t workers);

// A cell's place in one experiment.
struct CellPlace {
  std::string experiment;
  bool is_current = false;   // the file held it when it last ran
  bool is_asked = false;     // a run was asked for it
  bool is_paused = false;    // the experiment's workers claim nothing more
  std::int64_t ahead = 0;    // cells that are claimed before it, where it waits
  std::int64_t workers = 0;  // that hold a cell of the experiment
};

// Who holds a cell, since when, and until when it is theirs.
struct CellHolder {
  std::string worker;
  Whereabouts where = Whereabouts::Elsewhere;
  double held_seconds = 0;
  double lease_seconds = 0;  // that its lease still lasts; negative: it ran out so long ago
};

struct CellSituation {
  std::vector<CellPlace> places;
  std::optional<CellHolder> holder;
};

}  // namespace espalier::store
