// A model whose weights, gradients and activities are given by hand, so that scores can be computed on paper.
#pragma once

#include <ATen/ATen.h>
#include <espalier/scorer.h>

#include <utility>
#include <vector>

namespace espalier::test {

// `slopes` [examples, tokens, units]: what the loss of an example gains with the gate of a unit at a token.
inline Batch batch_of_slopes(const at::Tensor& slopes) {
  Batch batch;
  batch.inputs["input_ids"] = at::zeros({slopes.size(0), slopes.size(1)}, at::kLong);
  batch.inputs["slopes"] = slopes;
  batch.rows.resize(static_cast<std::size_t>(slopes.size(0)));
  return batch;
}

// `gradients` [examples, heads]: the gradient of each example's loss by every weight of a head; or one for all heads.
inline Batch batch_of_gradients(const at::Tensor& gradients) {
  Batch batch;
  batch.inputs["gradients"] = gradients;
  batch.rows.resize(static_cast<std::size_t>(gradients.size(0)));
  return batch;
}

inline Batch batch_of_gradients(const std::vector<double>& gradients) {
  return batch_of_gradients(at::tensor(gradients, at::kDouble).unsqueeze(1));  // [examples, 1]
}

// One example a batch, for which the model shows FakeModel::activities[row].
inline Batch batch_of_row(std::int64_t row) {
  Batch batch;
  batch.rows = {row};
  return batch;
}

class Batches final : public BatchStream {
 public:
  explicit Batches(std::vector<Batch> batches = {}) : batches_(std::move(batches)) {}
  std::optional<Batch> next() override {
    return next_ < batches_.size() ? std::optional(batches_[next_++]) : std::nullopt;
  }
  void rewind() override { next_ = 0; }
  std::int64_t examples() const override {
    std::int64_t count = 0;
    for (const auto& batch : batches_) count += batch.size();
    return count;
  }

 private:
  std::vector<Batch> batches_;
  std::size_t next_ = 0;
};

class FakeModel final : public PrunableModel {
 public:
  explicit FakeModel(std::vector<Site> sites) : sites_(std::move(sites)) {
    for (const auto& site : sites_) {
      std::array<at::Tensor, 4> of_site;
      for (auto& weights : of_site) weights = at::zeros({site.heads, site.head_dim, site.model_width});
      weights_.push_back(of_site);
    }
  }

  at::Tensor& of(std::size_t site, Projection projection) {
    return weights_.at(site)[static_cast<std::size_t>(projection)];
  }

  // By the first row of a batch, then by site.
  std::vector<std::vector<SiteActivity>> activities;

  const std::vector<Site>& sites() const override { return sites_; }
  at::Tensor weights(std::int64_t site, Projection projection) const override {
    return weights_.at(static_cast<std::size_t>(site))[static_cast<std::size_t>(projection)];
  }
  at::Tensor losses(const Batch& batch, const Units&, const at::Tensor& gates) override {
    auto spread = gates;
    if (gates.dim() == 2) spread = gates.unsqueeze(1);  // [examples, 1, units]
    return (batch.inputs.at("slopes") * spread).sum(at::IntArrayRef{1, 2});
  }
  at::Tensor open_gates(std::vector<std::int64_t> shape) const override { return at::ones(shape).requires_grad_(); }
  std::vector<std::array<at::Tensor, 4>> gradients(const Batch& batch) override {
    return by_weight(batch.inputs.at("gradients").mean(0));
  }
  at::Tensor squared_gradients(const Batch& batch, const Units& units, Squares squares) override {
    const auto& each = batch.inputs.at("gradients");  // [examples, heads]
    return units.reduce(by_weight(squares == Squares::PerSample ? each.square().sum(0) : each.mean(0).square()));
  }
  void observe(const Batch& batch, const Observer& observer) override {
    const auto& by_site = activities.at(static_cast<std::size_t>(batch.rows.at(0)));
    for (std::size_t site = 0; site < by_site.size(); ++site) observer(static_cast<std::int64_t>(site), by_site[site]);
  }

 private:
  // The same for every weight of a head.
  std::vector<std::array<at::Tensor, 4>> by_weight(const at::Tensor& by_head) const {
    std::vector<std::array<at::Tensor, 4>> values;
    for (const auto& site : sites_) {
      const auto value = by_head.view({-1, 1, 1}).expand({site.heads, site.head_dim, site.model_width});
      values.push_back({value, value, value, value});
    }
    return values;
  }

  std::vector<Site> sites_;
  std::vector<std::array<at::Tensor, 4>> weights_;
};

}  // namespace espalier::test
