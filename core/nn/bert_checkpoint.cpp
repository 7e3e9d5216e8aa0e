#include "bert_checkpoint.h"

#include <ATen/ops/cat.h>
#include <espalier/error.h>
#include <words/names.h>

#include <algorithm>
#include <cmath>
#include <list>
#include <numeric>
#include <set>

#include "compaction.h"
#include "text.h"

namespace espalier::nn {
namespace {

using at::Tensor;

// A tensor that config.json promises.
struct Wanted {
  std::string name;  // without prefix
  std::vector<std::int64_t> shape;
  std::string because;  // which keys say so
  Tensor* target;
};

struct SiteParts {
  Linear query, key, value;
};

std::int64_t sum(const std::vector<std::int64_t>& numbers) {
  return std::accumulate(numbers.begin(), numbers.end(), std::int64_t{0});
}

class Wishes {
 public:
  explicit Wishes(const BertConfig& config) : config_(config) {}
  void linear(const std::string& name, Linear& layer, std::int64_t out, std::int64_t in, const std::string& because) {
    list.push_back({name + ".weight", {out, in}, because, &layer.weight});
    list.push_back({name + ".bias", {out}, because, &layer.bias});
  }
  void norm(const std::string& name, LayerNorm& layer) {
    layer.epsilon = config_.layer_norm_epsilon;
    list.push_back({name + ".weight", {config_.hidden_size}, "hidden_size", &layer.weight});
    list.push_back({name + ".bias", {config_.hidden_size}, "hidden_size", &layer.bias});
  }
  std::vector<Wanted> list;

