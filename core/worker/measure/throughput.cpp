// espalier-worker throughput: how many examples of a cell's data this process evaluates a second while others like it do the
// same. They meet in a folder: each says there that it is ready, and begins to count when all may.
#include <ATen/Parallel.h>
#include <c10/core/InferenceMode.h>
#include <espalier/error.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <chrono>
#include <filesystem>
#include <fstream>
#include <memory>
#include <nlohmann/json.hpp>
#include <numeric>
#include <sstream>

#include "commands.h"
#include "engine/base_model.h"
#include "engine/environment.h"
#include "families/families.h"
#include "input.h"
#include "measure/clock.h"
#include "nn/arithmetic.h"
#include "tasks/task.h"
#include "words/digest.h"

namespace espalier::worker {
namespace {

namespace fs = std::filesystem;
struct ThroughputWords {
  std::string cell, meeting;
  double seconds = 3;
};

constexpr std::int64_t most_examples = 16, most_utterances = 2;
constexpr double patience_seconds = 600;

CellSettings read_cell(const std::string& file) {
  std::ifstream stream(file);
  std::ostringstream text;
  text << stream.rdbuf();
  const auto json = nlohmann::json::parse(text.str(), nullptr, false);
  if (!stream || json.is_discarded()) throw SettingsError(file + ": holds no cell's settings");
  return cell_from_json(json);
}

// What it makes of them is never looked at: only the time is.
class Work {
 public:
  Work(const CellSettings& cell, const nn::Device& device) : digests_(cache_folder()) {
    std::vector<std::string> labels;
    if (!cell.model.train) {
      dense_ = families::read_model(cell.model.checkpoint, to_string(cell.model.family), device.place);
      labels = dense_->labels();
    }
    task_ = tasks::make_task(cell.dataset, cell.model.checkpoint, labels, digests_, cache_folder(), watch(),
                             dense_.get(), device);
    if (!dense_) dense_ = engine::start_of(cell.model, task_->labels(), 0, watch(), device.place);
    const auto& examples = *task_->split("test").examples;
    const auto most = dense_->task_kind() == nn::TaskKind::Speech ? most_utterances : most_examples;
    data::Rows rows(static_cast<std::size_t>(std::min(most, examples.size())));
    std::iota(rows.begin(), rows.end(), 0);
    inputs_ = dense_->prepared({examples.batch(rows)});
    examples_ = std::ssize(rows);
    model_ = std::make_unique<nn::ForInference>(*dense_, cell.compute);
  }
  std::int64_t once() const {
    const c10::InferenceMode inference;
    (*model_)->logits_of(*inputs_);
    return examples_;
  }

 private:
  DigestMemory digests_;
  std::unique_ptr<nn::Model> dense_;
  std::unique_ptr<tasks::Task> task_;
  std::shared_ptr<const nn::PreparedInputs> inputs_;
  std::unique_ptr<nn::ForInference> model_;
  std::int64_t examples_ = 0;
};

ExitCode measure_throughput(const ThroughputWords& words, const nn::Device& device) {
  const auto cell = read_cell(words.cell);
  const Work work(cell, device);
  const nn::ComputeGuard compute(cell.compute, device.place);
  work.once();
  const fs::path meeting = words.meeting;
  std::ofstream(meeting / ("ready-" + std::to_string(::getpid()))).flush();
  const auto waited_since = Clock::now();
  while (!fs::exists(meeting / "go")) {
    if (interrupted()) throw Interrupted{};
    if (!fs::exists(meeting) || seconds_since(waited_since) > patience_seconds) return ExitCode::Interrupted;
    work.once();
  }
  std::int64_t examples = 0;
  const auto begun = Clock::now();
  do {
    examples += work.once();
  } while (seconds_since(begun) < words.seconds);
  nn::synchronize(device.place);
  const nlohmann::json answer = {{"examples", examples},
                                 {"seconds", seconds_since(begun)},
                                 {"threads", at::get_num_threads()},
                                 {"peak_memory_bytes", engine::peak_memory_bytes()}};
  std::fputs((answer.dump() + "\n").c_str(), stdout);
  return ExitCode::Done;
}

}  // namespace

Deed add_throughput(CLI::App& app) {
  const auto words = std::make_shared<ThroughputWords>();
  app.add_option("--cell", words->cell, "A file with a cell's settings as JSON")->required()->type_name("FILE");
  app.add_option("--meeting", words->meeting, "The folder in which processes that count at once meet")
      ->required()
      ->type_name("DIR");
  app.add_option("--seconds", words->seconds, "For which examples are counted")
      ->check(CLI::PositiveNumber)
      ->capture_default_str();
  return [words](const Given& given) { return measure_throughput(*words, *given.device); };
}

}  // namespace espalier::worker
