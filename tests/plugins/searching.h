// One call of a bundled searcher on given scores, and schedules of such calls.
#pragma once

#include <ATen/ATen.h>

#include <espalier/error.h>

#include <functional>
#include <string>
#include <vector>

#include "plugins/bundled.h"
#include "sdk/fake_search.h"

namespace espalier::test {

struct Search {
  std::string searcher = "ranking";
  Settings settings;
  SearchBudget budget;
  Scope scope = Scope::Global;
  // What the searcher may look at; null: it is given something that fails when it is used.
  PrunableModel* model = nullptr;
  TrainableModel* trainable = nullptr;
  BatchStream* batches = nullptr;
  MaskEvaluator* evaluator = nullptr;
  MaskCosts* costs = nullptr;
  SearchReport* report = nullptr;
  std::uint64_t seed = 1;
};

inline Mask search(const Search& asked, const Units& units, const at::Tensor& remaining, const at::Tensor& scores) {
  const auto searcher = bundled().make_searcher(asked.searcher, asked.settings);
  FakeModel none(layers(1, 1, 1, 1));  // a searcher that ranks reads scores alone
  Batches no_batches;
  NoTraining no_training;
  FunctionEvaluator no_evaluator([](const Mask&) -> double { throw PluginError("the searcher evaluates masks"); });
  FunctionCosts no_costs;
  KeptReport nobody;
  Random random(asked.seed);
  const auto or_else = [](auto* given, auto& otherwise) -> auto& { return given != nullptr ? *given : otherwise; };
  SearchTask task{or_else(asked.model, static_cast<PrunableModel&>(none)),
                  units,
                  remaining,
                  scores,
                  asked.budget,
                  asked.scope,
                  random,
                  or_else(asked.trainable, static_cast<TrainableModel&>(no_training)),
                  or_else(asked.batches, static_cast<BatchStream&>(no_batches)),
                  or_else(asked.evaluator, static_cast<MaskEvaluator&>(no_evaluator)),
                  or_else(asked.costs, static_cast<MaskCosts&>(no_costs)),
                  or_else(asked.report, static_cast<SearchReport&>(nobody))};
  return loader::call_searcher(asked.searcher, *searcher, task);
}

inline at::Tensor all_of(const Units& units) { return at::ones({units.count()}, at::kBool); }

// The masks after each step, every step from what the last one left; scores(step) are those of all units.
inline std::vector<Mask> schedule(const Search& asked, const Units& units,
                                  const std::function<at::Tensor(int step)>& scores, int steps = 10) {
  std::vector<Mask> masks;
  auto remaining = all_of(units);
  for (int step = 0; step < steps; ++step) {
    masks.push_back(search(asked, units, remaining, scores(step)));
    remaining = units.remaining(masks.back());
  }
  return masks;
}

// A step of the paper's schedule.
inline SearchBudget of_remaining(double share, Rounding rounding = Rounding::Ceil) {
  return {SearchBudget::Kind::Sparsity, share, rounding, SearchBudget::Share::Remaining};
}

inline std::int64_t kept_count(const Mask& mask, Projection projection) {
  std::int64_t count = 0;
  for (std::int64_t site = 0; site < mask.size(); ++site)
    count += mask.site(site).of(projection).sum().item<std::int64_t>();
  return count;
}

// Heads that have a V channel left, as "11 01": a word a site.
inline std::string heads_of(const Mask& mask) {
  std::string text;
  for (std::int64_t site = 0; site < mask.size(); ++site) {
    const auto lives = mask.site(site).of(Projection::V).any(1);
    text += site == 0 ? "" : " ";
    for (std::int64_t head = 0; head < lives.numel(); ++head) text += lives[head].item<bool>() ? '1' : '0';
  }
  return text;
}

// Channels of a projection, as "110/011 111/111": a part a head.
inline std::string channels_of(const Mask& mask, Projection projection) {
  std::string text;
  for (std::int64_t site = 0; site < mask.size(); ++site) {
    const auto bits = mask.site(site).of(projection).accessor<bool, 2>();
    for (std::int64_t head = 0; head < bits.size(0); ++head) {
      text += head > 0 ? "/" : site > 0 ? " " : "";
      for (std::int64_t channel = 0; channel < bits.size(1); ++channel) text += bits[head][channel] ? '1' : '0';
    }
  }
  return text;
}

inline SearchBudget sparsity(double share, Rounding rounding = Rounding::Nearest) {
  return {SearchBudget::Kind::Sparsity, share, rounding};
}

}  // namespace espalier::test
