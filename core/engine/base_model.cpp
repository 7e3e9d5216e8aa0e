#include "engine/base_model.h"

#include <espalier/error.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <sys/file.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <nlohmann/json.hpp>
#include <set>
#include <thread>

#include "engine/compute_type.h"
#include "nn/safetensors.h"
#include "words/atomic_file.h"
#include "words/version.h"

namespace espalier::engine {
namespace {

namespace fs = std::filesystem;

// Models kept in memory at once; a grid visits its models one after the other.
constexpr std::size_t most_models = 3;

// Held while a base model is made; the next process to come waits and then finds it done.
class FileLock {
 public:
  FileLock(const fs::path& path, const Say& say, const InterruptCheck& interrupted)
      : descriptor_(open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0666)) {
    if (descriptor_ < 0) throw InputError(path.string() + ": cannot be written: " + std::strerror(errno));
    bool said = false;
    while (flock(descriptor_, LOCK_EX | LOCK_NB) != 0) {
      if (interrupted && interrupted()) {
        close(descriptor_);
        throw Interrupted{};
      }
      if (!said && say) say("waiting for another process that makes the same base model");
      said = true;
      std::this_thread::sleep_for(std::chrono::milliseconds(200));
    }
  }
  ~FileLock() { close(descriptor_); }
  FileLock(const FileLock&) = delete;
  FileLock& operator=(const FileLock&) = delete;

 private:
  int descriptor_;
};

std::string base_digest(const CellSettings& cell, DigestMemory& digests, TextTask& task) {
  nlohmann::json made_from = {{"checkpoint", digests.of_checkpoint(cell.model.checkpoint)},
                              {"family", cell.model.family},
                              {"results_version", results_version}};
  if (cell.model.train) {
    made_from["train"] = to_json(*cell.model.train);
    made_from["base_seed"] = cell.base_seed;
    made_from["compute"] = cell.compute;
    made_from["train_split"] = task.split_digest("train");
    const auto& split = task.dataset().split;
    if (split.contains("validation")) made_from["validation_split"] = task.split_digest("validation");
  }
  return sha256_hex(made_from.dump());
}

nlohmann::json report_json(const TrainingReport& report) {
  auto epochs = nlohmann::json::array();
  for (const auto& epoch : report.epochs) {
    epochs.push_back(
        {{"epoch", epoch.epoch}, {"training_loss", epoch.training_loss}, {"validation", epoch.validation}});
  }
  return {{"epochs", epochs}, {"best_epoch", report.best_epoch}, {"steps", report.steps}, {"seconds", report.seconds}};
}

void check_labels(const nn::Model& model, const CellSettings& cell) {
  if (!model.labels().empty()) return;
  throw InputError(cell.model.checkpoint + ": has no classification head, and model '" + cell.model.name +
                   "' gives no training recipe\n    add train = { epochs = 2 } to [model." + cell.model.name +
                   "], or give a checkpoint with a head (espalier train makes one)");
}

}  // namespace

void copy_companions(const fs::path& from, const fs::path& to) {
  static const std::set<std::string> own = {"config.json", "model.safetensors", "mask.safetensors"};
  std::error_code failed;
  for (const auto& entry : fs::directory_iterator(from, failed)) {
    const auto name = entry.path().filename().string();
    const bool weights = name.ends_with(".safetensors") || name.ends_with(".bin") || name.ends_with(".index.json");
    if (!entry.is_regular_file() || own.contains(name) || weights || name.starts_with(".")) continue;
    write_file(to / name, read_file(entry.path()));
  }
  if (failed) throw InputError(from.string() + ": cannot be read: " + failed.message());
}

std::uint64_t seed_for(const std::string& purpose, std::int64_t seed) {
  return std::stoull(sha256_hex(purpose + ' ' + std::to_string(seed)).substr(0, 16), nullptr, 16);
}

BaseModels::BaseModels(fs::path cache_folder, Say say, InterruptCheck interrupted)
    : cache_folder_(std::move(cache_folder)),
      say_(std::move(say)),
      interrupted_(std::move(interrupted)),
      digests_(cache_folder_) {}

