#include "counts.h"

#include "latency.h"
#include "words/digest.h"

namespace espalier::engine {
namespace {

std::int64_t typical_tokens(BaseModel& base) { return typical_length(*base.task->split("test").examples); }

// Heads, QK channels and VO channels that a mask keeps after closure, site by site.
std::vector<SiteLeft> sites_left(const std::vector<Site>& sites, const Mask& closure) {
  std::vector<SiteLeft> left;
  for (std::size_t i = 0; i < sites.size(); ++i) {
    const auto& kept = closure.site(static_cast<std::int64_t>(i));
    const auto qk = kept.of(Projection::Q).sum(1);  // [heads]
    const auto vo = kept.of(Projection::V).sum(1);  // [heads]
    auto& site = left.emplace_back();
    site.site = sites[i].name;
    site.heads = vo.gt(0).sum().item<std::int64_t>();
    site.heads_dense = sites[i].heads;
    site.head_dim = sites[i].head_dim;
    auto &qk_channels = site.qk.emplace(), &vo_channels = site.vo.emplace();
    for (std::int64_t head = 0; head < sites[i].heads; ++head) {
      qk_channels.push_back(qk[head].item<std::int64_t>());
      vo_channels.push_back(vo[head].item<std::int64_t>());
    }
  }
  return left;
}

// Closed-form operations of one example of so many tokens, before and after.
OperationsLeft operations_left(const nn::Model& dense, const nn::Model& left, std::int64_t tokens) {
  const auto before = dense.operations(tokens), after = left.operations(tokens);
  return {tokens, before.flops(), after.flops(), before.multiply_adds, after.multiply_adds};
}

}  // namespace

Point dense_point(BaseModel& base, const tasks::Evaluation& dense, bool count_output_bias) {
  Point point;
  point.kind = to_string(PointKind::Dense);
  point.parameters_dense = count_parameters(base.model->sites(), Mask(base.model->sites()), count_output_bias).dense;
  point.parameters_total = base.model->parameter_count();
  point.multiply_adds_dense = dense.multiply_adds;
  point.split = "test";
  set_evaluation(point, dense, /*from_cache=*/false);
  auto& details = point.details.emplace();
  details.sites = sites_left(base.model->sites(), Mask(base.model->sites()));
  details.operations = operations_left(*base.model, *base.model, typical_tokens(base));
  return point;
}

void set_evaluation(Point& point, const tasks::Evaluation& evaluation, bool from_cache) {
  point.metrics = evaluation.metrics;
  point.predictions = evaluation.outcomes;
  point.predictions_digest = sha256_hex(point.predictions);
  point.example_numbers = evaluation.example_numbers;
  point.multiply_adds_done = from_cache ? 0 : evaluation.multiply_adds;
  point.examples = evaluation.examples;
}

void set_counts(Point& point, BaseModel& base, const nn::Model& pruned, const Mask& mask, bool count_output_bias) {
  const auto closure = mask.closure();
  const auto& sites = base.model->sites();
  const auto removed = count_parameters(sites, closure, count_output_bias);
  const auto masked = count_parameters(sites, mask, count_output_bias);
  point.achieved_sparsity = removed.sparsity();
  point.parameters_dense = removed.dense;
  point.parameters_masked = masked.dense - masked.kept;
  point.parameters_removed = removed.dense - removed.kept;
  point.parameters_total = base.model->parameter_count() - point.parameters_removed;
  point.mask_digest = mask.digest();
  point.split = "test";
  auto& details = point.details.emplace();
  details.sites = sites_left(sites, closure);
  const auto tokens = typical_tokens(base);
  const auto sites_before = base.model->site_operations(tokens), sites_after = pruned.site_operations(tokens);
  for (std::size_t i = 0; i < sites.size(); ++i) {
    Mask alone({sites[i]});
    alone.site(0) = closure.site(static_cast<std::int64_t>(i));
    const auto parameters = count_parameters({sites[i]}, alone, count_output_bias);
    auto& left = details.sites[i];
    left.flops_dense = sites_before[i].flops();
    left.flops = sites_after[i].flops();
    left.parameters_dense = parameters.dense;
    left.parameters = parameters.kept;
  }
  details.operations = operations_left(*base.model, pruned, tokens);
}

}  // namespace espalier::engine
