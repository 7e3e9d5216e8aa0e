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

class Meeting {
 public:
  Meeting() {
    auto pattern = (fs::temp_directory_path() / "espalier-share-XXXXXX").string();
    if (::mkdtemp(pattern.data()) == nullptr)
      throw StoreError(pattern + ": no folder can be made\n    TMPDIR names another place");
    folder = pattern;
  }
  ~Meeting() {
    std::error_code ignored;
    fs::remove_all(folder, ignored);
  }
  Meeting(const Meeting&) = delete;
  Meeting& operator=(const Meeting&) = delete;

  std::int64_t ready() const {
    return std::count_if(fs::directory_iterator(folder), fs::directory_iterator(),
                         [](const auto& entry) { return entry.path().filename().string().starts_with("ready-"); });
  }

  fs::path folder;
};

using File = std::unique_ptr<std::FILE, int (*)(std::FILE*)>;

std::string content(std::FILE* file) {
  std::string text;
  std::rewind(file);
  char buffer[4096];
  for (std::size_t got; (got = std::fread(buffer, 1, sizeof buffer, file)) > 0;) text.append(buffer, got);
  return text;
}

// What all workers of a share evaluate a second, at once; the memory of the largest.
struct Measured {
  double examples_a_second = 0;
  std::int64_t worker_bytes = 0;
};

Measured measured(const WorkerShare& share, const std::string& settings) {
  const Meeting meeting;
  const auto cell = meeting.folder / "cell.json";
  std::ofstream(cell) << settings;
  const auto threads = std::to_string(share.threads);
  std::vector<ChildProcess> workers;
  std::vector<File> outputs, errors;
  for (int i = 0; i < share.workers; ++i) {
    outputs.emplace_back(std::tmpfile(), std::fclose);
    errors.emplace_back(std::tmpfile(), std::fclose);
    if (!outputs.back() || !errors.back()) throw StoreError("no temporary file can be made; is the disk full?");
    workers.emplace_back(ChildProcess::Start{
        ready_worker(),
        {"throughput", "--cell", cell.string(), "--meeting", meeting.folder.string(), "--threads", threads, "--seconds",
         fmt::format("{}", seconds_a_share)},
        {{"OMP_NUM_THREADS", threads}, {"MKL_NUM_THREADS", threads}, {"OMP_WAIT_POLICY", "passive"}},
        outputs.back().get(),
        errors.back().get()});
  }
  Measured sum;
  bool told = false;
  for (double waited = 0;; waited += 0.02) {
    if (!told && meeting.ready() == share.workers) {
      std::ofstream(meeting.folder / "go").flush();
      told = true;
    }
    const auto ended =
        std::count_if(workers.begin(), workers.end(), [](auto& worker) { return worker.ending().has_value(); });
    if (ended == std::ssize(workers)) break;
    // One that failed would be waited for by all others.
    for (std::size_t i = 0; i < workers.size(); ++i) {
      const auto ending = workers[i].ending();
      if (!ending || ending->well()) continue;
      throw InputError("how many workers are best cannot be measured: " + content(errors[i].get()) +
                       "\n    give the number: --workers N");
    }
    if (waited > patience_seconds)
      throw InputError("how many workers are best was not measured in time\n    give the number: --workers N");
    ::usleep(20'000);
  }
  for (const auto& output : outputs) {
    const auto answer = json::parse(content(output.get()), nullptr, false);
    if (!answer.is_object() || !(answer.value("seconds", 0.0) > 0))
      throw InputError("how many workers are best cannot be measured\n    give the number: --workers N");
    sum.examples_a_second += answer.value("examples", 0.0) / answer.value("seconds", 0.0);
    sum.worker_bytes = std::max(sum.worker_bytes, answer.value("peak_memory_bytes", std::int64_t{0}));
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
