// Low-rank adapters on every linear layer (Hu et al., 2021), merged into the weights when training ends:
//
//   W <- W + (alpha / rank) * B A      A [rank, columns] Kaiming-uniform with a = sqrt(5), B [rows, rank] zero
//
// Everything else stays as it is. Q, K and V have adapters of their own (The silence of the weights, 2025, section 5.1).
#include <ATen/TensorOperators.h>
#include <ATen/ops/cat.h>
#include <ATen/ops/matmul.h>
#include <ATen/ops/zeros.h>
#include <espalier/recovery.h>

#include <cmath>

namespace {

// Of one matrix.
struct Adapter {
  at::Tensor down;  // A [rank, columns]
  at::Tensor up;    // B [rows, rank]
};

class Lora final : public espalier::Recovery {
 public:
  explicit Lora(const espalier::Settings& settings)
      : settings_(settings), rank_(settings.get<std::int64_t>("rank")), alpha_(settings.get<double>("alpha")) {}

  void recover(espalier::RecoveryTask& task) override {
    const auto& tensors = task.model.tensors();
    std::vector<std::vector<Adapter>> adapters(tensors.size());  // by tensor, one for each matrix in it
    espalier::ParameterGroup group{{}, settings_.get<double>("learning_rate"), settings_.get<double>("weight_decay")};
    for (std::size_t i = 0; i < tensors.size(); ++i) {
      if (!tensors[i].is_linear) continue;
      for (const auto rows : tensors[i].blocks) {
        adapters[i].push_back(fresh(tensors[i].value, rows, task.random));
        group.tensors.insert(group.tensors.end(), {adapters[i].back().down, adapters[i].back().up});
      }
    }
    const auto weights = [&] {
      std::vector<at::Tensor> merged;
      for (std::size_t i = 0; i < tensors.size(); ++i) {
        const auto base = tensors[i].value.detach();
        if (adapters[i].empty()) {
          merged.push_back(base);
          continue;
        }
        std::vector<at::Tensor> changes;  // [rows, columns] each
        for (const auto& adapter : adapters[i]) changes.push_back(adapter.up.matmul(adapter.down));
        merged.push_back(base + at::cat(changes) * (alpha_ / static_cast<double>(rank_)));
      }
      return merged;
    };
    espalier::Objective objective;
    objective.loss = settings_.get<std::string>(espalier::host::loss);
    task.model.train(espalier::training_plan(settings_), {group}, objective, {.weights = weights});
  }

 private:
  Adapter fresh(const at::Tensor& weight, std::int64_t rows, espalier::Random& random) const {
    const auto columns = weight.size(1);
    const double bound = 1 / std::sqrt(static_cast<double>(columns));  // Kaiming-uniform with a = sqrt(5)
    const auto drawn = (random.uniform(rank_ * columns) * 2 - 1) * bound;
    return {drawn.view({rank_, columns}).to(weight.options()).detach().requires_grad_(true),
            at::zeros({rows, rank_}, weight.options()).requires_grad_(true)};
  }

  espalier::Settings settings_;
  std::int64_t rank_;
  double alpha_;
};

}  // namespace

ESPALIER_RECOVERY(Lora, "lora", "1.0.0", "Trains low-rank adapters on every linear layer and merges them",
                  espalier::uses_randomness, ESPALIER_TRAINING_SETTINGS("adamw", 1e-4, 0.0, 32),
                  espalier::Setting{"rank", 16, "of each adapter", "1.."},
                  espalier::Setting{"alpha", 16.0, "adapters count alpha / rank", "0.."})
