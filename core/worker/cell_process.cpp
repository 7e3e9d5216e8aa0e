#include "cell_process.h"

#include <ATen/Parallel.h>
#include <c10/util/Exception.h>
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstring>
#include <nlohmann/json.hpp>
#include <optional>

#include "engine/engine.h"
#include "engine/environment.h"
#include "input.h"
#include "loader/visit.h"
#include "words/digest.h"
#include "words/printable.h"

namespace espalier::worker {
namespace {

using Clock = std::chrono::steady_clock;

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

void say_verdict(Shared& shared, int what, const std::string& reason, ExitCode code = ExitCode::Plugin) {
  auto& verdict = shared.note.verdict;
  const auto count = std::min(reason.size(), sizeof verdict - 1);
  verdict[count] = '\0';
  std::memcpy(verdict, reason.data(), count);
  say_to_parent(shared, what, static_cast<int>(code));
}

// Runs one cell; whatever goes wrong becomes the reason of a failed attempt. Interrupted passes through.
store::AttemptRecord attempt(engine::Engine& engine, const store::Claim& claim) {
  store::AttemptRecord record;
  const auto begun = Clock::now();
  const auto fails = [&](const std::string& reason) {
    record.outcome = store::Outcome::Failed;
    record.message = printable(reason);
  };
  try {
    auto result = engine.run(cell_from_json(nlohmann::json::parse(claim.settings)));
    for (auto& point : result.points) record.points.push_back(record_of(std::move(point)));
    for (auto& artifact : result.artifacts) record.artifacts.push_back({artifact.kind, artifact.digest, artifact.path});
    for (const auto* plugin : result.plugins) {
      record.plugins.push_back(
          {plugin->description.role, plugin->description.name, plugin->description.version, plugin->file_digest});
    }
    record.timing = result.timing;
    if (!result.failure.empty()) fails(result.failure);
  } catch (const Interrupted&) {
    throw;
  } catch (const Error& error) {
    fails(error.what());
  } catch (const c10::Error& error) {
    fails(error.what_without_backtrace());
  } catch (const std::bad_alloc&) {
    fails("out of memory");
  } catch (const std::exception& error) {
    fails(error.what());
  }
  record.seconds = std::chrono::duration<double>(Clock::now() - begun).count();
  return record;
}

// One request; nullopt when the parent asks for nothing more.
std::optional<std::string> next_line(int requests) {
  std::string line;
  while (true) {
    char byte = 0;
    const auto count = ::read(requests, &byte, 1);
    if (count < 0 && errno == EINTR) continue;
    if (count <= 0) return std::nullopt;
    if (byte == '\n') return line;
    line += byte;
  }
}

}  // namespace

int compute_cells(const CellsWords& words, Shared& shared, int requests) {
  std::unique_ptr<loader::PluginCatalog> catalog;
  std::unique_ptr<engine::Engine> engine;
  std::string environment;
  try {
    if (words.threads > 0) at::set_num_threads(static_cast<int>(words.threads));
    catalog = open_catalog(words.plugins);
    engine = std::make_unique<engine::Engine>(*catalog, cache_folder(), watch());
    environment = engine::environment_json(words.command_line);
  } catch (const Error& error) {
    say_verdict(shared, CannotStart, error.what(), error.exit_code());
    return 1;
  } catch (const std::exception& error) {
    say_verdict(shared, CannotStart, error.what(), ExitCode::Input);
    return 1;
  }
  say_to_parent(shared, Ready);
  while (const auto line = next_line(requests)) {
    const auto claim = claim_from(*line);
    try {
      auto record = attempt(*engine, claim);
      if (!loader::spoilt().empty()) {
        say_verdict(shared, Spoilt, printable(loader::spoilt()));
        return 1;
      }
      record.environment = environment;
      store::ResultStore store(words.database, store::Mode::ReadWrite);
      const bool kept = store.finish(claim, record);
      say(fmt::format("cell {}: {} in {:.2f} s{}", claim.key.substr(0, 12),
                      record.outcome == store::Outcome::Done ? "done" : "failed: " + record.message, record.seconds,
                      kept ? "" : " (too late: another worker had taken the cell over, nothing was written)"));
      say_to_parent(shared, CellFinished);
    } catch (const Interrupted&) {
      say_to_parent(shared, CellGivenBack);
    } catch (const Error& error) {  // of the store
      say_verdict(shared, DatabaseFailed, error.what(), error.exit_code());
      return 1;
    }
  }
  return 0;
}

}  // namespace espalier::worker
