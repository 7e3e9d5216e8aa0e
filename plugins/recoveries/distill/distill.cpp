// Trains all weights of the pruned model on its task and towards a teacher (Hinton, Vinyals and Dean, 2015):
//
//   loss = task * CE + distillation * T^2 * KL(teacher_T || student_T)
//
// The silence of the weights (2025) recovers Whisper this way: half and half, T = 2, SGD with momentum.
#include <espalier/error.h>
#include <espalier/recovery.h>

namespace {

class Distill final : public espalier::Recovery {
 public:
  explicit Distill(const espalier::Settings& settings) : settings_(settings) {
    objective_.loss = settings.get<std::string>(espalier::host::loss);
    objective_.task = settings.get<double>("task");
    objective_.distillation = settings.get<double>("distillation");
    objective_.temperature = settings.get<double>(espalier::host::temperature);
    objective_.teacher = settings.get<std::string>(espalier::host::teacher);
    if (objective_.task + objective_.distillation == 0)
      throw espalier::SettingsError("distill: task and distillation are both 0, so that nothing is trained on");
  }

  void recover(espalier::RecoveryTask& task) override {
    task.model.train(espalier::training_plan(settings_), espalier::parameter_groups(task.model.tensors(), settings_),
                     objective_);
  }

 private:
  espalier::Settings settings_;
  espalier::Objective objective_;
};

}  // namespace

ESPALIER_RECOVERY(Distill, "distill", "1.0.0", "Trains all weights that are left on the task and towards a teacher",
                  espalier::uses_randomness, ESPALIER_TRAINING_SETTINGS("sgd", 1e-4, 1e-4, 4),
                  espalier::Setting{"task", 0.5, "weight of the task's loss", "0.."},
                  espalier::Setting{"distillation", 0.5, "weight of the teacher's", "0.."},
                  espalier::Setting{espalier::host::temperature, 2.0, "that softens both sides", "0<.."},
                  espalier::Setting{espalier::host::teacher, "dense",
                                    "dense: the model before pruning; or a checkpoint folder"})