 private:
  const BertConfig& config_;
};

std::vector<Wanted> wanted_tensors(const BertConfig& config, BertWeights& weights, std::vector<SiteParts>& parts) {
  Wishes wishes(config);
  const auto width = config.hidden_size;
  wishes.list.push_back(
      {"embeddings.word_embeddings.weight", {config.vocabulary, width}, "vocab_size, hidden_size", &weights.words});
  wishes.list.push_back({"embeddings.position_embeddings.weight",
                         {config.positions, width},
                         "max_position_embeddings, hidden_size",
                         &weights.positions});
  wishes.list.push_back({"embeddings.token_type_embeddings.weight",
                         {config.token_types, width},
                         "type_vocab_size, hidden_size",
                         &weights.token_types});
  wishes.norm("embeddings.LayerNorm", weights.embedding_norm);
  for (std::size_t i = 0; i < weights.layers.size(); ++i) {
    auto& layer = weights.layers[i];
    const std::string name = "encoder.layer." + std::to_string(i);
    const auto widths = config.widths.find(static_cast<std::int64_t>(i));
    const bool dense = widths == config.widths.end();
    const auto qk = dense ? width : sum(widths->second.qk), vo = dense ? width : sum(widths->second.vo);
    const std::string because = dense                                ? "hidden_size"
                                : config.source.contains("espalier") ? "hidden_size, espalier"
                                                                     : "hidden_size, pruned_heads";
    wishes.linear(name + ".attention.self.query", parts[i].query, qk, width, because);
    wishes.linear(name + ".attention.self.key", parts[i].key, qk, width, because);
    wishes.linear(name + ".attention.self.value", parts[i].value, vo, width, because);
    wishes.linear(name + ".attention.output.dense", layer.attention.output, width, vo, because);
    wishes.norm(name + ".attention.output.LayerNorm", layer.attention_norm);
    wishes.linear(name + ".intermediate.dense", layer.intermediate, config.intermediate_size, width,
                  "intermediate_size, hidden_size");
    wishes.linear(name + ".output.dense", layer.output, width, config.intermediate_size,
                  "hidden_size, intermediate_size");
    wishes.norm(name + ".output.LayerNorm", layer.output_norm);
  }
  if (weights.pooler) wishes.linear("pooler.dense", *weights.pooler, width, width, "hidden_size");
  if (weights.classifier) {
    wishes.linear("classifier", *weights.classifier, static_cast<std::int64_t>(config.labels.size()), width,
                  "id2label, hidden_size");
  }
  return std::move(wishes.list);
}

// Older checkpoints call a layer norm's weight gamma and its bias beta.
std::string modern_name(const std::string& name) {
  if (name.ends_with("LayerNorm.gamma")) return name.substr(0, name.size() - 5) + "weight";
  if (name.ends_with("LayerNorm.beta")) return name.substr(0, name.size() - 4) + "bias";
  return name;
}

void missing_file(const std::filesystem::path& path) {
  std::error_code ignored;
  if (std::filesystem::exists(path, ignored)) return;
  const auto folder = path.parent_path();
  std::string message = path.string() + ": not found";
  for (const char* other : {"model.safetensors.index.json", "pytorch_model.bin", "tf_model.h5"}) {
    if (std::filesystem::exists(folder / other, ignored)) {
      message += std::string("\n    the folder has ") + other +
                 ", which is not read; save the model again as one safetensors file";
    }
  }
  throw InputError(message);
}

// A site as the file holds it: each head a group of its own, then grouped for computing.
AttentionSite read_site(const BertConfig& config, const SiteWidths* widths, const SiteParts& parts,
                        const Linear& output) {
  AttentionSite site;
  if (widths == nullptr) {
    site = dense_site(config.heads, config.head_dim(), 1 / std::sqrt(static_cast<double>(config.head_dim())));
  } else {
    site.heads = static_cast<std::int64_t>(widths->heads.size());
    site.original_heads = widths->heads;
    std::int64_t widest = 0;
    for (std::size_t i = 0; i < widths->heads.size(); ++i) {
      Head head{static_cast<std::int64_t>(i), std::vector<std::int64_t>(static_cast<std::size_t>(widths->qk[i])),
                std::vector<std::int64_t>(static_cast<std::size_t>(widths->vo[i]))};
      std::iota(head.qk.begin(), head.qk.end(), std::int64_t{0});
      std::iota(head.vo.begin(), head.vo.end(), std::int64_t{0});
      site.groups.push_back({{std::move(head)}, widths->qk[i], widths->vo[i], widths->scale[i]});
      widest = std::max({widest, widths->qk[i], widths->vo[i]});
    }
    site.head_dim = widest > 0 ? widest : config.head_dim();
  }
  site.qkv = {at::cat({parts.query.weight, parts.key.weight, parts.value.weight}),
              at::cat({parts.query.bias, parts.key.bias, parts.value.bias})};
  site.output = output;
  if (widths == nullptr) return site;
  std::vector<ScaledHead> heads;
  for (const auto& group : site.groups) heads.push_back({group.heads[0], group.scale});
  return regrouped(site, grouped(heads, config.hidden_size));
}

constexpr std::size_t most_listed = 12;

class Complaints {
 public:
  void add(const std::string& line) {
    if (++count_ <= most_listed) text_ += "\n    " + line;
  }
  bool full() const { return count_ >= most_listed; }
  std::size_t count() const { return count_; }
  std::string text() const {
    return text_ + (count_ > most_listed ? "\n    ... and " + std::to_string(count_ - most_listed) + " more" : "");
  }

