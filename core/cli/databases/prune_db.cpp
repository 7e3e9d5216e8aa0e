// Removes cells that no experiment file holds any more, once somebody has seen which.
#include <espalier/error.h>
#include <fmt/format.h>

#include <algorithm>
#include <system_error>

#include "commands.h"
#include "databases/stale_cells.h"
#include "experiment_file.h"
#include "output.h"
#include "words/cache/byte_count.h"

namespace espalier::cli {
namespace {

constexpr std::size_t most_listed = 20;

std::string list_of(const store::Rows& stale) {
  std::string text = counted_by_state(stale) + "\n";
  for (std::size_t i = 0; i < std::min(stale.rows.size(), most_listed); ++i)
    text += fmt::format("  {}  {}\n", stale.rows[i][0].text.substr(0, 12), stale.rows[i][1].text);
  if (stale.rows.size() > most_listed) {
    text += fmt::format("  and {} more; 'espalier cells --stale' lists all\n", stale.rows.size() - most_listed);
  }
  return text;
}

std::string size_of(const std::filesystem::path& file) {
  std::error_code failed;
  const auto bytes = std::filesystem::file_size(file, failed);
  return failed ? "unknown" : size_text(bytes);
}

}  // namespace

ExitCode prune_db(const PruneDbArguments& arguments) {
  const auto source = source_with_cells(arguments.database);
  const StaleCells stale(source, arguments.database.file);
  const auto found = stale.in(store::ResultStore(source.database, store::Mode::ReadOnly));
  if (found.rows.empty()) {
    print(fmt::format("{}: every cell is of the experiment file as it is now; nothing is removed\n",
                      source.database.string()));
    return ExitCode::Done;
  }
  print(list_of(found));
  if (arguments.dry_run) {
    print("nothing is removed with --dry-run\n");
    return ExitCode::Done;
  }
  const auto question =
      fmt::format("prune-db: remove {} with all that was recorded of {} from {}?",
                  found.rows.size() == 1 ? "this cell" : fmt::format("these {} cells", found.rows.size()),
                  found.rows.size() == 1 ? "it" : "them", source.database.string());
  if (!arguments.yes && !is_answered_yes(question)) {
    print("nothing is removed\n");
    return ExitCode::Done;
  }
  store::ResultStore store(source.database, store::Mode::ReadWrite);
  store.release_dead_workers();
  const auto before = size_of(source.database);
  const auto removed = stale.remove_from(store);
  print(fmt::format("{}: {} {} removed, {} before and {} now\n", source.database.string(), removed,
                    removed == 1 ? "cell" : "cells", before, size_of(source.database)));
  return ExitCode::Done;
}

}  // namespace espalier::cli
