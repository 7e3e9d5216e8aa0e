// Claims cells of one experiment and runs them, one after the other, until none is left.
#include <ATen/Context.h>
#include <ATen/Parallel.h>
#include <c10/util/Exception.h>
#include <fmt/format.h>

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <mutex>
#include <nlohmann/json.hpp>
#include <thread>

#include "commands.h"
#include "engine/engine.h"
#include "engine/environment.h"
#include "input.h"
#include "store/result_store.h"
#include "store/worker_name.h"
#include "words/digest.h"

namespace espalier::worker {
namespace {

using Clock = std::chrono::steady_clock;

// Renews the lease of the cell in work from a thread and a connection of its own, so that long cells are not taken away.
class Heartbeat {
 public:
  Heartbeat(const std::string& database, double lease_seconds)
      : lease_seconds_(lease_seconds), store_(database, store::Mode::ReadWrite), thread_([this] { beat(); }) {}
  ~Heartbeat() {
    {
      const std::lock_guard lock(mutex_);
      ended_ = true;
    }
    changed_.notify_all();
    thread_.join();
  }
  Heartbeat(const Heartbeat&) = delete;
  Heartbeat& operator=(const Heartbeat&) = delete;

  void watch(const std::optional<store::Claim>& claim) {
    const std::lock_guard lock(mutex_);
    claim_ = claim;
  }

 private:
  void beat() {
    std::unique_lock lock(mutex_);
    const auto pause = std::chrono::duration<double>(lease_seconds_ / 4);
    while (!changed_.wait_for(lock, pause, [this] { return ended_; })) {
      if (!claim_) continue;
      try {
        store_.renew(*claim_, lease_seconds_);
      } catch (const Error&) {  // the next beat tries again; a lost lease is found out at the end
      }
    }
  }

  double lease_seconds_;
  store::ResultStore store_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::optional<store::Claim> claim_;
  bool ended_ = false;
  std::thread thread_;
};

store::PointRecord record_of(engine::Point point) {
  store::PointRecord record;
  record.step = point.step;
  record.kind = std::move(point.kind);
  record.requested_sparsity = point.requested_sparsity;
  record.achieved_sparsity = point.achieved_sparsity;
  record.parameters_dense = point.parameters_dense;
  record.parameters_masked = point.parameters_masked;
  record.parameters_removed = point.parameters_removed;
  record.parameters_total = point.parameters_total;
  record.multiply_adds_dense = point.multiply_adds_dense;
  record.multiply_adds_done = point.multiply_adds_done;
  record.mask_digest = std::move(point.mask_digest);
  record.split = std::move(point.split);
  record.examples = point.examples;
  record.metrics = std::move(point.metrics);
  record.proof_passed = point.proof_passed;
  record.proof = std::move(point.proof);
  record.predictions_digest = sha256_hex(point.predictions);
  record.predictions = std::move(point.predictions);
  record.details = std::move(point.details);
  for (const auto& latency : point.latency) {
    record.latency.push_back({latency.batch, latency.length, latency.dense_milliseconds, latency.pruned_milliseconds,
                              latency.repeats, latency.ratio, latency.ratio_low, latency.ratio_high, latency.verdict(),
                              latency.threads, latency.device});
  }
  return record;
}

// Runs one cell; whatever goes wrong becomes the reason of a failed attempt. Interrupted passes through.
store::AttemptRecord attempt(engine::Engine& engine, const store::Claim& claim) {
  store::AttemptRecord record;
  const auto begun = Clock::now();
  try {
    auto result = engine.run(cell_from_json(nlohmann::json::parse(claim.settings)));
    for (auto& point : result.points) record.points.push_back(record_of(std::move(point)));
    for (auto& artifact : result.artifacts) record.artifacts.push_back({artifact.kind, artifact.digest, artifact.path});
    for (const auto* plugin : result.plugins) {
      record.plugins.push_back(
          {plugin->description.role, plugin->description.name, plugin->description.version, plugin->file_digest});
    }
    record.timing = result.timing;
    if (!result.failure.empty()) {
      record.outcome = store::Outcome::Failed;
      record.message = result.failure;
    }
  } catch (const engine::Interrupted&) {
    throw;
  } catch (const Error& error) {
    record.outcome = store::Outcome::Failed;
    record.message = error.what();
  } catch (const c10::Error& error) {
    record.outcome = store::Outcome::Failed;
    record.message = error.what_without_backtrace();
  } catch (const std::bad_alloc&) {
    record.outcome = store::Outcome::Failed;
    record.message = "out of memory";
  } catch (const std::exception& error) {
    record.outcome = store::Outcome::Failed;
    record.message = error.what();
  }
  record.seconds = std::chrono::duration<double>(Clock::now() - begun).count();
  return record;
}

}  // namespace

ExitCode run_cells(const CellsWords& words) {
  if (words.threads > 0) at::set_num_threads(static_cast<int>(words.threads));
  const auto catalog = open_catalog(words.plugins);
  store::ResultStore store(words.database, store::Mode::ReadWrite);
  Heartbeat heartbeat(words.database, words.lease_seconds);
  engine::Engine engine(*catalog, cache_folder(), watch());
  const auto environment = engine::environment_json(words.command_line);
  const auto name = store::this_worker_name();
  std::int64_t finished = 0;
  while (!interrupted() && (words.cells_at_most == 0 || finished < words.cells_at_most)) {
    const auto claim = store.claim(words.experiment, name, words.lease_seconds);
    if (!claim) return ExitCode::Done;
    heartbeat.watch(claim);
    say("cell " + claim->key.substr(0, 12) + ": attempt " + std::to_string(claim->attempt));
    try {
      auto record = attempt(engine, *claim);
      record.environment = environment;
      heartbeat.watch(std::nullopt);
      const bool kept = store.finish(*claim, record);
      say(fmt::format("cell {}: {} in {:.2f} s{}", claim->key.substr(0, 12),
                      record.outcome == store::Outcome::Done ? "done" : "failed: " + record.message, record.seconds,
                      kept ? "" : " (too late: another worker had taken the cell over, nothing was written)"));
    } catch (const engine::Interrupted&) {
      heartbeat.watch(std::nullopt);
      store.release(*claim);
      return ExitCode::Interrupted;
    }
    ++finished;
  }
  return interrupted() ? ExitCode::Interrupted : ExitCode::Done;
}

}  // namespace espalier::worker
