// The batch script that Slurm is given.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>

#include "runner/shards/submit.h"

namespace espalier::runner {

// Where everything is, with whole paths: a job may start anywhere.
struct ScriptPlaces {
  std::filesystem::path program, working_folder, plan, database, folder;
};

// Both jobs are this one script: with a task's number it computes that task's shard, without one it merges all of them.
std::string batch_script(const SubmitOptions& options, const ScriptPlaces& places, const std::string& name,
                         std::int64_t tasks);

}  // namespace espalier::runner
