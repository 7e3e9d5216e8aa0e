// A proof must be able to fail: models that cheat are caught.
#include "proof.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include "engine/base_model.h"
#include "families/families.h"
#include "tiny_cell.h"

namespace espalier::test {
namespace {

// Passes everything on to a real model, but for what a cheat overrides.
class Cheat : public nn::Model {
 public:
  explicit Cheat(const nn::Model& real) : real_(real) {}
  const std::string& family() const override { return real_.family(); }
  nn::TaskKind task_kind() const override { return real_.task_kind(); }
  const std::vector<Site>& sites() const override { return real_.sites(); }
  const std::vector<std::string>& labels() const override { return real_.labels(); }
  at::Device device() const override { return real_.device(); }
  std::map<std::string, at::Tensor> outputs(const std::map<std::string, at::Tensor>& inputs) const override {
    return real_.outputs(inputs);
  }
  at::Tensor logits(std::span<const Batch> batches) const override { return real_.logits(batches); }
  at::Tensor losses(const Batch& batch) const override { return real_.losses(batch); }
  at::Tensor training_logits(std::span<const Batch> batches, const nn::Gates* gates) const override {
    return real_.training_logits(batches, gates);
  }
  std::unique_ptr<nn::Model> masked(const Mask& mask) const override { return real_.masked(mask); }
  std::unique_ptr<nn::Model> compacted(const Mask& mask, nn::SoftmaxScale scale) const override {
    return real_.compacted(mask, scale);
  }
  std::unique_ptr<nn::Model> trainable_copy() const override { return real_.trainable_copy(); }
  std::unique_ptr<nn::Model> with_head(const std::vector<std::string>& labels, std::uint64_t seed) const override {
    return real_.with_head(labels, seed);
  }
  std::vector<nn::Parameter> parameters() const override { return real_.parameters(); }
  void each_tensor(const SeeTensor& see) const override { real_.each_tensor(see); }
  std::int64_t parameter_count() const override { return real_.parameter_count(); }
  std::int64_t multiply_adds(std::int64_t tokens) const override { return real_.multiply_adds(tokens); }
  nn::Operations operations(std::int64_t tokens) const override { return real_.operations(tokens); }
  std::vector<nn::Operations> site_operations(std::int64_t tokens) const override {
    return real_.site_operations(tokens);
  }
  std::vector<nn::SiteInput> site_inputs(const Batch& batch) const override { return real_.site_inputs(batch); }
  at::Tensor site_output(std::int64_t site, const nn::SiteInput& input) const override {
    return real_.site_output(site, input);
  }
  std::unique_ptr<PrunableModel> prunable(nn::Loss loss) const override { return real_.prunable(std::move(loss)); }
  std::unique_ptr<nn::Model> with_parameters(const std::vector<at::Tensor>& tensors) const override {
    return real_.with_parameters(tensors);
  }
  std::unique_ptr<nn::Model> with_scaled_outputs(std::int64_t site, const at::Tensor& factors) const override {
    return real_.with_scaled_outputs(site, factors);
  }
  void save(const std::filesystem::path& folder) const override { real_.save(folder); }

