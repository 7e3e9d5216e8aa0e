#include "report/cell_page.h"

#include <espalier/error.h>
#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "durations.h"
#include "escaping.h"

namespace espalier::report {
namespace {

using nlohmann::json;

// The database may be anyone's: what is missing or of another type is left out, never assumed.
const json& at(const json& object, const std::string& name) {
  static const json nothing;
  if (!object.is_object()) return nothing;
  const auto found = object.find(name);
  return found == object.end() ? nothing : *found;
}

std::string value_text(const json& value) {
  if (value.is_null()) return "-";
  if (value.is_string()) return printable(value.get<std::string>());
  if (value.is_number_float()) return fmt::format("{:.6g}", value.get<double>());
  return printable(value.dump(-1, ' ', false, json::error_handler_t::replace));
}

double number(const json& value) { return value.is_number() ? value.get<double>() : 0; }

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
  if (!value.is_object()) return value_text(value);
  std::string text;
  for (const auto& [name, inner] : value.items()) {
    if (inner.is_null() || (inner.is_string() && inner.get<std::string>().empty()) ||
        (inner.is_object() && inner.empty()))
      continue;
    text += (text.empty() ? "" : ", ") + printable(name) + " ";
    text += inner.is_object() ? fmt::format("{{{}}}", compact(inner)) : value_text(inner);
  }
  return text;
}

std::string settings_text(const json& settings) {
  std::string text = "settings\n";
  if (!settings.is_object()) return "";
  for (const auto& [name, value] : settings.items()) text += field(2, printable(name), compact(value));
  return text;
}

std::string share(const json& part, const json& whole) {
  if (!part.is_number() || !whole.is_number()) return "";
  const double of = number(whole);
  return fmt::format("{} of {}{}", value_text(part), value_text(whole),
                     of > 0 ? fmt::format(" ({:.1f} %)", 100 * number(part) / of) : "");
}

std::string proof_text(const json& point) {
  const auto& passed = at(point, "proof_passed");
  const auto& proof = at(point, "proof");
  if (passed.is_null()) return "";
  std::string text = number(passed) == 1 ? "passed" : "FAILED";
  if (proof.is_object()) {
    text += fmt::format(": masked and compacted differ by {} at most, spread {}, tolerance {}",
                        value_text(at(proof, "largest_difference")), value_text(at(proof, "spread")),
                        value_text(at(proof, "tolerance")));
    const auto& sites = at(proof, "sites");
    if (sites.is_array()) {
      const auto answered =
          std::count_if(sites.begin(), sites.end(), [](const json& site) { return at(site, "answered") == true; });
      text += fmt::format("; {} of {} masked sites answered", answered, sites.size());
    }
    const auto& failure = at(proof, "failure");
    if (failure.is_string() && !failure.get<std::string>().empty()) text += "; " + value_text(failure);
  }
  return text;
}

// What a search left: its work, its notes, and how it went, the last steps of it.
std::string search_text(const json& search) {
  if (!search.is_object()) return "";
  std::string text;
  if (at(search, "evaluations").is_number()) {
    text += field(6, "search",
                  fmt::format("{} masks evaluated: {} computed, {} known before, {} stopped early; {} examples",
                              value_text(at(search, "evaluations")), value_text(at(search, "computed")),
                              value_text(at(search, "known")), value_text(at(search, "stopped")),
                              share(at(search, "examples"), at(search, "examples_asked"))));
  }
  for (const auto& training : at(search, "trainings")) {
    text += field(
        6, "training",
        fmt::format(
            "{} steps in {}{}", value_text(at(training, "steps")), duration_text(number(at(training, "seconds"))),
            at(training, "divergence").is_string() ? ", diverged: " + value_text(at(training, "divergence")) : ""));
  }
  const auto& notes = at(search, "notes");
  if (notes.is_object()) {
    for (const auto& [name, value] : notes.items()) text += field(8, printable(name), value_text(value));
  }
  const auto& trajectory = at(search, "trajectory");
  if (!trajectory.is_array() || trajectory.empty()) return text;
  constexpr std::size_t shown = 10;
  const auto first = trajectory.size() > shown ? trajectory.size() - shown : 0;
  text += field(6, "trajectory",
                first == 0 ? fmt::format("{} steps", trajectory.size())
                           : fmt::format("{} steps, the last {} (all with --json)", trajectory.size(), shown));
  for (auto i = first; i < trajectory.size(); ++i) text += "        " + compact(trajectory[i]) + "\n";
  return text;
}

std::string point_text(const json& point) {
  std::string text =
      fmt::format("    point {} at step {}\n", value_text(at(point, "kind")), value_text(at(point, "step")));
  text += field(6, "sparsity",
                fmt::format("{}achieved {}",
                            at(point, "requested_sparsity").is_null()
                                ? ""
                                : "requested " + value_text(at(point, "requested_sparsity")) + ", ",
                            value_text(at(point, "achieved_sparsity"))));
  std::string measured = compact(at(point, "metrics"));
  if (measured != "-" && !measured.empty()) {
    measured += fmt::format(" (on {}, {} {})", value_text(at(point, "split")), value_text(at(point, "examples")),
                            at(point, "examples") == 1 ? "example" : "examples");
  }
  text += field(6, "metrics", measured);
  const auto& dense = at(point, "parameters_dense");
  text += field(6, "masked", share(at(point, "parameters_masked"), dense));
  text += field(6, "removed", share(at(point, "parameters_removed"), dense));
  text += field(6, "parameters left", value_text(at(point, "parameters_total")));
  text += field(6, "multiply-adds done", share(at(point, "multiply_adds_done"), at(point, "multiply_adds_dense")));
  if (const auto& operations = at(at(point, "details"), "operations"); operations.is_object()) {
    text += field(
        6, "operations",
        fmt::format("{} FLOPs, {} multiply-adds in closed form, {} tokens",
                    share(at(operations, "flops"), at(operations, "flops_dense")),
                    share(at(operations, "macs"), at(operations, "macs_dense")), value_text(at(operations, "tokens"))));
  }
  text += search_text(at(at(point, "details"), "search"));
  text += field(6, "proof", proof_text(point));
  text += field(6, "mask", value_text(at(point, "mask_digest")));
  text += field(6, "predictions", value_text(at(point, "predictions_digest")));
  for (const auto& latency : at(point, "latency")) {
    text += field(
        6, "latency",
        fmt::format(
            "batch {}, length {}: dense {} ms, pruned {} ms, ratio {} ({} to {}): {}; {} repeats, {} threads, {}",
            value_text(at(latency, "batch")), value_text(at(latency, "length")),
            value_text(at(latency, "dense_milliseconds")), value_text(at(latency, "pruned_milliseconds")),
            value_text(at(latency, "ratio")), value_text(at(latency, "ratio_low")),
            value_text(at(latency, "ratio_high")), value_text(at(latency, "verdict")),
            value_text(at(latency, "repeats")), value_text(at(latency, "threads")), value_text(at(latency, "device"))));
  }
  return text;
}

std::string timing_text(const json& timing) {
  std::string text;
  const auto& seconds = at(timing, "seconds");
  if (seconds.is_object()) {
    for (const auto& [stage, value] : seconds.items()) {
      text += (text.empty() ? "" : ", ") + printable(stage) + " " + duration_text(number(value));
      if (at(at(timing, "cached"), stage) == true) text += " (cached)";
    }
  }
  return text;
}

std::string attempt_text(const json& attempt) {
  std::string text =
      fmt::format("  attempt {}: {}", value_text(at(attempt, "number")), value_text(at(attempt, "outcome")));
  if (at(attempt, "seconds").is_number()) text += " in " + duration_text(number(at(attempt, "seconds")));
  text += "\n";
  text += field(4, "worker", value_text(at(attempt, "worker")));
  text += field(4, "started", value_text(at(attempt, "started")));
  text += field(4, "ended", value_text(at(attempt, "ended")));
  const auto& message = at(attempt, "message");
  if (message.is_string() && !message.get<std::string>().empty())
    text += "    message\n" + indented(message.get<std::string>(), 6);
  text += field(4, "seconds by stage", timing_text(at(attempt, "timing")));
  const auto& memory = at(at(attempt, "timing"), "peak_memory_bytes");
  if (memory.is_number()) text += field(4, "peak memory", fmt::format("{:.0f} MiB", number(memory) / (1024 * 1024)));
  for (const auto& point : at(attempt, "points")) text += point_text(point);
  for (const auto& artifact : at(attempt, "artifacts")) {
    text += field(4, "artifact",
                  value_text(at(artifact, "kind")) + " " + value_text(at(artifact, "path")) + "\n" +
                      std::string(25, ' ') + "digest " + value_text(at(artifact, "digest")));
  }
  for (const auto& plugin : at(attempt, "plugins")) {
    text +=
        field(4, "plugin",
              fmt::format("{} {} {}, file digest {}", value_text(at(plugin, "role")), value_text(at(plugin, "name")),
                          value_text(at(plugin, "version")), value_text(at(plugin, "file_digest"))));
  }
  const auto& environment = at(attempt, "environment");
  if (environment.is_object()) {
    text += "    environment\n";
    for (const auto& [name, value] : environment.items()) text += field(6, printable(name), value_text(value));
  }
  return text;
}

}  // namespace

std::string cell_page(const std::string& shown) {
  const auto cell = json::parse(shown, nullptr, false);
  if (!cell.is_object()) throw StoreError("what the database holds of the cell cannot be read");
  std::string text = "cell " + value_text(at(cell, "key")) + "\n";
  text += field(0, "state", value_text(at(cell, "state")));
  const auto& message = at(cell, "message");
  if (message.is_string() && !message.get<std::string>().empty())
    text += "message\n" + indented(message.get<std::string>(), 2);
  std::string experiments;
  for (const auto& name : at(cell, "experiments")) experiments += (experiments.empty() ? "" : ", ") + value_text(name);
  text += field(0, "experiments", experiments);
  text +=
      field(0, "attempts", value_text(at(cell, "attempts").is_array() ? json(at(cell, "attempts").size()) : json()));
  text += settings_text(at(cell, "settings"));
  text += "attempts\n";
  for (const auto& attempt : at(cell, "attempts")) text += attempt_text(attempt);
  return text;
}

}  // namespace espalier::report
