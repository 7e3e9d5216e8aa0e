#include "slurm_options.h"

#include <espalier/error.h>
#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <string_view>
#include <system_error>
#include <vector>

#include "cells/device.h"
#include "runner/shards/submit.h"
#include "words/printable.h"

namespace espalier::runner {
namespace {

constexpr std::int64_t minute = 60, hour = 60 * minute, day = 24 * hour;

// Numbers between colons; nullopt: something else is there. Six digits are 600 days in minutes.
std::optional<std::vector<std::int64_t>> numbers_of(std::string_view text) {
  constexpr std::size_t most_digits = 6;
  std::vector<std::int64_t> numbers;
  while (true) {
    const auto end = std::min(text.find(':'), text.size());
    const auto digits = text.substr(0, end);
    if (digits.empty() || digits.size() > most_digits || digits.find_first_not_of("0123456789") != digits.npos)
      return std::nullopt;
    numbers.push_back(std::stoll(std::string(digits)));
    if (end == text.size()) return numbers;
    text.remove_prefix(end + 1);
  }
}

std::string in_one_line(const std::string& text) { return "'" + printable_line(text) + "'"; }

bool has_control(const std::string& text) { return !is_printable_line(text); }

std::string mistake_of_time(const std::string& text) {
  const auto seconds = slurm_seconds(text);
  if (!seconds) {
    return fmt::format(
        "--time {}: expected a time as Slurm writes it: minutes, minutes:seconds, hours:minutes:seconds, days-hours, "
        "days-hours:minutes or days-hours:minutes:seconds\n    as in 30, 4:00:00 or 1-12; 0 is no limit",
        in_one_line(text));
  }
  if (*seconds == 0 || *seconds > told_before_the_end_seconds) return {};
  return fmt::format(
      "--time {}: expected more than {} minutes, as a task is told so long before its end to stop\n    minutes alone "
      "are minutes: 4 hours are 4:00:00 or 240",
      in_one_line(text), told_before_the_end_seconds / minute);
}

std::string mistake_of_partition(const std::string& text) {
  if (text.find(' ') == std::string::npos && !has_control(text)) return {};
  return fmt::format("--partition {}: expected a name without blanks; 'sinfo' lists those of this cluster",
                     in_one_line(text));
}

std::string mistake_of_directive(const std::string& text) {
  if (text.starts_with('-') && !has_control(text)) return {};
  return fmt::format("--sbatch {}: expected one option of sbatch on one line, as in --sbatch=--account=physics",
                     in_one_line(text));
}

std::string mistake_of_devices(const std::string& text) {
  try {
    devices_from(text);
    return {};
  } catch (const Error& error) {
    return error.what();
  }
}

std::string mistake_of_folder(const std::filesystem::path& folder) {
  std::error_code failed;
  if (folder.empty() || !std::filesystem::exists(folder / "plan.db", failed)) return {};
  return fmt::format("--folder {}: holds the plan of another submission\n    name a folder that is not there yet",
                     folder.string());
}

}  // namespace

std::optional<std::int64_t> slurm_seconds(const std::string& text) {
  constexpr std::size_t most_after_days = 3;
  const auto dash = text.find('-');
  const auto numbers = numbers_of(dash == std::string::npos ? text : text.substr(dash + 1));
  if (!numbers || numbers->size() > most_after_days) return std::nullopt;
  const auto& given = *numbers;
  if (dash != std::string::npos) {
    const auto days = numbers_of(text.substr(0, dash));
    if (!days || days->size() != 1) return std::nullopt;
    constexpr std::int64_t units[] = {hour, minute, 1};
    std::int64_t seconds = days->front() * day;
    for (std::size_t i = 0; i < given.size(); ++i) seconds += given[i] * units[i];
    return seconds;
  }
  switch (given.size()) {
    case 1: return given[0] * minute;
    case 2: return given[0] * minute + given[1];
    default: return given[0] * hour + given[1] * minute + given[2];
  }
}

void refuse_mistakes(const SubmitOptions& options) {
  std::vector<std::string> mistakes;
  const auto add = [&](std::string mistake) {
    if (!mistake.empty()) mistakes.push_back(std::move(mistake));
  };
  if (!options.time.empty()) add(mistake_of_time(options.time));
  add(mistake_of_partition(options.partition));
  add(mistake_of_devices(options.devices));
  for (const auto& line : options.directives) add(mistake_of_directive(line));
  add(mistake_of_folder(options.folder));
  if (mistakes.empty()) return;
  std::string text;
  for (const auto& mistake : mistakes) text += (text.empty() ? "" : "\n") + mistake;
  throw SettingsError(text);
}

}  // namespace espalier::runner
