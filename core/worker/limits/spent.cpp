#include "limits/spent.h"

#include <fmt/format.h>

#include <algorithm>
#include <fstream>

#include "words/cache/byte_count.h"
#include "words/texts/durations.h"

namespace espalier::worker {
namespace {

// The number after a name, in a file of the system's lines of names and numbers; -1: there is none.
std::int64_t number_of(const std::string& file, const std::string& name) {
  std::ifstream lines(file);
  std::string word;
  while (lines >> word) {
    std::int64_t number = -1;
    if (word == name && lines >> number) return number;
    lines.ignore(1 << 20, '\n');
  }
  return -1;
}

std::string of_process(pid_t process, const char* file) { return fmt::format("/proc/{}/{}", process, file); }

std::int64_t killed_for_want_of_memory() { return number_of("/proc/vmstat", "oom_kill"); }

}  // namespace

Spent::Spent(const CellLimits& limits, pid_t process, const loader::WorkNote& note)
    : limits_(limits),
      process_(process),
      note_(note),
      began_(std::chrono::steady_clock::now()),
      killed_before_(killed_for_want_of_memory()) {
  // The system's record of the most begins anew; where it may not, the most of earlier cells is in it.
  std::ofstream(of_process(process, "clear_refs")) << "5";
}

double Spent::seconds() const {
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - began_).count();
}

// The note is memory that plugins may write into: anything may stand there.
double Spent::own_seconds() const {
  const double all = seconds(), waited = note_.waited_seconds;
  return waited > 0 && waited <= all ? all - waited : all;
}

double Spent::seconds_to_wait(double at_most) const {
  constexpr double least = 0.001;
  return limits_.timeout_seconds ? std::min(at_most, std::max(least, *limits_.timeout_seconds - own_seconds()))
                                 : at_most;
}

std::optional<std::int64_t> Spent::peak_memory_bytes() {
  constexpr std::int64_t kilobyte = 1024;
  peak_bytes_ = std::max(peak_bytes_, number_of(of_process(process_, "status"), "VmHWM:") * kilobyte);
  return peak_bytes_ > 0 ? std::optional(peak_bytes_) : std::nullopt;
}

std::optional<FailureReason> Spent::exceeded() {
  if (limits_.timeout_seconds && own_seconds() > *limits_.timeout_seconds) return FailureReason::TimeLimit;
  if (limits_.memory_bytes && peak_memory_bytes().value_or(0) > *limits_.memory_bytes)
    return FailureReason::MemoryLimit;
  return std::nullopt;
}

std::string Spent::in_words(FailureReason exceeded, const std::string& at_work) const {
  if (exceeded == FailureReason::TimeLimit) {
    return fmt::format(
        "the attempt took longer than its limit of {}, and was ended{}\n    raise it with --cell-timeout, or with "
        "cell_timeout in [limits]",
        duration_text(limits_.timeout_seconds.value_or(0)), at_work);
  }
  return fmt::format(
      "the process that computes took {} of memory, more than its limit of {}, and was ended{}\n    raise it with "
      "--cell-memory, or with cell_memory in [limits]",
      size_text(static_cast<std::uint64_t>(peak_bytes_)),
      size_text(static_cast<std::uint64_t>(limits_.memory_bytes.value_or(0))), at_work);
}

bool Spent::system_ran_out_of_memory() const {
  return killed_before_ >= 0 && killed_for_want_of_memory() > killed_before_;
}

}  // namespace espalier::worker
