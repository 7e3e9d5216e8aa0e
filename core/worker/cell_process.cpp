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

#include "device/devices.h"
#include "engine/engine.h"
#include "engine/environment.h"
#include "input.h"
#include "loader/visit.h"
#include "nn/memory/batch_halvings.h"
#include "words/printable.h"

namespace espalier::worker {
namespace {

using Clock = std::chrono::steady_clock;

void say_verdict(Shared& shared, int what, const std::string& reason, ExitCode code = ExitCode::Plugin) {
  auto& verdict = shared.note.verdict;
  const auto count = std::min(reason.size(), sizeof verdict - 1);
  verdict[count] = '\0';
  std::memcpy(verdict, reason.data(), count);
  say_to_parent(shared, what, static_cast<int>(code));
}

// Runs one cell; whatever goes wrong becomes the reason of a failed attempt. Interrupted passes through.
Attempt attempt(engine::Engine& engine, const nn::Device& device, const store::Claim& claim) {
  Attempt record;
  const auto begun = Clock::now();
  const auto fails = [&](const std::string& message, FailureReason reason = FailureReason::Error) {
    record.outcome = Outcome::Failed;
    record.message = printable(message);
    record.reason = reason;
  };
  try {
    std::vector<CellSettings> next;
    for (const auto& settings : claim.companions) next.push_back(cell_from_json(nlohmann::json::parse(settings)));
    auto result = engine.run(cell_from_json(nlohmann::json::parse(claim.settings)), next);
    record.points = std::move(result.points);
    record.artifacts = std::move(result.artifacts);
    record.plugins = std::move(result.plugins);
    record.timing = std::move(result.timing);
    if (!result.failure.empty()) fails(result.failure);
  } catch (const Interrupted&) {
    throw;
  } catch (const Error& error) {
    fails(error.what());
  } catch (const c10::Error& error) {
    const std::string said = error.what_without_backtrace();
    if (nn::is_out_of_memory(error)) {
      fails(out_of_memory(device), FailureReason::OutOfMemory);
    } else if (is_out_of_memory_on_the_cpu(said)) {
      fails("memory did not suffice: " + said, FailureReason::OutOfMemory);
    } else if (!device.is_cpu() && is_failure_of_the_device(said)) {
      fails(fmt::format("{} does not compute any more: {}", device.text(), said), FailureReason::Device);
    } else {
      fails(said);
    }
  } catch (const std::bad_alloc&) {
    fails("memory did not suffice", FailureReason::OutOfMemory);
  } catch (const std::exception& error) {
    fails(error.what());
  }
  record.seconds = std::chrono::duration<double>(Clock::now() - begun).count();
  return record;
}

// What the parent asks for, line by line.
class Requests {
 public:
  explicit Requests(int descriptor) : descriptor_(descriptor) {}
  // nullopt when the parent asks for nothing more.
  std::optional<std::string> next() {
    std::size_t end = 0;
    while ((end = unread_.find('\n')) == std::string::npos) {
      char buffer[16384];
      const auto count = ::read(descriptor_, buffer, sizeof buffer);
      if (count < 0 && errno == EINTR) continue;
      if (count <= 0) return std::nullopt;
      unread_.append(buffer, static_cast<std::size_t>(count));
    }
    auto line = unread_.substr(0, end);
    unread_.erase(0, end + 1);
    return line;
  }

 private:
  int descriptor_;
  std::string unread_;
};

std::string as_bytes(const nlohmann::json& json) {
  std::string bytes;
  nlohmann::json::to_cbor(json, bytes);
  return bytes;
}

}  // namespace

int compute_cells(const CellsWords& words, std::int64_t batch_halvings, Shared& shared, int requests) {
  nn::set_batch_halvings(batch_halvings);
  std::unique_ptr<loader::PluginCatalog> catalog;
  std::unique_ptr<engine::Engine> engine;
  nn::Device device;
  try {
    if (words.threads > 0) at::set_num_threads(static_cast<int>(words.threads));
    // Before plugins, and whatever else may ask LibTorch for CUDA.
    device = nn::open_device(words.device, words.device_workers);
    catalog = open_catalog(words.plugins);
    engine = std::make_unique<engine::Engine>(*catalog, cache_folder(), watch(), device);
    answer_parent(shared, as_bytes(engine::environment_json(words.command_line, device)));
  } catch (const Error& error) {
    say_verdict(shared, CannotStart, error.what(), error.exit_code());
    return 1;
  } catch (const std::exception& error) {
    say_verdict(shared, CannotStart, error.what(), ExitCode::Input);
    return 1;
  }
  say_to_parent(shared, Ready);
  Requests asked(requests);
  while (const auto line = asked.next()) {
    try {
      const auto record = attempt(*engine, device, claim_from(*line));
      if (!loader::spoilt().empty()) {
        say_verdict(shared, Spoilt, printable(loader::spoilt()));
        return 1;
      }
      if (!answer_parent(shared, bytes_of(record))) {
        say_verdict(shared, Spoilt, "out of memory");
        return 1;
      }
      say_to_parent(shared, CellFinished);
    } catch (const Interrupted&) {
      say_to_parent(shared, CellGivenBack);
    }
  }
  return 0;
}

}  // namespace espalier::worker