BaseModel& BaseModels::get(const CellSettings& cell) {
  // What a model is known by inside this process; digests of files are looked up once.
  const nlohmann::json asked = {{"model", to_json(cell.model)},
                                {"dataset", to_json(cell.dataset)},
                                {"base_seed", cell.model.train ? cell.base_seed : 0},
                                {"compute", cell.model.train ? cell.compute : ""}};
  const auto known = models_.find(asked.dump());
  if (known != models_.end()) {
    known->second->trained_now = false;
    return *known->second;
  }
  if (models_.size() >= most_models) models_.clear();
  TextTask task(cell.dataset, cell.model.checkpoint, {}, digests_);
  auto made = make(cell, base_digest(cell, digests_, task));
  return *(models_[asked.dump()] = std::move(made));
}

std::unique_ptr<BaseModel> BaseModels::make(const CellSettings& cell, const std::string& digest) {
  auto base = std::make_unique<BaseModel>();
  base->digest = digest;
  base->folder = cell.model.checkpoint;
  if (!cell.model.train) {
    base->model = nn::read_model(base->folder, cell.model.family);
    check_labels(*base->model, cell);
    base->checkpoint_digest = digests_.of_checkpoint(base->folder);
    base->task = std::make_unique<TextTask>(cell.dataset, cell.model.checkpoint, base->model->labels(), digests_);
    return base;
  }
  base->folder = cache_folder_ / "base_models" / digest;
  std::error_code failed;
  fs::create_directories(base->folder.parent_path(), failed);
  if (failed) throw InputError(base->folder.parent_path().string() + ": cannot be made: " + failed.message());
  const FileLock lock(base->folder.string() + ".lock", say_, interrupted_);
  if (!fs::exists(base->folder / "training.json")) {
    const auto start = nn::read_model(cell.model.checkpoint, cell.model.family);
    TextTask task(cell.dataset, cell.model.checkpoint, {}, digests_);
    const auto headed =
        start->with_head(task.labels(), seed_for("head", cell.model.train->seed + 1000003 * cell.base_seed));
    TrainingReport report;
    const ComputeType compute(cell.compute);
    const auto trained =
        fine_tune(*headed, task, *cell.model.train,
                  seed_for("training", cell.model.train->seed + 1000003 * cell.base_seed), report, say_, interrupted_);
    const fs::path aside = base->folder.string() + ".part";
    fs::remove_all(aside, failed);
    fs::create_directories(aside);
    trained->save(aside);
    copy_companions(cell.model.checkpoint, aside);
    write_file(aside / "training.json", report_json(report).dump(2) + "\n");
    fs::remove_all(base->folder, failed);
    fs::rename(aside, base->folder);
    base->trained_now = true;
  }
  // Always through the file, so that a model trained now and one found later are the same.
  base->model = nn::read_model(base->folder, cell.model.family);
  base->checkpoint_digest = digests_.of_checkpoint(base->folder);
  base->task = std::make_unique<TextTask>(cell.dataset, cell.model.checkpoint, base->model->labels(), digests_);
  return base;
}

const Evaluation& BaseModels::dense_evaluation(BaseModel& base, const std::string& split, const std::string& compute) {
  const auto memory = split + '/' + compute;
  const auto known = base.dense.find(memory);
  if (known != base.dense.end()) return known->second;
  const auto& data = base.task->split(split);
  const auto work = multiply_adds_of(*base.model, data);
  const auto name = sha256_hex(base.digest + ' ' + data.digest + ' ' + compute + ' ' + std::to_string(results_version));
  const fs::path file = cache_folder_ / "dense" / (name + ".safetensors");
  std::error_code ignored;
  if (fs::exists(file, ignored)) {
    try {
      const auto logits = nn::read_safetensors(file).tensors.at("logits");
      if (logits.dim() == 2 && logits.size(0) == data.examples.size()) {
        return base.dense[memory] = evaluation_of(logits, data, work);
      }
    } catch (const std::exception&) {  // a damaged cache entry is made again
    }
  }
  const ComputeType type(compute);
  auto evaluation = evaluate(*base.model, data, interrupted_);
  fs::create_directories(file.parent_path(), ignored);
  try {
    nn::write_safetensors(file, {{{"logits", evaluation.logits}}, {}});
  } catch (const InputError& error) {
    if (say_) say_(std::string("the dense evaluation is not kept: ") + error.what());
  }
  return base.dense[memory] = std::move(evaluation);
}

}  // namespace espalier::engine
