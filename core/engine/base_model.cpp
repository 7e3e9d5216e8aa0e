#include "engine/base_model.h"

#include <espalier/error.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <sys/file.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstring>
#include <nlohmann/json.hpp>
#include <set>
#include <thread>
#include <utility>

#include "engine/environment.h"
#include "families/families.h"
#include "families/speech.h"
#include "loader/at_work.h"
#include "nn/arithmetic.h"
#include "nn/safetensors.h"
#include "recovering.h"
#include "words/atomic_file.h"
#include "words/cache/entry.h"
#include "words/cache/lock.h"
#include "words/class_names.h"
#include "words/names.h"
#include "words/version.h"

namespace espalier::engine {
namespace {

namespace fs = std::filesystem;

// Models kept in memory at once; a grid visits its models one after the other.
constexpr std::size_t most_models = 3;

// Held while a base model is made; the next process to come waits and then finds it done.
class FileLock {
 public:
  FileLock(const fs::path& path, const Watch& watch)
      : descriptor_(open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0666)) {
    if (descriptor_ < 0) throw InputError(path.string() + ": cannot be written: " + std::strerror(errno));
    bool said = false;
    auto since = std::chrono::steady_clock::now();
    while (flock(descriptor_, LOCK_EX | LOCK_NB) != 0) {
      try {
        watch.check();
      } catch (const Interrupted&) {
        close(descriptor_);
        throw;
      }
      if (!said) watch.tell("waiting for another process that makes the same base model");
      said = true;
      std::this_thread::sleep_for(std::chrono::milliseconds(200));
      const auto now = std::chrono::steady_clock::now();
      loader::note_waited(std::chrono::duration<double>(now - std::exchange(since, now)).count());
    }
  }
  ~FileLock() { close(descriptor_); }
  FileLock(const FileLock&) = delete;
  FileLock& operator=(const FileLock&) = delete;

 private:
  int descriptor_;
};

std::string base_digest(const CellSettings& cell, DigestMemory& digests, tasks::Task* task, const nn::Device& device) {
  nlohmann::json made_from = {{"checkpoint", digests.of_checkpoint(cell.model.checkpoint)},
                              {"family", cell.model.family},
                              {"results_version", results_version}};
  if (cell.model.train) {
    made_from["train"] = to_json(*cell.model.train);
    made_from["base_seed"] = cell.base_seed;
    made_from["compute"] = cell.compute;
    if (cell.compute == ComputeType::BFloat16) made_from["bfloat16_version"] = bfloat16_version;
    note_device(made_from, device);
    made_from["train_split"] = task->split_digest("train");
    if (task->has_split("validation")) made_from["validation_split"] = task->split_digest("validation");
  }
  return sha256_hex(made_from.dump());
}

// "a, b, c, ..."
std::string some_of(std::vector<std::string> names) {
  constexpr std::size_t shown = 4;
  const bool more = names.size() > shown;
  names.resize(std::min(names.size(), shown));
  return join(names) + (more ? ", ..." : "");
}

void check_labels(const nn::Model& model, const CellSettings& cell) {
  if (model.task_kind() != nn::TaskKind::None) {
    tasks::require_head(cell.model.checkpoint, model.labels(), cell.dataset.format);
    return;
  }
  throw InputError(cell.model.checkpoint + ": has no classification head, and model '" + cell.model.name +
                   "' gives no training recipe\n    add train = { epochs = 2 } to [model." + cell.model.name +
                   "], or give a checkpoint with a head (espalier train makes one)");
}

// Teachers beside the dense model: one that does not fit is refused before a model is trained for it.
void check_teachers(const CellSettings& cell, tasks::Task& task) {
  for (const auto* plugin : {&cell.scorer, &cell.searcher, &cell.recovery}) {
    const auto& values = plugin->settings.values();
    const auto text = [&](const char* name, const std::string& otherwise) {
      const auto found = values.find(name);
      const auto* given = found == values.end() ? nullptr : std::get_if<std::string>(&found->second);
      return given == nullptr ? otherwise : *given;
    };
    // Scorers and searchers look at a teacher under one of their losses.
    if (plugin == &cell.recovery || text(host::loss, "task") == "distillation")
      require_teacher(text(host::teacher, "dense"), to_string(cell.model.family), task.labels(), task);
  }
}

}  // namespace

