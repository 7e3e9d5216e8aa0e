#include "report/status.h"

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <optional>

#include "live/worker_lines.h"
#include "report/escaping.h"
#include "words/cache/byte_count.h"
#include "words/texts/durations.h"

namespace espalier::report {
namespace {

constexpr std::size_t most_failures = 20;
// By the pace of the last minute; where nothing finished in it, by what a cell took and how many run at once.
std::optional<double> seconds_left(const store::Progress& progress) {
  const auto& counts = progress.counts;
  const auto left = static_cast<double>(counts.waiting - counts.not_asked + counts.running);
  if (left == 0) return 0.0;
  if (progress.counts.running == 0) return std::nullopt;  // nobody works on it
  if (progress.finished_in_last_minute > 0) return left / progress.finished_in_last_minute * 60;
  if (progress.mean_seconds > 0) return left * progress.mean_seconds / static_cast<double>(progress.counts.running);
  return std::nullopt;
}

std::optional<double> left_of(const store::Progress& progress, const Live& live) {
  const bool someone_works = progress.counts.running > 0;
  return live.is_by_kind && someone_works && live.seconds_left ? live.seconds_left : seconds_left(progress);
}

}  // namespace

std::string status_text(const store::Progress& progress, const Sizes& sizes, const Live& live) {
  const auto& counts = progress.counts;
  std::string text =
      fmt::format("{} cell{}: {} done, {} failed, {} running, {} waiting\n", counts.cells, counts.cells == 1 ? "" : "s",
                  counts.done, counts.failed, counts.running, counts.waiting);
  if (counts.not_asked > 0)
    text += fmt::format("{} of those that wait {} not asked for by the last run\n", counts.not_asked,
                        counts.not_asked == 1 ? "was" : "were");
  if (counts.earlier > 0) {
    text += fmt::format(
        "{} more in the database {} of an earlier state of the experiment file; 'espalier prune-db' removes {}\n",
        counts.earlier, counts.earlier == 1 ? "is" : "are", counts.earlier == 1 ? "it" : "them");
  }
  if (counts.running + counts.waiting - counts.not_asked > 0) {
    text += fmt::format("{:.0f} {} in the last minute", progress.finished_in_last_minute,
                        progress.finished_in_last_minute == 1 ? "cell" : "cells");
    if (progress.mean_seconds > 0) text += ", " + duration_text(progress.mean_seconds) + " each";
    const auto left = left_of(progress, live);
    if (left)
      text += ", about " + duration_text(*left) + " left";
    else if (counts.running == 0)
      text += ", no worker runs";
    text += "\n";
  }
  text += worker_lines(live.workers);
  if (!progress.failures.empty()) text += "failed, newest first:\n";
  for (std::size_t i = 0; i < std::min(progress.failures.size(), most_failures); ++i) {
    const auto& failure = progress.failures[i];
    text += fmt::format("  {}  {}\n", printable(failure.key.substr(0, key_letters)),
                        printable(first_line(failure.message)));
  }
  const auto shown = static_cast<std::int64_t>(std::min(progress.failures.size(), most_failures));
  if (counts.failed > shown) text += fmt::format("  and {} more\n", counts.failed - shown);
  for (std::size_t i = 0; i < sizes.size(); ++i)
    text += fmt::format("{}{} {}", i == 0 ? "disk: " : ", ", printable(sizes[i].first), size_text(sizes[i].second));
  if (!sizes.empty()) text += "\n";
  return text;
}

std::string status_json(const store::Progress& progress, const Sizes& sizes, const Live& live) {
  const auto& counts = progress.counts;
  const auto left = left_of(progress, live);
  nlohmann::ordered_json document = {{"cells", counts.cells},
                                     {"done", counts.done},
                                     {"failed", counts.failed},
                                     {"running", counts.running},
                                     {"waiting", counts.waiting},
                                     {"not_asked", counts.not_asked},
                                     {"earlier", counts.earlier},
                                     {"cells_per_minute", progress.finished_in_last_minute},
                                     {"seconds_left", left ? nlohmann::json(*left) : nlohmann::json(nullptr)},
                                     {"failures", nlohmann::json::array()}};
  for (const auto& failure : progress.failures) {
    document["failures"].push_back({{"key", failure.key}, {"message", failure.message}});
  }
  document["bytes"] = nlohmann::ordered_json::object();
  for (const auto& [kind, bytes] : sizes) document["bytes"][kind] = bytes;
  document["workers"] = nlohmann::ordered_json::array();
  for (const auto& worker : live.workers) document["workers"].push_back(worker_json(worker));
  return document.dump(2, ' ', false, nlohmann::ordered_json::error_handler_t::replace) + "\n";
}

}  // namespace espalier::report