 protected:
  const nn::Model& real_;
};

// Loads masks and never applies them.
class IgnoresMasks final : public Cheat {
 public:
  using Cheat::Cheat;
  std::unique_ptr<nn::Model> masked(const Mask&) const override { return real_.masked(Mask(real_.sites())); }
  std::unique_ptr<nn::Model> compacted(const Mask&, nn::SoftmaxScale) const override {
    return real_.compacted(Mask(real_.sites()));
  }
};

// Compacts at the pruned width's softmax scale.
class ForgetsTheScale final : public Cheat {
 public:
  using Cheat::Cheat;
  std::unique_ptr<nn::Model> compacted(const Mask& mask, nn::SoftmaxScale) const override {
    return real_.compacted(mask, {nn::SoftmaxScale::Kind::PrunedWidth, 0});
  }
};

struct Proving {
  Proving() : models(tiny.folder / "cache", Watch{}), base(models.get(tiny.cell)), mask(base.model->sites()) {}
  TinyCell tiny;
  engine::BaseModels models;
  engine::BaseModel& base;
  Mask mask;
};

TEST(Proof, HoldsForARealMaskAndNamesItsSites) {
  Proving proving;
  for (const auto projection : all_projections) proving.mask.site(1).of(projection)[2].fill_(false);

  const auto proof = engine::prove(*proving.base.model, proving.mask, proving.base.task->split("test").collated());

  EXPECT_TRUE(proof.passed) << proof.failure;
  ASSERT_EQ(proof.sites.size(), 1u);
  EXPECT_EQ(proof.sites[0].site, proving.base.model->sites()[1].name);
  EXPECT_GT(proof.sites[0].difference_from_dense, 0);
}

TEST(Proof, IsTheSameFromWhatIsRemembered) {
  Proving proving;
  const auto& model = *proving.base.model;
  const auto examples = proving.base.task->split("test").collated();
  const engine::ProofRows rows(examples, &model);
  for (std::int64_t head = 0; head < 2; ++head) {
    for (const auto projection : all_projections) proving.mask.site(head).of(projection)[head].fill_(false);
    const auto plain = engine::prove(model, proving.mask, engine::ProofRows(examples));

    EXPECT_EQ(engine::prove(model, proving.mask, rows), plain);
    EXPECT_EQ(engine::prove(model, proving.mask, rows, model.compacted(proving.mask).get()), plain);
    EXPECT_TRUE(plain.passed) << plain.failure;
    EXPECT_EQ(plain.sites.size(), static_cast<std::size_t>(head + 1));
  }
  // Of another model nothing is remembered.
  const auto zeroed = model.masked(proving.mask);
  EXPECT_EQ(engine::prove(*zeroed, proving.mask, rows).sites[0].difference_from_dense, 0);
}

TEST(Proof, FailsWhenTheMaskIsNotApplied) {
  Proving proving;
  for (const auto projection : all_projections) proving.mask.site(0).of(projection)[0].fill_(false);

  const auto proof =
      engine::prove(IgnoresMasks(*proving.base.model), proving.mask, proving.base.task->split("test").collated());

  EXPECT_FALSE(proof.passed);
  EXPECT_NE(proof.failure.find("the site's output did not change"), std::string::npos) << proof.failure;
}

TEST(Proof, FailsWhenTheCompactedModelComputesSomethingElse) {
  Proving proving;
  for (std::int64_t site = 0; site < 2; ++site) {
    for (const auto projection : {Projection::Q, Projection::K})
      proving.mask.site(site).of(projection).slice(1, 0, 2).fill_(false);
  }

  const auto proof =
      engine::prove(ForgetsTheScale(*proving.base.model), proving.mask, proving.base.task->split("test").collated());

  EXPECT_FALSE(proof.passed);
  EXPECT_NE(proof.failure.find("masked and compacted logits differ by"), std::string::npos) << proof.failure;
}

TEST(Proof, HoldsWhereWhatWasRemovedIsZero) {
  Proving proving;
  for (const auto projection : all_projections) proving.mask.site(0).of(projection)[1].fill_(false);
  const auto zeroed = proving.base.model->masked(proving.mask);

  const auto proof = engine::prove(*zeroed, proving.mask, proving.base.task->split("test").collated());

  EXPECT_TRUE(proof.passed) << proof.failure;
  EXPECT_EQ(proof.sites[0].difference_from_dense, 0);
}

// Zeroes these projections of head 1 of the first site, then proves a mask of other projections of that head.
struct Silent {
  std::vector<Projection> zero, removed;
};

Proof proof_of(Proving& proving, const nn::Model& model, const Silent& silent) {
  Mask zero(model.sites()), removed(model.sites());
  for (const auto projection : silent.zero) zero.site(0).of(projection)[1].fill_(false);
  for (const auto projection : silent.removed) removed.site(0).of(projection)[1].fill_(false);
  return engine::prove(*model.masked(zero), removed, proving.base.task->split("test").collated());
}

// A head that writes nothing may have any Q and K, as movement-pruned and masked checkpoints do; a dead Q channel makes its
// K partner idle, a dead V channel its O column. Nothing changes where such weights go, and nothing should.
TEST(Proof, HoldsWhereWhatWasRemovedContributesNothing) {
  Proving proving;
  using P = Projection;
  const std::vector<P> all(all_projections.begin(), all_projections.end());
  // The dense model, and one whose heads are narrower, in QK other than in VO.
  Mask narrow(proving.base.model->sites());
  for (std::int64_t site = 0; site < narrow.size(); ++site) {
    narrow.site(site).of(P::Q).slice(1, 2, 3).fill_(false);
    narrow.site(site).of(P::V)[0].slice(0, 0, 2).fill_(false);
  }
  std::filesystem::create_directory(proving.tiny.folder.path() / "narrow");
  proving.base.model->compacted(narrow)->save(proving.tiny.folder.path() / "narrow");
  const auto compact = families::read_model(proving.tiny.folder.path() / "narrow");
  const std::vector<const nn::Model*> models = {proving.base.model.get(), compact.get()};
  for (const auto* model : models) {
    for (const auto& silent : std::vector<Silent>{{{P::V, P::O}, all},
                                                  {{P::O}, all},
                                                  {{P::V}, all},
                                                  {{P::V, P::O}, {P::Q}},
                                                  {{P::V, P::O}, {P::K}},
                                                  {{P::V}, {P::Q, P::K}},
                                                  {{P::Q}, {P::K}},
                                                  {{P::K}, {P::Q}},
                                                  {{P::V}, {P::O}},
                                                  {{P::O}, {P::V}}}) {
      const auto proof = proof_of(proving, *model, silent);
      EXPECT_TRUE(proof.passed) << proof.failure;
      ASSERT_EQ(proof.sites.size(), 1u);
      EXPECT_EQ(proof.sites[0].difference_from_dense, 0);
      EXPECT_TRUE(proof.sites[0].answered);
    }
  }
}

// Whatever goes alone, a model that ignores it is caught: queries and keys too, which only move attention.
TEST(Proof, FailsWhenOneProjectionIsNotRemoved) {
  Proving proving;
  for (const auto projection : all_projections) {
    Mask mask(proving.base.model->sites());
    mask.site(0).of(projection)[1].fill_(false);
    const auto examples = proving.base.task->split("test").collated();
    EXPECT_TRUE(engine::prove(*proving.base.model, mask, examples).passed) << to_string(projection);

    const auto proof = engine::prove(IgnoresMasks(*proving.base.model), mask, examples);

    EXPECT_FALSE(proof.passed) << to_string(projection);
    EXPECT_NE(proof.failure.find("what the mask removes contributes up to"), std::string::npos) << proof.failure;
  }
}

}  // namespace
}  // namespace espalier::test
