#include "report/status.h"

#include <chrono>
#include <thread>

#include "commands.h"
#include "experiment_file.h"
#include "output.h"
#include "store/result_store.h"

namespace espalier::cli {
namespace {

std::string ends_in_newline(std::string text) {
  if (text.empty() || text.back() != '\n') text += '\n';
  return text;
}

std::string answer(const store::Progress& progress, bool json) {
  return ends_in_newline(json ? report::status_json(progress) : report::status_text(progress));
}

}  // namespace

ExitCode status(const StatusArguments& arguments) {
  const auto source = source_of(arguments.database);
  const store::ResultStore store(source.database, store::Mode::ReadOnly);
  const bool clears = arguments.watch && !arguments.json && is_terminal(stdout);
  std::string shown;
  while (true) {
    const auto progress = store.progress(source.experiment);
    const auto text = answer(progress, arguments.json);
    if (text != shown) {
      print((clears ? "\x1b[H\x1b[2J" : shown.empty() || arguments.json ? "" : "\n") + text);
      if (!finish_printing()) return ExitCode::Done;
      shown = text;
    }
    if (!arguments.watch || progress.counts.waiting + progress.counts.running == 0) return ExitCode::Done;
    std::this_thread::sleep_for(std::chrono::seconds(1));
  }
}

}  // namespace espalier::cli
