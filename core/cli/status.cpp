#include "report/status.h"

#include <nlohmann/json.hpp>
#include <optional>

#include "commands.h"
#include "experiment_file.h"
#include "live/watch.h"
#include "output.h"
#include "runner/disk.h"
#include "runner/shards/shard_files.h"
#include "store/result_store.h"
#include "words/digest.h"
#include "words/texts/shell_word.h"

namespace espalier::cli {
namespace {

std::string ends_in_newline(std::string text) {
  if (text.empty() || text.back() != '\n') text += '\n';
  return text;
}

std::string answer(const store::Progress& progress, const report::Sizes& sizes, const report::Live& live, bool json) {
  return ends_in_newline(json ? report::status_json(progress, sizes, live)
                              : report::status_text(progress, sizes, live));
}

nlohmann::ordered_json as_json(const std::vector<runner::Submission>& submissions) {
  auto list = nlohmann::ordered_json::array();
  for (const auto& submission : submissions) {
    list.push_back({{"folder", submission.folder.string()},
                    {"array_job", submission.array_job},
                    {"tasks", submission.tasks},
                    {"cells", submission.cells},
                    {"finished", submission.finished},
                    {"unfinished", submission.unfinished},
                    {"out", submission.out()},
                    {"merged", submission.merged}});
  }
  return list;
}

// What was submitted from here stands behind what the database says.
std::string with_submissions(const std::string& answer, const std::filesystem::path& database, bool json) {
  const auto submissions = runner::submissions_of(database);
  if (submissions.empty()) return answer;
  if (!json) return answer + runner::submissions_text(submissions);
  auto document = nlohmann::ordered_json::parse(answer);
  document["submissions"] = as_json(submissions);
  return document.dump(2, ' ', false, nlohmann::ordered_json::error_handler_t::replace) + "\n";
}

// Of the experiment, or of those that the database holds.
std::vector<std::string> paused_experiments(const store::ResultStore& store, const std::string& experiment) {
  std::vector<std::string> names;
  for (const auto& known : store.experiments()) {
    if ((experiment.empty() || known.name == experiment) && store.is_paused(known.name)) names.push_back(known.name);
  }
  return names;
}

std::string with_pause(const std::string& answer, const std::vector<std::string>& paused, const std::string& database,
                       bool json) {
  if (json) {
    auto document = nlohmann::ordered_json::parse(answer);
    document["paused"] = paused;
    return document.dump(2, ' ', false, nlohmann::ordered_json::error_handler_t::replace) + "\n";
  }
  if (paused.empty()) return answer;
  return answer + "paused: no further cell is begun until: espalier resume " + shell_path(database) + "\n";
}

}  // namespace

ExitCode status(const StatusArguments& arguments) {
  const auto source = source_with_cells(arguments.database);
  std::vector<std::string> keys;
  for (const auto& cell : source.cells.value_or(std::vector<store::NewCell>())) keys.push_back(cell.key);
  report::Sizes sizes;
  for (const auto& use : runner::disk_use(source.database, cache_folder())) {
    const bool of_cache = use.what != "database" && use.what != "log";
    if (use.bytes > 0) sizes.emplace_back((of_cache ? "cache/" : "") + use.what, use.bytes);
  }
  const store::ResultStore store(source.database, store::Mode::ReadOnly);
  const bool clears = arguments.watch && !arguments.json && is_terminal(stdout);
  std::string shown;
  std::optional<WatchPause> pause;
  if (arguments.watch) pause.emplace();
  LiveLook look;
  while (true) {
    const auto progress = source.cells ? store.progress_of(source.experiment, keys) : store.progress(source.experiment);
    report::Live live;
    if (arguments.watch)
      live = look.at(store, source.experiment);
    else
      live.workers = store.workers(source.experiment);
    const auto said =
        with_pause(answer(progress, sizes, live, arguments.json), paused_experiments(store, source.experiment),
                   source.database.string(), arguments.json);
    const auto text = with_submissions(said, source.database, arguments.json);
    if (text != shown) {
      print((clears ? "\x1b[H\x1b[2J" : shown.empty() || arguments.json ? "" : "\n") + text);
      if (!finish_printing()) return ExitCode::Done;
      shown = text;
    }
    if (!arguments.watch || progress.counts.waiting - progress.counts.not_asked + progress.counts.running == 0)
      return ExitCode::Done;
    if (!store.is_at_work(source.experiment)) {
      if (!arguments.json) say("no run is at work: espalier run goes on");
      return ExitCode::Done;
    }
    if (!pause->wait(arguments.every_seconds)) return ExitCode::Done;
  }
}

}  // namespace espalier::cli
