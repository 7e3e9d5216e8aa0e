// Claims cells of one experiment and has a child compute them, one after the other, until none is left. This process
// holds the claims and runs no plugin's code.
#include <fmt/format.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include <chrono>
#include <filesystem>
#include <memory>
#include <optional>

#include "apart.h"
#include "cell_process.h"
#include "commands.h"
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
  explicit Cells(const CellsWords& words) : words_(words), name_(store::this_worker_name()) {}

  ExitCode until_none_is_left() {
    std::int64_t finished = 0;
    while (!interrupted() && (words_.cells_at_most == 0 || finished < words_.cells_at_most)) {
      if (!start_child()) return ExitCode::Interrupted;
      const auto claim = store_->claim(words_.experiment, name_, words_.lease_seconds);
      if (!claim) return ExitCode::Done;
      say("cell " + claim->key.substr(0, 12) + ": attempt " + std::to_string(claim->attempt));
      if (!compute(*claim)) return ExitCode::Interrupted;
      ++finished;
    }
    return interrupted() ? ExitCode::Interrupted : ExitCode::Done;
  }

 private:
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
    store_.emplace(words_.database, store::Mode::ReadWrite);
    return true;
  }

  // False: interrupted, and given back.
  bool compute(const store::Claim& claim) {
    auto& shared = child_->shared();
    shared.said = Nothing;
    child_->allow_output();
    child_->ask(line_of(claim));
    std::optional<double> stop_by;
    auto renewed = Clock::now();
    while (shared.said == Nothing) {
      const auto event = child_->wait(std::min(0.5, words_.lease_seconds / 4));
      if (shared.said != Nothing) break;
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
      case CellFinished: return true;
      case DatabaseFailed: give_up();
      case Spoilt: fail(claim, shared.note.verdict); return true;
      default: store_->release(claim); return false;
    }
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
  std::unique_ptr<Apart> child_;
  std::optional<store::ResultStore> store_;
};

}  // namespace

ExitCode run_cells(const CellsWords& words) { return Cells(words).until_none_is_left(); }

}  // namespace espalier::worker
