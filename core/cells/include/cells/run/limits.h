// What an attempt at a cell may cost, and how often it is made. No part of a cell: a slower machine asks the same question,
// so a key says nothing of it.
#pragma once

#include <cstdint>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>

#include "cells/fields.h"

namespace espalier {

// As an experiment file has it.
struct LimitSettings {
  std::string cell_timeout, cell_memory;  // empty: no limit
  std::int64_t attempts = 2;
};

template <typename Visit>
void each_field_of(const LimitSettings*, const Visit& visit) {
  using Of = LimitSettings;
  visit(field("cell_timeout", &Of::cell_timeout, "an attempt that takes longer fails: \"90s\", \"10min\", \"2h\""));
  visit(field("cell_memory", &Of::cell_memory,
              "an attempt whose process takes more is ended, and made again at half the batch: \"8GiB\""));
  visit(field("attempts", &Of::attempts, "made of a cell whose process dies").at_least(1));
}

struct CellLimits {
  std::optional<double> timeout_seconds;
  std::optional<std::int64_t> memory_bytes;  // of the process that computes
  std::int64_t attempts = 2;

  bool operator==(const CellLimits&) const = default;
};

// Throws SettingsError; `before` stands before the name of what is wrong: "--" for options.
CellLimits limits_from(const LimitSettings& settings, const std::string& before = "");

nlohmann::json to_json(const CellLimits& limits);
// What is of another form counts as absent.
CellLimits limits_from_json(const nlohmann::json& json);

// "90s", "1.5 h", "2d" or plain seconds, more than 0. `what` begins the message of the SettingsError.
double seconds_from(const std::string& text, const std::string& what);

}  // namespace espalier
