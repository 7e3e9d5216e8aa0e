// Claims cells of one experiment and has a child compute them, one after the other, until none is left. This process
// holds the claims and runs no plugin's code.
#include <fmt/format.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include <chrono>
#include <csignal>
#include <cstring>
#include <filesystem>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <sstream>
#include <utility>

#include "apart.h"
#include "cell_process.h"
#include "commands.h"
#include "limits/spent.h"
#include "live/worker_notes.h"
#include "store/result_store.h"
#include "store/worker_name.h"
#include "words/printable.h"
#include "words/process_ending.h"

namespace espalier::worker {
namespace {

using Clock = std::chrono::steady_clock;

// Batches are halved so often for a cell whose memory does not suffice, then it has failed.
constexpr std::int64_t most_halvings = 3;
// Pieces of a training batch draw other dropout and round otherwise: it would be another model under the same key.
constexpr const char* what_is_not_halved =
    "\n    batches of training stay as they are, since others train another model: where it was training, give the "
    "experiment\n    a smaller 'batch' in train, or in the recovery (with 'accumulate')";
// Attempts in a row that may fail of their device.
constexpr int device_failures_allowed = 3;

// The file that standard error goes to, as it may be told to the user; empty: it is no file.
std::string log_in_words() {
  struct stat status {};
  if (::fstat(2, &status) != 0 || !S_ISREG(status.st_mode)) return {};
  std::error_code failed;
  const auto file = std::filesystem::read_symlink("/proc/self/fd/2", failed);
  if (failed) return {};
  const auto near = file.lexically_proximate(std::filesystem::current_path(failed)).string();
  return "\n    its last words stand in " + (near.starts_with("..") ? file.string() : near);
}

class Cells {
 public:
  explicit Cells(const CellsWords& words) : words_(words), name_(store::this_worker_name()), notes_(words, name_) {}

  ExitCode until_none_is_left() {
    try {
      const auto code = work();
      if (store_) notes_.forget(*store_);
      return code;
    } catch (...) {
      give_back_next();
      if (store_) notes_.forget(*store_);
      throw;
    }
  }

 private:
  ExitCode work() {
    for (std::int64_t finished = 0; !interrupted() && is_asked_for(finished); ++finished) {
      if (!start_child()) break;
      notes_.note(*store_, "", child_->process());
      if (!next_) next_ = store_->claim(words_.experiment, name_, words_.lease_seconds);
      if (!next_) return ExitCode::Done;
      if (next_->batch_halvings != batch_halvings_) {
        batch_halvings_ = next_->batch_halvings;
        child_.reset();
        if (!start_child()) break;
      }
      const auto claim = *std::exchange(next_, std::nullopt);
      say(fmt::format("cell {}: attempt {}{}", claim.key.substr(0, 12), claim.attempt,
                      claim.batch_halvings == 0 ? "" : halved_in_words(claim.batch_halvings)));
      if (!compute(claim, is_asked_for(finished + 1))) return ExitCode::Interrupted;
      if (device_failures_ >= device_failures_allowed) give_up_the_device();
    }
    give_back_next();
    return interrupted() ? ExitCode::Interrupted : ExitCode::Done;
  }

  static std::string halved_in_words(std::int64_t halvings) {
    return fmt::format(", batches of {} of their size", halvings == 1   ? "half"
                                                        : halvings == 2 ? "a quarter"
                                                                        : "an eighth");
  }

  [[noreturn]] void give_up_the_device() const {
    throw Error(
        static_cast<ExitCode>(exit_code_of_a_failing_device),
        fmt::format("{} attempts in a row failed on {} for reasons that are no cell's: this worker computes on it "
                    "no more",
                    device_failures_allowed, to_string(words_.device)));
  }

  // Whether another cell may follow so many.
  bool is_asked_for(std::int64_t finished) const {
    return !(words_.fail_fast && has_failed_) && (words_.cells_at_most == 0 || finished < words_.cells_at_most);
  }

