#include "runner/drawing/gnuplot.h"

#include <espalier/error.h>
#include <fmt/format.h>

#include "child_process.h"
#include "runner/share/own_folder.h"
#include "words/atomic_file.h"
#include "words/printable.h"

namespace espalier::runner {
namespace {

constexpr double drawing_patience_seconds = 60;

std::string first_lines(const std::string& text) {
  const auto shown = printable(text, 600);
  const auto end = shown.find_last_not_of(" \n");
  return end == std::string::npos ? "nothing" : shown.substr(shown.find_first_not_of(" \n"), end + 1);
}

}  // namespace

std::string drawn_by_gnuplot(const std::string& script) {
  const OwnFolder folder(local_folder(), "figure");
  const auto file = folder.path() / "figure.gp";
  write_file(file, script);
  // `env` finds it on PATH and says by its exit code where there is none.
  const auto printed = run_to_end({"/usr/bin/env", {"gnuplot", "-d", file.string()}, {}}, drawing_patience_seconds);
  if (!printed)
    throw SettingsError(fmt::format(
        "gnuplot did not end within {} seconds and was stopped\n    draw fewer cells, as by --only, or draw what "
        "--script prints by hand",
        drawing_patience_seconds));
  constexpr int not_found = 127;
  if (printed->ending.exit_code == not_found)
    throw SettingsError(
        "there is no program gnuplot here, which draws figures\n    install it (apt-get install gnuplot-nox), or take "
        "what --script or --format csv prints to a machine that has it");
  if (!printed->ending.well() || printed->out.empty())
    throw SettingsError(fmt::format("gnuplot {} and drew nothing; it said: {}\n    --script prints what it was given",
                                    printed->ending.text(), first_lines(printed->error)));
  return printed->out;
}

}  // namespace espalier::runner
