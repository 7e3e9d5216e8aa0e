// Weights times what they are given to read (Sun et al., 2023):
//
//   s = sum of |W_ij| |X_j|_2 over the unit, or the Euclidean norm of these products
//
// with X_j the feature j that the matrix reads, over all tokens without padding: the site's input for Q, K and V (the
// memory for K and V of cross-attention) and the heads' context for O. The paper compares single weights within a row;
// how a unit gathers them is ours.
#include <ATen/TensorOperators.h>
#include <ATen/core/Tensor.h>
#include <espalier/error.h>
#include <espalier/joint.h>
#include <espalier/scorer.h>

namespace {

using espalier::Projection;

// Squares summed over tokens, of what each projection reads.
struct Squares {
  at::Tensor hidden, memory;  // [features]
  at::Tensor context;         // [heads, head_dim]
};

class Wanda final : public espalier::Scorer, public espalier::SharesPasses {
 public:
  explicit Wanda(const espalier::Settings& settings) : sums_(settings.get<std::string>("reduce") == "sum") {}

  at::Tensor score(espalier::ScoringTask& task) override {
    std::vector<Squares> read(task.model.sites().size());
    bool any = false;
    while (const auto batch = task.batches.next()) {
      any = true;
      task.model.observe(*batch, [&](std::int64_t site, const espalier::SiteActivity& activity) {
        auto& squares = read.at(static_cast<std::size_t>(site));
        add(squares.hidden, activity.hidden, activity.is_query);
        add(squares.context, activity.context, activity.is_query);
        if (activity.memory.defined()) add(squares.memory, activity.memory, activity.is_key);
      });
    }
    if (!any) throw espalier::InputError("wanda was given no examples");
    std::vector<std::array<at::Tensor, 4>> values;
    for (std::size_t site = 0; site < read.size(); ++site) {
      values.emplace_back();
      for (const auto projection : espalier::all_projections) {
        const auto weights = task.model.weights(static_cast<std::int64_t>(site), projection)
                                 .to(at::kDouble);                                      // [heads, head_dim, features]
        const auto products = weights.square() * squares_read(read[site], projection);  // [heads, head_dim, features]
        values.back()[static_cast<std::size_t>(projection)] = (sums_ ? products.sqrt() : products).sum(-1);
      }
    }
    const auto reduced = task.units.reduce(values);  // [units]
    return sums_ ? reduced : reduced.sqrt();
  }

 private:
  // values [examples, tokens, ...], counts [examples, tokens]: false for padding
  static void add(at::Tensor& sum, const at::Tensor& values, const at::Tensor& counts) {
    auto mask = counts;
    while (mask.dim() < values.dim()) mask = mask.unsqueeze(-1);
    const auto squares = (values * mask).square().sum(at::IntArrayRef{0, 1}, /*keepdim=*/false, at::kDouble);
    sum = sum.defined() ? sum + squares : squares;
  }

  // To be multiplied with [heads, head_dim, features].
  static at::Tensor squares_read(const Squares& squares, Projection projection) {
    if (projection == Projection::O) return squares.context.unsqueeze(-1);  // [heads, head_dim, 1]
    return projection != Projection::Q && squares.memory.defined() ? squares.memory : squares.hidden;
  }

  bool sums_;
};

}  // namespace

ESPALIER_SCORER(Wanda, "wanda", "1.0.0", "Absolute weights times the norms of the features they read",
                espalier::needs_data,
                espalier::Setting{"reduce", "sum", "how a unit gathers its weights: their sum or Euclidean norm",
                                  "sum|norm"},
                espalier::Setting{espalier::host::samples, 128, "first rows of the split; 0: all", "0.."},
                espalier::Setting{espalier::host::split, "train", "split the features come from", "train|validation"})
