// Shards as files in the folder that they are carried to: whose they are stands in their names, so that a glance at the
// folder says how far a submission is.
//
//   shard-3-of-8-1f0c9a6be2d4.HOST-PID-TICKS.db              task 3 of 8 of that plan has come to its end
//   shard-3-of-8-1f0c9a6be2d4.HOST-PID-TICKS.unfinished.db   what it had done when it last carried something home
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "store/shards/shard.h"

namespace espalier::runner {

// "3/8". Throws SettingsError for anything else, or where 3 is not in 1 to 8.
store::Share share_from(const std::string& text);

struct ShardFile {
  std::filesystem::path path;
  store::Share share;
  std::string plan;  // first letters of the plan's digest
  bool is_finished = false;
};

std::string short_digest_of(const std::filesystem::path& plan);
std::filesystem::path shard_path(const std::filesystem::path& home, const store::Share& share, const std::string& plan,
                                 const std::string& worker, bool is_finished);
std::optional<ShardFile> shard_file(const std::filesystem::path& path);   // nullopt: no shard's name
std::vector<ShardFile> shard_files(const std::filesystem::path& folder);  // by task, then by name

// What was submitted for a database, and how much of it came home.
struct Submission {
  std::filesystem::path folder;
  std::string experiment, plan, array_job, merge_job;
  std::int64_t tasks = 0, cells = 0;
  std::int64_t finished = 0;    // tasks that came to their end
  std::int64_t unfinished = 0;  // that brought home what they had done so far
  std::int64_t merged = 0;      // of both, those whose shards are in the database as they are now
  std::int64_t out() const { return tasks - finished - unfinished; }
};

// Folders beside the database, results/demo.submit, results/demo.submit-2, ... by name.
std::vector<Submission> submissions_of(const std::filesystem::path& database);
std::string submissions_text(const std::vector<Submission>& submissions);

constexpr const char* submission_record = "submission.json";

}  // namespace espalier::runner
