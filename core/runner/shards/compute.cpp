#include "runner/shards/compute.h"

#include <espalier/error.h>
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <optional>
#include <system_error>

#include "log_tail.h"
#include "runner/devices.h"
#include "runner/run.h"
#include "runner/shards/shard_files.h"
#include "runner/worker_program.h"
#include "signals.h"
#include "store/worker_name.h"
#include "words/atomic_file.h"
#include "workers.h"

namespace espalier::runner {
namespace {

namespace fs = std::filesystem;

constexpr const char* file_name = "shard.db";

void say(const std::string& line) { std::fprintf(stderr, "%s\n", line.c_str()); }

class ShardAtWork {
 public:
  explicit ShardAtWork(const ShardOptions& options)
      : options_(options),
        plan_(short_digest_of(options.plan)),
        folder_begin_(fmt::format("espalier-shard-{}-of-{}-{}.", options.share.index, options.share.count, plan_)),
        folder_(options.local / (folder_begin_ + store::this_worker_name())),
        database_(folder_ / file_name),
        began_(std::chrono::steady_clock::now()) {}
  ~ShardAtWork() {
    store_.reset();
    std::error_code ignored;
    if (is_home_) fs::remove_all(folder_, ignored);
  }
  ShardAtWork(const ShardAtWork&) = delete;
  ShardAtWork& operator=(const ShardAtWork&) = delete;

  ShardOutcome to_the_end() {
    prepare();
    SignalWatch signals(/*has_a_time=*/true);  // till the shard is home: a second signal must not end that
    try {
      compute(signals);
    } catch (...) {
      carry();
      throw;
    }
    carry();
    const auto counts = store_->counts("");
    say(fmt::format("{}: {} of {} cells done{}", counts_left() ? "stopped" : "finished", counts.done, counts.cells,
                    counts.failed > 0 ? fmt::format(", {} failed", counts.failed) : ""));
    const bool is_stopped = interrupted_ && counts_left();
    return {counts.cells,
            counts.done,
            counts.failed,
            counts.done + counts.failed - ended_before_,
            is_stopped,
            is_stopped && time_is_over_,
            home_path(!counts_left())};
  }

 private:
  double now() const { return std::chrono::duration<double>(std::chrono::steady_clock::now() - began_).count(); }
  bool counts_left() const {
    const auto counts = store_->counts("");
    return counts.waiting + counts.running > 0;
  }
  fs::path home_path(bool is_finished) const {
    return shard_path(options_.home, options_.share, plan_, store::this_worker_name(), is_finished);
  }

  void make_folder(const fs::path& folder, const char* option) const {
    std::error_code failed;
    fs::create_directories(folder, failed);
    if (failed) throw StoreError(fmt::format("{} {}: cannot be made: {}", option, folder.string(), failed.message()));
  }

  // The share, and all that tasks of the same share did before.
  void prepare() {
    make_folder(options_.home, "--home");
    const auto home = shard_files(options_.home);
    for (const auto& file : home) {
      if (file.plan == plan_ && file.share.count != options_.share.count) {
        throw SettingsError(
            fmt::format("--shard {}/{}: {} is one of {} shards of this plan\n    all tasks of a plan name the same "
                        "number of shards: "
                        "one of another number would compute cells twice",
                        options_.share.index, options_.share.count, file.path.string(), file.share.count));
      }
    }
    if (const auto network = store::network_of(folder_ / file_name); !network.empty()) {
      throw StoreError(
          fmt::format("{}: lies on a network file system ({}), and a shard is written on a local disk\n    "
                      "name one with --local or $TMPDIR",
                      options_.local.string(), network));
    }
    make_folder(folder_, "--local");
    const auto cells = store::take_share(options_.plan, database_, options_.share);
    store::ShardMerge before(database_);
    for (const auto& file : home) {
      if (file.plan == plan_ && file.share.index == options_.share.index) take_over(before, file.path);
    }
    take_over_abandoned(before);
    store_.emplace(database_, store::Mode::ReadWrite);
    const auto counts = store_->counts("");
    ended_before_ = counts.done + counts.failed;
    say(fmt::format("shard {}/{} of {}: {} {}{}", options_.share.index, options_.share.count, options_.plan.string(),
                    cells, cells == 1 ? "cell" : "cells",
                    ended_before_ > 0 ? fmt::format(", {} of them computed by an earlier task", ended_before_) : ""));
  }

  void take_over(store::ShardMerge& before, const fs::path& file) const {
    try {
      before.add(file);
    } catch (const StoreError& error) {
      say(fmt::format("left out: {}", error.what()));
    }
  }

  // A task that was killed on this machine before it carried its last cells home.
  void take_over_abandoned(store::ShardMerge& before) const {
    std::error_code failed;
    for (const auto& entry : fs::directory_iterator(options_.local, failed)) {
      const auto name = entry.path().filename().string();
      if (!name.starts_with(folder_begin_)) continue;
      if (store::whereabouts(name.substr(folder_begin_.size())) != store::Whereabouts::Gone) continue;
      take_over(before, entry.path() / file_name);
      std::error_code ignored;
      fs::remove_all(entry.path(), ignored);
    }
  }

