#include "engine/searching.h"

#include <espalier/error.h>

#include <charconv>
#include <cmath>

#include "engine/base_model.h"
#include "words/names.h"

namespace espalier::engine {
namespace {

template <typename Value>
Value chosen(const char* kind, const std::string& name, const std::map<std::string, Value>& known) {
  const auto found = known.find(name);
  if (found != known.end()) return found->second;
  std::vector<std::string> names;
  for (const auto& [key, value] : known) names.push_back(key);
  throw SettingsError(unknown_name(kind, name, names));
}

}  // namespace

Mask search(const loader::PluginCatalog& catalog, const nn::Model& model, const Units& units, const Mask& kept,
            const at::Tensor& scores, const SearchRequest& request,
            const std::function<std::map<std::string, double>(const Mask&)>& evaluate) {
  using Kind = SearchBudget::Kind;
  SearchBudget budget;
  budget.kind = chosen<Kind>("budget", request.budget.kind,
                             {{"sparsity", Kind::Sparsity},
                              {"heads", Kind::Heads},
                              {"macs", Kind::Macs},
                              {"latency", Kind::Latency},
                              {"loss_of_metric", Kind::LossOfMetric}});
  budget.value = request.budget.value;
  budget.rounding =
      chosen<Rounding>("rounding", request.rounding,
                       {{"nearest", Rounding::Nearest}, {"floor", Rounding::Floor}, {"ceil", Rounding::Ceil}});
  const auto scope = chosen<Scope>("scope", request.scope, {{"global", Scope::Global}, {"local", Scope::Local}});
  const auto searcher = catalog.make_searcher(request.searcher, request.settings);
  const auto prunable = model.prunable();
  Random random(seed_for("searcher " + request.searcher, request.seed));
  if (request.of_remaining) budget.of = SearchBudget::Share::Remaining;
  SearchTask task{*prunable, units, units.remaining(kept), scores, budget, scope, random, evaluate};
  return loader::call_searcher(request.searcher, *searcher, task).intersected(kept);
}

nn::SoftmaxScale softmax_scale_from(const std::string& text) {
  using Kind = nn::SoftmaxScale::Kind;
  if (text == "original") return {};
  if (text == "pruned-width") return {Kind::PrunedWidth, 0};
  double number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error == std::errc() && end == text.data() + text.size() && std::isfinite(number) && number > 0) {
    return {Kind::Number, number};
  }
  throw SettingsError("softmax scale '" + text + "' is none: expected original, pruned-width or a positive number");
}

}  // namespace espalier::engine
