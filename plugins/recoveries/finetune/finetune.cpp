// Trains all weights of the pruned model on its task.
#include <espalier/recovery.h>

namespace {

class Finetune final : public espalier::Recovery {
 public:
  explicit Finetune(const espalier::Settings& settings) : settings_(settings) {}

  void recover(espalier::RecoveryTask& task) override {
    espalier::Objective objective;
    objective.loss = settings_.get<std::string>(espalier::host::loss);
    task.model.train(espalier::training_plan(settings_), espalier::parameter_groups(task.model.tensors(), settings_),
                     objective);
  }

 private:
  espalier::Settings settings_;
};

}  // namespace

ESPALIER_RECOVERY(Finetune, "finetune", "1.0.0", "Trains all weights that are left on the task",
                  espalier::uses_randomness, ESPALIER_TRAINING_SETTINGS("adamw", 5e-5, 0.01, 32))
