#include "runner/run.h"

#include <espalier/error.h>
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <set>
#include <system_error>
#include <utility>

#include "log_tail.h"
#include "planned/planned_cells.h"
#include "progress_line.h"
#include "runner/changed_plugins.h"
#include "runner/devices.h"
#include "runner/plan.h"
#include "runner/worker_program.h"
#include "signals.h"
#include "store/worker_name.h"
#include "words/names.h"
#include "words/texts/shell_word.h"
#include "workers.h"

namespace espalier::runner {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t notes_allowed = 20;           // different warnings shown; all of them stand in the log
constexpr double look_for_lost_every_seconds = 30;  // cells that a vanished worker of elsewhere still holds

constexpr const char* advice_on_devices =
    "\n    look whether the GPUs answer (nvidia-smi, espalier devices), and run the same command to go on";

std::string first_line(const std::string& text) { return text.substr(0, text.find('\n')); }

std::string cells_text(std::int64_t count) { return fmt::format("{} {}", count, count == 1 ? "cell" : "cells"); }

std::string short_key(const std::string& key) { return key.substr(0, 12); }

std::string indented(const std::vector<std::string>& lines) {
  std::string text;
  for (const auto& line : lines) text += "\n    " + line;
  return text;
}

std::vector<std::string> keys_of(const grid::Cells& cells) {
  std::vector<std::string> keys;
  keys.reserve(cells.size());
  for (std::size_t cell = 0; cell < cells.size(); ++cell) keys.push_back(cells.key(cell));
  return keys;
}

void refuse_cells_of_other_devices(const grid::Experiment& experiment, const RunOptions& options) {
  const auto kind = options.devices.front().kind;
  if (refusal(device_needs(experiment.cells), kind).empty()) return;
  // What was computed elsewhere before is done.
  const auto why = refusal(make_plan(experiment, options.database).device_needs, kind);
  if (!why.empty()) throw SettingsError(options.file + ": nothing is run: " + why);
}

void make_folder_of(const fs::path& database) {
  const fs::path folder = database.parent_path();
  if (folder.empty()) return;
  std::error_code error;
  fs::create_directories(folder, error);
  if (error) throw StoreError(folder.string() + ": the database's folder cannot be made: " + error.message());
}

class Run {
 public:
  Run(const grid::Experiment& experiment, const RunOptions& options)
      : experiment_(experiment),
        options_(options),
        keys_(keys_of(experiment.cells)),
        store_((refuse_what_cannot_run(experiment, options.file), refuse_cells_of_other_devices(experiment, options),
                make_folder_of(options.database), options.database),
               store::Mode::Create),
        workers_(options.workers > 0 ? options.workers : static_cast<int>(options.devices.size())),
        devices_(options.devices.begin(),
                 options.devices.begin() + std::min<std::ptrdiff_t>(workers_, std::ssize(options.devices))),
        tail_(log_file(options.database)),
        progress_(stderr, ::isatty(STDERR_FILENO) == 1, name_in_progress()),
        began_(std::chrono::steady_clock::now()) {}

  RunOutcome to_the_end() {
    insert_cells();
    failed_before_ = store_.counts_asked(experiment_.name).failed;
    if (store_.counts_asked(experiment_.name).waiting + store_.counts_asked(experiment_.name).running > 0) compute();
    progress_.end();
    const auto found = outcome();
    store_.end_run(store::this_worker_name());
    return found;
  }

 private:
  static std::int64_t finished(const store::Counts& counts) { return counts.done + counts.failed; }
  double now() const { return std::chrono::duration<double>(std::chrono::steady_clock::now() - began_).count(); }

