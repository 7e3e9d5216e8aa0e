#include "caches.h"

#include <fmt/format.h>

#include "counts.h"
#include "engine/searching.h"
#include "latency.h"
#include "nn/arithmetic.h"
#include "nn/mask_file.h"
#include "words/cache/entry.h"
#include "words/digest.h"

namespace espalier::engine {
namespace {

namespace fs = std::filesystem;

// Rows of the test split that a proof compares logits on.
constexpr std::int64_t proof_examples = 32, proof_utterances = 8;
// Masks that are remembered with what is known of them: cells that differ only in a seed nobody uses share one.
constexpr std::size_t most_masks = 256;
constexpr std::size_t most_base_models = 8;

}  // namespace

Caches::Caches(const loader::PluginCatalog& its_catalog, fs::path its_folder, Watch its_watch, nn::Device its_device)
    : catalog(its_catalog),
      folder(std::move(its_folder)),
      watch(std::move(its_watch)),
      device(std::move(its_device)),
      base_models(folder, watch, device),
      scores(folder, catalog, watch),
      evaluations_(most_masks),
      proofs_(most_masks),
      dense_points_(most_base_models),
      counts_(most_masks),
      proof_rows_(most_base_models) {}

tasks::Evaluation Caches::evaluation_of(BaseModel& base, const Pruned& pruned, const std::string& model_digest,
                                        const Mask& mask, const CellSettings& cell, bool& from_cache) {
  const auto& data = base.task->split("test");
  const auto key = model_digest + ' ' + data.digest + ' ' + mask.digest() + ' ' + to_string(cell.compute) + ' ' +
                   to_string(cell.softmax_scale);
  const auto* known = evaluations_.find(key);
  from_cache = known != nullptr;
  if (known != nullptr) return *known;
  const nn::ComputeGuard compute(cell.compute, device.place);
  const auto evaluated = [&] {
    // Cells of one base model begin where their masks first differ; what was repaired differs from the first layer on.
    if (model_digest == base.digest)
      return base.task->evaluate(*base.series_of(cell.compute, cell.softmax_scale).compacted(mask), data);
    // Compacting it by the same mask again costs nothing.
    const auto compacted = pruned.model().compacted(mask, cell.softmax_scale);
    const nn::ForInference model(*compacted, cell.compute);
    return base.task->evaluate(*model, data);
  };
  return evaluations_.keep(key, evaluated());
}

const ProofRows& Caches::proof_rows(BaseModel& base) {
  const auto key = base.digest + ' ' + base.task->split_digest("test");
  if (const auto* known = proof_rows_.find(key); known != nullptr && (*known)->again() == base.model.get())
    return **known;
  const auto& examples = *base.task->split("test").examples;
  const auto count = base.model->task_kind() == nn::TaskKind::Speech ? proof_utterances : proof_examples;
  auto groups = data::bucketed(examples, count, count);
  // Where nothing has a loss, the first windows do.
  if (groups.empty()) groups = {{typical_example(examples)}};
  std::vector<Batch> batches;
  for (const auto& rows : groups) batches.push_back(examples.batch(rows));
  return *proof_rows_.keep(key, std::make_unique<ProofRows>(std::move(batches), base.model.get()));
}

Proof Caches::proof_of(BaseModel& base, const nn::Model& model, const Pruned& pruned, const std::string& model_digest,
                       const Mask& mask, bool& from_cache) {
  const auto key = model_digest + ' ' + base.task->split_digest("test") + ' ' + mask.digest();
  const auto* known = proofs_.find(key);
  from_cache = known != nullptr;
  if (known != nullptr) return *known;
  auto proof = prove(model, mask, proof_rows(base), pruned.at_original_scale());
  return proof.passed ? proofs_.keep(key, std::move(proof)) : proof;
}

const Point& Caches::dense_point_of(BaseModel& base, const CellSettings& cell) {
  const auto key = fmt::format("{} {} {} {}", base.digest, base.task->split_digest("test"), to_string(cell.compute),
                               cell.count_output_bias);
  if (const auto* known = dense_points_.find(key)) return *known;
  const auto& evaluation = base_models.dense_evaluation(base, "test", cell.compute);
  return dense_points_.keep(key, dense_point(base, evaluation, cell.count_output_bias));
}

const Point& Caches::counts_of(BaseModel& base, const Pruned& pruned, const Mask& mask, const CellSettings& cell) {
  const auto key =
      fmt::format("{} {} {} {}", base.digest, base.task->split_digest("test"), cell.count_output_bias, mask.digest());
  if (const auto* known = counts_.find(key)) return *known;
  Point point;
  set_counts(point, base, pruned.model(), mask, cell.count_output_bias);
  return counts_.keep(key, std::move(point));
}

fs::path Caches::mask_file(const BaseModel& base, const std::string& digest) const {
  return folder / "masks" / (sha256_hex(base.checkpoint_digest + digest) + ".safetensors");
}

std::future<Artifact> Caches::keep_mask(const BaseModel& base, const Mask& mask, const CellSettings& cell) {
  const auto digest = mask.digest();
  const CachedEntry entry(mask_file(base, digest));
  // Of one that this process has kept, it is enough that it is still there.
  const auto path = entry.path().string();
  std::error_code ignored;
  const bool is_there = kept_masks_.find(path) != nullptr ? fs::exists(entry.path(), ignored) : entry.is_whole(watch);
  kept_masks_.keep(path, true);
  const auto write = [this, &base, &mask, &cell, digest, entry, is_there]() -> Artifact {
    const auto fill = [&](const fs::path& aside) {
      nn::write_mask(aside, base.model->sites(), mask,
                     {{"model_digest", base.checkpoint_digest}, {"granularity", to_string(cell.granularity)}});
    };
    if (!is_there) entry.put(fill, watch);
    return {"mask", digest, entry.path().string()};
  };
  // A disk takes longer to be sure of a file than a small cell takes to be proven and evaluated.
  return std::async(is_there ? std::launch::deferred : std::launch::async, write);
}

void Caches::forget(const BaseModel& base) {
  base_models.forget(base);
  evaluations_.clear();
  proofs_.clear();
  dense_points_.clear();
  counts_.clear();
  proof_rows_.clear();
}

}  // namespace espalier::engine
