// Scores units at random: the baseline that every other scorer has to beat.
#include <ATen/core/Tensor.h>
#include <espalier/scorer.h>

namespace {

class RandomScorer final : public espalier::Scorer {
 public:
  explicit RandomScorer(const espalier::Settings&) {}

  at::Tensor score(espalier::ScoringTask& task) override {
    return task.random.uniform(task.units.count());  // [units]
  }
};

}  // namespace

ESPALIER_SCORER(RandomScorer, "random", "1.0.0", "Uniform random scores from the cell's seed",
                espalier::uses_randomness)