  void insert_cells() {
    PlannedCells cells(experiment_);
    if (options_.cells_at_most > 0) left_for_later_ = ask_for_first(cells, options_.cells_at_most);
    store_.release_dead_workers();
    if (store_.is_at_work(experiment_.name)) {
      progress_.note(
          "another run is at work on this experiment: each computes what either was asked for, with its own limits, "
          "threads and devices");
    }
    const auto inserted = store_.insert_each(
        {experiment_.name, experiment_.question, options_.file, experiment_.file_digest, store::this_worker_name()},
        [&] { return cells.next(); }, true);
    if (inserted.retried > 0) {
      progress_.note(fmt::format("{} that failed before {} tried again",
                                 inserted.retried == 1 ? "a cell" : fmt::format("{} cells", inserted.retried),
                                 inserted.retried == 1 ? "is" : "are"));
    }
    store_.keep_limits(experiment_.name, options_.limits);
    look_for_changed_plugins();
    const bool all_are_new = inserted.added == std::ssize(cells.all());
    done_before_ = all_are_new ? std::vector<bool>(keys_.size(), false) : store_.done(keys_);
  }

  // Of the cells that are not done only the first so many stay asked for, in the order of claims; how many do not.
  std::int64_t ask_for_first(PlannedCells& cells, std::int64_t most) const {
    const auto& all = cells.all();
    const auto done = store_.done(keys_of(all));
    std::vector<std::size_t> order;
    for (std::size_t i = 0; i < all.size(); ++i) {
      if (cells.is_asked(i) && !done[i]) order.push_back(i);
    }
    std::stable_sort(order.begin(), order.end(),
                     [&](std::size_t one, std::size_t other) { return all.rank(one) < all.rank(other); });
    for (auto i = static_cast<std::size_t>(most); i < order.size(); ++i) cells.leave_out(order[i]);
    return std::max<std::int64_t>(0, std::ssize(order) - most);
  }

  void look_for_changed_plugins() {
    const auto changed = changed_plugins(store_, keys_, experiment_.plugins);
    for (const auto& plugin : changed) {
      if (options_.rerun_changed) store_.let_wait_again(plugin.keys);
      progress_.note((options_.rerun_changed ? "computed again: " : "warning: ") + plugin.in_words() +
                     (options_.rerun_changed ? "" : advice_on_changed_plugins));
    }
  }

  void compute() {
    const int processors = processor_count();
    const int threads = threads_of_each(processors);
    say_devices_left_out();
    if (workers_ * threads > processors) {
      progress_.note(
          fmt::format("{} threads in all share {} processors; fewer would be faster", workers_ * threads, processors));
    }
    // Signals are held back from here on: workers must be told before this program ends.
    SignalWatch signals;
    const bool all_processors = workers_ > 1 && devices_.front().kind == DeviceKind::Cpu &&
                                workers_ * threads == processors && std::ssize(runner::processors()) == processors;
    Workers running({ready_worker(), options_.database, experiment_.name, threads, options_.plugins,
                     log_file(options_.database), devices_, workers_, options_.limits, all_processors,
                     options_.fail_fast});
    double looked_for_lost = now();
    while (true) {
      show_log();
      for (const auto& ended : running.collect_ended()) took_leave(ended);
      const auto counts = store_.counts_asked(experiment_.name);
      progress_.update(
          {counts.cells, counts.done, counts.failed, stage(counts, running.size()), time_left(running.size())}, now());
      if (counts.waiting == 0 && running.size() == 0) {
        if (counts.running == 0) return;
        // What is left is held by another run. Its cells come back when it dies: at once when it is on this host,
        // else when the lease runs out, which only a claim finds out.
        if (running.has_devices() && now() - looked_for_lost > look_for_lost_every_seconds) {
          looked_for_lost = now();
          store_.release_dead_workers();
          running.start(finished(counts));
        }
      }
      if (counts.waiting > 0 && may_start(running)) {
        const auto wanted = std::min<std::int64_t>(workers_, counts.waiting + counts.running);
        while (static_cast<std::int64_t>(running.size()) < wanted) running.start(finished(counts));
      }
      const bool asked = signals.wait(Workers::look_every_seconds) == SignalWatch::Event::Stop;
      stopped_by_ = asked                                                                  ? StoppedBy::User
                    : options_.fail_fast && counts.failed > failed_before_                 ? StoppedBy::FirstFailure
                    : options_.time_limit_seconds && now() >= *options_.time_limit_seconds ? StoppedBy::TimeLimit
                                                                                           : StoppedBy::Nothing;
      if (stopped_by_ != StoppedBy::Nothing) {
        stop(running, signals);
        return;
      }
    }
  }

