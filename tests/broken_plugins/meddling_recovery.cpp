// A recovery that writes into the dense model, or only into what it is given to train.
#include <ATen/core/grad_mode.h>
#include <espalier/recovery.h>

#include <string>

namespace {

class MeddlingRecovery final : public espalier::Recovery {
 public:
  explicit MeddlingRecovery(const espalier::Settings& settings) : what_(settings.get<std::string>("what")) {}

  void recover(espalier::RecoveryTask& task) override {
    const at::NoGradGuard no_gradients;
    if (what_ == "dense") task.model.dense().weights(0, espalier::Projection::K).mul_(2);
    if (what_ == "own") at::Tensor(task.model.tensors().front().value).mul_(1.01);
    if (what_ == "mask") at::Tensor(task.mask.site(0).of(espalier::Projection::V)).zero_();
  }

 private:
  std::string what_;
};

}  // namespace

ESPALIER_RECOVERY(MeddlingRecovery, "meddling-recovery", "1.0.0", "Writes into what it sees", espalier::no_traits,
                  espalier::Setting{"what", "nothing", "what it writes into"})
