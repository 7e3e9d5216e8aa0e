#include "checkpoint_reading.h"

#include <ATen/ops/cat.h>
#include <espalier/error.h>
#include <nn/safetensors.h>
#include <words/names.h>

#include <algorithm>
#include <cmath>
#include <numeric>
#include <set>

#include "nn/compaction.h"
#include "nn/text.h"

namespace espalier::families {
namespace {

using at::Tensor;

std::int64_t sum(const std::vector<std::int64_t>& numbers) {
  return std::accumulate(numbers.begin(), numbers.end(), std::int64_t{0});
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

std::string not_finite(const Tensor& tensor) {
  const auto numbers = tensor.to(at::kFloat).contiguous();
  const auto* value = numbers.const_data_ptr<float>();
  const auto count = numbers.numel();
  std::int64_t faults = 0;
  for (std::int64_t i = 0; i < count; ++i) faults += std::isfinite(value[i]) ? 0 : 1;
  if (faults == 0) return "";
  const auto nan = numbers.isnan().sum().item<std::int64_t>();
  std::string words;
  if (nan > 0) words = std::to_string(nan) + " NaN";
  if (nan > 0 && faults > nan) words += " and ";
  if (faults > nan) words += std::to_string(faults - nan) + " infinite";
  words += " of " + std::to_string(count) + " numbers";
  return words;
}

void WantedTensors::tensor(const std::string& name, std::vector<std::int64_t> shape, const std::string& because,
                           Tensor& target) {
  list_.push_back({name, std::move(shape), because, &target});
}

void WantedTensors::linear(const std::string& name, Linear& layer, std::int64_t out, std::int64_t in,
                           const std::string& because, bool with_bias) {
  tensor(name + ".weight", {out, in}, because, layer.weight);
  if (with_bias) tensor(name + ".bias", {out}, because, layer.bias);
}

void WantedTensors::norm(const std::string& name, LayerNorm& layer, std::int64_t width, double epsilon,
                         const std::string& because) {
  layer.epsilon = epsilon;
  tensor(name + ".weight", {width}, because, layer.weight);
  tensor(name + ".bias", {width}, because, layer.bias);
}

HeldTensors::HeldTensors(const std::filesystem::path& path, const Rename& rename) : path_(path) {
  missing_file(path);
  auto file = read_safetensors(path);
  for (auto& [name, tensor] : file.tensors) {
    names_.push_back(rename ? rename(name) : name);
    tensors_[names_.back()] = std::move(tensor);
  }
}

bool HeldTensors::any_starts_with(const std::string& prefix) const {
  return std::any_of(names_.begin(), names_.end(), [&](const auto& name) { return name.starts_with(prefix); });
}

void HeldTensors::give(const WantedTensors& wanted_tensors, const Rename& full_name) {
  // Near names are looked for among so many: a header may hold a million.
  const std::vector<std::string> candidates(names_.begin(),
                                            names_.begin() + std::min<std::ptrdiff_t>(std::ssize(names_), 5000));
  Complaints complaints, not_numbers;
  for (const auto& wanted : wanted_tensors.list()) {
    const auto name = full_name ? full_name(wanted.name) : wanted.name;
    const auto found = tensors_.find(name);
    if (found == tensors_.end()) {
      const auto near = complaints.full() ? std::nullopt : nearest_name(name, candidates);
      complaints.add(name + " is missing" + (near ? "; did you mean " + in_quotes(*near) + "?" : ""));
      continue;
    }
    given_.push_back(name);
    if (found->second.sizes() != at::IntArrayRef(wanted.shape)) {
      complaints.add(name + " has shape " + shape_text(found->second.sizes()) + ", config.json says " +
                     shape_text(wanted.shape) + " (" + wanted.because + ")");
    } else if (!found->second.is_floating_point()) {
      complaints.add(name + " has dtype " + c10::toString(found->second.scalar_type()) + ", expected real numbers");
    } else {
      *wanted.target = found->second.to(at::kFloat);
      elements_ += wanted.target->numel();
      if (const auto found_there = not_finite(*wanted.target); !found_there.empty())
        not_numbers.add(name + " holds " + found_there);
    }
  }
  std::string message;
  if (complaints.count() > 0) {
    message = path_.string() + ": " + std::to_string(complaints.count()) +
              (complaints.count() == 1 ? " tensor does" : " tensors do") + " not fit config.json" + complaints.text();
  }
  if (not_numbers.count() > 0) {
    if (!message.empty()) message += '\n';
    message += path_.string() + ": " + std::to_string(not_numbers.count()) +
               (not_numbers.count() == 1 ? " tensor holds" : " tensors hold") +
               " weights that are not finite: every output would be meaningless" + not_numbers.text() +
               "\n    expected finite numbers; a training that diverged leaves such a file, take an earlier one";
  }
  if (!message.empty()) throw InputError(message);
}

std::vector<std::string> HeldTensors::left() const {
  const std::set<std::string> given(given_.begin(), given_.end());
  std::vector<std::string> left;
  for (const auto& name : names_) {
    if (!given.contains(name)) left.push_back(name);
  }
  return left;
}

SiteRows rows_of(const SiteFrame& frame, const SiteWidths* widths) {
  const auto dense = frame.heads * frame.head_dim;
  return widths == nullptr ? SiteRows{dense, dense} : SiteRows{sum(widths->qk), sum(widths->vo)};
}

// Each head a group of its own as the file holds it, then grouped for computing.
AttentionSite read_site(const SiteFrame& frame, const SiteWidths* widths, double scale, const SiteLinears& parts) {
  AttentionSite site;
  if (widths == nullptr) {
    site = dense_site(frame.heads, frame.head_dim, scale);
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
    site.head_dim = widest > 0 ? widest : frame.head_dim;
    const auto narrower = [&](const std::vector<std::int64_t>& of_heads) {
      const bool uneven = std::any_of(of_heads.begin(), of_heads.end(), [&](auto one) { return one != site.head_dim; });
      return uneven ? of_heads : std::vector<std::int64_t>();
    };
    site.qk_widths = narrower(widths->qk);
    site.vo_widths = narrower(widths->vo);
  }
  site.has_bias = {parts.query.bias.defined(), parts.key.bias.defined(), parts.value.bias.defined(),
                   parts.output.bias.defined()};
  const bool biased = site.has_bias[0] || site.has_bias[1] || site.has_bias[2];
  const auto bias_of = [](const Linear& layer) {
    return layer.bias.defined() ? layer.bias : layer.weight.new_zeros({layer.weight.size(0)});
  };
  site.qkv = {at::cat({parts.query.weight, parts.key.weight, parts.value.weight}),
              biased ? at::cat({bias_of(parts.query), bias_of(parts.key), bias_of(parts.value)}) : Tensor()};
  site.output = parts.output;
  if (widths == nullptr) return site;
  std::vector<ScaledHead> heads;
  for (const auto& group : site.groups) heads.push_back({group.heads[0], group.scale});
  return regrouped(site, grouped(heads, site.model_width(), facts_of(at::kCPU)));  // where files are read
}

SitesOfFile::SitesOfFile(std::vector<SitePlace> places, const CheckpointConfig& config, std::int64_t model_width,
                         std::string width_key)
    : places_(std::move(places)),
      config_(config),
      model_width_(model_width),
      width_key_(std::move(width_key)),
      parts_(places_.size()) {}

void SitesOfFile::want(WantedTensors& wanted, std::size_t site) {
  const auto& [frame, kind, linears, has_bias] = places_.at(site);
  const auto* widths = config_.widths_of(frame);
  const auto [qk, vo] = rows_of(frame, widths);
  const auto because = width_key_ + (widths == nullptr                     ? ""
                                     : config_.source.contains("espalier") ? ", espalier"
                                                                           : ", pruned_heads");
  auto& parts = parts_[site];
  wanted.linear(linears[0], parts.query, qk, model_width_, because, has_bias[0]);
  wanted.linear(linears[1], parts.key, qk, model_width_, because, has_bias[1]);
  wanted.linear(linears[2], parts.value, vo, model_width_, because, has_bias[2]);
  wanted.linear(linears[3], parts.output, model_width_, vo, because, has_bias[3]);
}

AttentionSite SitesOfFile::read(std::size_t site) {
  const auto& frame = places_.at(site).frame;
  const double scale = 1 / std::sqrt(static_cast<double>(frame.head_dim));
  auto attention = read_site(frame, config_.widths_of(frame), scale, parts_[site]);
  parts_[site] = {};
  return attention;
}

SiteLinears site_linears(const AttentionSite& site) {
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
  const auto part = [&](Projection projection, std::int64_t start, std::int64_t count) {
    const bool biased = site.has_bias[static_cast<std::size_t>(projection)];
    return Linear{plain.qkv.weight.narrow(0, start, count), biased ? plain.qkv.bias.narrow(0, start, count) : Tensor()};
  };
  return {part(Projection::Q, 0, qk), part(Projection::K, qk, qk), part(Projection::V, 2 * qk, vo), plain.output};
}

}  // namespace espalier::families