  // Nothing is started while the experiment is paused, nor on devices that are left out.
  bool may_start(const Workers& running) {
    if (!running.has_devices()) {
      if (running.size() > 0) return false;
      throw SettingsError(explained("no device is left to compute on") + advice_on_devices);
    }
    const bool paused = store_.is_paused(experiment_.name);
    if (paused && !was_paused_)
      progress_.note(
          fmt::format("paused: no cell is begun until: espalier resume {}", shell_path(options_.database.string())));
    was_paused_ = paused;
    return !paused;
  }

  // Reads all cells, so that it is asked anew only where that takes a small share of the time.
  std::optional<double> time_left(std::size_t running) {
    constexpr double share_of_time = 0.02, least_apart_seconds = 2;
    const auto begun = now();
    if (begun >= next_estimate_) {
      kinds_ = store_.kinds(experiment_.name);
      next_estimate_ = now() + std::max(least_apart_seconds, (now() - begun) / share_of_time);
    }
    return store::seconds_left(kinds_, static_cast<std::int64_t>(running));
  }

  std::string name_in_progress() const {
    const auto on = devices_in_words(devices_);
    return on.empty() ? experiment_.name : experiment_.name + " on " + on;
  }

  // A processor feeds a GPU, and one is seldom enough for it.
  int threads_of_each(int processors) const {
    if (options_.threads > 0) return options_.threads;
    const bool on_gpus = devices_.front().kind != DeviceKind::Cpu;
    return workers_ == 1 ? processors : on_gpus ? std::max(1, processors / workers_) : 1;
  }

  void say_devices_left_out() {
    if (devices_.size() == options_.devices.size()) return;
    progress_.note(fmt::format("{} of {} devices {} used, as there {}; --workers {} uses all", devices_.size(),
                               options_.devices.size(), devices_.size() == 1 ? "is" : "are",
                               workers_ == 1 ? "is one worker" : fmt::format("are {} workers", workers_),
                               options_.devices.size()));
  }

  std::string stage(const store::Counts& counts, std::size_t running) const {
    if (running > 0 || counts.running == 0) return stage_;
    return cells_text(counts.running) + (counts.running == 1 ? " is" : " are") + " computed by another run";
  }

  // A worker that found nothing more to claim ends well. Any other end costs the attempt it was at, not the run,
  // unless workers end before they even get to a cell: then the next one would do the same.
  void took_leave(const EndedWorker& worker) {
    const auto counts = store_.counts_asked(experiment_.name);
    const bool computed = finished(counts) > worker.finished_at_start;
    show_log();
    const std::string what = "the worker " + worker.ending.text();
    const auto keys = store_.worker_died(
        worker.name,
        what + " while it computed this cell\n    its last words stand in " + log_file(options_.database).string(),
        options_.limits.attempts);
    for (const auto& key : keys) {
      progress_.note(fmt::format("cell {}: {} while it computed this cell", short_key(key), what));
    }
    if (!worker.left_its_device.empty()) {
      devices_left_out_.push_back(worker.left_its_device);
      progress_.note(worker.left_its_device);
      return;
    }
    // Also with exit code 0: a worker that ends while it holds a cell has not done it.
    if (worker.ending.well() && keys.empty()) {
      if (counts.waiting > 0 && !computed && !store_.is_paused(experiment_.name))
        failed_start(worker, "left " + cells_text(counts.waiting) + " waiting");
      return;
    }
    if (worker.ending.exit_code == static_cast<int>(ExitCode::Store)) {
      throw StoreError(explained("a worker cannot go on with the database"));
    }
    if (!keys.empty() || computed) {
      failed_starts_ = 0;
    } else {
      failed_start(worker, worker.ending.text());
    }
  }

