#include "joint_scores.h"

#include <c10/util/Exception.h>
#include <espalier/error.h>
#include <espalier/joint.h>
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <memory>
#include <string>

#include "engine/untouched.h"
#include "loader/visit.h"
#include "mask_qualities.h"
#include "nn/arithmetic.h"
#include "together.h"

namespace espalier::engine {
namespace {

// One scorer with what it is handed.
struct Sharer {
  Sharer(const ScoreSource& source, const ScoreRequest& its_request, std::size_t its_place)
      : request(its_request),
        place(its_place),
        units(source.model.sites(), request.granularity, request.sites),
        random(seed_for("scorer " + request.scorer, request.seed)),
        qualities(source, request.scorer, nn::for_gradients(request.compute)) {}

  const ScoreRequest& request;
  const std::size_t place;  // among the requests
  std::unique_ptr<loader::Visit<Scorer>> visit = {};
  std::unique_ptr<tasks::ScoringBatches> batches = {};
  const Units units;
  Random random;
  MaskQualities qualities;
  at::Tensor scores = {};
};

// Their visits lie within each other: the last one ends first, however this ends.
class Sharers {
 public:
  Sharers() = default;
  ~Sharers() { clear(); }
  Sharers(Sharers&&) = default;
  Sharers(const Sharers&) = delete;
  Sharers& operator=(const Sharers&) = delete;

  void add(std::unique_ptr<Sharer> sharer) { all_.push_back(std::move(sharer)); }
  void clear() {
    while (!all_.empty()) all_.pop_back();
  }
  // Throws what Visit::leave() throws.
  void leave() {
    for (; !all_.empty(); all_.pop_back()) all_.back()->visit->leave();
  }
  std::size_t size() const { return all_.size(); }
  Sharer& operator[](std::size_t who) const { return *all_[who]; }

 private:
  std::vector<std::unique_ptr<Sharer>> all_;
};

data::Rows first_rows(tasks::ScoringBatches& batches) {
  const auto first = batches.next();
  batches.rewind();
  return first ? first->rows : data::Rows();
}

// Those of the requests that go together, the first one in front; empty where it goes with none. Their visits have begun.
Sharers sharers_of(const loader::PluginCatalog& catalog, const ScoreSource& source,
                   std::span<const ScoreRequest> requests, std::int64_t most_examples) {
  Sharers sharers;
  data::Rows rows;
  for (std::size_t i = 0; i < requests.size(); ++i) {
    const auto& request = requests[i];
    const bool same = nn::for_gradients(request.compute) == nn::for_gradients(requests[0].compute) &&
                      loss_settings_of(request.settings) == loss_settings_of(requests[0].settings);
    try {
      const auto& plugin = catalog.find("scorer", request.scorer).description;
      if (!same || (plugin.has(heads_only) && request.granularity != Granularity::Head)) continue;
      auto sharer = std::make_unique<Sharer>(source, request, i);
      sharer->batches =
          std::make_unique<tasks::ScoringBatches>(source.split, source.model, request.settings, plugin, most_examples);
      const auto begin = first_rows(*sharer->batches);
      if (i == 0) rows = begin;
      if (begin.empty() || begin != rows) continue;
      sharer->visit = std::make_unique<loader::Visit<Scorer>>(catalog, request.scorer, request.settings);
      if (dynamic_cast<SharesPasses*>(&**sharer->visit) != nullptr) sharers.add(std::move(sharer));
    } catch (const Error&) {  // whoever asks for it alone is told
    }
    if (sharers.size() == 0) return {};
  }
  if (sharers.size() < 2) sharers.clear();
  return sharers;
}

std::string names_of(const Sharers& sharers) {
  std::vector<std::string> names;
  for (std::size_t who = 0; who < sharers.size(); ++who) names.push_back("'" + sharers[who].request.scorer + "'");
  return fmt::format("{}", fmt::join(names, ", "));
}

Together::Work work_of(Together& together, Sharer& sharer, std::size_t who, ComputeType type, const at::Device& place) {
  return [&together, &sharer, who, type, place](PrunableModel& model) {
    const nn::ComputeGuard compute(type, place, nn::ComputeGuard::Purpose::Gradients);
    const auto evaluate_each = [&](std::span<const Mask> masks) {
      std::vector<double> qualities;
      together.ask_to_call(who, [&] { qualities = sharer.qualities.of(masks); });
      return qualities;
    };
    ScoringTask task{model, sharer.units, *sharer.batches, sharer.random, evaluate_each};
    sharer.scores = loader::call_scorer(sharer.request.scorer, **sharer.visit, task);
  };
}

// What the first one threw, and of the others what ends them all.
void rethrow(const std::vector<std::exception_ptr>& failures) {
  if (failures[0]) std::rethrow_exception(failures[0]);
  for (const auto& failure : failures) {
    if (!failure) continue;
    try {
      std::rethrow_exception(failure);
    } catch (const Interrupted&) {
      throw;
    } catch (const c10::OutOfMemoryError&) {  // all of them from fewer examples
      throw;
    } catch (...) {
    }
  }
}

void run_together(const ScoreSource& source, Sharers& sharers) {
  const auto& wanted = sharers[0].request;
  const auto prunable = source.model.prunable(
      loss_of("scorer '" + wanted.scorer + "'", wanted.settings, source.model, source.dense, source.task));
  const auto place = source.model.device();
  const auto type = nn::for_gradients(wanted.compute);
  const nn::ComputeGuard compute(type, place, nn::ComputeGuard::Purpose::Gradients);
  const nn::DeterministicGuard deterministic(place);
  Together together(*prunable);
  std::vector<Together::Work> works;
  for (std::size_t who = 0; who < sharers.size(); ++who)
    works.push_back(work_of(together, sharers[who], who, type, place));
  rethrow(together.run(works));
}

}  // namespace

std::vector<std::optional<at::Tensor>> scores_together(const loader::PluginCatalog& catalog, const ScoreSource& source,
                                                       std::span<const ScoreRequest> requests, const Watch& watch) {
  std::vector<std::optional<at::Tensor>> scores(requests.size());
  auto most_examples = tasks::scoring_examples(source.model, source.split, source.task->device());
  Untouched shown;
  shown.add(source.dense, source.dense_weights);
  shown.add(source.model, nullptr);
  const bool done = nn::with_fitting_size(most_examples, source.model.device(), [&](std::int64_t examples) {
    auto sharers = sharers_of(catalog, source, requests, examples);
    if (sharers.size() == 0) return false;
    watch.tell("scores of " + names_of(sharers) + " in one pass");
    run_together(source, sharers);
    for (std::size_t who = 0; who < sharers.size(); ++who) {
      if (sharers[who].scores.defined()) scores[sharers[who].place] = sharers[who].scores;
    }
    const auto all = "one of the scorers " + names_of(sharers) + ", which share a pass,";
    sharers.leave();
    shown.check(all);
    return true;
  });
  if (!done) scores[0] = compute_scores(catalog, source, requests[0]);
  return scores;
}

}  // namespace espalier::engine
