// What lies in the cache folder, whether it is what was written, and how it goes.
#include <espalier/error.h>
#include <fmt/format.h>

#include <algorithm>
#include <ctime>
#include <filesystem>
#include <iterator>
#include <nlohmann/json.hpp>
#include <optional>
#include <system_error>

#include "commands.h"
#include "output.h"
#include "words/cache/byte_count.h"
#include "words/cache/folder.h"
#include "words/cache/limit.h"
#include "words/digest.h"
#include "words/names.h"

namespace espalier::cli {
namespace {

using Json = nlohmann::json;

std::string counted(std::size_t count) { return fmt::format("{} {}", count, count == 1 ? "entry" : "entries"); }

std::string time_text(std::int64_t nanoseconds, const char* form, bool here) {
  const std::time_t seconds = nanoseconds / 1'000'000'000;
  std::tm parts{};
  if (here)
    ::localtime_r(&seconds, &parts);
  else
    ::gmtime_r(&seconds, &parts);
  char text[32] = "";
  std::strftime(text, sizeof text, form, &parts);
  return text;
}

// Of one kind, or of what killed processes left.
struct Sum {
  std::size_t entries = 0;
  std::uint64_t bytes = 0;
  std::int64_t oldest = 0, newest = 0;  // nanoseconds since 1970

