// Scores of several scorers from one pass over their examples.
#pragma once

#include <optional>
#include <span>
#include <vector>

#include "engine/scoring.h"

namespace espalier::engine {

// Of requests of one split, on their own units: the first one is what is wanted, and throws what it would throw alone. The others
// are computed beside it where both scorers share passes (espalier/joint.h), with the same arithmetic and loss, and begin with
// the same examples; nothing where they are not, or failed. The numbers are those of compute_scores, bit for bit.
std::vector<std::optional<at::Tensor>> scores_together(const loader::PluginCatalog& catalog, const ScoreSource& source,
                                                       std::span<const ScoreRequest> requests, const Watch& watch);

}  // namespace espalier::engine
