#include <fmt/format.h>

#include "commands.h"
#include "experiment_file.h"
#include "output.h"
#include "store/result_store.h"

namespace espalier::cli {
namespace {

// Of the experiment that is named, or of all that the database holds.
ExitCode set_paused(const DatabaseArguments& arguments, bool paused) {
  const auto source = source_of(arguments);
  store::ResultStore store(source.database, store::Mode::ReadWrite);
  for (const auto& experiment : store.experiments()) {
    if (!source.experiment.empty() && experiment.name != source.experiment) continue;
    if (store.is_paused(experiment.name) == paused) {
      print(fmt::format("{}: {}\n", experiment.name, paused ? "is paused already" : "is not paused"));
      continue;
    }
    store.set_paused(experiment.name, paused);
    const auto running = store.counts(experiment.name).running;
    print(!paused ? fmt::format("{}: goes on\n", experiment.name)
          : running == 0
              ? fmt::format("{}: paused\n", experiment.name)
              : fmt::format("{}: paused; {} being computed, and finished before workers end\n", experiment.name,
                            running == 1 ? "a cell is" : fmt::format("{} cells are", running)));
  }
  return ExitCode::Done;
}

}  // namespace

ExitCode pause(const PauseArguments& arguments) { return set_paused(arguments.database, true); }

ExitCode resume(const PauseArguments& arguments) { return set_paused(arguments.database, false); }

}  // namespace espalier::cli
