#include <espalier/error.h>
#include <fmt/format.h>

#include <map>

#include "commands.h"
#include "experiment_file.h"
#include "output.h"
#include "runner/disk.h"
#include "words/cache/byte_count.h"
#include "words/cache/folder.h"
#include "words/digest.h"
#include "words/names.h"

namespace espalier::cli {
namespace {

std::string counted(std::size_t count, const char* noun) {
  return fmt::format("{} {}{}", count, noun, count == 1 ? "" : "s");
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

}  // namespace

ExitCode clean(const CleanArguments& arguments) {
  const auto source = source_of(arguments.database);
  const bool removes = arguments.cache && !arguments.dry_run;
  for (const auto& use : runner::disk_use(source.database, cache_folder()))
    print(fmt::format("{:<13}{:>10}  {}\n", use.what, size_text(use.bytes), use.path.string()));
  const auto unused = runner::unused_cache(source.database, cache_folder());
  if (removes) say_what_stays(CacheFolder(cache_folder()).remove(unused.entries));
  print(cache_text(unused, removes));
  if (!arguments.cache) print("nothing is removed without --cache; 'espalier prune-db' removes cells\n");
  return ExitCode::Done;
}

}  // namespace espalier::cli
