#include <nlohmann/json.hpp>

#include "commands.h"
#include "experiment_file.h"
#include "output.h"
#include "runner/devices.h"
#include "runs/repeating.h"

namespace espalier::cli {

Repeated repeat(const std::vector<std::string>& keys, const runner::RerunOptions& options) {
  Repeated repeated;
  runner::Reruns reruns(options);
  for (const auto& key : keys) {
    const auto rerun = reruns.rerun(key);
    repeated.interrupted = rerun.interrupted;
    if (rerun.interrupted) return repeated;
    repeated.cells.push_back(report::repetition_of(rerun.before, rerun.now, rerun.cache_before, rerun.cache_now));
  }
  return repeated;
}

ExitCode rerun(const RerunArguments& arguments) {
  const auto source = source_of(arguments.database);
  runner::RerunOptions options;
  options.database = source.database;
  options.threads = arguments.threads;
  if (!arguments.device.empty()) {
    device_from(arguments.device);
    options.device = runner::ready_devices(arguments.device, "--device").front();
  }
  options.plugins = arguments.database.plugins;
  options.trains_again = arguments.from_nothing;
  const auto repeated = repeat(arguments.keys, options);
  bool holds = true;
  auto document = nlohmann::json::array();
  for (const auto& cell : repeated.cells) {
    holds = holds && cell.holds();
    document.push_back(to_json(cell));
    if (!arguments.json) print(in_words(cell) + "\n");
  }
  if (arguments.json) print_json({{"cells", document}, {"holds", holds}});
  if (repeated.interrupted) return ExitCode::Interrupted;
  return holds ? ExitCode::Done : ExitCode::NegativeVerdict;
}

}  // namespace espalier::cli
