#include "engine/recovering.h"

#include "engine/compute_type.h"
#include "engine/model_in_training.h"
#include "loader/visit.h"

namespace espalier::engine {
namespace {

// Not owned: the dense model outlives every use.
std::shared_ptr<const nn::Model> borrowed(const nn::Model& model) { return {std::shared_ptr<void>(), &model}; }

}  // namespace

std::shared_ptr<const nn::Model> teacher_of(const std::string& name, const nn::Model& dense) {
  if (name == "dense") return borrowed(dense);
  return nn::read_model(name, dense.family());
}

Recovered recover(const loader::PluginCatalog& catalog, const nn::Model& pruned, const nn::Model& dense,
                  const Mask& mask, Task& task, const RecoveryRequest& request, const Watch& watch,
                  const ModelDigest* dense_weights) {
  const auto& plugin = catalog.find("recovery", request.recovery);
  Untouched shown;
  shown.add(dense, dense_weights);
  loader::Visit<Recovery> recovery(catalog, request.recovery, request.settings);
  const Split* split =
      (plugin.traits & needs_data) != 0 ? &task.split(request.settings.get<std::string>("split")) : nullptr;
  ScoringBatches batches(split, pruned, request.settings, plugin.traits);
  Random random(seed_for("recovery " + request.recovery, request.seed));
  const ComputeType compute(request.compute);
  ModelInTraining model(pruned, dense, task, seed_for("recovery training " + request.recovery, request.seed), watch);
  const Mask own_mask(mask);  // a copy: a plugin may write into what it is given
  RecoveryTask recovery_task{model, own_mask, batches, random};
  loader::call_recovery(request.recovery, *recovery, recovery_task);
  recovery.leave();
  shown.check(recovery.who());
  auto repaired = model.release();
  auto trainings = model.reports();
  if (repaired) {
    std::vector<at::Tensor> tensors;
    for (const auto& parameter : repaired->parameters()) tensors.push_back(parameter.tensor);
    if (!all_finite(tensors)) {
      repaired = nullptr;
      trainings.emplace_back().divergence = "recovery '" + request.recovery +
                                            "' left weights that are not finite\n    the model is the pruned one, as "
                                            "it was before";
    }
  }
  if (!repaired) repaired = pruned.compacted(Mask(pruned.sites()));  // nothing was changed
  return {std::move(repaired), std::move(trainings)};
}

}  // namespace espalier::engine
