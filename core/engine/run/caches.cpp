#include "caches.h"

#include "engine/searching.h"
#include "latency.h"
#include "nn/arithmetic.h"
#include "nn/mask_file.h"
#include "words/digest.h"

namespace espalier::engine {
namespace {

namespace fs = std::filesystem;

// Rows of the test split that a proof compares logits on.
constexpr std::int64_t proof_examples = 32, proof_utterances = 8;
// Evaluations remembered: cells that differ only in a seed nobody uses share one.
constexpr std::size_t most_evaluations = 256;

}  // namespace

Caches::Caches(const loader::PluginCatalog& its_catalog, fs::path its_folder, Watch its_watch, nn::Device its_device)
    : catalog(its_catalog),
      folder(std::move(its_folder)),
      watch(std::move(its_watch)),
      device(std::move(its_device)),
      base_models(folder, watch, device),
      scores(folder, catalog, watch) {}

tasks::Evaluation Caches::evaluation_of(BaseModel& base, const nn::Model& pruned, const std::string& model_digest,
                                        const Mask& mask, const CellSettings& cell, bool& from_cache) {
  const auto& data = base.task->split("test");
  const auto key = model_digest + ' ' + data.digest + ' ' + mask.digest() + ' ' + to_string(cell.compute) + ' ' +
                   to_string(cell.softmax_scale);
  for (auto entry = evaluations_.begin(); entry != evaluations_.end(); ++entry) {
    if (entry->first != key) continue;
    from_cache = true;
    evaluations_.splice(evaluations_.begin(), evaluations_, entry);
    return evaluations_.front().second;
  }
  from_cache = false;
  const nn::ComputeGuard compute(cell.compute, device.place);
  const auto evaluated = [&] {
    // Cells of one base model begin where their masks first differ; what was repaired differs from the first layer on.
    if (model_digest == base.digest)
      return base.task->evaluate(*base.series_of(cell.compute, cell.softmax_scale).compacted(mask), data);
    // Compacting it by the same mask again costs nothing.
    const auto compacted = pruned.compacted(mask, cell.softmax_scale);
    const nn::ForInference model(*compacted, cell.compute);
    return base.task->evaluate(*model, data);
  };
  evaluations_.emplace_front(key, evaluated());
  if (evaluations_.size() > most_evaluations) evaluations_.pop_back();
  return evaluations_.front().second;
}

const std::vector<Batch>& Caches::proof_batches(BaseModel& base) {
  auto& batches = proof_rows_[base.digest + base.task->split_digest("test")];
  if (batches.empty()) {
    const auto& examples = *base.task->split("test").examples;
    const auto count = base.model->task_kind() == nn::TaskKind::Speech ? proof_utterances : proof_examples;
    auto groups = data::bucketed(examples, count, count);
    // Where nothing has a loss, the first windows do.
    if (groups.empty()) groups = {{typical_example(examples)}};
    for (const auto& rows : groups) batches.push_back(examples.batch(rows));
  }
  return batches;
}

fs::path Caches::mask_file(const BaseModel& base, const std::string& digest) const {
  return folder / "masks" / (sha256_hex(base.checkpoint_digest + digest) + ".safetensors");
}

Artifact Caches::keep_mask(const BaseModel& base, const Mask& mask, const CellSettings& cell) const {
  const auto digest = mask.digest();
  const auto file = mask_file(base, digest);
  std::error_code ignored;
  if (!fs::exists(file, ignored)) {
    fs::create_directories(file.parent_path(), ignored);
    nn::write_mask(file, base.model->sites(), mask,
                   {{"model_digest", base.checkpoint_digest}, {"granularity", to_string(cell.granularity)}});
  }
  return {"mask", digest, file.string()};
}

void Caches::forget(const BaseModel& base) {
  base_models.forget(base);
  evaluations_.clear();
}

}  // namespace espalier::engine
