// Gates, gradients and squared gradients against identities and literal computations.
#include <ATen/ATen.h>
#include <gtest/gtest.h>
#include <nn/model.h>
#include <torch/csrc/autograd/autograd.h>

#include "families/tiny_bert.h"
#include "nn/gate_table.h"
#include "nn/network.h"
#include "support/message_of.h"
#include "support/tensor_matchers.h"

#include <espalier/error.h>

namespace espalier::test {
namespace {

class Prunable : public testing::Test {
 protected:
  Prunable() { at::set_num_threads(1); }

  TinyBert shape{.heads = 3, .head_dim = 4, .layers = 2};
  std::unique_ptr<nn::Model> model = shape.double_model();
  std::unique_ptr<PrunableModel> prunable = model->prunable();
  Batch batch = random_batch(shape, 4, 6, 3, /*padded=*/true);
};

at::Tensor plain_losses(const nn::Model& model, const Batch& batch) {
  return at::cross_entropy_loss(logits(model, batch), batch.labels, {}, at::Reduction::None);
}

TEST_F(Prunable, GatesOfOneChangeNothing) {
  const auto expected = plain_losses(*model, batch);
  for (const auto granularity : granularities) {
    const Units units(model->sites(), granularity);
    for (const std::vector<std::int64_t>& gates :
         {std::vector<std::int64_t>{units.count()}, {4, units.count()}, {4, 6, units.count()}}) {
      EXPECT_TRUE(is_close(prunable->losses(batch, units, prunable->open_gates(gates)).detach(), expected, {0, 1e-12}))
          << to_string(granularity);
    }
  }
}

TEST_F(Prunable, AZeroGateEqualsRemovingItsUnit) {
  for (const auto granularity : granularities) {
    const Units units(model->sites(), granularity);
    for (std::int64_t unit = 0; unit < units.count(); unit += 5) {
      auto gates = prunable->open_gates({units.count()}).detach();
      gates[unit] = 0;
      auto kept = at::ones({units.count()}, at::kBool);
      kept[unit] = false;
      EXPECT_TRUE(is_close(prunable->losses(batch, units, gates), plain_losses(*model->masked(units.mask(kept)), batch),
                           {0, 1e-10}))
          << to_string(granularity) << " unit " << unit;
    }
  }
}

TEST_F(Prunable, GradientsOfGatesAgreeWithFiniteDifferences) {
  constexpr double step = 1e-5;
  for (const auto granularity : {Granularity::Head, Granularity::HeadChannel, Granularity::ProjectionChannel}) {
    const Units units(model->sites(), granularity);
    const auto gates = prunable->open_gates({4, 6, units.count()});
    const auto gradient = torch::autograd::grad({prunable->losses(batch, units, gates).sum()}, {gates})[0];
    for (std::int64_t unit = 0; unit < units.count(); unit += 7) {
      const auto loss = [&](double offset) {
        auto moved = prunable->open_gates({4, 6, units.count()}).detach();
        moved[1][0][unit] += offset;
        return prunable->losses(batch, units, moved).sum().item<double>();
      };
      EXPECT_NEAR(gradient[1][0][unit].item<double>(), (loss(step) - loss(-step)) / (2 * step), 1e-6)
          << to_string(granularity) << " unit " << unit;
    }
  }
}

TEST_F(Prunable, GatesOfACompactedModelAreThoseOfWhatIsLeft) {
  const auto mask = random_mask(model->sites(), 0.7, 4);
  const Units units(model->sites(), Granularity::HeadChannel);
  const auto gates = at::rand({units.count()}, at::kDouble);
  const auto compacted = model->compacted(mask), masked = model->masked(mask);
  const auto gated = [&](const nn::Model& pruned) {
    const auto& network = dynamic_cast<const nn::Network&>(pruned);
    const auto attention = network.attention();
    std::vector<const nn::AttentionSite*> sites;
    for (const auto& site : attention) sites.push_back(&site);
    const nn::GateTable table({units, gates}, sites, batch.size(), at::kDouble);
    return network.losses_of(batch, {.gates = &table});
  };
  EXPECT_TRUE(is_close(gated(*compacted), gated(*masked), {0, 1e-10}));
  EXPECT_TRUE(is_close(compacted->prunable()->losses(batch, units, gates),
                       masked->prunable()->losses(batch, units, gates), {0, 1e-10}));
}

TEST_F(Prunable, WeightsAreViewsByHeadAndChannel) {
  const auto file = shape.tensors();
  const auto query = file.tensors.at("bert.encoder.layer.1.attention.self.query.weight").to(at::kDouble);
  const auto output = file.tensors.at("bert.encoder.layer.1.attention.output.dense.weight").to(at::kDouble);
  EXPECT_TRUE(is_close(prunable->weights(1, Projection::Q), query.view({3, 4, 12})));
  EXPECT_TRUE(is_close(prunable->weights(1, Projection::O)[2][3], output.select(1, 11)));
}

// Literal: one example at a time, each weight's gradient by autograd over the trainable copy.
std::vector<std::array<at::Tensor, 4>> literal_gradient(const nn::Model& model, const Batch& batch) {
  const auto copy = model.trainable_copy();
  at::cross_entropy_loss(copy->logits({&batch, 1}), batch.labels).backward();
  std::vector<std::array<at::Tensor, 4>> gradients;
  at::Tensor qkv;
  for (const auto& parameter : copy->parameters()) {
    if (parameter.name.ends_with(".self.qkv.weight")) qkv = parameter.tensor.grad();
    if (parameter.name.ends_with(".attention.output.dense.weight")) {
      const auto rows = qkv.chunk(3);
      const std::vector<std::int64_t> view = {model.sites()[0].heads, model.sites()[0].head_dim, qkv.size(1)};
      gradients.push_back(
          {rows[0].view(view), rows[1].view(view), rows[2].view(view), parameter.tensor.grad().t().reshape(view)});
    }
  }
  return gradients;
}

Batch example_of(const Batch& batch, std::int64_t i) {
  Batch one{.inputs = {}, .labels = batch.labels.narrow(0, i, 1), .rows = {i}};
  for (const auto& [name, tensor] : batch.inputs) one.inputs[name] = tensor.narrow(0, i, 1);
  return one;
}

TEST_F(Prunable, GradientsEqualAutogradOverEverything) {
  const auto expected = literal_gradient(*model, batch);
  const auto found = prunable->gradients(batch);
  ASSERT_EQ(found.size(), 2U);
  for (std::size_t site = 0; site < 2; ++site) {
    for (std::size_t i = 0; i < 4; ++i) EXPECT_TRUE(is_close(found[site][i], expected[site][i], {1e-9, 1e-12}));
  }
}

TEST_F(Prunable, PerSampleSquaresEqualSingleExampleLoops) {
  for (const std::int64_t tokens : {1, 3, 6, 20}) {  // few tokens: Gram matrices; many: one gradient at a time
    const auto examples = random_batch(shape, 5, tokens, 7, /*padded=*/tokens > 3);
    for (const auto granularity : {Granularity::Head, Granularity::ProjectionChannel}) {
      const Units units(model->sites(), granularity);
      auto expected = at::zeros({units.count()}, at::kDouble);
      for (std::int64_t i = 0; i < 5; ++i) {
        auto gradient = literal_gradient(*model, example_of(examples, i));
        for (auto& site : gradient) {
          for (auto& one : site) one = one.square();
        }
        expected += units.reduce(gradient);
      }
      EXPECT_TRUE(is_close(prunable->squared_gradients(examples, units, Squares::PerSample), expected, {1e-8, 1e-14}))
          << tokens << " tokens";
    }
  }
}

TEST_F(Prunable, PerBatchSquaresAreThoseOfTheMeanLoss) {
  const Units units(model->sites(), Granularity::HeadChannel);
  auto gradient = literal_gradient(*model, batch);
  for (auto& site : gradient) {
    for (auto& one : site) one = one.square();
  }
  EXPECT_TRUE(
      is_close(prunable->squared_gradients(batch, units, Squares::PerBatch), units.reduce(gradient), {1e-8, 1e-14}));
}

TEST_F(Prunable, WorksUnderNoGradientsAndInferenceMode) {
  const Units units(model->sites(), Granularity::Head);
  const auto expected = prunable->squared_gradients(batch, units, Squares::PerSample);
  {
    const at::NoGradGuard guard;
    EXPECT_TRUE(is_close(prunable->squared_gradients(batch, units, Squares::PerSample), expected, {1e-12, 0}));
  }
  const c10::InferenceMode guard;
  EXPECT_TRUE(is_close(prunable->squared_gradients(batch, units, Squares::PerSample), expected, {1e-12, 0}));
}

TEST_F(Prunable, RefusesGatesAndLabelsThatDoNotFit) {
  const Units units(model->sites(), Granularity::Head);
  EXPECT_NE(message_of<PluginError>([&] {
              prunable->losses(batch, units, at::ones({5}, at::kDouble));
            }).find("expected real numbers of shape [6], [4, 6]"),
            std::string::npos);
  auto wrong = batch;
  wrong.labels = batch.labels + 4;
  EXPECT_EQ(message_of<InputError>([&] { prunable->gradients(wrong); }),
            "a label is outside 0 to 3, the classes of the model");
}

TEST_F(Prunable, TrainingStartsFromACopyAndDropsOut) {
  const auto copy = model->trainable_copy();
  EXPECT_TRUE(is_close(logits(*copy, batch), logits(*model, batch)));
  at::manual_seed(3);
  const auto first = copy->training_logits({&batch, 1});
  at::manual_seed(3);
  EXPECT_TRUE(is_close(copy->training_logits({&batch, 1}).detach(), first.detach()));
  EXPECT_FALSE(is_close(logits(*model, batch), first.detach(), {0, 1e-3}));
  first.sum().backward();
  for (auto& parameter : copy->parameters()) {
    EXPECT_TRUE(parameter.tensor.grad().defined()) << parameter.name;
    const at::NoGradGuard guard;
    parameter.tensor.zero_();
  }
  EXPECT_GT(logits(*model, batch).abs().sum().item<double>(), 0);
  EXPECT_FALSE(model->parameters()[0].tensor.requires_grad());
}

// Gates of zero and one train like the masked model, dropout included; gates of anything have the gradient of the loss.
TEST_F(Prunable, TrainsUnderGates) {
  const Units units(model->sites(), Granularity::Head);
  auto kept = at::ones({units.count()}, at::kBool);
  kept[1] = kept[4] = false;
  const nn::Gates closed{units, kept.to(at::kDouble)};
  at::manual_seed(3);
  const auto gated = model->training_logits({&batch, 1}, &closed);
  at::manual_seed(3);
  EXPECT_TRUE(is_close(gated, model->masked(units.mask(kept))->training_logits({&batch, 1}), {0, 1e-12}));

  auto values = (at::arange(1, units.count() + 1, at::kDouble) / 4).requires_grad_();
  const auto total = [&](const at::Tensor& gates) {
    const nn::Gates given{units, gates};
    at::manual_seed(3);
    return model->training_logits({&batch, 1}, &given).square().sum();
  };
  total(values).backward();
  for (std::int64_t unit = 0; unit < units.count(); ++unit) {
    auto above = values.detach().clone(), below = values.detach().clone();
    above[unit] += 1e-6;
    below[unit] -= 1e-6;
    EXPECT_NEAR(values.grad()[unit].item<double>(), (total(above) - total(below)).item<double>() / 2e-6, 1e-5);
  }
}

// What is observed is what a site computes: its weights sum to one and leave padding out, its context times O is its
// output, and the output is that of the site alone.
TEST_F(Prunable, ObservesWhatSitesCompute) {
  const auto inputs = model->site_inputs(batch);
  std::int64_t seen = 0;

  prunable->observe(batch, [&](std::int64_t site, const SiteActivity& activity) {
    EXPECT_EQ(site, seen++);
    EXPECT_TRUE(is_close(activity.attention.sum(-1), at::ones({4, 3, 6}, at::kDouble), {0, 1e-12}));
    const auto padding = activity.is_key.logical_not().view({4, 1, 1, 6}).expand({4, 3, 6, 6});
    EXPECT_LT(activity.attention.masked_select(padding).abs().sum().item<double>(), 1e-12);
    EXPECT_EQ(activity.is_query.sum().item<std::int64_t>(),
              batch.inputs.at("attention_mask").sum().item<std::int64_t>());
    EXPECT_TRUE(
        is_close(activity.output, model->site_output(site, inputs[static_cast<std::size_t>(site)]), {0, 1e-12}));
    const auto written = at::einsum("bqhd,hdw->bqw", {activity.context, prunable->weights(site, Projection::O)});
    const auto bias = activity.output - written;  // the same for every token
    EXPECT_TRUE(is_close(bias, bias[0][0].expand_as(bias), {0, 1e-12}));
    EXPECT_TRUE(is_close(activity.residual, activity.hidden));  // BERT adds a site's output to what the site reads
  });

  EXPECT_EQ(seen, 2);
}

TEST_F(Prunable, ObservesNothingOfAHeadThatIsGone) {
  Mask mask(model->sites());
  for (const auto projection : all_projections) mask.site(0).of(projection)[1].fill_(false);

  model->compacted(mask)->prunable()->observe(batch, [&](std::int64_t site, const SiteActivity& activity) {
    EXPECT_EQ(activity.attention.select(1, 1).abs().sum().item<double>() == 0, site == 0);
    EXPECT_EQ(activity.context.select(2, 1).abs().sum().item<double>() == 0, site == 0);
  });
}

TEST_F(Prunable, LossesAreOfWhatIsAskedFor) {
  const Units units(model->sites(), Granularity::Head);
  const auto scores = logits(*model, batch);  // [4, 4]
  const auto with = [&](nn::Loss loss) {
    const auto asked = model->prunable(std::move(loss));
    return asked->losses(batch, units, asked->open_gates({units.count()})).detach();
  };

  const auto targets = at::one_hot(batch.labels, 4).to(at::kDouble);
  const auto p = scores.sigmoid();
  EXPECT_TRUE(is_close(with({nn::Loss::Kind::Bce}), -(targets * p.log() + (1 - targets) * (1 - p).log()).mean(1),
                       {1e-9, 1e-12}));

  const std::shared_ptr<const nn::Model> teacher =
      TinyBert{.heads = 3, .head_dim = 4, .layers = 2, .seed = 9}.double_model();
  const auto mine = (scores / 3).log_softmax(-1), taught = (logits(*teacher, batch) / 3).log_softmax(-1);
  EXPECT_TRUE(is_close(with({nn::Loss::Kind::Distillation, 3, teacher}), (taught.exp() * (taught - mine)).sum(-1) * 9,
                       {1e-9, 1e-12}));
  const std::shared_ptr<const nn::Model> itself = shape.double_model();
  EXPECT_LT(with({nn::Loss::Kind::Distillation, 2, itself}).abs().max().item<double>(), 1e-12);

  const std::shared_ptr<const nn::Model> stranger =
      TinyBert{.heads = 3, .head_dim = 4, .layers = 2, .labels = 7}.double_model();
  EXPECT_EQ(
      message_of<InputError>([&] {
        with({nn::Loss::Kind::Distillation, 2, stranger});
      }),
      "the teacher gives logits of shape [4, 7], the model of shape [4, 4]\n    a teacher has the same classes or "
      "the same vocabulary");
}

TEST_F(Prunable, ComputesWithParametersThatAreGiven) {
  std::vector<at::Tensor> tensors;
  for (const auto& parameter : model->parameters()) tensors.push_back(parameter.tensor.clone());
  EXPECT_TRUE(is_close(logits(*model->with_parameters(tensors), batch), logits(*model, batch)));

  const auto other = TinyBert{.heads = 3, .head_dim = 4, .layers = 2, .seed = 9}.double_model();
  tensors.clear();
  for (const auto& parameter : other->parameters()) tensors.push_back(parameter.tensor);
  EXPECT_TRUE(is_close(logits(*model->with_parameters(tensors), batch), logits(*other, batch)));

  tensors.pop_back();
  EXPECT_THROW(model->with_parameters(tensors), InputError);
}

TEST_F(Prunable, ScalesWhatChannelsWrite) {
  auto factors = at::ones({3, 4}, at::kDouble);
  factors[1] = 0;
  Mask mask(model->sites());
  mask.site(1).of(Projection::O)[1].fill_(false);
  EXPECT_TRUE(is_close(logits(*model->with_scaled_outputs(1, factors), batch), logits(*model->masked(mask), batch),
                       {0, 1e-12}));
}

}  // namespace
}  // namespace espalier::test