  void failed_start(const EndedWorker& worker, const std::string& what) {
    if (++failed_starts_ < Workers::failed_starts_allowed) return;
    const std::string message = explained(
        fmt::format("{} workers in a row ended before they computed a cell: the last one {}", failed_starts_, what));
    throw_as_worker(worker.ending, message);
  }

  std::string explained(const std::string& sentence) const {
    return sentence + indented(tail_.last_lines(8)) + "\n    the workers' log: " + log_file(options_.database).string();
  }

  void show_log() {
    for (const auto& line : tail_.new_lines()) {
      if (line.kind == LogLine::Kind::Stage) stage_ = line.text;
      if (line.kind == LogLine::Kind::Cell) stage_.clear();
      const bool concerns_the_user = line.kind == LogLine::Kind::Warning || line.kind == LogLine::Kind::Error;
      if (!concerns_the_user || notes_.size() > notes_allowed || !notes_.insert(line.text).second) continue;
      progress_.note(notes_.size() > notes_allowed ? "more warnings stand in " + log_file(options_.database).string()
                                                   : line.text);
    }
  }

  void stop(Workers& running, SignalWatch& signals) {
    if (running.size() > 0) {
      progress_.note(fmt::format("stopping: {} given at most {:.0f} s to give {} back; once more to stop at once",
                                 running.size() == 1 ? "the worker is" : "the workers are",
                                 Workers::patience_when_stopping_seconds,
                                 running.size() == 1 ? "its cell" : "their cells"));
    }
    running.stop(signals);
    store_.release_dead_workers();
  }

  RunOutcome outcome() const {
    RunOutcome result;
    result.seconds = now();
    result.stopped_by = stopped_by_;
    result.left_for_later = left_for_later_;
    result.devices_left_out = devices_left_out_;
    result.log = log_file(options_.database);
    result.devices = devices_in_words(devices_);
    result.cells = static_cast<std::int64_t>(experiment_.cells.size());
    // The database may hold more cells under this name, of an earlier version of the file or of another slice.
    const auto done = store_.done(keys_);
    result.done = std::count(done.begin(), done.end(), true);
    for (std::size_t i = 0; i < keys_.size() && i < done_before_.size(); ++i) {
      if (done[i] && !done_before_[i]) result.computed_keys.push_back(keys_[i]);
    }
    const auto progress = store_.progress_of(experiment_.name, keys_);
    for (const auto& failure : progress.failures) result.failures.push_back({failure.key, first_line(failure.message)});
    result.failed = progress.counts.failed;
    // Of this run's own cells: another run may be at work beside it. What failed before was tried again.
    result.computed = std::ssize(result.computed_keys) + result.failed;
    return result;
  }

  const grid::Experiment& experiment_;
  const RunOptions& options_;
  const std::vector<std::string> keys_;  // of the experiment's cells
  store::ResultStore store_;
  int workers_;
  std::vector<DeviceChoice> devices_;
  LogTail tail_;
  ProgressLine progress_;
  std::chrono::steady_clock::time_point began_;
  int failed_starts_ = 0;
  std::string stage_;
  std::set<std::string> notes_;
  StoppedBy stopped_by_ = StoppedBy::Nothing;
  std::int64_t failed_before_ = 0, left_for_later_ = 0;
  std::vector<bool> done_before_;  // of the experiment's cells
  std::vector<std::string> devices_left_out_;
  bool was_paused_ = false;
  std::vector<store::KindOfCells> kinds_;
  double next_estimate_ = 0;
};

}  // namespace

fs::path log_file(const fs::path& database) {
  fs::path log = database;
  return log.replace_extension(".log");
}

RunOutcome run(const grid::Experiment& experiment, const RunOptions& options) {
  return Run(experiment, options).to_the_end();
}

}  // namespace espalier::runner