 private:
  std::size_t count_ = 0;
  std::string text_;
};

}  // namespace

BertCheckpoint bert_checkpoint(const std::filesystem::path& path, const BertConfig& config) {
  missing_file(path);
  auto file = read_safetensors(path);
  std::map<std::string, Tensor> held;  // by modern name
  std::vector<std::string> names;
  bool prefixed = false;
  for (auto& [name, tensor] : file.tensors) {
    prefixed = prefixed || name.starts_with("bert.");
    names.push_back(modern_name(name));
    held[names.back()] = std::move(tensor);
  }
  file.tensors.clear();
  // Near names are looked for among so many: a header may hold a million.
  const std::vector<std::string> candidates(names.begin(),
                                            names.begin() + std::min<std::ptrdiff_t>(std::ssize(names), 5000));

  BertCheckpoint checkpoint;
  checkpoint.prefix = prefixed ? "bert." : "";
  auto& weights = checkpoint.weights;
  const auto full_name = [&](const std::string& name) {
    return name.starts_with("classifier.") ? name : checkpoint.prefix + name;
  };
  if (held.contains("classifier.weight")) weights.classifier.emplace();
  const bool has_pooler =
      held.contains(full_name("pooler.dense.weight")) && held.contains(full_name("pooler.dense.bias"));
  if (weights.classifier || has_pooler) weights.pooler.emplace();
  weights.layers.resize(static_cast<std::size_t>(config.layers));
  std::vector<SiteParts> parts(weights.layers.size());

  Complaints complaints;
  std::set<std::string> used;
  for (const auto& wanted : wanted_tensors(config, weights, parts)) {
    const auto name = full_name(wanted.name);
    const auto found = held.find(name);
    if (found == held.end()) {
      const auto near = complaints.full() ? std::nullopt : nearest_name(name, candidates);
      complaints.add(name + " is missing" + (near ? "; did you mean " + in_quotes(*near) + "?" : ""));
      continue;
    }
    used.insert(name);
    if (found->second.sizes() != at::IntArrayRef(wanted.shape)) {
      complaints.add(name + " has shape " + shape_text(found->second.sizes()) + ", config.json says " +
                     shape_text(wanted.shape) + " (" + wanted.because + ")");
    } else if (!found->second.is_floating_point()) {
      complaints.add(name + " has dtype " + c10::toString(found->second.scalar_type()) + ", expected real numbers");
    } else {
      *wanted.target = found->second.to(at::kFloat);
    }
  }
  if (complaints.count() > 0) {
    throw InputError(path.string() + ": " + std::to_string(complaints.count()) +
                     (complaints.count() == 1 ? " tensor does" : " tensors do") + " not fit config.json" +
                     complaints.text());
  }
  for (std::size_t i = 0; i < weights.layers.size(); ++i) {
    auto& layer = weights.layers[i];
    const auto widths = config.widths.find(static_cast<std::int64_t>(i));
    layer.attention =
        read_site(config, widths == config.widths.end() ? nullptr : &widths->second, parts[i], layer.attention.output);
    parts[i] = {};
  }
  const bool pooler_used = weights.classifier.has_value();
  for (const auto& name : names) {
    if (!used.contains(name) || (!pooler_used && name.starts_with(full_name("pooler."))))
      checkpoint.skipped.push_back(name);
  }
  return checkpoint;
}

std::map<std::string, Tensor> site_tensors(const AttentionSite& site) {
  std::vector<HeadGroup> single;
  for (const auto& group : site.groups) {
    for (const auto& head : group.heads) {
      single.push_back(
          {{head}, static_cast<std::int64_t>(head.qk.size()), static_cast<std::int64_t>(head.vo.size()), group.scale});
    }
  }
  std::sort(single.begin(), single.end(),
            [](const HeadGroup& a, const HeadGroup& b) { return a.heads[0].index < b.heads[0].index; });
  const auto plain = site.is_dense() ? site : regrouped(site, std::move(single));
  const auto qk = plain.qk_total(), vo = plain.vo_total();
  const auto& [weight, bias] = plain.qkv;
  return {{"self.query.weight", weight.narrow(0, 0, qk)},      {"self.query.bias", bias.narrow(0, 0, qk)},
          {"self.key.weight", weight.narrow(0, qk, qk)},       {"self.key.bias", bias.narrow(0, qk, qk)},
          {"self.value.weight", weight.narrow(0, 2 * qk, vo)}, {"self.value.bias", bias.narrow(0, 2 * qk, vo)},
          {"output.dense.weight", plain.output.weight},        {"output.dense.bias", plain.output.bias}};
}

}  // namespace espalier::nn
