// What models that begin alike have computed already. Masks of one model often agree in their first sites: what is between
// those layers is computed once, and an evaluation begins at the first site that is new. Bits do not change: a layer reads
// the very numbers that it would have computed.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <functional>
#include <list>
#include <map>
#include <span>
#include <utility>
#include <vector>

namespace espalier::nn {

// By site, in the order of a pass: sites of equal numbers compute the same.
using SiteVersions = std::vector<std::int64_t>;

// What several pieces may keep together.
struct MemoryBudget {
  std::int64_t most_bytes = 0, bytes = 0;
};

// What is between the layers of one piece of inputs, by the versions of the sites before it; least recently used out
// first. For one thread at a time.
class PieceStates {
 public:
  explicit PieceStates(MemoryBudget& budget) : budget_(budget) {}  // which outlives this
  ~PieceStates();
  PieceStates(const PieceStates&) = delete;
  PieceStates& operator=(const PieceStates&) = delete;

  struct State {
    std::int64_t sites = 0;  // that lie before it
    at::Tensor hidden;       // undefined: nothing is kept
  };
  // The one with most sites before it, all of these versions.
  State furthest(std::span<const std::int64_t> versions);
  // Keeps what comes after sites of these versions, in the place of older states where there is no room left. It is not to
  // be written to any more.
  void keep(std::span<const std::int64_t> versions, const at::Tensor& hidden);

 private:
  struct Entry {
    SiteVersions versions;
    at::Tensor hidden;
  };
  void drop_oldest();

  MemoryBudget& budget_;
  std::list<Entry> entries_;  // most recently used first
};

// The states of all inputs that a series is evaluated on. Where memory does not suffice for all of them, the first to come
// are kept and the others are computed again: going round, least recently used is what is wanted next.
class Prefixes {
 public:
  explicit Prefixes(std::int64_t most_bytes) : budget_{most_bytes, 0} {}

  // One more evaluation begins. Inputs that the last ones did not ask for make room.
  void begin() { ++evaluations_; }
  // Piece `piece` of inputs with this number (PreparedInputs::number, not 0).
  PieceStates& of(std::uint64_t inputs, std::int64_t piece);
  // Where pieces were cut anew, what is known of them is of no use.
  void forget(std::uint64_t inputs) { kept_.erase(inputs); }
  std::int64_t bytes() const { return budget_.bytes; }
  std::int64_t most_bytes() const { return budget_.most_bytes; }

 private:
  struct Kept {
    std::int64_t asked = 0;  // the evaluation that asked for it last
    std::map<std::int64_t, PieceStates> pieces;
  };
  MemoryBudget budget_;
  std::int64_t evaluations_ = 0;
  std::map<std::uint64_t, Kept> kept_;
};

// Where a pass may begin.
struct Restart {
  PieceStates& states;
  std::span<const std::int64_t> versions;  // of the sites of the model that computes
  std::int64_t skipped = 0;                // layers that were not computed
};

// What layers begin .. end-1 make of a piece: from the furthest state that is known, else from embed(). Layer i holds site
// i. layer(i, hidden) gives what comes after it.
template <typename Embed, typename Layer>
at::Tensor run_layers(Restart* restart, std::int64_t layers, Embed&& embed, Layer&& layer) {
  PieceStates::State state;
  const auto before = [&](std::int64_t sites) { return restart->versions.first(static_cast<std::size_t>(sites)); };
  if (restart != nullptr) {
    state = restart->states.furthest(before(layers));
    restart->skipped += state.sites;
  }
  if (!state.hidden.defined()) {
    state.hidden = embed();
    if (restart != nullptr) restart->states.keep(before(0), state.hidden);
  }
  while (state.sites < layers) {
    state.hidden = layer(state.sites, state.hidden);
    ++state.sites;
    if (restart != nullptr) restart->states.keep(before(state.sites), state.hidden);
  }
  return state.hidden;
}

}  // namespace espalier::nn