  void compute(SignalWatch& signals) {
    const auto experiments = store_->experiments();
    if (experiments.empty() || !counts_left()) return;
    const auto name = experiments.front().name;
    const int wanted = options_.workers > 0 ? options_.workers : static_cast<int>(options_.devices.size());
    const int threads = options_.threads > 0 ? options_.threads : std::max(1, processor_count() / wanted);
    const auto limits = store_->limits(name);
    attempts_allowed_ = limits.attempts;
    LogTail tail(log_file(database_));
    Workers running({ready_worker(), database_, name, threads, options_.plugins, log_file(database_), options_.devices,
                     wanted, limits});
    double carried = now();
    while (true) {
      relay(tail);
      for (const auto& ended : running.collect_ended()) took_leave(ended, tail);
      if (!running.has_devices() && running.size() == 0)
        throw SettingsError("no device is left to compute on\n    espalier devices says which answer");
      auto counts = store_->counts("");
      if (running.size() == 0 && counts.running > 0) {
        store_->release_dead_workers();
        counts = store_->counts("");
      }
      if (counts.waiting == 0 && running.size() == 0) return;
      const auto at_work = std::min<std::int64_t>(wanted, counts.waiting + counts.running);
      while (counts.waiting > 0 && running.has_devices() && static_cast<std::int64_t>(running.size()) < at_work)
        running.start(counts.done + counts.failed);
      if (now() - carried >= options_.carry_every_seconds) {
        carry();
        carried = now();
      }
      const auto event = signals.wait(Workers::look_every_seconds);
      time_is_over_ = event == SignalWatch::Event::TimeIsOver;
      if (event != SignalWatch::Event::Stop && !time_is_over_) continue;
      stop(running, signals);
      return;
    }
  }

  // Warnings and errors of the workers are the task's own.
  static void relay(LogTail& tail) {
    for (const auto& line : tail.new_lines()) {
      if (line.kind == LogLine::Kind::Warning || line.kind == LogLine::Kind::Error) say(line.text);
    }
  }

  void took_leave(const EndedWorker& worker, LogTail& tail) {
    if (!worker.left_its_device.empty()) {
      say(worker.left_its_device);
      return;
    }
    const auto counts = store_->counts("");
    const bool computed = counts.done + counts.failed > worker.finished_at_start;
    const auto what = fmt::format("the worker {}", worker.ending.text());
    const auto keys = store_->worker_died(worker.name, what + " while it computed this cell", attempts_allowed_);
    for (const auto& key : keys) say(fmt::format("cell {}: {} while it computed this cell", key.substr(0, 12), what));
    if (!keys.empty() || computed) {
      failed_starts_ = 0;
      return;
    }
    if (worker.ending.well() && counts.waiting == 0) return;
    if (worker.ending.exit_code != static_cast<int>(ExitCode::Store) &&
        ++failed_starts_ < Workers::failed_starts_allowed)
      return;
    std::string last;
    for (const auto& line : tail.last_lines(8)) last += "\n    " + line;
    const auto message =
        fmt::format("workers end before they compute a cell: the last one {}{}", worker.ending.text(), last);
    throw_as_worker(worker.ending, message);
  }

  void stop(Workers& running, SignalWatch& signals) {
    interrupted_ = true;
    say("stopping: cells at work are given back, what is done is carried home");
    running.stop(signals);
    store_->release_dead_workers();
  }

  void carry() {
    const bool is_finished = !counts_left();
    const auto target = home_path(is_finished);
    is_home_ = false;
    try {
      home_digest_ = store::carry_home(database_, target, is_finished ? "" : home_digest_);
      std::error_code absent;
      const auto log = log_file(database_);
      if (fs::exists(log, absent)) write_file(fs::path(target).replace_extension(".log"), read_file(log));
      is_home_ = true;
      if (is_finished && fs::remove(home_path(false), absent))
        fs::remove(home_path(false).replace_extension(".log"), absent);
    } catch (const InputError& error) {
      // A full disk or a file server that is away: the next time tries again, and the shard stays where it is till then.
      say(fmt::format("warning: {}\n    the shard stays in {}", error.what(), database_.string()));
    }
  }

  const ShardOptions& options_;
  const std::string plan_, folder_begin_;
  const fs::path folder_, database_;
  const std::chrono::steady_clock::time_point began_;
  std::optional<store::ResultStore> store_;
  std::string home_digest_;
  int failed_starts_ = 0;
  std::int64_t attempts_allowed_ = CellLimits().attempts;
  std::int64_t ended_before_ = 0;
  bool interrupted_ = false, time_is_over_ = false;
  bool is_home_ = true;  // nothing is lost when the folder goes
};

}  // namespace

ShardOutcome compute_shard(const ShardOptions& options) { return ShardAtWork(options).to_the_end(); }

}  // namespace espalier::runner
