#include "report/cell_page.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>

#include "report/escaping.h"
#include "words/texts/durations.h"

namespace espalier::report {
namespace {

using nlohmann::json;

// Six digits are enough to read; what is no number is left out.
std::string text_of(double value) { return std::isfinite(value) ? fmt::format("{:.6g}", value) : "-"; }
std::string text_of(std::int64_t value) { return fmt::format("{}", value); }
std::string text_of(const std::string& text) { return printable(text); }
template <typename T>
std::string text_of(const std::optional<T>& value) {
  return value ? text_of(*value) : "-";
}
std::string or_dash(const std::string& text) { return text.empty() ? "-" : printable(text); }

// A number that a searcher said: whole ones as such.
std::string said_number(double value) {
  if (std::isfinite(value) && value == std::floor(value) && std::abs(value) < 1e15)
    return text_of(static_cast<std::int64_t>(value));
  return text_of(value);
}

std::string text_of(const json& value) {
  if (value.is_null()) return "-";
  if (value.is_string()) return printable(value.get<std::string>());
  if (value.is_number_float()) return text_of(value.get<double>());
  return printable(json_text(value));
}

std::string field(std::size_t indent, const std::string& name, const std::string& text) {
  if (text.empty() || text == "-") return "";
  return fmt::format("{}{:<20} {}\n", std::string(indent, ' '), name, text);
}

std::string indented(const std::string& text, std::size_t indent) {
  std::string out;
  for (std::size_t begin = 0; begin < text.size();) {
    const auto end = std::min(text.find('\n', begin), text.size());
    out += std::string(indent, ' ') + printable(text.substr(begin, end - begin)) + "\n";
    begin = end + 1;
  }
  return out;
}

std::string compact(const json& value) {
  if (!value.is_object()) return text_of(value);
  std::string text;
  for (const auto& [name, inner] : value.items()) {
    if (inner.is_null() || (inner.is_string() && inner.get<std::string>().empty()) ||
        (inner.is_object() && inner.empty()))
      continue;
    text += (text.empty() ? "" : ", ") + printable(name) + " ";
    text += inner.is_object() ? fmt::format("{{{}}}", compact(inner)) : text_of(inner);
  }
  return text;
}

// Names with their numbers; those that are none are left out.
template <typename Write>
std::string compact(const std::map<std::string, double>& values, const Write& write) {
  std::string text;
  for (const auto& [name, value] : values) {
    if (std::isfinite(value)) text += (text.empty() ? "" : ", ") + printable(name) + " " + write(value);
  }
  return text;
}

std::string settings_text(const json& settings) {
  std::string text = "settings\n";
  if (!settings.is_object()) return "";
  for (const auto& [name, value] : settings.items()) text += field(2, printable(name), compact(value));
  return text;
}

std::string share(std::int64_t part, std::int64_t whole) {
  return fmt::format(
      "{} of {}{}", part, whole,
      whole > 0 ? fmt::format(" ({:.1f} %)", 100 * static_cast<double>(part) / static_cast<double>(whole)) : "");
}

std::string proof_text(const Point& point) {
  if (!point.proof_passed) return "";
  std::string text = *point.proof_passed ? "passed" : "FAILED";
  if (!point.proof) return text;
  const auto& proof = *point.proof;
  const auto answered =
      std::count_if(proof.sites.begin(), proof.sites.end(), [](const SiteProof& site) { return site.answered; });
  text += fmt::format(
      ": masked and compacted differ by {} at most, spread {}, tolerance {}; {} of {} masked sites answered",
      text_of(proof.largest_difference), text_of(proof.spread), text_of(proof.tolerance), answered, proof.sites.size());
  if (!proof.failure.empty()) text += "; " + text_of(proof.failure);
  return text;
}

// How a search went, the last steps of it.
std::string trajectory_text(const std::vector<std::map<std::string, double>>& trajectory) {
  if (trajectory.empty()) return "";
  constexpr std::size_t shown = 10;
  const auto first = trajectory.size() > shown ? trajectory.size() - shown : 0;
  auto text = field(6, "trajectory",
                    first == 0 ? fmt::format("{} steps", trajectory.size())
                               : fmt::format("{} steps, the last {} (all with --json)", trajectory.size(), shown));
  for (auto i = first; i < trajectory.size(); ++i) text += "        " + compact(trajectory[i], said_number) + "\n";
  return text;
}

// What a search left: its work, its notes, and how it went.
std::string search_text(const SearchRecord& search) {
  std::string text;
  if (const auto& work = search.work) {
    text += field(6, "search",
                  fmt::format("{} masks evaluated: {} computed, {} known before, {} stopped early; {} examples",
                              work->evaluations, work->computed, work->known, work->stopped,
                              share(work->examples, work->examples_asked)));
  }
  for (const auto& training : search.trainings) {
    text += field(6, "training",
                  fmt::format("{} steps in {}{}", training.steps, duration_text(training.seconds),
                              training.divergence.empty() ? "" : ", diverged: " + text_of(training.divergence)));
  }
  for (const auto& [name, note] : search.notes) {
    text += field(8, printable(name),
                  std::holds_alternative<double>(note) ? said_number(std::get<double>(note))
                                                       : text_of(std::get<std::string>(note)));
  }
  return text + trajectory_text(search.trajectory);
}

std::string megabytes(std::int64_t bytes) { return fmt::format("{:.3f} MB", static_cast<double>(bytes) / 1e6); }

// What a pass took beside its time; empty of cells that were timed before that was measured.
std::string beside_the_time(const Latency& latency) {
  if (!latency.outliers) return {};
  std::string text = fmt::format("; {} outliers; energy of a pass: ", *latency.outliers);
  text += latency.dense_joules && latency.pruned_joules
              ? fmt::format("dense {} J, pruned {} J ({})", text_of(latency.dense_joules),
                            text_of(latency.pruned_joules), latency.energy_source)
              : "not measurable there";
  if (latency.dense_peak_bytes && latency.pruned_peak_bytes) {
    text += fmt::format("; peak memory of a pass: dense {}, pruned {}", megabytes(*latency.dense_peak_bytes),
                        megabytes(*latency.pruned_peak_bytes));
  }
  return text;
}

std::string latency_text(const Latency& latency) {
  const auto times = fmt::format(
      "batch {}, length {}: dense {} ms, pruned {} ms, ratio {} ({} to {}): {}; {} repeats, {} threads, {}",
      latency.batch, latency.length, text_of(latency.dense_milliseconds), text_of(latency.pruned_milliseconds),
      text_of(latency.ratio), text_of(latency.ratio_low), text_of(latency.ratio_high), or_dash(latency.verdict()),
      latency.repeats, text_of(latency.threads), or_dash(latency.device));
  return times + beside_the_time(latency);
}

std::string operations_text(const OperationsLeft& operations) {
  return fmt::format("{} FLOPs, {} multiply-adds in closed form, {} tokens",
                     share(operations.flops, operations.flops_dense), share(operations.macs, operations.macs_dense),
                     operations.tokens);
}

std::string point_text(const Point& point) {
  std::string text = fmt::format("    point {} at step {}\n", text_of(point.kind), point.step);
  text += field(6, "sparsity",
                fmt::format("{}achieved {}",
                            point.requested_sparsity ? "requested " + text_of(point.requested_sparsity) + ", " : "",
                            text_of(point.achieved_sparsity)));
  auto measured = compact(point.metrics, [](double value) { return text_of(value); });
  if (!measured.empty()) {
    measured += fmt::format(" (on {}, {} {})", or_dash(point.split), point.examples,
                            point.examples == 1 ? "example" : "examples");
  }
  text += field(6, "metrics", measured);
  text += field(6, "masked", share(point.parameters_masked, point.parameters_dense));
  text += field(6, "removed", share(point.parameters_removed, point.parameters_dense));
  text += field(6, "parameters left", text_of(point.parameters_total));
  text += field(6, "multiply-adds done", share(point.multiply_adds_done, point.multiply_adds_dense));
  if (point.details && point.details->operations)
    text += field(6, "operations", operations_text(*point.details->operations));
  if (point.details && point.details->search) text += search_text(*point.details->search);
  text += field(6, "proof", proof_text(point));
  text += field(6, "mask", text_of(point.mask_digest));
  text += field(6, "predictions", text_of(point.predictions_digest));
  for (const auto& latency : point.latency) text += field(6, "latency", latency_text(latency));
  return text;
}

std::string timing_text(const Timing& timing) {
  std::string text;
  for (const auto& [stage, seconds] : timing.seconds) {
    text += (text.empty() ? "" : ", ") + printable(stage) + " " + duration_text(seconds);
    if (const auto cached = timing.cached.find(stage); cached != timing.cached.end() && cached->second)
      text += " (cached)";
  }
  return text;
}

std::string attempt_text(const Attempt& attempt) {
  std::string text = fmt::format("  attempt {}: {}", attempt.number, to_string(attempt.outcome));
  if (attempt.seconds) text += " in " + duration_text(*attempt.seconds);
  text += "\n";
  text += field(4, "worker", text_of(attempt.worker));
  text += field(4, "started", text_of(attempt.started));
  text += field(4, "ended", text_of(attempt.ended));
  if (attempt.reason) text += field(4, "reason", to_string(*attempt.reason));
  if (!attempt.message.empty()) text += "    message\n" + indented(attempt.message, 6);
  if (attempt.batch_halvings > 0) {
    text += field(4, "batches",
                  fmt::format("1/{} of their size, because memory did not suffice before",
                              std::int64_t{1} << std::min<std::int64_t>(attempt.batch_halvings, 62)));
  }
  if (const auto memory = attempt.peak_memory_bytes; memory && !attempt.timing)
    text += field(4, "peak memory", fmt::format("{:.0f} MiB", static_cast<double>(*memory) / (1024 * 1024)));
  if (attempt.timing) {
    text += field(4, "seconds by stage", timing_text(*attempt.timing));
    if (const auto memory = attempt.timing->peak_memory_bytes)
      text += field(4, "peak memory", fmt::format("{:.0f} MiB", static_cast<double>(*memory) / (1024 * 1024)));
    if (const auto memory = attempt.timing->peak_device_bytes)
      text += field(4, "peak on the device", fmt::format("{:.0f} MiB", static_cast<double>(*memory) / (1024 * 1024)));
    if (const auto shortages = attempt.timing->memory_shortages; shortages > 0) {
      text += field(4, "out of memory",
                    fmt::format("{} on the device, and went on in smaller pieces",
                                shortages == 1 ? "once" : fmt::format("{} times", shortages)));
    }
  }
  for (const auto& point : attempt.points) text += point_text(point);
  for (const auto& artifact : attempt.artifacts) {
    text += field(4, "artifact",
                  text_of(artifact.kind) + " " + text_of(artifact.path) + "\n" + std::string(25, ' ') + "digest " +
                      text_of(artifact.digest));
  }
  for (const auto& plugin : attempt.plugins) {
    text += field(4, "plugin",
                  fmt::format("{} {} {}, file digest {}", text_of(plugin.role), text_of(plugin.name),
                              text_of(plugin.version), text_of(plugin.file_digest)));
  }
  if (attempt.environment.is_object()) {
    text += "    environment\n";
    for (const auto& [name, value] : attempt.environment.items()) text += field(6, printable(name), text_of(value));
  }
  return text;
}

}  // namespace

std::string cell_page(const store::CellRecord& cell) {
  std::string text = "cell " + text_of(cell.key) + "\n";
  text += field(0, "state", text_of(cell.state));
  if (!cell.message.empty()) text += "message\n" + indented(cell.message, 2);
  std::string experiments;
  for (const auto& name : cell.experiments) experiments += (experiments.empty() ? "" : ", ") + text_of(name);
  text += field(0, "experiments", experiments);
  text += field(0, "attempts", text_of(static_cast<std::int64_t>(cell.attempts.size())));
  text += settings_text(cell.settings);
  text += "attempts\n";
  for (const auto& attempt : cell.attempts) text += attempt_text(attempt);
  return text;
}

}  // namespace espalier::report
