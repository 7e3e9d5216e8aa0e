#include "report/comparing/repetition.h"

#include <fmt/format.h>

#include <algorithm>
#include <bit>
#include <cmath>
#include <nlohmann/json.hpp>

#include "words/digest.h"
#include "words/printable.h"

namespace espalier::report {
namespace {

namespace fs = std::filesystem;

// The same bits, or both no number.
bool same(double one, double other) {
  return std::bit_cast<std::uint64_t>(one) == std::bit_cast<std::uint64_t>(other) ||
         (std::isnan(one) && std::isnan(other));
}

void compare(const Point& before, const Point& now, Repetition& found) {
  found.masks_equal = found.masks_equal && before.mask_digest == now.mask_digest && before.kind == now.kind;
  found.predictions_equal = found.predictions_equal && before.predictions_digest == now.predictions_digest;
  for (const auto& [name, value] : before.metrics) {
    const auto other = now.metrics.find(name);
    if (other != now.metrics.end() && same(value, other->second)) continue;
    found.metrics_equal = false;
    const auto difference = other == now.metrics.end() ? std::nan("") : std::abs(value - other->second);
    if (!found.of_metric.empty() && !(difference > found.largest_difference)) continue;
    found.largest_difference = difference;
    found.of_metric = name;
  }
  found.metrics_equal = found.metrics_equal && before.metrics.size() == now.metrics.size();
}

// Of the files of scores of the earlier computation that are still there, whether the other's hold the same.
void compare_scores(const Attempt& before, const Attempt& now, const fs::path& cache_before, const fs::path& cache_now,
                    Repetition& found) {
  const auto is_one = [](const Artifact& artifact) { return artifact.kind == "scores"; };
  for (const auto& artifact : before.artifacts) {
    if (!is_one(artifact)) continue;
    const auto other = std::find_if(now.artifacts.begin(), now.artifacts.end(), [&](const Artifact& made) {
      return is_one(made) && made.digest == artifact.digest;
    });
    const auto file = fs::path("scores") / fs::path(artifact.path).filename();
    std::error_code ignored;
    if (other == now.artifacts.end() || !fs::exists(cache_before / file, ignored) ||
        !fs::exists(cache_now / file, ignored))
      continue;
    found.scores_equal =
        found.scores_equal.value_or(true) && sha256_of_file(cache_before / file) == sha256_of_file(cache_now / file);
  }
}

std::string text_of(const nlohmann::json& value) {
  return printable_line(value.is_string() ? value.get<std::string>() : value.is_null() ? "unknown" : value.dump());
}

// What a number may hang on.
void compare_circumstances(const Attempt& before, const Attempt& now, Repetition& found) {
  if (!before.environment.is_object() || !now.environment.is_object()) return;
  for (const char* name : {"espalier", "commit", "build", "torch", "processor", "cpu_capability", "device",
                           "device_name", "driver", "cuda", "threads"}) {
    const auto then = before.environment.value(name, nlohmann::json()),
               today = now.environment.value(name, nlohmann::json());
    if (then != today)
      found.circumstances.push_back(fmt::format("{} {}, then {}", name, text_of(today), text_of(then)));
  }
}

}  // namespace

bool Repetition::holds() const {
  return rung == Rung::Identical || (rung == Rung::Predictions && !circumstances.empty());
}

Repetition repetition_of(const store::CellRecord& before, const store::CellRecord& now, const fs::path& cache_before,
                         const fs::path& cache_now) {
  Repetition found;
  found.key = before.key;
  if (now.state != "done" || before.attempts.empty() || now.attempts.empty()) {
    found.rung = Rung::Failed;
    found.message = now.message;
    return found;
  }
  const auto &then = before.attempts.back(), &today = now.attempts.back();
  compare_circumstances(then, today, found);
  compare_scores(then, today, cache_before, cache_now, found);
  const auto points = std::min(then.points.size(), today.points.size());
  for (std::size_t i = 0; i < points; ++i) compare(then.points[i], today.points[i], found);
  if (then.points.size() != today.points.size())
    found.masks_equal = found.predictions_equal = found.metrics_equal = false;
  found.rung = !found.masks_equal                                           ? Rung::Different
               : !found.predictions_equal                                   ? Rung::Mask
               : !found.metrics_equal || !found.scores_equal.value_or(true) ? Rung::Predictions
                                                                            : Rung::Identical;
  if (found.rung == Rung::Identical) return found;
  // Whoever computed what was read from the cache may have had other threads.
  for (const auto& [stage, was_read] : then.timing.value_or(Timing()).cached) {
    if (was_read && stage != "base_model" && stage != "proof")
      found.circumstances.push_back(stage + " computed again, then read from the cache");
  }
  return found;
}

std::string in_words(const Repetition& found) {
  const auto is = [](bool equal) { return equal ? "equal" : "DIFFERENT"; };
  std::string text = fmt::format("{}  {}", found.key.substr(0, 12), to_string(found.rung));
  if (found.rung == Rung::Failed) return text + ": " + printable(found.message);
  text += fmt::format(": scores {}, masks {}, predictions {}, metrics {}",
                      found.scores_equal ? is(*found.scores_equal) : "not compared", is(found.masks_equal),
                      is(found.predictions_equal), is(found.metrics_equal));
  if (!found.of_metric.empty())
    text += fmt::format(" (at most by {:.3g}, {})", found.largest_difference, found.of_metric);
  for (const auto& circumstance : found.circumstances) text += "\n    " + circumstance;
  return text;
}

nlohmann::json to_json(const Repetition& found) {
  return {{"key", found.key},
          {"rung", to_string(found.rung)},
          {"holds", found.holds()},
          {"scores_equal", found.scores_equal ? nlohmann::json(*found.scores_equal) : nlohmann::json()},
          {"masks_equal", found.masks_equal},
          {"predictions_equal", found.predictions_equal},
          {"metrics_equal", found.metrics_equal},
          {"largest_difference",
           std::isfinite(found.largest_difference) ? nlohmann::json(found.largest_difference) : nlohmann::json()},
          {"metric", found.of_metric},
          {"circumstances", found.circumstances},
          {"message", found.message}};
}

}  // namespace espalier::report
