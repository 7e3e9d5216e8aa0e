// Times as Slurm writes them.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

namespace espalier::runner {

// How long before its end a task is told: it stops then, and carries home what it has.
inline constexpr std::int64_t told_before_the_end_seconds = 120;

// In the forms of sbatch --time: minutes, minutes:seconds, hours:minutes:seconds, days-hours, days-hours:minutes and
// days-hours:minutes:seconds; 0 is no limit. nullopt: it is none of them.
std::optional<std::int64_t> slurm_seconds(const std::string& text);

}  // namespace espalier::runner
