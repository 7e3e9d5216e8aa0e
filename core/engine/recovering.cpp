#include "recovering.h"

#include <espalier/error.h>

#include <algorithm>

#include "families/families.h"
#include "loader/visit.h"
#include "model_in_training.h"
#include "nn/arithmetic.h"
#include "words/class_names.h"
#include "words/names.h"

namespace espalier::engine {
namespace {

// Not owned: the dense model outlives every use.
std::shared_ptr<const nn::Model> borrowed(const nn::Model& model) { return {std::shared_ptr<void>(), &model}; }

// "a, b, c" of those that the others lack, a few of them.
std::string lacking(const std::vector<std::string>& names, const std::vector<std::string>& others) {
  constexpr std::size_t shown = 5;
  const ClassNames known(others);
  std::vector<std::string> missing;
  for (const auto& name : names) {
    if (!known.number_of(name)) missing.push_back(name);
  }
  const auto count = missing.size();
  missing.resize(std::min(count, shown));
  return join(missing) + (count > shown ? ", ..." : "");
}

// A teacher's logits are compared with the student's one by one: class for class, token for token.
std::shared_ptr<const nn::Model> fitting_teacher(const std::string& name, const std::string& family,
                                                 const std::vector<std::string>& labels, const tasks::Task* task,
                                                 const at::Device& device) {
  auto teacher = families::read_model(name, family, device);
  const std::string file = name + "/config.json";
  if (teacher->labels() != labels) {
    if (teacher->labels().empty())
      throw InputError(file + ": has no classification head, so it teaches no classes\n    espalier train makes one");
    if (!same_classes(teacher->labels(), labels)) {
      const auto missing = lacking(labels, teacher->labels()), more = lacking(teacher->labels(), labels);
      throw InputError(file + ": the teacher's classes (id2label) are not those of " +
                       (task == nullptr ? std::string("the model") : task->checkpoint() + " on this data") +
                       (missing.empty() ? "" : "\n    it lacks: " + missing) +
                       (more.empty() ? "" : "\n    it has besides: " + more) +
                       "\n    expected the same names, in any order");
    }
    teacher = teacher->with_head(labels, 0);  // its own rows, in the student's order
  }
  if (task != nullptr) task->require_same_reading(name);
  return teacher;
}

}  // namespace

std::shared_ptr<const nn::Model> teacher_of(const std::string& name, const nn::Model& dense, const tasks::Task* task) {
  if (name == "dense") return borrowed(dense);
  return fitting_teacher(name, dense.family(), dense.labels(), task, dense.device());
}

void require_teacher(const std::string& name, const std::string& family, const std::vector<std::string>& labels,
                     const tasks::Task& task) {
  if (name != "dense") fitting_teacher(name, family, labels, &task, at::kCPU);
}

Recovered recover(const loader::PluginCatalog& catalog, const nn::Model& pruned, const nn::Model& dense,
                  const Mask& mask, tasks::Task& task, const RecoveryRequest& request, const Watch& watch,
                  const ModelDigest* dense_weights) {
  const auto& plugin = catalog.find("recovery", request.recovery);
  Untouched shown;
  shown.add(dense, dense_weights);
  loader::Visit<Recovery> recovery(catalog, request.recovery, request.settings);
  const tasks::Split* split =
      plugin.has(needs_data) ? &task.split(request.settings.get<std::string>(host::split)) : nullptr;
  tasks::ScoringBatches batches(split, pruned, request.settings, plugin.description,
                                tasks::scoring_examples(pruned, split, task.device()));
  Random random(seed_for("recovery " + request.recovery, request.seed));
  const nn::ComputeGuard compute(nn::for_gradients(request.compute), pruned.device(),
                                 nn::ComputeGuard::Purpose::Gradients);
  const nn::DeterministicGuard deterministic(pruned.device());
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