std::unique_ptr<nn::Model> start_of(const ModelSettings& model, const std::vector<std::string>& labels,
                                    std::int64_t seed, const Watch& watch, const at::Device& device) {
  const auto& train = *model.train;
  if (train.start == TrainingStart::Scratch) {
    const families::FreshWeights fresh{train.initializer_range, train.token_deviation, train.patch_deviation};
    return families::model_from_scratch(model.checkpoint, labels, fresh, seed_for("weights", seed), device);
  }
  const auto read = families::read_model(model.checkpoint, to_string(model.family), device);
  if (!read->labels().empty() && !same_classes(read->labels(), labels)) {
    watch.tell(model.checkpoint + ": its head of " + std::to_string(read->labels().size()) + " classes (" +
               some_of(read->labels()) + ") is replaced by a new one: the data has " + std::to_string(labels.size()) +
               " (" + some_of(labels) + ")");
  }
  return read->with_head(labels, seed_for("head", seed));
}

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

nn::MaskSeries& BaseModel::series_of(ComputeType compute, const SoftmaxScale& scale) {
  auto& series = series_[fmt::format("{} {}", to_string(compute), to_string(scale))];
  if (!series) {
    const auto& device = task->device();
    series =
        std::make_unique<nn::MaskSeries>(*model, compute, scale, nn::prefix_bytes(device.place, device.memory_bytes));
  }
  return *series;
}

BaseModels::BaseModels(fs::path cache_folder, Watch watch, nn::Device device)
    : cache_folder_(std::move(cache_folder)),
      watch_(std::move(watch)),
      device_(std::move(device)),
      digests_(cache_folder_) {}

std::unique_ptr<tasks::Task> BaseModels::task_of(const CellSettings& cell, std::vector<std::string> labels,
                                                 const nn::Model* dense) {
  return tasks::make_task(cell.dataset, cell.model.checkpoint, std::move(labels), digests_, cache_folder_, watch_,
                          dense, device_);
}

BaseModel& BaseModels::get(const CellSettings& cell) {
  // What a model is known by inside this process: digests are looked up once, unless a file is no longer what it was.
  nlohmann::json asked = {{"model", to_json(cell.model)},
                          {"checkpoint", digests_.of_checkpoint(cell.model.checkpoint)},
                          {"dataset", to_json(cell.dataset)},
                          {"base_seed", cell.model.train ? cell.base_seed : 0},
                          {"compute", cell.model.train ? to_string(cell.compute) : ""}};
  for (const auto& [split, path] : cell.dataset.split) asked["files"][split] = file_identity(path);
  const auto known = models_.find(asked.dump());
  if (known != models_.end()) {
    known->second->trained_now = false;
    if (known->second->held) CachedEntry(known->second->folder).note_use();
    return *known->second;
  }
  if (models_.size() >= most_models) models_.clear();
  auto task = cell.model.train ? task_of(cell, {}) : nullptr;
  const auto digest = base_digest(cell, digests_, task.get(), device_);
  auto made = make(cell, digest, std::move(task));
  made->weights = digest_of(*made->model);
  return *(models_[asked.dump()] = std::move(made));
}

void BaseModels::forget(const BaseModel& base) {
  std::erase_if(models_, [&](const auto& entry) { return entry.second.get() == &base; });
}

