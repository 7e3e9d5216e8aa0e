#include <espalier/error.h>
#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <optional>
#include <system_error>

#include "commands.h"
#include "experiment_file.h"
#include "output.h"
#include "runner/disk.h"
#include "store/result_store.h"
#include "words/cache/byte_count.h"
#include "words/cache/folder.h"
#include "words/digest.h"
#include "words/names.h"

namespace espalier::cli {
namespace {

constexpr std::size_t most_listed = 20;

std::string counted(std::size_t count, const char* noun) {
  return fmt::format("{} {}{}", count, noun, count == 1 ? "" : "s");
}

// What is, or would be, removed of the database.
std::string cells_text(const store::Rows& stale, bool removes) {
  if (stale.rows.empty()) return "cells: every one is of the experiment file as it is now\n";
  std::map<std::string, std::size_t> states;
  for (const auto& row : stale.rows) ++states[row[1].text];
  std::string text =
      fmt::format("cells: {} of earlier states of the experiment file {}:", counted(stale.rows.size(), "cell"),
                  removes ? "removed" : "would go");
  std::string separator = " ";
  for (const auto& [state, count] : states) {
    text += fmt::format("{}{} {}", separator, count, state);
    separator = ", ";
  }
  text += "\n";
  for (std::size_t i = 0; i < std::min(stale.rows.size(), most_listed); ++i)
    text += fmt::format("  {}  {}\n", stale.rows[i][0].text.substr(0, 12), stale.rows[i][1].text);
  if (stale.rows.size() > most_listed) text += fmt::format("  and {} more\n", stale.rows.size() - most_listed);
  return text;
}

std::string cache_text(const runner::UnusedCache& unused, bool removes) {
  std::map<std::string, std::pair<std::size_t, std::uint64_t>> kinds;
  std::uint64_t bytes = 0;
  for (const auto& entry : unused.entries) {
    ++kinds[entry.kind].first;
    kinds[entry.kind].second += entry.bytes;
    bytes += entry.bytes;
  }
  std::string text =
      fmt::format("cache: {} {}, {}; asked: {}\n",
                  unused.entries.size() == 1 ? "1 entry" : fmt::format("{} entries", unused.entries.size()),
                  removes ? "removed" : "would go", size_text(bytes), counted(unused.databases.size(), "database"));
  for (const auto& [kind, sum] : kinds)
    text += fmt::format("  {:<13}{:>6}  {}\n", kind, sum.first, size_text(sum.second));
  if (!unused.unknown.empty()) {
    text += fmt::format(
        "  {}: kept, since nobody keeps who uses them; 'espalier cache clear NAME' removes a kind whole, and it is "
        "made "
        "again when it is needed\n",
        join(unused.unknown));
  }
  return text;
}

void say_what_stays(const CacheRemoval& removal) {
  for (const auto& failure : removal.failures) say(failure);
  if (removal.in_use > 0)
    say(fmt::format("{} in use by a living process: not removed", counted(removal.in_use, "cache entry")));
}

std::vector<std::string> keys_of(const std::vector<store::NewCell>& cells) {
  std::vector<std::string> keys;
  for (const auto& cell : cells) keys.push_back(cell.key);
  return keys;
}

void clean_cells(const Source& source, bool removes) {
  std::optional<std::vector<std::string>> keys;
  if (source.cells) keys = keys_of(*source.cells);
  const auto* asked = keys ? &*keys : nullptr;
  if (!removes) {
    const store::ResultStore store(source.database, store::Mode::ReadOnly);
    print(cells_text(store.stale_cells(source.experiment, asked), false));
    return;
  }
  store::ResultStore store(source.database, store::Mode::ReadWrite);
  store.release_dead_workers();
  const auto stale = store.stale_cells(source.experiment, asked);
  store.remove_stale(source.experiment, asked);
  print(cells_text(stale, true));
}

}  // namespace

ExitCode clean(const CleanArguments& arguments) {
  const auto source = source_with_cells(arguments.database);
  const auto has_missing = source.cells && std::any_of(source.cells->begin(), source.cells->end(),
                                                       [](const auto& cell) { return cell.key.empty(); });
  if (has_missing) {
    throw SettingsError(arguments.database.file +
                        ": files that its cells need are missing, so that which cells are its own cannot be told\n"
                        "    'espalier plan' names them");
  }
  const bool both = !arguments.cells && !arguments.cache;
  const bool removes = !arguments.dry_run && !both;
  for (const auto& use : runner::disk_use(source.database, cache_folder()))
    print(fmt::format("{:<13}{:>10}  {}\n", use.what, size_text(use.bytes), use.path.string()));
  if (arguments.cells || both) clean_cells(source, removes);
  if (arguments.cache || both) {
    const auto unused = runner::unused_cache(source.database, cache_folder());
    if (removes) say_what_stays(CacheFolder(cache_folder()).remove(unused.entries));
    print(cache_text(unused, removes));
  }
  if (both) print("nothing is removed without --cells or --cache\n");
  return ExitCode::Done;
}

}  // namespace espalier::cli
