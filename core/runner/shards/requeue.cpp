#include "runner/shards/requeue.h"

#include <fmt/format.h>

#include <cstdlib>

#include "child_process.h"
#include "words/printable.h"

namespace espalier::runner {
namespace {

constexpr double requeue_patience_seconds = 60;
constexpr const char* afterwards = "\n    what is left goes on by the same command, or by espalier submit FILE --again";

std::string from_environment(const char* name) {
  const char* value = std::getenv(name);
  return value == nullptr ? "" : value;
}

// Of this task alone: the array's number by itself would stand for all of its tasks.
std::string job_of_this_task() {
  const auto array = from_environment("SLURM_ARRAY_JOB_ID"), task = from_environment("SLURM_ARRAY_TASK_ID");
  return array.empty() || task.empty() ? from_environment("SLURM_JOB_ID") : fmt::format("{}_{}", array, task);
}

std::string not_again(const std::string& why) { return fmt::format("not started again: {}{}", why, afterwards); }

}  // namespace

std::string requeue_in_slurm(const ShardOutcome& outcome, int requeues_at_most) {
  const auto job = job_of_this_task();
  if (job.empty()) return not_again("this is no job of Slurm's");
  const int requeued = std::atoi(from_environment("SLURM_RESTART_COUNT").c_str());
  if (requeued >= requeues_at_most)
    return not_again(fmt::format("it was started again {} times, and --requeues allows no more", requeued));
  if (outcome.ended_now == 0)
    return not_again("no cell came to its end in the task's time, which --time or the partition gives");
  const auto printed = run_to_end({"/usr/bin/env", {"scontrol", "requeue", job}, {}}, requeue_patience_seconds);
  if (printed && printed->ending.well())
    return fmt::format("its time is over: job {} waits again, to go on from here ({} of {} times)", job, requeued + 1,
                       requeues_at_most);
  auto said = !printed ? std::string("it does not answer") : printable(printed->error + printed->out);
  while (said.ends_with('\n')) said.pop_back();
  return not_again(fmt::format("'scontrol requeue {}' failed: {}", job, said));
}

}  // namespace espalier::runner
