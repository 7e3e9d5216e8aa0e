// Claims cells of one experiment and has a child compute them, one after the other, until none is left. This process
// holds the claims and runs no plugin's code.
#include <fmt/format.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include <chrono>
#include <cstring>
#include <filesystem>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <utility>

#include "apart.h"
#include "cell_process.h"
#include "commands.h"
#include "live/worker_notes.h"
#include "store/result_store.h"
#include "store/worker_name.h"
#include "words/printable.h"
#include "words/process_ending.h"

namespace espalier::worker {
namespace {

using Clock = std::chrono::steady_clock;

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
      const auto claim = *std::exchange(next_, std::nullopt);
      say("cell " + claim.key.substr(0, 12) + ": attempt " + std::to_string(claim.attempt));
      if (!compute(claim, is_asked_for(finished + 1))) return ExitCode::Interrupted;
    }
    give_back_next();
    return interrupted() ? ExitCode::Interrupted : ExitCode::Done;
  }

  // Whether another cell may follow so many.
  bool is_asked_for(std::int64_t finished) const {
    return words_.cells_at_most == 0 || finished < words_.cells_at_most;
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
        [this](Shared& shared, int requests) { return compute_cells(words_, shared, requests); },
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
    child_->ask(line_of(claim));
    std::optional<double> stop_by;
    auto renewed = Clock::now();
    while (shared.said == Nothing) {
      const auto event = child_->wait(std::min(0.5, words_.lease_seconds / 4));
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
      if (std::chrono::duration<double>(Clock::now() - renewed).count() < words_.lease_seconds / 4) continue;
      renewed = Clock::now();
      try {
        store_->renew(claim, words_.lease_seconds);
      } catch (const Error&) {  // the next time tries again; a lost lease is found out at the end
      }
    }
    switch (shared.said.load()) {
      case CellFinished: finish(claim, goes_on); return true;
      case Spoilt: fail(claim, shared.note.verdict); return true;
      default: store_->release(claim); return false;
    }
  }

  void finish(const store::Claim& claim, bool goes_on) {
    Attempt record;
    try {
      record = attempt_from(child_->answer());
    } catch (const nlohmann::json::exception& error) {
      fail(claim, fmt::format("what the process that computes handed over cannot be read ({})\n    a plugin may have "
                              "written into memory that is not its own; run the cell again",
                              error.what()));
      return;
    }
    record.environment = environment_;
    notes_.finished_one();
    bool kept = false;
    if (goes_on && !interrupted()) {
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

  void fail(const store::Claim& claim, const std::string& message) {
    child_->kill();
    Attempt record;
    record.outcome = Outcome::Failed;
    record.message = printable(message);
    store_->finish(claim, record);
    say("cell " + claim.key.substr(0, 12) + ": failed: " + record.message);
  }

  // By a signal the cell has another try, since memory may have run out. A process that ended by itself would end again.
  void died(const store::Claim& claim) {
    const auto message = "the process that computes " + ending_in_words(child_->wait_status()) +
                         child_->shared().note.in_words(" while it computed this cell") + log_in_words();
    if (WIFSIGNALED(child_->wait_status())) {
      store_->worker_died(name_, message);
      say("cell " + claim.key.substr(0, 12) + ": " + message);
    } else {
      fail(claim, message);
    }
  }

  const CellsWords& words_;
  const std::string name_;
  WorkerNotes notes_;
  std::unique_ptr<Apart> child_;
  nlohmann::json environment_;  // of the child
  std::optional<store::ResultStore> store_;
  std::optional<store::Claim> next_;
};

}  // namespace

ExitCode run_cells(const CellsWords& words) { return Cells(words).until_none_is_left(); }

}  // namespace espalier::worker
