#include "nn/network.h"

#include <ATen/TensorOperators.h>
#include <ATen/core/grad_mode.h>
#include <ATen/ops/binary_cross_entropy_with_logits.h>
#include <ATen/ops/cat.h>
#include <ATen/ops/cross_entropy_loss.h>
#include <ATen/ops/dropout.h>
#include <ATen/ops/log_softmax.h>
#include <ATen/ops/one_hot.h>
#include <ATen/ops/tensor.h>
#include <ATen/ops/zeros.h>
#include <c10/core/InferenceMode.h>
#include <espalier/error.h>

#include <set>
#include <utility>

#include "nn/compaction.h"
#include "nn/text.h"
#include "prunable/prunable_network.h"

namespace espalier::nn {
namespace {

using at::Tensor;

void check_mask(const Mask& mask, const std::vector<Site>& sites) {
  bool fits = mask.size() == static_cast<std::int64_t>(sites.size());
  for (std::size_t i = 0; fits && i < sites.size(); ++i) {
    for (const auto projection : all_projections) {
      const auto& kept = mask.site(static_cast<std::int64_t>(i)).of(projection);
      if (!sites[i].has(projection)) {
        fits = fits && !kept.defined();
        continue;
      }
      fits = fits && kept.defined() && kept.scalar_type() == at::kBool && kept.is_cpu() &&
             kept.sizes() == at::IntArrayRef({sites[i].heads, sites[i].head_dim});
    }
  }
  if (!fits) throw InputError("the mask belongs to another model: its sites, heads or widths differ");
}

double probability_of(const Pass& pass, double probability) { return pass.dropout == Dropout::On ? probability : 0; }

// Whether a tensor is the weight of a linear layer, which embeddings are not.
bool is_linear(const std::string& name, const Tensor& tensor, Network::Role role) {
  const bool weight = role == Network::Role::Weight || role == Network::Role::SiteWeight;
  return weight && tensor.dim() == 2 && name.find("embed") == std::string::npos;
}

// Where nothing before requires gradients, they are to start here.
void start_gradients(const Pass& pass, Tensor& tensor) {
  if (pass.taps != nullptr && at::GradMode::is_enabled() && !tensor.requires_grad()) tensor.requires_grad_(true);
}

}  // namespace

Tensor drop(const Tensor& tensor, double probability, Dropout dropout) {
  return dropout == Dropout::On && probability > 0 ? at::dropout(tensor, probability, /*train=*/true) : tensor;
}

Tensor attend_to_itself(const AttentionSite& attention, const Tensor& hidden, const Layout& layout, const Pass& pass,
                        std::int64_t site, double dropout_probability) {
  auto projected = attention.project(hidden);  // [N, Q, K and V]
  start_gradients(pass, projected);
  const auto context = attention.attend(attention.parts(projected), layout,
                                        {pass.gates, site, probability_of(pass, dropout_probability)});
  auto output = attention.write(context);  // [N, D]
  start_gradients(pass, output);
  if (pass.taps != nullptr) pass.taps->push_back({hidden, projected, {}, {}, context, output, layout.segments.at(0)});
  return output;
}

Tensor attend_to_memory(const AttentionSite& attention, const Tensor& hidden, const Tensor& memory,
                        const Layout& layout, const Pass& pass, std::int64_t site, double dropout_probability) {
  auto query = attention.project_query(hidden);          // [N, Q]
  auto key_value = attention.project_key_value(memory);  // [N of the keys, K and V]
  start_gradients(pass, query);
  start_gradients(pass, key_value);
  const auto context = attention.attend(attention.parts(query, key_value), layout,
                                        {pass.gates, site, probability_of(pass, dropout_probability)});
  auto output = attention.write(context);  // [N, D]
  start_gradients(pass, output);
  if (pass.taps != nullptr)
    pass.taps->push_back({hidden, query, memory, key_value, context, output, layout.segments.at(0)});
  return output;
}

Tensor attend_from(const AttentionSite& attention, const Tensor& hidden, const Tensor& asking, const Layout& layout,
                   std::int64_t count, const Pass& pass, std::int64_t site, double dropout_probability) {
  const auto projected = attention.parts(attention.project_query(asking), attention.project_key_value(hidden));
  return attention.write(attention.attend(projected, first_queries(layout, count),
                                          {pass.gates, site, probability_of(pass, dropout_probability)}));
}

std::optional<GateTable> gate_table(const Gates* gates, const std::vector<AttentionSite>& sites, const Tensor& sample) {
  if (gates == nullptr) return std::nullopt;
  std::vector<const AttentionSite*> pointers;
  for (const auto& site : sites) pointers.push_back(&site);
  return GateTable(*gates, pointers, 0, sample.options());
}

Tensor row_losses(const Tensor& logits, const Tensor& given, const Loss& loss, const Tensor& teacher) {
  if (loss.kind == Loss::Kind::Distillation) {
    if (!teacher.defined() || teacher.sizes() != logits.sizes()) {
      throw InputError("the teacher gives logits of shape " +
                       (teacher.defined() ? shape_text(teacher.sizes()) : std::string("none")) +
                       ", the model of shape " + shape_text(logits.sizes()) +
                       "\n    a teacher has the same classes or the same vocabulary");
    }
    const auto softened = at::log_softmax(logits / loss.temperature, -1);                         // [rows, classes]
    const auto taught = at::log_softmax(teacher.to(logits.options()) / loss.temperature, -1);     // [rows, classes]
    return (taught.exp() * (taught - softened)).sum(-1) * (loss.temperature * loss.temperature);  // [rows]
  }
  const auto rows = std::to_string(logits.size(0));
  if (given.defined() && given.is_floating_point()) {
    if (given.sizes() != logits.sizes()) {
      throw InputError("a batch of " + rows + " examples has labels of shape " + shape_text(given.sizes()) +
                       ", the model gives logits of shape " + shape_text(logits.sizes()));
    }
    const auto targets = given.to(logits.device(), logits.scalar_type());
    return at::binary_cross_entropy_with_logits(logits, targets, {}, {}, at::Reduction::None).mean(1);  // [rows]
  }
  if (!given.defined() || given.scalar_type() != at::kLong || given.sizes() != logits.sizes().slice(0, 1)) {
    throw InputError("a batch of " + rows + " examples has no label (I64) for each of them");
  }
  if (given.numel() > 0 &&
      (given.min().item<std::int64_t>() < 0 || given.max().item<std::int64_t>() >= logits.size(1))) {
    throw InputError("a label is outside 0 to " + std::to_string(logits.size(1) - 1) + ", the classes of the model");
  }
  const auto labels = given.to(logits.device());
  if (loss.kind == Loss::Kind::Bce) {
    const auto targets = at::one_hot(labels, logits.size(1)).to(logits.scalar_type());  // [rows, classes]
    return at::binary_cross_entropy_with_logits(logits, targets, {}, {}, at::Reduction::None).mean(1);  // [rows]
  }
  return at::cross_entropy_loss(logits, labels, {}, at::Reduction::None);  // [rows]
}

Tensor teacher_logits(const Batch& batch, const Pass& pass) {
  if (pass.loss == nullptr || pass.loss->kind != Loss::Kind::Distillation) return {};
  if (!pass.loss->teacher) throw InputError("distillation was given no teacher");
  const at::NoGradGuard no_gradients;
  return pass.loss->teacher->logits({&batch, 1});
}

Tensor classification_losses(const Tensor& logits, const Batch& batch, const Pass& pass) {
  static const Loss of_task;
  return row_losses(logits, batch.labels, pass.loss == nullptr ? of_task : *pass.loss, teacher_logits(batch, pass));
}

void Network::require_fit(const Mask& mask) const { check_mask(mask, sites_); }

std::int64_t Network::take_skipped() const { return std::exchange(skipped_multiply_adds_, 0); }

std::unique_ptr<Model> Network::masked(const Mask& mask) const {
  const c10::InferenceMode ordinary(false);
  const at::NoGradGuard no_gradients;
  require_fit(mask);
  auto sites = attention();
  for (std::size_t i = 0; i < sites.size(); ++i)
    sites[i] = masked_site(sites[i], mask.site(static_cast<std::int64_t>(i)));
  return with_attention(std::move(sites));
}

std::unique_ptr<Model> Network::compacted(const Mask& mask, SoftmaxScale scale) const {
  const c10::InferenceMode ordinary(false);
  const at::NoGradGuard no_gradients;
  require_fit(mask);
  const auto closed = mask.closure();
  auto sites = attention();
  for (std::size_t i = 0; i < sites.size(); ++i)
    sites[i] = compacted_site(sites[i], closed.site(static_cast<std::int64_t>(i)), scale);
  return with_attention(std::move(sites));
}

std::unique_ptr<Model> Network::trainable_copy() const {
  const c10::InferenceMode ordinary(false);
  return changed([this](const std::string& name, const Tensor& tensor) {
    return tensor.detach().clone().requires_grad_(is_parameter(name, tensor));
  });
}

bool Network::is_parameter(const std::string& name, const Tensor& tensor) const {
  return used(name) && trains(name) && tensor.numel() > 0;
}

void Network::visit_parameters(const Visit& parameter) const {
  visit([&](const std::string& name, const Tensor& tensor, Role role) {
    if (is_parameter(name, tensor)) parameter(name, tensor, role);
  });
}

std::unique_ptr<Model> Network::converted(at::ScalarType type, at::Device device) const {
  const c10::InferenceMode ordinary(false);
  return changed([&](const std::string&, const Tensor& tensor) { return tensor.detach().to(device, type); });
}

std::unique_ptr<Model> Network::with_linear_weights(at::ScalarType type) const {
  const c10::InferenceMode ordinary(false);
  const at::NoGradGuard no_gradients;
  std::set<std::string> linear;
  visit([&](const std::string& name, const Tensor& tensor, Role role) {
    if (is_linear(name, tensor, role)) linear.insert(name);
  });
  return changed([&](const std::string& name, const Tensor& tensor) {
    return linear.contains(name) ? tensor.detach().to(type) : tensor;
  });
}

std::vector<Parameter> Network::parameters() const {
  // What of a site's fused tensors is no parameter of the checkpoint.
  struct Fused {
    std::vector<std::int64_t> blocks;
    Tensor fixed;
  };
  std::map<const void*, Fused> fused;
  const auto of = [&](const Tensor& tensor) -> Fused& { return fused[tensor.unsafeGetTensorImpl()]; };
  for (const auto& site : attention()) {
    if (site.groups.empty()) continue;
    const auto padded = [](const std::vector<std::int64_t>& places) {
      auto rows = at::zeros({static_cast<std::int64_t>(places.size())}, at::kBool);
      for (std::size_t i = 0; i < places.size(); ++i) rows.data_ptr<bool>()[i] = places[i] < 0;
      return rows;
    };
    const auto qk = padded(site.qk_places()), vo = padded(site.vo_places());
    const auto rows = at::cat({qk, qk, vo});  // [Q, K and V of all groups]
    auto& weight = of(site.qkv.weight);
    weight.blocks = {site.qk_total(), site.qk_total(), site.vo_total()};
    const auto device = site.qkv.weight.device();
    if (rows.any().item<bool>()) {
      weight.fixed = rows.unsqueeze(1).expand_as(site.qkv.weight).to(device);
      of(site.output.weight).fixed = vo.unsqueeze(0).expand_as(site.output.weight).to(device);
    }
    if (!site.qkv.bias.defined()) continue;
    auto absent = rows.clone();
    std::int64_t begin = 0;
    for (std::size_t i = 0; i < weight.blocks.size(); ++i) {
      if (!site.has_bias[i]) absent.narrow(0, begin, weight.blocks[i]).fill_(true);
      begin += weight.blocks[i];
    }
    if (absent.any().item<bool>()) of(site.qkv.bias).fixed = absent.to(device);
  }

  std::vector<Parameter> parameters;
  visit_parameters([&](const std::string& name, const Tensor& tensor, Role role) {
    Parameter parameter{full_name(name), tensor, role == Role::Weight || role == Role::SiteWeight};
    parameter.is_linear = is_linear(name, tensor, role);
    if (parameter.is_linear) parameter.blocks = {tensor.size(0)};
    if (const auto found = fused.find(tensor.unsafeGetTensorImpl()); found != fused.end()) {
      if (!found->second.blocks.empty()) parameter.blocks = found->second.blocks;
      parameter.fixed = found->second.fixed;
    }
    parameters.push_back(std::move(parameter));
  });
  return parameters;
}

void Network::each_tensor(const SeeTensor& see) const {
  visit([&](const std::string& name, const Tensor& tensor, Role) { see(full_name(name), tensor); });
}

std::unique_ptr<Model> Network::with_parameters(const std::vector<Tensor>& tensors) const {
  const c10::InferenceMode ordinary(false);
  std::map<std::string, const Tensor*> given;
  std::size_t next = 0;
  visit_parameters([&](const std::string& name, const Tensor& tensor, Role) {
    if (next < tensors.size() && tensors[next].sizes() != tensor.sizes()) {
      throw InputError("tensor " + full_name(name) + " was given shape " + shape_text(tensors[next].sizes()) +
                       ", expected " + shape_text(tensor.sizes()));
    }
    if (next < tensors.size()) given[name] = &tensors[next];
    ++next;
  });
  if (next != tensors.size()) {
    throw InputError(std::to_string(tensors.size()) + " tensors were given for " + std::to_string(next) +
                     " parameters");
  }
  return changed([&](const std::string& name, const Tensor& tensor) {
    const auto found = given.find(name);
    return found == given.end() ? tensor : *found->second;
  });
}

std::unique_ptr<Model> Network::with_scaled_outputs(std::int64_t site, const Tensor& factors) const {
  const c10::InferenceMode ordinary(false);
  const at::NoGradGuard no_gradients;
  auto sites = attention();
  auto& scaled = sites.at(static_cast<std::size_t>(site));
  if (!factors.defined() || factors.sizes() != at::IntArrayRef({scaled.heads, scaled.head_dim}))
    throw InputError("factors of a site's outputs have shape [heads, head_dim] of the dense site");
  const auto flat = factors.to(at::kCPU, at::kDouble).reshape({-1});
  std::vector<double> columns;
  for (const auto place : scaled.vo_places()) columns.push_back(place < 0 ? 1 : flat[place].item<double>());
  if (columns.empty()) return with_attention(std::move(sites));
  scaled.output.weight = scaled.output.weight * at::tensor(columns, scaled.output.weight.options());  // [D, sum of H v]
  return with_attention(std::move(sites));
}

std::int64_t Network::parameter_count() const {
  std::int64_t count = 0;
  visit([&](const std::string& name, const Tensor& tensor, Role role) {
    if (used(name) && (role == Role::Weight || role == Role::Plain)) count += tensor.numel();
  });
  // Padding is not a parameter.
  for (const auto& site : attention()) count += site.parameter_count();
  return count;
}

void Network::check_counts(const std::filesystem::path& file, std::int64_t elements) const {
  std::int64_t rest = 0;
  visit([&](const std::string& name, const Tensor& tensor, Role role) {
    if (used(name) && (role == Role::Weight || role == Role::Plain)) rest += tensor.numel();
  });
  const auto of_sites = count_parameters(sites_, Mask(sites_), /*count_output_bias=*/true).dense;
  if (of_sites + rest == elements && parameter_count() == elements) return;
  throw InputError(file.string() + ": holds " + std::to_string(elements) + " parameters that the model uses, and " +
                   std::to_string(of_sites) + " of its attention sites, " + std::to_string(rest) + " of the rest and " +
                   std::to_string(parameter_count()) +
                   " altogether are counted\n    this is a fault of Espalier, not of the file: please report it");
}

Tensor Network::losses(const Batch& batch) const { return losses_of(batch, {}); }

std::vector<SiteInput> Network::site_inputs(const Batch& batch) const {
  const at::NoGradGuard no_gradients;
  std::vector<Tap> taps;
  run_sites(batch, {.taps = &taps});
  std::vector<SiteInput> inputs;
  for (const auto& tap : taps) {
    const auto& segment = tap.segment;
    SiteInput input;
    input.hidden = tap.hidden.view({segment.examples, segment.queries, tap.hidden.size(-1)});  // [B, T, D]
    if (tap.memory.defined())
      input.memory = tap.memory.view({segment.examples, segment.keys, tap.memory.size(-1)});  // [B, S, D]
    input.attention = segment.attention;
    input.causal = segment.causal;
    inputs.push_back(std::move(input));
  }
  return inputs;
}

Tensor Network::site_output(std::int64_t site, const SiteInput& input) const {
  const at::NoGradGuard no_gradients;
  if (site < 0 || site >= static_cast<std::int64_t>(sites_.size()))
    throw InputError("there is no site number " + std::to_string(site));
  const auto attention = this->attention()[static_cast<std::size_t>(site)];
  const auto width = attention.model_width();
  const auto& hidden = input.hidden;
  const auto fits = [&](const Tensor& tensor) { return tensor.dim() == 3 && tensor.size(2) == width; };
  if (!hidden.defined() || !fits(hidden) || (input.memory.defined() && !fits(input.memory)))
    throw InputError("the input of a site has shape [examples, tokens, width]");
  const auto& memory = input.memory.defined() ? input.memory : hidden;
  const Segment segment{.examples = hidden.size(0),
                        .queries = hidden.size(1),
                        .keys = memory.size(1),
                        .attention = input.attention,
                        .causal = input.causal};
  const auto packed = [&](const Tensor& rows) { return rows.reshape({rows.size(0) * rows.size(1), width}); };
  const auto query = attention.project_query(packed(hidden));          // [B*T, Q]
  const auto key_value = attention.project_key_value(packed(memory));  // [B*S, K and V]
  const auto context = attention.attend(attention.parts(query, key_value), {segment}, {.site = site});
  return attention.write(context).view(hidden.sizes());  // [B, T, D]
}

std::unique_ptr<PrunableModel> Network::prunable(Loss loss) const {
  const c10::InferenceMode ordinary(false);
  const auto detached = changed([](const std::string&, const Tensor& tensor) { return tensor.detach(); });
  auto sites = detached->attention();
  for (auto& site : sites) site = expanded_site(site);
  return std::make_unique<PrunableNetwork>(detached->with_attention(std::move(sites)), std::move(loss));
}

std::unique_ptr<Model> converted(const Model& model, at::ScalarType type, at::Device device) {
  return dynamic_cast<const Network&>(model).converted(type, device);
}

Site site_of(const AttentionSite& attention, std::string name, SiteKind kind) {
  return {.name = std::move(name),
          .kind = kind,
          .heads = attention.heads,
          .head_dim = attention.head_dim,
          .model_width = attention.model_width(),
          .has_bias = attention.has_bias,
          .qk_widths = attention.qk_widths,
          .vo_widths = attention.vo_widths};
}

AttentionTotals totals_of(std::span<const AttentionSite> sites) {
  AttentionTotals totals;
  for (const auto& site : sites) {
    for (const auto& group : site.groups) {
      totals.heads += group.size();
      for (const auto& head : group.heads) {
        totals.qk_channels += static_cast<std::int64_t>(head.qk.size());
        totals.vo_channels += static_cast<std::int64_t>(head.vo.size());
      }
    }
  }
  return totals;
}

std::vector<Operations> operations_of_sites(std::span<const AttentionSite> sites, std::int64_t queries,
                                            std::int64_t keys) {
  std::vector<Operations> operations;
  for (const auto& site : sites)
    operations.push_back(attention_flops({site.model_width(), queries, keys}, totals_of({&site, 1})));
  return operations;
}

Inputs examples_of(const Inputs& inputs, std::int64_t begin, std::int64_t count) {
  Inputs part;
  for (const auto& [name, tensor] : inputs) part[name] = tensor.narrow(0, begin, count);
  return part;
}

}  // namespace espalier::nn
