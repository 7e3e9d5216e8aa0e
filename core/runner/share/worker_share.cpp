#include "runner/share/worker_share.h"

#include <espalier/error.h>
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <memory>
#include <nlohmann/json.hpp>
#include <thread>

#include "child_process.h"
#include "runner/devices.h"
#include "runner/share/own_folder.h"
#include "runner/worker_program.h"
#include "words/atomic_file.h"
#include "words/digest.h"

namespace espalier::runner {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;

constexpr double seconds_a_share = 3, patience_seconds = 300;

std::string line_after(const std::string& file, const std::string& name) {
  std::ifstream lines(file);
  for (std::string line; std::getline(lines, line);) {
    if (line.starts_with(name)) return line.substr(line.find(':') + 1);
  }
  return "";
}

std::int64_t free_memory_bytes() { return std::atoll(line_after("/proc/meminfo", "MemAvailable").c_str()) * 1024; }

std::int64_t ready_in(const fs::path& meeting) {
  return std::count_if(fs::directory_iterator(meeting), fs::directory_iterator(),
                       [](const auto& entry) { return entry.path().filename().string().starts_with("ready-"); });
}

// What all workers of a share evaluate a second, at once; the memory of the largest.
struct Measured {
  double examples_a_second = 0;
  std::int64_t worker_bytes = 0;
};

void add(Measured& sum, const Printed& printed) {
  const auto answer = json::parse(printed.out, nullptr, false);
  if (!printed.ending.well() || !answer.is_object() || !(answer.value("seconds", 0.0) > 0)) {
    throw InputError("how many workers are best cannot be measured: " + printed.error +
                     "\n    give the number: --workers N");
  }
  sum.examples_a_second += answer.value("examples", 0.0) / answer.value("seconds", 0.0);
  sum.worker_bytes = std::max(sum.worker_bytes, answer.value("peak_memory_bytes", std::int64_t{0}));
}

Measured measured(const WorkerShare& share, const std::string& settings) {
  const OwnFolder own(local_folder(), "share");
  const auto& meeting = own.path();
  const auto cell = meeting / "cell.json";
  std::ofstream(cell) << settings;
  const auto threads = std::to_string(share.threads);
  std::vector<std::unique_ptr<ListenedProcess>> workers;
  for (int i = 0; i < share.workers; ++i) {
    workers.push_back(std::make_unique<ListenedProcess>(ChildProcess::Start{
        ready_worker(),
        {"throughput", "--cell", cell.string(), "--meeting", meeting.string(), "--threads", threads, "--seconds",
         fmt::format("{}", seconds_a_share)},
        {{"OMP_NUM_THREADS", threads}, {"MKL_NUM_THREADS", threads}, {"OMP_WAIT_POLICY", "passive"}}}));
  }
  Measured sum;
  bool told = false;
  for (double waited = 0; !workers.empty(); waited += 0.02) {
    if (!told && ready_in(meeting) == share.workers) {
      std::ofstream(meeting / "go").flush();
      told = true;
    }
    // One that failed would be waited for by all others.
    std::erase_if(workers, [&](const auto& worker) {
      const auto printed = worker->ended();
      if (printed) add(sum, *printed);
      return printed.has_value();
    });
    if (waited > patience_seconds)
      throw InputError("how many workers are best was not measured in time\n    give the number: --workers N");
    ::usleep(20'000);
  }
  return sum;
}

// What an answer holds for: the processors, the checkpoint's own description, and how it is asked.
std::string name_of(const json& cell, int processors) {
  const auto checkpoint = cell.at("model").value("checkpoint", "");
  std::ifstream config(fs::path(checkpoint) / "config.json");
  const std::string described{std::istreambuf_iterator<char>(config), {}};
  return sha256_hex(json{{"processor", line_after("/proc/cpuinfo", "model name")},
                         {"processors", processors},
                         {"checkpoint", described},
                         {"format", cell.at("dataset").value("format", "")},
                         {"max_tokens", cell.at("dataset").value("max_tokens", 0)},
                         {"compute", cell.value("compute", "")}}
                        .dump());
}

}  // namespace

std::vector<WorkerShare> shares_of(int processors, std::int64_t worker_bytes, std::int64_t free_bytes,
                                   std::int64_t cells) {
  std::vector<WorkerShare> shares;
  for (int workers = 1; workers <= processors; workers *= 2)
    shares.push_back({workers, processors / workers, 0, false});
  if (shares.back().workers != processors) shares.push_back({processors, 1, 0, false});
  std::erase_if(shares, [&](const WorkerShare& share) {
    return share.workers > 1 && (share.workers > cells || share.workers * worker_bytes > free_bytes / 10 * 8);
  });
  return shares;
}

WorkerShare best_share(const grid::Cells& cells) {
  const int processors = processor_count();
  if (processors == 1 || cells.empty()) return {1, processors, 0, false};
  const auto settings = cells.settings(0);
  const auto file = user_cache_folder() / "shares" / (name_of(json::parse(settings), processors) + ".json");
  std::ifstream stream(file);
  const auto kept = json::parse(stream, nullptr, false);
  const auto count = static_cast<std::int64_t>(cells.size());
  if (kept.is_object() && kept.value("workers", 0) > 0 && kept.value("threads", 0) > 0 &&
      kept["workers"].get<int>() * kept["threads"].get<int>() <= processors && kept["workers"].get<int>() <= count) {
    return {kept["workers"], kept["threads"], kept.value("examples_a_second", 0.0), false};
  }
  WorkerShare best{1, processors, 0, true};
  std::int64_t worker_bytes = 0;
  for (auto share : shares_of(processors, 0, 1, count)) {
    if (share.workers > 1 && share.workers * worker_bytes > free_memory_bytes() / 10 * 8) continue;
    std::fputs(
        fmt::format("measuring {} x {}\n", share.workers == 1 ? "1 worker" : fmt::format("{} workers", share.workers),
                    share.threads == 1 ? "1 thread" : fmt::format("{} threads", share.threads))
            .c_str(),
        stderr);
    const auto found = measured(share, settings);
    worker_bytes = std::max(worker_bytes, found.worker_bytes);
    if (found.examples_a_second > best.examples_a_second)
      best = {share.workers, share.threads, found.examples_a_second, true};
  }
  try {
    std::error_code ignored;
    fs::create_directories(file.parent_path(), ignored);
    write_file(file,
               json{{"workers", best.workers}, {"threads", best.threads}, {"examples_a_second", best.examples_a_second}}
                   .dump());
  } catch (const InputError&) {  // it is measured again another time
  }
  return best;
}

}  // namespace espalier::runner
