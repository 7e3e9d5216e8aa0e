#include "nn/series/prefixes.h"

#include <algorithm>

namespace espalier::nn {
namespace {

// Of one piece; more would take longer to look through than they are likely to save.
constexpr std::size_t most_states = 128;
// Evaluations after which inputs that nobody asked for make room.
constexpr std::int64_t patience = 16;

}  // namespace

PieceStates::~PieceStates() {
  while (!entries_.empty()) drop_oldest();
}

PieceStates::State PieceStates::furthest(std::span<const std::int64_t> versions) {
  auto best = entries_.end();
  for (auto entry = entries_.begin(); entry != entries_.end(); ++entry) {
    const auto& known = entry->versions;
    const bool agrees = known.size() <= versions.size() && std::equal(known.begin(), known.end(), versions.begin());
    if (agrees && (best == entries_.end() || known.size() > best->versions.size())) best = entry;
  }
  if (best == entries_.end()) return {};
  entries_.splice(entries_.begin(), entries_, best);
  return {static_cast<std::int64_t>(best->versions.size()), best->hidden};
}

void PieceStates::keep(std::span<const std::int64_t> versions, const at::Tensor& hidden) {
  const auto more = static_cast<std::int64_t>(hidden.nbytes());
  if (more > budget_.most_bytes) return;
  const auto has_room = [&] { return entries_.size() < most_states && budget_.bytes + more <= budget_.most_bytes; };
  while (!entries_.empty() && !has_room()) drop_oldest();
  if (!has_room()) return;
  budget_.bytes += more;
  entries_.push_front({{versions.begin(), versions.end()}, hidden});
}

void PieceStates::drop_oldest() {
  budget_.bytes -= static_cast<std::int64_t>(entries_.back().hidden.nbytes());
  entries_.pop_back();
}

PieceStates& Prefixes::of(std::uint64_t inputs, std::int64_t piece) {
  auto& kept = kept_[inputs];
  kept.asked = evaluations_;
  if (budget_.bytes > budget_.most_bytes / 8 * 7) {
    std::erase_if(kept_, [&](const auto& other) { return other.second.asked + patience < evaluations_; });
  }
  return kept.pieces.try_emplace(piece, budget_).first->second;
}

}  // namespace espalier::nn