  // A cell that was claimed with the end of the one before, and will not be begun.
  void give_back_next() {
    const auto claim = std::exchange(next_, std::nullopt);
    if (!claim) return;
    try {
      if (!store_) store_.emplace(words_.database, store::Mode::ReadWrite);
      store_->release(*claim);
    } catch (const Error&) {  // it comes back when its lease has run out, or its worker is missed
    }
  }

  [[noreturn]] void give_up() const {
    const auto& shared = child_->shared();
    throw Error(static_cast<ExitCode>(shared.exit_code.load()), shared.note.verdict);
  }

  // The database is closed while the process is split in two: the child has nothing of it. False: interrupted.
  bool start_child() {
    // One that died between two cells, of a thread that a plugin left behind, is no cell's fault.
    if (child_ && !child_->ended() && child_->wait(0) != Apart::Event::Ended) return true;
    store_.reset();
    child_.reset();
    child_ = std::make_unique<Apart>(
        [this](Shared& shared, int requests) { return compute_cells(words_, batch_halvings_, shared, requests); },
        Apart::Output::Relayed);
    std::optional<double> stop_by;
    while (child_->shared().said == Nothing) {
      const auto event = child_->wait(0.5);
      if (asked_to_stop_for_too_long(stop_by, *child_)) return false;
      if (event != Apart::Event::Ended || child_->shared().said != Nothing) continue;
      throw PluginError("the process that computes " + ending_in_words(child_->wait_status()) +
                        child_->shared().note.in_words(" before it was asked for a cell"));
    }
    if (child_->shared().said == CannotStart) give_up();
    environment_ = nlohmann::json::from_cbor(child_->answer(), /*strict=*/true, /*allow_exceptions=*/false);
    if (environment_.is_discarded()) environment_ = nullptr;
    store_.emplace(words_.database, store::Mode::ReadWrite);
    return true;
  }

  // False: interrupted, and given back. `goes_on`: another cell may follow, and is claimed where this one ends.
  bool compute(const store::Claim& claim, bool goes_on) {
    auto& shared = child_->shared();
    shared.said = Nothing;
    child_->allow_output();
    shared.note.waited_seconds = 0;
    spent_.emplace(words_.limits, child_->process(), shared.note);
    child_->ask(line_of(claim));
    std::optional<double> stop_by;
    auto renewed = Clock::now();
    while (shared.said == Nothing) {
      const auto event = child_->wait(spent_->seconds_to_wait(std::min(0.5, words_.lease_seconds / 4)));
      if (shared.said != Nothing) break;
      const auto& stage = shared.note.stage;
      notes_.note(*store_, {stage, ::strnlen(stage, sizeof stage)}, child_->process());
      if (event == Apart::Event::Ended) {
        died(claim);
        return true;
      }
      if (asked_to_stop_for_too_long(stop_by, *child_)) {
        say("cell " + claim.key.substr(0, 12) + ": given back, its process ended" + shared.note.in_words(""));
        child_->kill();
        break;
      }
      if (const auto limit = spent_->exceeded()) {
        const auto message = spent_->in_words(*limit, shared.note.in_words("")) + last_words();
        fail(claim, *limit, message);
        return true;
      }
      if (std::chrono::duration<double>(Clock::now() - renewed).count() < words_.lease_seconds / 4) continue;
      renewed = Clock::now();
      try {
        store_->renew(claim, words_.lease_seconds);
      } catch (const Error&) {  // the next time tries again; a lost lease is found out at the end
      }
    }
    switch (shared.said.load()) {
      case CellFinished: finish(claim, goes_on); return true;
      case Spoilt: fail(claim, FailureReason::Spoilt, shared.note.verdict); return true;
      default: store_->release(claim); return false;
    }
  }

