#include <fmt/format.h>

#include "commands.h"
#include "output.h"
#include "runner/devices.h"
#include "runner/shards/at_hand.h"
#include "runner/shards/compute.h"
#include "runner/shards/requeue.h"
#include "runner/shards/shard_files.h"

namespace espalier::cli {

ExitCode worker(const WorkerArguments& arguments) {
  runner::ShardOptions options;
  options.share = runner::share_from(arguments.shard);
  options.plan = arguments.plan;
  options.home = arguments.home.empty() ? options.plan.parent_path() / "shards" : std::filesystem::path(arguments.home);
  options.local = arguments.local.empty() ? runner::local_folder() : std::filesystem::path(arguments.local);
  options.workers = arguments.workers;
  options.threads = arguments.threads;
  options.plugins = arguments.plugins;
  options.carry_every_seconds = arguments.carry_every_seconds;
  const auto devices = runner::device_words(arguments.devices);
  options.devices = runner::ready_devices(devices.text, devices.option);
  const auto outcome = runner::compute_shard(options);
  print(outcome.home.string() + "\n");
  if (outcome.time_is_over && arguments.requeues > 0) {
    finish_printing();  // Slurm ends this program when it is to be started again
    say(runner::requeue_in_slurm(outcome, arguments.requeues));
  }
  if (outcome.interrupted) return ExitCode::Interrupted;
  return outcome.failed > 0 ? ExitCode::NegativeVerdict : ExitCode::Done;
}

}  // namespace espalier::cli
