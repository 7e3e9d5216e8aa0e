// Sensitivity of the loss to a gate on each unit (Michel, Levy and Neubig, 2019):
//
//   I = E |dL / d gate|
//
// The absolute value is taken per token, per example or per batch: the smaller the piece, the less cancels. L is the
// loss summed over a batch, or with reduction = "mean" its mean, which makes batches of any size count alike. Sums are
// divided by the number of tokens (absolute = "token") or of examples.
//
// Two published estimators, as settings:
//   absolute = "token", last_site = "examples", normalise = "site"
//     the authors' code for BERT; for translation it divides every site by its tokens: last_site = "tokens". The last
//     site's divisor matters only without normalise.
//   absolute = "batch", reduction = "mean", normalise = "site", batch = 32, samples = 0
//     its port in the project "differentiable subset pruning" (Li, Cotterell and Sachan, 2021). The port divides by the
//     number of tokens, which cancels in the norm, and maps all scores to [0, 1] by their minimum and maximum, which
//     changes no ranking; neither is done here.
#include <ATen/TensorOperators.h>
#include <ATen/core/Tensor.h>
#include <ATen/ops/zeros.h>
#include <espalier/error.h>
#include <espalier/gradients.h>
#include <espalier/joint.h>
#include <espalier/scorer.h>

namespace {

class GateGradient final : public espalier::Scorer, public espalier::SharesPasses {
 public:
  explicit GateGradient(const espalier::Settings& settings)
      : absolute_(settings.get<std::string>("absolute")),
        averages_(settings.get<std::string>("reduction") == "mean"),
        last_by_examples_(settings.get<std::string>("last_site") == "examples"),
        by_site_(settings.get<std::string>("normalise") == "site"),
        distils_(settings.get<std::string>(espalier::host::loss) == "distillation") {
    // Elsewhere batches are as large as it suits the host.
    if (averages_ && absolute_ != "batch") {
      throw espalier::SettingsError("gate-gradient: reduction = \"mean\" needs absolute = \"batch\", and was given \"" +
                                    absolute_ + "\"");
    }
  }

  at::Tensor score(espalier::ScoringTask& task) override {
    const std::int64_t units = task.units.count();
    auto sum = at::zeros({units}, at::kDouble);  // [units]
    double examples = 0, tokens = 0;
    while (const auto batch = task.batches.next()) {
      const auto size = batch->size();
      const bool by_token = absolute_ == "token";
      const auto length = by_token ? tokens_of(*batch) : 1;
      const auto shape = by_token                ? std::vector<std::int64_t>{size, length, units}
                         : absolute_ == "sample" ? std::vector<std::int64_t>{size, units}
                                                 : std::vector<std::int64_t>{units};
      const auto loss = averages_ ? espalier::LossOfBatch::Mean : espalier::LossOfBatch::Sum;
      auto gradient =
          espalier::gate_gradients(task.model, *batch, task.units, shape, loss).abs().to(at::kDouble);  // [..., units]
      while (gradient.dim() > 1) gradient = gradient.sum(0);
      sum += gradient.cpu();
      examples += static_cast<double>(size);
      if (by_token) {
        const auto counts = batch->inputs.find("attention_mask");  // padding is no token
        tokens +=
            counts == batch->inputs.end() ? static_cast<double>(size * length) : counts->second.sum().item<double>();
      }
    }
    if (examples == 0) throw espalier::InputError("gate-gradient was given no examples");
    if (distils_) espalier::require_gradients(sum);
    const auto last = static_cast<std::int64_t>(task.units.sites().size()) - 1;
    auto* value = sum.mutable_data_ptr<double>();
    for (std::int64_t i = 0; i < units; ++i) {
      const bool by_tokens = absolute_ == "token" && !(last_by_examples_ && task.units[i].site == last);
      value[i] /= by_tokens ? tokens : examples;
    }
    return by_site_ ? normalised(task.units, sum) : sum;
  }

 private:
  static std::int64_t tokens_of(const espalier::Batch& batch) {
    const auto found = batch.inputs.find("input_ids");  // [examples, tokens]
    if (found != batch.inputs.end()) return found->second.size(1);
    throw espalier::SettingsError(
        "gate-gradient: absolute = \"token\" needs a model that reads tokens\n    use sample or batch");
  }

  // Each site's scores divided by their Euclidean norm.
  static at::Tensor normalised(const espalier::Units& units, const at::Tensor& scores) {
    auto squares = at::zeros({static_cast<std::int64_t>(units.sites().size())}, at::kDouble);  // [sites]
    auto result = scores.clone();
    auto* score = result.mutable_data_ptr<double>();
    auto* square = squares.mutable_data_ptr<double>();
    for (std::int64_t i = 0; i < units.count(); ++i) square[units[i].site] += score[i] * score[i];
    const auto norms = (squares + 1e-20).sqrt();
    for (std::int64_t i = 0; i < units.count(); ++i) score[i] /= norms.const_data_ptr<double>()[units[i].site];
    return result;
  }

  std::string absolute_;
  bool averages_, last_by_examples_, by_site_, distils_;
};

}  // namespace

ESPALIER_SCORER(
    GateGradient, "gate-gradient", "1.2.0", "Mean absolute gradient of the loss at each unit's gate",
    espalier::needs_data,
    espalier::Setting{"absolute", "sample", "where the absolute value is taken", "token|sample|batch"}.in_file_order_if(
        "batch"),
    espalier::Setting{espalier::host::samples, 1000, "first rows of the split; 0: all", "0.."},
    espalier::Setting{espalier::host::split, "train", "split the gradients come from", "train|validation"},
    espalier::Setting{espalier::host::batch, 32, "examples a batch (absolute = batch)", "1.."},
    espalier::Setting{"reduction", "sum", "of the losses of a batch (absolute = batch)", "sum|mean"},
    espalier::Setting{"last_site", "tokens", "what the last site is divided by (absolute = token)", "tokens|examples"},
    espalier::Setting{"normalise", "none", "site: divide by the Euclidean norm of the site's scores", "none|site"},
    ESPALIER_LOSS_SETTINGS)
