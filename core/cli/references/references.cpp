// The options of verify and published.
#include "references.h"

#include <CLI/CLI.hpp>
#include <memory>

namespace espalier::cli {

void add_own_names(CLI::App& app, std::vector<std::string>& models, std::vector<std::string>& datasets) {
  app.add_option("--model", models, "What a model of the table is called here; may be repeated")
      ->type_name("THEIRS=OURS")
      ->allow_extra_args(false);
  app.add_option("--dataset", datasets,
                 "What a data set of the table is called here, as NAME or NAME/LANGUAGE; may be repeated")
      ->type_name("THEIRS=OURS")
      ->allow_extra_args(false);
}

Deed add_verify(CLI::App& app) {
  const auto arguments = std::make_shared<VerifyArguments>();
  app.add_option("DB", arguments->database.file,
                 "The database, the experiment file that it belongs to, or a bundle (.zip)")
      ->required()
      ->type_name("");
  app.add_option(
         "REFERENCE", arguments->reference,
         "A published table: a .toml file, a name that 'espalier published' lists, or 'all' of that list; without "
         "it the database alone is checked")
      ->type_name("");
  app.add_option("--db", arguments->database.other, "The experiment file's database, where it is not results/NAME.db")
      ->type_name("PATH");
  add_own_names(app, arguments->models, arguments->datasets);
  app.add_option(
         "--tolerance", arguments->tolerance,
         "In units of the printed value; default half a unit of its last digit, and for accuracies what sampling "
         "of the test set makes")
      ->check(CLI::NonNegativeNumber.description(""))
      ->type_name("X");
  app.add_option("--distance", arguments->distance,
                 "Percents of sparsity within which a point is the published one; default 0.5")
      ->check(CLI::Range(0.0, 100.0).description(""))
      ->type_name("X");
  app.add_option("--format", arguments->format, "terminal or markdown; default terminal")->type_name("NAME");
  app.add_option("--rerun", arguments->reruns, "Of a bundle: compute so many of its cells again, chosen at random")
      ->check(CLI::Range(0, 1000000).description(""))
      ->type_name("N");
  app.add_option("--time-limit", arguments->time_limit, "With --rerun: how long that may take, as in 10min")
      ->type_name("TIME");
  app.add_option("--seed", arguments->seed, "With --rerun: which cells are chosen; default 0")->type_name("N");
  app.add_flag("--json", arguments->json, "Print JSON");
  app.footer(
      "Each published cell is within, outside, missing, failed or interpolated; a claim is supported or contradicted.\n"
      "Exit code 1 where one is outside, failed or contradicted, or the database contradicts itself.\n"
      "A bundle is looked at as 'espalier check-bundle' does.\n"
      "Example: espalier verify results/demo.db silence-of-the-weights.ast-speechcommands --model ast=ast-small\n"
      "         espalier verify results/demo.db all\n"
      "         espalier verify demo.zip --rerun 3 --time-limit 10min");
  return [arguments] { return verify(*arguments); };
}

Deed add_published(CLI::App& app) {
  const auto arguments = std::make_shared<PublishedArguments>();
  app.add_option("NAME", arguments->name, "A table of the list, or a .toml file: show its cells")->type_name("");
  app.add_option("--only", arguments->only, "Take a slice of the cells, as in --only scorer=fisher,metric=map")
      ->type_name("AXIS=VALUE,...")
      ->allow_extra_args(false);
  app.add_flag("--check", arguments->check, "What the table says against itself, instead of its cells");
  app.add_flag("--json", arguments->json, "Print JSON");
  app.footer(
      "Files are explained in results/published/README.md.\n"
      "Example: espalier published silence-of-the-weights.whisper --check");
  return [arguments] { return published(*arguments); };
}

}  // namespace espalier::cli
