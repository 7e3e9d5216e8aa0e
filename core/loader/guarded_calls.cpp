// Calls of plugins, their answers checked.
#include <ATen/ops/isfinite.h>
#include <ATen/ops/nonzero.h>
#include <espalier/error.h>

#include <utility>

#include "guarded.h"
#include "loader/at_work.h"
#include "loader/plugin_catalog.h"

namespace espalier::loader {
namespace {

constexpr const char* expected_scores = "\n    expected one finite score per unit, in the units' order";

// A copy of the scores as [units], float64, CPU: the plugin may keep and change its own.
at::Tensor checked_scores(const std::string& who, const at::Tensor& given, std::int64_t units) {
  if (!given.defined())
    throw PluginError(who + " returned no scores for " + std::to_string(units) + " units" + expected_scores);
  if (given.dim() != 1 || given.size(0) != units) {
    const auto found = given.dim() == 1 ? std::to_string(given.size(0)) + " scores"
                                        : "a tensor of " + std::to_string(given.dim()) + " dimensions";
    throw PluginError(who + " returned " + found + " for " + std::to_string(units) + " units" + expected_scores);
  }
  if (given.is_complex()) throw PluginError(who + " returned complex scores" + std::string(expected_scores));
  auto scores =
      given.detach().to(at::kCPU, at::kDouble, /*non_blocking=*/false, /*copy=*/true).contiguous();  // [units]
  const auto bad = at::isfinite(scores).logical_not().nonzero().flatten();
  if (bad.numel() > 0) {
    const auto first = bad[0].item<std::int64_t>();
    throw PluginError(who + " returned " + std::to_string(bad.numel()) + " scores that are not finite, the first (" +
                      std::to_string(scores[first].item<double>()) + ") for unit " + std::to_string(first) + " of " +
                      std::to_string(units) + expected_scores);
  }
  return scores;
}

Mask checked_mask(const std::string& who, Mask mask, const std::vector<Site>& sites) {
  if (mask.size() != static_cast<std::int64_t>(sites.size())) {
    throw PluginError(who + " returned a mask of " + std::to_string(mask.size()) + " sites for a model of " +
                      std::to_string(sites.size()));
  }
  for (std::size_t i = 0; i < sites.size(); ++i) {
    for (const auto projection : all_projections) {
      auto& kept = mask.site(static_cast<std::int64_t>(i)).of(projection);
      if (kept.defined() && kept.scalar_type() == at::kBool &&
          kept.sizes() == at::IntArrayRef({sites[i].heads, sites[i].head_dim})) {
        // A copy: the plugin may keep and change its own.
        kept = kept.detach().to(at::kCPU, at::kBool, /*non_blocking=*/false, /*copy=*/true).contiguous();
        continue;
      }
      throw PluginError(who + " returned a mask whose part '" + sites[i].name + "." + to_string(projection) +
                        "' does not fit\n    expected BOOL [" + std::to_string(sites[i].heads) + ", " +
                        std::to_string(sites[i].head_dim) + "], true = kept");
    }
  }
  return mask;
}

}  // namespace

// LibTorch may refuse to read an answer (no data, a layout without elements): that is the plugin's fault as well.
at::Tensor call_scorer(const std::string& name, Scorer& scorer, ScoringTask& task) {
  const auto who = "scorer '" + name + "'";
  const auto scores = guarded(who + " failed: ", [&] {
    const AtWork scoring(who, "was scoring");
    return scorer.score(task);
  });
  return guarded(who + " returned scores that cannot be read: ",
                 [&] { return checked_scores(who, scores, task.units.count()); });
}

void call_recovery(const std::string& name, Recovery& recovery, RecoveryTask& task) {
  const auto who = "recovery '" + name + "'";
  guarded(who + " failed: ", [&] {
    const AtWork recovering(who, "was recovering");
    recovery.recover(task);
  });
}

Mask call_searcher(const std::string& name, Searcher& searcher, SearchTask& task) {
  const auto who = "searcher '" + name + "'";
  auto mask = guarded(who + " failed: ", [&] {
    const AtWork searching(who, "was searching");
    return searcher.search(task);
  });
  return guarded(who + " returned a mask that cannot be read: ",
                 [&] { return checked_mask(who, std::move(mask), task.units.sites()); });
}

}  // namespace espalier::loader