std::unique_ptr<BaseModel> BaseModels::make(const CellSettings& cell, const std::string& digest,
                                            std::unique_ptr<tasks::Task> task) {
  auto base = std::make_unique<BaseModel>();
  base->digest = digest;
  base->folder = cell.model.checkpoint;
  if (!cell.model.train) {
    base->model = families::read_model(base->folder, to_string(cell.model.family), device_.place);
    check_labels(*base->model, cell);
    base->checkpoint_digest = digests_.of_checkpoint(base->folder);
    base->task = task_of(cell, base->model->labels(), base->model.get());
    return base;
  }
  if (const auto known = diverged_.find(digest); known != diverged_.end()) throw InputError(known->second);
  base->folder = cache_folder_ / "base_models" / digest;
  std::error_code failed;
  fs::create_directories(base->folder.parent_path(), failed);
  if (failed) throw InputError(base->folder.parent_path().string() + ": cannot be made: " + failed.message());
  const FileLock lock(base->folder.string() + ".lock", watch_);
  const CachedEntry entry(base->folder);
  base->held = std::make_shared<const PathLock>(base->folder, PathLock::Kind::Shared);
  if (!entry.is_whole(watch_) || !base->held->is_still(base->folder)) {
    check_teachers(cell, *task);
    const auto seed = cell.model.train->seed + 1000003 * cell.base_seed;
    const auto start = start_of(cell.model, task->labels(), seed, watch_, device_.place);
    TrainingReport report;
    const nn::ComputeGuard compute(nn::for_gradients(cell.compute), device_.place,
                                   nn::ComputeGuard::Purpose::Gradients);
    const auto trained = [&] {
      try {
        return fine_tune(*start, *task, *cell.model.train, seed_for("training", seed), report, watch_);
      } catch (const InputError& error) {
        if (report.divergence.empty()) throw;
        // Training it again for the next cell would end in the same way.
        diverged_[digest] = "base model '" + cell.model.name + "': " + error.what();
        throw InputError(diverged_[digest]);
      }
    }();
    entry.put(
        [&](const fs::path& aside) {
          fs::create_directories(aside);
          trained->save(aside);
          copy_companions(cell.model.checkpoint, aside);
          write_file(aside / "training.json", to_json(report).dump(2) + "\n");
        },
        watch_);
    base->held = std::make_shared<const PathLock>(base->folder, PathLock::Kind::Shared);
    base->trained_now = true;
  }
  // Always through the file, so that a model trained now and one found later are the same.
  base->model = families::read_model(base->folder, to_string(cell.model.family), device_.place);
  base->checkpoint_digest = digests_.of_checkpoint(base->folder);
  task->use_labels(base->model->labels());
  base->task = std::move(task);
  return base;
}

const tasks::Evaluation& BaseModels::dense_evaluation(BaseModel& base, const std::string& split, ComputeType compute) {
  const auto memory = split + '/' + to_string(compute);
  const auto known = base.dense.find(memory);
  if (known != base.dense.end()) return known->second;
  const auto& data = base.task->split(split);
  const auto work = tasks::multiply_adds_of(*base.model, data);
  const auto name = sha256_hex(base.digest + ' ' + data.digest + ' ' + to_string(compute) + ' ' +
                               std::to_string(results_version) + (device_.is_cpu() ? "" : ' ' + device_.kind()));
  const CachedEntry entry(cache_folder_ / "dense" / (name + ".safetensors"));
  if (entry.is_whole(watch_)) {
    try {
      return base.dense[memory] = base.task->evaluation_of(nn::read_safetensors(entry.path()).tensors, data, work);
    } catch (const std::exception&) {  // it has gone meanwhile
    }
  }
  const nn::ComputeGuard type(compute, device_.place);
  const nn::ForInference model(*base.model, compute);
  auto evaluation = base.task->evaluate(*model, data);
  tasks::require_numbers(evaluation, base.folder.string() + ": the model", split);
  try {
    entry.put([&](const fs::path& aside) { nn::write_safetensors(aside, {evaluation.outputs, {}}); }, watch_);
  } catch (const InputError& error) {
    watch_.tell(std::string("the dense evaluation is not kept: ") + error.what());
  }
  return base.dense[memory] = std::move(evaluation);
}

}  // namespace espalier::engine
