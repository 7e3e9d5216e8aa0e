#include "runner/shards/shard_files.h"

#include <espalier/error.h>
#include <fmt/format.h>
#include <sys/stat.h>

#include <algorithm>
#include <charconv>
#include <map>
#include <nlohmann/json.hpp>
#include <set>
#include <tuple>

#include "words/atomic_file.h"
#include "words/digest.h"
#include "words/printable.h"

namespace espalier::runner {
namespace {

namespace fs = std::filesystem;

constexpr std::int64_t most_tasks = 1'000'000;
constexpr const char* unfinished = ".unfinished";

std::optional<std::int64_t> number_from(std::string_view text) {
  std::int64_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc() || end != text.data() + text.size() || number < 1 || number > most_tasks)
    return std::nullopt;
  return number;
}

std::optional<store::Share> share_of(std::string_view text, std::string_view between) {
  const auto cut = text.find(between);
  if (cut == std::string_view::npos) return std::nullopt;
  const auto index = number_from(text.substr(0, cut)), count = number_from(text.substr(cut + between.size()));
  if (!index || !count || *index > *count) return std::nullopt;
  return store::Share{*index, *count};
}

// Seconds since 1970, of a file's content.
double changed(const fs::path& path) {
  struct stat status {};
  if (::stat(path.c_str(), &status) != 0) return 0;
  return static_cast<double>(status.st_mtim.tv_sec) + static_cast<double>(status.st_mtim.tv_nsec) / 1e9;
}

std::map<std::string, double> merged_into(const fs::path& database) {
  std::map<std::string, double> merged;
  std::error_code absent;
  if (!fs::exists(database, absent)) return merged;
  for (const auto& record : store::shards_brought_home(database)) merged[record.file] = record.merged;
  return merged;
}

std::optional<Submission> read_submission(const fs::path& folder) {
  std::error_code absent;
  if (!fs::is_regular_file(folder / submission_record, absent)) return std::nullopt;
  const auto json = nlohmann::json::parse(read_file(folder / submission_record), nullptr, /*allow_exceptions=*/false);
  if (!json.is_object()) return std::nullopt;
  const auto text = [&](const char* name) {
    const auto found = json.find(name);
    return found != json.end() && found->is_string() ? printable(found->get<std::string>()) : std::string();
  };
  const auto number = [&](const char* name) {
    const auto found = json.find(name);
    return found != json.end() && found->is_number_integer() ? found->get<std::int64_t>() : 0;
  };
  Submission submission{folder, text("experiment"), text("plan"), text("array_job"), text("merge_job")};
  submission.tasks = number("tasks");
  submission.cells = number("cells");
  return submission;
}

void count_home(Submission& submission, const std::map<std::string, double>& merged) {
  struct Task {
    bool is_finished = false, is_merged = true;
  };
  std::map<std::int64_t, Task> tasks;
  for (const auto& file : shard_files(submission.folder / "shards")) {
    if (file.plan != submission.plan || file.share.count != submission.tasks) continue;
    auto& task = tasks[file.share.index];
    task.is_finished = task.is_finished || file.is_finished;
    const auto known = merged.find(file.path.filename().string());
    task.is_merged = task.is_merged && known != merged.end() && known->second >= changed(file.path);
  }
  for (const auto& [index, task] : tasks) {
    ++(task.is_finished ? submission.finished : submission.unfinished);
    submission.merged += task.is_merged ? 1 : 0;
  }
}

}  // namespace

store::Share share_from(const std::string& text) {
  if (const auto share = share_of(text, "/")) return *share;
  throw SettingsError(
      fmt::format("--shard {}: expected I/N, the task's number and how many there are, as in 3/8, with I "
                  "from 1 to N",
                  text));
}

std::string short_digest_of(const fs::path& plan) {
  constexpr std::size_t letters = 12;
  try {
    return sha256_of_file(plan).substr(0, letters);
  } catch (const InputError& error) {
    throw StoreError(std::string(error.what()) + "\n    'espalier submit FILE --dry-run' makes a plan");
  }
}

fs::path shard_path(const fs::path& home, const store::Share& share, const std::string& plan, const std::string& worker,
                    bool is_finished) {
  auto by = worker;
  std::replace(by.begin(), by.end(), ':', '-');
  return home /
         fmt::format("shard-{}-of-{}-{}.{}{}.db", share.index, share.count, plan, by, is_finished ? "" : unfinished);
}

std::optional<ShardFile> shard_file(const fs::path& path) {
  constexpr std::string_view begin = "shard-", end = ".db";
  const auto name = path.filename().string();
  if (!name.starts_with(begin) || !name.ends_with(end)) return std::nullopt;
  const auto dot = name.find('.');
  const auto of = std::string_view(name).substr(begin.size(), dot - begin.size());
  const auto cut = of.rfind('-');
  if (cut == std::string_view::npos) return std::nullopt;
  const auto share = share_of(of.substr(0, cut), "-of-");
  if (!share) return std::nullopt;
  const bool is_finished = !std::string_view(name).substr(0, name.size() - end.size()).ends_with(unfinished);
  return ShardFile{path, *share, std::string(of.substr(cut + 1)), is_finished};
}

std::vector<ShardFile> shard_files(const fs::path& folder) {
  std::vector<ShardFile> files;
  std::error_code failed;
  for (const auto& entry : fs::directory_iterator(folder, failed)) {
    if (auto file = shard_file(entry.path())) files.push_back(std::move(*file));
  }
  std::sort(files.begin(), files.end(), [](const ShardFile& one, const ShardFile& other) {
    return std::tie(one.share.index, one.path) < std::tie(other.share.index, other.path);
  });
  return files;
}

std::vector<Submission> submissions_of(const fs::path& database) {
  std::vector<Submission> found;
  const auto begin = database.stem().string() + ".submit";
  std::set<fs::path> folders;
  std::error_code failed;
  for (const auto& entry : fs::directory_iterator(database.has_parent_path() ? database.parent_path() : ".", failed)) {
    const auto name = entry.path().filename().string();
    if (name == begin || name.starts_with(begin + "-")) folders.insert(entry.path());
  }
  if (folders.empty()) return found;
  const auto merged = merged_into(database);
  for (const auto& folder : folders) {
    auto submission = read_submission(folder);
    if (!submission) continue;
    count_home(*submission, merged);
    found.push_back(std::move(*submission));
  }
  return found;
}

std::string submissions_text(const std::vector<Submission>& submissions) {
  std::string text;
  for (const auto& submission : submissions) {
    text += fmt::format("{}: {} of {} {} home with all their cells, {} with some, {} still out; {} merged{}\n",
                        submission.folder.string(), submission.finished, submission.tasks,
                        submission.tasks == 1 ? "task is" : "tasks are", submission.unfinished, submission.out(),
                        submission.merged,
                        submission.array_job.empty() ? "" : fmt::format(" (job {})", submission.array_job));
  }
  return text;
}

}  // namespace espalier::runner
