#include "cells/run/limits.h"

#include <espalier/error.h>
#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <nlohmann/json.hpp>

#include "words/cache/byte_count.h"

namespace espalier {
namespace {

struct Unit {
  const char* name;
  double seconds;
};
constexpr Unit units[] = {{"", 1},       {"s", 1},       {"sec", 1},     {"m", 60},    {"min", 60},
                          {"h", 3600.0}, {"hour", 3600}, {"d", 86400.0}, {"ms", 0.001}};
constexpr double longest_seconds = 1e9;

}  // namespace

double seconds_from(const std::string& text, const std::string& what) {
  double number = 0;
  const auto* end = text.data() + text.size();
  const auto [rest, failure] = std::from_chars(text.data(), end, number, std::chars_format::fixed);
  const auto* unit_begin = std::find_if(rest, end, [](char letter) { return letter != ' '; });
  const std::string name(unit_begin, end);
  const auto* unit =
      std::find_if(std::begin(units), std::end(units), [&](const Unit& known) { return name == known.name; });
  const bool is_known = failure == std::errc() && unit != std::end(units);
  if (!is_known || !(number > 0) || !(number * unit->seconds <= longest_seconds)) {
    throw SettingsError(fmt::format(
        "{} is '{}', expected a time of more than 0\n    as in 90s, 10min, 1.5h, 2d or plain seconds", what, text));
  }
  return number * unit->seconds;
}

CellLimits limits_from(const LimitSettings& settings, const std::string& before) {
  const auto named = [&](std::string field) {
    if (before == "--") std::replace(field.begin(), field.end(), '_', '-');
    return before + field;
  };
  CellLimits limits;
  if (!settings.cell_timeout.empty())
    limits.timeout_seconds = seconds_from(settings.cell_timeout, named("cell_timeout"));
  if (!settings.cell_memory.empty()) {
    const auto bytes = bytes_from(settings.cell_memory, named("cell_memory"));
    if (bytes == 0) throw SettingsError(fmt::format("{} is 0, expected more\n    as in 8GiB", named("cell_memory")));
    limits.memory_bytes = static_cast<std::int64_t>(bytes);
  }
  limits.attempts = settings.attempts;
  return limits;
}

nlohmann::json to_json(const CellLimits& limits) {
  nlohmann::json json = {{"attempts", limits.attempts}};
  if (limits.timeout_seconds) json["timeout_seconds"] = *limits.timeout_seconds;
  if (limits.memory_bytes) json["memory_bytes"] = *limits.memory_bytes;
  return json;
}

CellLimits limits_from_json(const nlohmann::json& json) {
  CellLimits limits;
  if (!json.is_object()) return limits;
  const auto number = [&](const char* name) {
    const auto found = json.find(name);
    return found != json.end() && found->is_number() && found->get<double>() > 0 ? found : json.end();
  };
  if (const auto found = number("timeout_seconds"); found != json.end()) limits.timeout_seconds = found->get<double>();
  if (const auto found = number("memory_bytes"); found != json.end()) limits.memory_bytes = found->get<std::int64_t>();
  if (const auto found = number("attempts"); found != json.end()) limits.attempts = found->get<std::int64_t>();
  return limits;
}

}  // namespace espalier
