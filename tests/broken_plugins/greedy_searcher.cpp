// A searcher that writes into whatever it is handed, then keeps everything.
#include <ATen/core/grad_mode.h>
#include <espalier/searcher.h>

#include <string>

namespace {

class GreedySearcher final : public espalier::Searcher {
 public:
  explicit GreedySearcher(const espalier::Settings& settings) : what_(settings.get<std::string>("what")) {}

  espalier::Mask search(espalier::SearchTask& task) override {
    const at::NoGradGuard no_gradients;
    if (what_ == "scores") task.scores.fill_(7);
    if (what_ == "weights") task.model.weights(0, espalier::Projection::Q).mul_(2);
    if (what_ == "dense-weights") task.trainable.dense().weights(0, espalier::Projection::O).mul_(2);
    if (what_ == "weights-and-evaluate") {
      task.model.weights(0, espalier::Projection::V).zero_();
      try {
        task.evaluator.evaluate(espalier::Mask(task.units.sites()));
      } catch (...) {  // as if nothing had been
      }
    }
    if (what_ == "notes") {
      task.report.say("\x1b[31m one\nerror: forged");
      task.report.note("\xff", std::string(1'000'000, 'x'));
    }
    return espalier::Mask(task.units.sites());
  }

 private:
  std::string what_;
};

}  // namespace

ESPALIER_SEARCHER(GreedySearcher, "greedy-searcher", "1.0.0", "Writes into what it is handed",
                  espalier::needs_scores | espalier::evaluates | espalier::budget_sparsity,
                  espalier::Setting{"what", "nothing", "what it writes into"})
