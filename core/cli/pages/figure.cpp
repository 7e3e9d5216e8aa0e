// A figure for a paper: what the room figures makes of the database, drawn by the program that the runner starts.
#include "pages/figure.h"

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <filesystem>
#include <memory>

#include "experiment_file.h"
#include "figures/figure.h"
#include "output.h"
#include "runner/drawing/gnuplot.h"
#include "store/result_store.h"
#include "words/atomic_file.h"
#include "words/names.h"
#include "words/texts/name_list.h"

namespace espalier::cli {
namespace {

// As it was asked for, or as the file's name ends.
std::string format_of(const FigureArguments& arguments) {
  if (!arguments.format.empty()) return arguments.format;
  auto ending = std::filesystem::path(arguments.output).extension().string();
  if (ending.size() > 1) ending.erase(0, 1);
  if (ending == "csv" || ending == "pdf" || ending == "svg" || ending == "png" || ending == "tex") return ending;
  if (arguments.script) return "pdf";
  throw SettingsError(
      fmt::format("-o {}: its name does not say which format it is to have\n    expected a name that ends in .pdf, "
                  ".svg, .png, .tex "
                  "(tikz) or .csv, or --format",
                  arguments.output));
}

figures::FigureRequest request_of(const FigureArguments& arguments) {
  figures::FigureRequest request;
  request.kind = figures::kind_from(arguments.kind);
  request.value = arguments.value;
  request.x = arguments.x;
  request.by = names_in(arguments.by);
  if (!arguments.facet.empty()) request.facet = arguments.facet == "none" ? "" : arguments.facet;
  request.only = join(arguments.only, ",");
  request.key = arguments.key;
  if (arguments.level != 0) request.level = arguments.level;
  return request;
}

void deliver(const FigureArguments& arguments, const std::string& content) {
  if (arguments.output.empty() || arguments.output == "-")
    print(content);
  else
    write_file(arguments.output, content);
}

}  // namespace

ExitCode figure(const FigureArguments& arguments) {
  const auto request = request_of(arguments);
  if (arguments.output.empty() && !arguments.script && arguments.format != "csv")
    throw SettingsError(
        "-o is missing: where the figure goes\n    expected a file, as in -o figure.pdf; - is standard output, with "
        "--format");
  const auto format = format_of(arguments);
  figures::Paper paper;
  if (format != "csv") paper.medium = figures::medium_from(format);
  paper.width_millimetres = figures::millimetres_from("--width", arguments.width);
  if (!arguments.height.empty()) paper.height_millimetres = figures::millimetres_from("--height", arguments.height);
  const auto source = source_with_cells(arguments.database);
  refuse_to_write_over("-o", arguments.output, {source.database, arguments.database.file});
  const store::ResultStore store(source.database, store::Mode::ReadOnly);
  const auto made = figures::make_figure({store, source.database, source.experiment, source.cells_of_file()}, request);
  if (format == "csv")
    deliver(arguments, figures::csv_of(made));
  else if (arguments.script)
    deliver(arguments, figures::script_of(made, paper));
  else
    deliver(arguments, runner::drawn_by_gnuplot(figures::script_of(made, paper)));
  for (const auto& note : made.notes) say(note);
  return ExitCode::Done;
}

Deed add_figure(CLI::App& app) {
  const auto arguments = std::make_shared<FigureArguments>();
  add_database(app, arguments->database);
  app.add_option("--kind", arguments->kind, "curve, map, latency, trajectory or critical-difference; default curve")
      ->type_name("NAME");
  app.add_option("-o,--output", arguments->output, "The figure; - for stdout")->type_name("FILE");
  app.add_option("--format", arguments->format,
                 "pdf, svg, png, tikz, or csv for its numbers; default as the file's name ends")
      ->type_name("NAME");
  app.add_option("--value", arguments->value, "What is drawn; default the main metric, of times the ratio")
      ->type_name("NAME");
  app.add_option(
         "--x", arguments->x,
         "Over what: achieved_sparsity (default), requested, step, heads_kept, parameters_total, flops (default "
         "of times); of searches evaluations (default), seconds or step")
      ->type_name("NAME");
  app.add_option(
         "--by", arguments->by,
         "One line for each combination of these axes; default what varies. Of ranks: the axis compared; default "
         "scorer")
      ->type_name("AXIS,...");
  app.add_option("--facet", arguments->facet, "One panel for each level of this axis, or none; default what suits")
      ->type_name("AXIS");
  add_slice(app, arguments->only);
  app.add_option("--key", arguments->key, "Of a map: one cell, by the first letters of its key")->type_name("KEY");
  app.add_option("--level", arguments->level, "Of ranks: the level of the tests; default 0.05")->type_name("LEVEL");
  app.add_option("--width", arguments->width, "In mm, cm, in or pt; default 84mm, one column of two")
      ->type_name("LENGTH");
  app.add_option("--height", arguments->height, "Default what suits the figure")->type_name("LENGTH");
  app.add_flag("--script", arguments->script, "The script for gnuplot with its data, instead of what it draws");
  app.footer(
      "gnuplot draws it (Debian package gnuplot-nox). What a caption has to say is printed on stderr.\n"
      "Example: espalier figure results/demo.db --kind curve --by scorer,scope -o curve.pdf");
  return [arguments] { return figure(*arguments); };
}

}  // namespace espalier::cli