  void finish(const store::Claim& claim, bool goes_on) {
    Attempt record;
    try {
      record = attempt_from(child_->answer());
    } catch (const nlohmann::json::exception& error) {
      fail(claim, FailureReason::Spoilt,
           fmt::format("what the process that computes handed over cannot be read ({})\n    a plugin may have "
                       "written into memory that is not its own; run the cell again",
                       error.what()));
      return;
    }
    if (record.reason == FailureReason::OutOfMemory || record.reason == FailureReason::Device) {
      fail(claim, *record.reason, record.message, record.seconds);
      return;
    }
    device_failures_ = 0;
    complete(record);
    notes_.finished_one();
    bool kept = false;
    has_failed_ = has_failed_ || record.outcome != Outcome::Done;
    if (goes_on && !interrupted() && !(words_.fail_fast && has_failed_)) {
      auto finished = store_->finish_and_claim(claim, record, words_.experiment, words_.lease_seconds);
      kept = finished.kept;
      next_ = std::move(finished.next);
    } else {
      kept = store_->finish(claim, record);
    }
    say(fmt::format("cell {}: {} in {:.2f} s{}", claim.key.substr(0, 12),
                    record.outcome == Outcome::Done ? "done" : "failed: " + record.message, record.seconds.value_or(0),
                    kept ? "" : " (too late: another worker had taken the cell over, nothing was written)"));
  }

  // What this process knows of an attempt.
  void complete(Attempt& record) {
    record.environment = environment_;
    record.device = to_string(words_.device);
    record.batch_halvings = batch_halvings_;
    record.peak_memory_bytes = spent_->peak_memory_bytes();
  }

  // The process that computes is ended with the attempt. Where memory did not suffice, half the batch may; a device that
  // failed may be another's, or answer again.
  void fail(const store::Claim& claim, FailureReason reason, const std::string& message,
            std::optional<double> seconds = std::nullopt) {
    Attempt record;
    record.outcome = Outcome::Failed;
    record.reason = reason;
    record.seconds = seconds.value_or(spent_->seconds());
    record.message = printable(message);
    complete(record);
    child_->kill();
    const bool of_memory = reason == FailureReason::OutOfMemory || reason == FailureReason::MemoryLimit;
    const bool of_device = reason == FailureReason::Device;
    device_failures_ = of_device ? device_failures_ + 1 : 0;
    const bool halve = of_memory && claim.batch_halvings < most_halvings;
    if (of_memory && !halve)
      record.message += fmt::format("\n    batches were halved {} times, and it did not suffice{}",
                                    claim.batch_halvings, what_is_not_halved);
    const bool again = (halve || of_device) && store_->try_again(claim, record, halve, words_.limits.attempts);
    if (!halve && !of_device) store_->finish(claim, record);
    has_failed_ = has_failed_ || !again;
    say(fmt::format("cell {}: {}: {}", claim.key.substr(0, 12),
                    !again  ? "failed"
                    : halve ? "tried again at half the batch"
                            : "tried again",
                    record.message));
  }

  // By a signal the cell has another try. A process that ended by itself would end again.
  void died(const store::Claim& claim) {
    const auto message = "the process that computes " + ending_in_words(child_->wait_status()) +
                         child_->shared().note.in_words(" while it computed this cell") + last_words();
    if (!WIFSIGNALED(child_->wait_status())) {
      fail(claim, FailureReason::Exit, message);
    } else if (WTERMSIG(child_->wait_status()) == SIGKILL && spent_->system_ran_out_of_memory()) {
      fail(claim, FailureReason::OutOfMemory, message + "\n    the system's memory had run out");
    } else {
      store_->worker_died(name_, printable(message), words_.limits.attempts);
      say("cell " + claim.key.substr(0, 12) + ": " + message);
    }
  }

  // What the process wrote last, and where all of it stands.
  std::string last_words() const {
    std::string words;
    std::istringstream lines(child_->last_words());
    for (std::string line; std::getline(lines, line);) words += "\n    | " + line;
    return words + log_in_words();
  }

  const CellsWords& words_;
  const std::string name_;
  WorkerNotes notes_;
  std::unique_ptr<Apart> child_;
  std::int64_t batch_halvings_ = 0;  // of the child
  std::optional<Spent> spent_;       // by the attempt that goes on
  int device_failures_ = 0;          // in a row
  bool has_failed_ = false;          // a cell, for good
  nlohmann::json environment_;       // of the child
  std::optional<store::ResultStore> store_;
  std::optional<store::Claim> next_;
};

}  // namespace

ExitCode run_cells(const CellsWords& words) { return Cells(words).until_none_is_left(); }

}  // namespace espalier::worker
