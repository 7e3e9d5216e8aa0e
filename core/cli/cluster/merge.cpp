#include <fmt/format.h>

#include <filesystem>
#include <nlohmann/json.hpp>
#include <set>
#include <vector>

#include "commands.h"
#include "output.h"
#include "runner/shards/at_hand.h"
#include "runner/shards/shard_files.h"
#include "store/open/files.h"
#include "store/result_store.h"
#include "store/shards/shard.h"

namespace espalier::cli {
namespace {

namespace fs = std::filesystem;

struct Refused {
  fs::path file;
  std::string reason;
};

struct Merged {
  std::vector<std::pair<fs::path, store::BroughtHome>> shards;
  std::vector<Refused> refused;
  std::int64_t known = 0, attempts = 0, done = 0, failed = 0, held = 0, disagreements = 0;
  store::Counts counts;
};

// A folder stands for the shards in it; what has no shard's name there is something else's.
std::vector<fs::path> shards_of(const std::vector<std::string>& words) {
  std::vector<fs::path> files;
  for (const auto& word : words) {
    std::error_code absent;
    if (!fs::is_directory(word, absent)) {
      files.emplace_back(word);
      continue;
    }
    for (const auto& file : runner::shard_files(word)) files.push_back(file.path);
  }
  return files;
}

Merged merge_all(const fs::path& database, const std::vector<fs::path>& files) {
  Merged merged;
  store::ShardMerge into(database);
  for (const auto& file : files) {
    try {
      auto home = into.add(file);
      merged.known += home.known ? 1 : 0;
      merged.attempts += home.attempts;
      merged.done += home.done;
      merged.failed += home.failed;
      merged.held += home.held;
      merged.disagreements += static_cast<std::int64_t>(home.disagreements.size());
      merged.shards.emplace_back(file, std::move(home));
    } catch (const StoreError& error) {
      // The database's own trouble ends it; a shard's own is told, and the others come home.
      if (!std::string(error.what()).starts_with(file.string() + ": ")) throw;
      merged.refused.push_back({file, error.what()});
    }
  }
  return merged;
}

std::string counted(std::int64_t count, const char* one, const char* many) {
  return fmt::format("{} {}", count, count == 1 ? one : many);
}

void say_troubles(const Merged& merged) {
  for (const auto& [file, home] : merged.shards) {
    for (const auto& found : home.disagreements) {
      say(fmt::format("{}: cell {} is done here with other results; the first ones stay", file.string(),
                      found.key.substr(0, 12)));
      for (const auto& line : found.differences) say("    " + line);
      say(fmt::format("    digest of the results {} here, {} there", found.digest_here, found.digest_there));
    }
    if (home.held > 0) {
      say(fmt::format("{}: {} left out, because a run is at work on {} here; merge it again later", file.string(),
                      counted(home.held, "attempt is", "attempts are"), home.held == 1 ? "its cell" : "their cells"));
    }
  }
  for (const auto& shard : merged.refused) say("refused: " + shard.reason);
}

void print_text(const Merged& merged, const fs::path& database) {
  const auto& counts = merged.counts;
  print(fmt::format("{} merged into {}: {} new, {} done and {} failed{}\n",
                    counted(static_cast<std::int64_t>(merged.shards.size()), "shard", "shards"), database.string(),
                    counted(merged.attempts, "attempt", "attempts"), counted(merged.done, "cell", "cells"),
                    merged.failed, merged.known > 0 ? fmt::format("; {} merged before", merged.known) : ""));
  if (!merged.refused.empty())
    print(counted(static_cast<std::int64_t>(merged.refused.size()), "shard was", "shards were") + " refused\n");
  print(fmt::format("{}: {} done, {} failed, {} waiting\n", counted(counts.cells, "cell", "cells"), counts.done,
                    counts.failed, counts.waiting + counts.running));
  if (counts.waiting > counts.not_asked) print("what waits: espalier run FILE, or espalier submit FILE --again\n");
}

nlohmann::json as_json(const Merged& merged) {
  auto shards = nlohmann::json::array(), refused = nlohmann::json::array();
  for (const auto& [file, home] : merged.shards) {
    auto disagreements = nlohmann::json::array();
    for (const auto& found : home.disagreements) {
      disagreements.push_back({{"key", found.key},
                               {"digest_here", found.digest_here},
                               {"digest_there", found.digest_there},
                               {"differences", found.differences}});
    }
    shards.push_back({{"file", file.string()},
                      {"digest", home.digest},
                      {"merged_before", home.known},
                      {"attempts", home.attempts},
                      {"done", home.done},
                      {"failed", home.failed},
                      {"held", home.held},
                      {"disagreements", disagreements}});
  }
  for (const auto& shard : merged.refused)
    refused.push_back({{"file", shard.file.string()}, {"message", shard.reason}});
  return {{"shards", shards},
          {"refused", refused},
          {"cells", merged.counts.cells},
          {"done", merged.counts.done},
          {"failed", merged.counts.failed},
          {"waiting", merged.counts.waiting},
          {"running", merged.counts.running}};
}

}  // namespace

ExitCode merge(const MergeArguments& arguments) {
  const fs::path database = arguments.database;
  const auto files = shards_of(arguments.shards);
  const bool is_new = !fs::exists(database);
  runner::DatabaseAtHand at_hand(database, runner::local_folder(), store::network_of(database));
  auto merged = merge_all(at_hand.path(), files);
  merged.counts = store::ResultStore(at_hand.path(), store::Mode::ReadOnly).counts("");
  if (is_new && merged.shards.empty()) {
    // Nothing came home to a database that was not there: none is left behind.
    for (const auto& file : store::files_of(at_hand.path())) {
      std::error_code ignored;
      fs::remove(file, ignored);
    }
  } else {
    at_hand.bring_back();
  }
  say_troubles(merged);
  if (arguments.json) {
    print_json(as_json(merged));
  } else {
    print_text(merged, database);
  }
  if (!merged.refused.empty()) return ExitCode::Store;
  return merged.disagreements > 0 ? ExitCode::NegativeVerdict : ExitCode::Done;
}

}  // namespace espalier::cli