  void add(const CacheEntry& entry) {
    oldest = entries == 0 ? entry.last_used_nanoseconds : std::min(oldest, entry.last_used_nanoseconds);
    newest = std::max(newest, entry.last_used_nanoseconds);
    ++entries;
    bytes += entry.bytes;
  }
  std::string row(const char* name) const {
    const auto when = [&](std::int64_t use) {
      return entries == 0 ? std::string("-") : time_text(use, "%Y-%m-%d %H:%M", /*here=*/true);
    };
    return fmt::format("{:<13}{:>9}{:>12}  {:<18}{}\n", name, entries, size_text(bytes), when(oldest), when(newest));
  }
  Json json() const {
    const auto when = [&](std::int64_t use) {
      return entries == 0 ? Json() : Json(time_text(use, "%Y-%m-%dT%H:%M:%SZ", /*here=*/false));
    };
    return {{"entries", entries}, {"bytes", bytes}, {"oldest_use", when(oldest)}, {"newest_use", when(newest)}};
  }
};

Sum sum_of(const std::vector<CacheEntry>& entries, const std::string& kind, bool left_behind) {
  Sum sum;
  for (const auto& entry : entries) {
    if (entry.left_behind == left_behind && (kind.empty() || entry.kind == kind)) sum.add(entry);
  }
  return sum;
}

std::string list_text(const CacheFolder& folder, const std::vector<CacheEntry>& entries) {
  std::string text =
      fmt::format("{:<13}{:>9}{:>12}  {:<18}{}\n", "kind", "entries", "size", "oldest use", "newest use");
  std::uint64_t bytes = 0;
  for (const auto& kind : cache_kinds) {
    const auto sum = sum_of(entries, kind.name, false);
    bytes += sum.bytes;
    text += sum.row(kind.name);
  }
  if (const auto sum = sum_of(entries, "", true); sum.entries > 0) {
    bytes += sum.bytes;
    text += sum.row("half written");
  }
  const auto limit = cache_limit();
  return fmt::format("{}\n{}: {}, {}\n", text, folder.root().string(), size_text(bytes),
                     limit ? fmt::format("limit {} ({})", size_text(*limit), cache_limit_variable)
                           : fmt::format("no limit ({} is not set)", cache_limit_variable));
}

Json list_json(const CacheFolder& folder, const std::vector<CacheEntry>& entries) {
  auto kinds = Json::array();
  std::uint64_t bytes = 0;
  for (const auto& entry : entries) bytes += entry.bytes;
  for (const auto& kind : cache_kinds) {
    auto row = sum_of(entries, kind.name, false).json();
    row["kind"] = kind.name;
    row["trimmed"] = kind.goes_by_itself;
    kinds.push_back(std::move(row));
  }
  const auto limit = cache_limit();
  return {{"folder", folder.root().string()},
          {"bytes", bytes},
          {"limit_bytes", limit ? Json(*limit) : Json()},
          {"kinds", std::move(kinds)},
          {"half_written", sum_of(entries, "", true).json()}};
}

ExitCode list(const CacheFolder& folder, bool json) {
  const auto entries = folder.entries();
  if (json)
    print_json(list_json(folder, entries));
  else
    print(list_text(folder, entries));
  return ExitCode::Done;
}

// Those of the kinds that were named.
std::vector<CacheEntry> entries_of(const CacheFolder& folder, const std::vector<std::string>& kinds) {
  auto entries = folder.entries();
  std::erase_if(entries, [&](const CacheEntry& entry) {
    return std::find(kinds.begin(), kinds.end(), entry.kind) == kinds.end();
  });
  return entries;
}

ExitCode check(const CacheFolder& folder, const std::vector<std::string>& kinds, bool json) {
  std::size_t whole = 0;
  auto damaged = Json::array();
  for (const auto& entry : entries_of(folder, kinds)) {
    if (entry.left_behind) continue;
    const auto damage = CacheFolder::damage_of(entry);
    whole += damage.empty() ? 1 : 0;
    if (damage.empty()) continue;
    damaged.push_back({{"kind", entry.kind}, {"path", entry.path.string()}, {"damage", damage}});
    if (!json) print(fmt::format("{}: {}\n", entry.path.string(), damage));
  }
  if (json) {
    print_json({{"folder", folder.root().string()}, {"verified", whole}, {"damaged", damaged}});
  } else {
    print(fmt::format("{}: {} verified, {} {} not\n", folder.root().string(), counted(whole), damaged.size(),
                      damaged.size() == 1 ? "does" : "do"));
    if (!damaged.empty()) print("what does not is computed again when it is needed next\n");
  }
  return damaged.empty() ? ExitCode::Done : ExitCode::Input;
}

ExitCode after(const CacheFolder& folder, const CacheRemoval& removal) {
  print(
      fmt::format("{}: {} removed, {}\n", folder.root().string(), counted(removal.entries), size_text(removal.bytes)));
  if (removal.in_use > 0)
    say(fmt::format("{} in use by a living process or used just now: not removed", counted(removal.in_use)));
  for (const auto& failure : removal.failures) say(failure);
  return removal.failures.empty() ? ExitCode::Done : ExitCode::Store;
}

ExitCode trim(const CacheFolder& folder, const std::string& to) {
  const auto most = to.empty() ? cache_limit() : std::optional(bytes_from(to, "--to"));
  if (!most) {
    throw SettingsError(
        fmt::format("cache trim: nothing says how much is to be left\n    give --to, as in --to 10GiB, or set {}",
                    cache_limit_variable));
  }
  const auto removal = folder.trim(*most, cache_grace_seconds);
  const auto exit_code = after(folder, removal);
  if (removal.bytes_left > *most) {
    say(fmt::format(
        "{} are left, more than {}: in use, or masks and steps, which go by 'espalier cache clear masks steps' "
        "alone",
        size_text(removal.bytes_left), size_text(*most)));
  }
  return exit_code;
}

ExitCode clear(const CacheFolder& folder, const std::vector<std::string>& kinds, bool yes) {
  const auto entries = entries_of(folder, kinds);
  std::uint64_t bytes = 0;
  for (const auto& entry : entries) bytes += entry.bytes;
  const auto question = fmt::format("cache clear: remove {}, {}, of {} from {}?", counted(entries.size()),
                                    size_text(bytes), join(kinds), folder.root().string());
  if (!entries.empty() && !yes && !is_answered_yes(question)) {
    print("nothing is removed\n");
    return ExitCode::Done;
  }
  return after(folder, folder.remove(entries));
}

// Those that were named, or the usual ones. Throws SettingsError for one that there is not.
std::vector<std::string> kinds_from(const CacheArguments& arguments) {
  std::vector<std::string> all, usual;
  for (const auto& kind : cache_kinds) {
    all.emplace_back(kind.name);
    if (kind.goes_by_itself || arguments.action == "check") usual.emplace_back(kind.name);
  }
  for (const auto& kind : arguments.kinds) {
    if (std::find(all.begin(), all.end(), kind) == all.end())
      throw SettingsError(unknown_name("kind of cache entry", kind, all));
  }
  return arguments.kinds.empty() ? usual : arguments.kinds;
}

void require_fitting_options(const CacheArguments& arguments) {
  const auto& action = arguments.action;
  const auto refuse = [&](bool given, const char* option, const char* whose) {
    if (given) throw SettingsError(fmt::format("cache {}: {} belongs to {}", action, option, whose));
  };
  refuse(!arguments.to.empty() && action != "trim", "--to", "cache trim");
  refuse(arguments.yes && action != "clear", "--yes", "cache clear");
  refuse(arguments.json && action != "list" && action != "check", "--json", "cache list and cache check");
  refuse(!arguments.kinds.empty() && action != "check" && action != "clear", "a kind", "cache check and cache clear");
}

}  // namespace

ExitCode cache(const CacheArguments& arguments) {
  static const std::vector<std::string> actions = {"list", "check", "trim", "clear"};
  if (std::find(actions.begin(), actions.end(), arguments.action) == actions.end())
    throw SettingsError(unknown_name("action of cache", arguments.action, actions));
  require_fitting_options(arguments);
  const auto kinds = kinds_from(arguments);
  const CacheFolder folder(cache_folder());
  if (arguments.action == "check") return check(folder, kinds, arguments.json);
  if (arguments.action == "trim") return trim(folder, arguments.to);
  if (arguments.action == "clear") return clear(folder, kinds, arguments.yes);
  return list(folder, arguments.json);
}

}  // namespace espalier::cli
