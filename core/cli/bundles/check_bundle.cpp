// A bundle looked at again, with nothing but itself; some of its cells computed again where data and checkpoints are here.
#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <chrono>
#include <limits>
#include <memory>
#include <nlohmann/json.hpp>
#include <random>

#include "bundle/archive.h"
#include "bundle/check.h"
#include "bundles/bundles.h"
#include "cells/run/limits.h"
#include "grid/files/experiment_files.h"
#include "output.h"
#include "references/bundled_verdicts.h"
#include "report/comparing/repetition.h"
#include "report/escaping.h"
#include "report/significance/kept_answers.h"
#include "runner/rerun/rerun.h"
#include "runner/share/own_folder.h"
#include "store/result_store.h"
#include "words/digest.h"
#include "words/printable.h"
#include "words/texts/durations.h"

namespace espalier::cli {
namespace {

namespace fs = std::filesystem;
using Clock = std::chrono::steady_clock;

// What the database gives now, against what is in the archive.
bundle::BundleFinding derived(const bundle::ArchiveReader& archive, const fs::path& database) {
  bundle::BundleFinding finding{"tables", "", {}};
  const auto files = derived_files(database, store::summary_of(database));
  for (const auto& file : files) {
    if (!archive.has(file.name))
      finding.wrong.push_back("'" + file.name + "' is not there");
    else if (archive.sha256(file.name) != sha256_hex(file.content))
      finding.wrong.push_back("'" + file.name + "' is not what the database gives");
  }
  finding.sentence = fmt::format("{} tables and lists of cells were made again and are the same", files.size());
  return finding;
}

bundle::BundleFinding answers_again(const fs::path& database) {
  bundle::BundleFinding finding{"answers", "every metric is what the answers that are kept of its examples give", {}};
  for (const auto& value : report::contradicted_values(store::ResultStore(database, store::Mode::ReadOnly), ""))
    finding.wrong.push_back(
        fmt::format("cell {}: {}", printable_line(value.key.substr(0, report::key_letters)), report::in_words(value)));
  return finding;
}

// In an order that the seed decides, the same on every machine.
std::vector<std::string> shuffled(std::vector<std::string> keys, std::uint64_t seed) {
  std::mt19937_64 random(seed);
  for (std::size_t i = keys.size(); i > 1; --i) std::swap(keys[i - 1], keys[random() % i]);
  return keys;
}

std::vector<std::string> done_keys(const store::ResultStore& store) {
  const auto cells = store.cells("");
  const auto place = [&](const char* name) {
    return static_cast<std::size_t>(std::find(cells.columns.begin(), cells.columns.end(), name) -
                                    cells.columns.begin());
  };
  std::vector<std::string> keys;
  for (const auto& row : cells.rows) {
    if (row[place("state")].text == "done") keys.push_back(row[place("key")].text);
  }
  std::sort(keys.begin(), keys.end());
  keys.erase(std::unique(keys.begin(), keys.end()), keys.end());
  return keys;
}

void note_absent(const nlohmann::json& path, std::vector<std::string>& absent) {
  std::error_code failed;
  if (path.is_string() && !path.get<std::string>().empty() && !fs::exists(path.get<std::string>(), failed))
    absent.push_back(path.get<std::string>());
}

// Checkpoint and splits that the settings name and that are not on this machine.
std::vector<std::string> absent_inputs(const nlohmann::json& settings) {
  std::vector<std::string> absent;
  if (!settings.is_object()) return absent;
  if (const auto model = settings.find("model"); model != settings.end() && model->is_object())
    note_absent(model->value("checkpoint", nlohmann::json()), absent);
  if (const auto dataset = settings.find("dataset"); dataset != settings.end() && dataset->is_object()) {
    const auto splits = dataset->value("split", nlohmann::json());
    if (splits.is_object()) {
      for (const auto& split : splits) note_absent(split, absent);
    }
  }
  return absent;
}

struct RerunCell {
  std::string key;
  std::optional<report::Repetition> repetition;
  std::string why_not;  // not computed again
};

// The scores of then, for the comparison.
void unpack_scores(const bundle::ArchiveReader& archive, const store::CellRecord& cell, const fs::path& cache) {
  if (cell.attempts.empty()) return;
  for (const auto& artifact : cell.attempts.back().artifacts) {
    const auto name = fs::path(artifact.path).filename().string();
    const auto entry = "cache/scores/" + name;
    if (artifact.kind != "scores" || !archive.has(entry)) continue;
    fs::create_directories(cache / "scores");
    archive.unpack(entry, cache / "scores" / name);
  }
}

std::vector<RerunCell> rerun_some(const bundle::ArchiveReader& archive, const fs::path& database, const fs::path& cache,
                                  const CheckBundleArguments& arguments, bool& interrupted) {
  const double limit = arguments.time_limit.empty() ? std::numeric_limits<double>::infinity()
                                                    : seconds_from(arguments.time_limit, "--time-limit");
  const store::ResultStore store(database, store::Mode::ReadOnly);
  runner::RerunOptions options;
  options.database = database;
  options.plugins = arguments.plugins;
  const auto began = Clock::now();
  std::optional<runner::Reruns> reruns;
  std::vector<RerunCell> cells;
  for (const auto& key : shuffled(done_keys(store), arguments.seed)) {
    if (static_cast<int>(cells.size()) == arguments.reruns || interrupted) break;
    auto& cell = cells.emplace_back();
    cell.key = key;
    const auto record = store.read(key);
    const double left = limit - std::chrono::duration<double>(Clock::now() - began).count();
    if (record.seconds.value_or(0) > left) {
      cell.why_not = fmt::format("took {} then, and of --time-limit {} are left",
                                 duration_text(record.seconds.value_or(0)), duration_text(std::max(left, 0.0)));
      continue;
    }
    for (const auto& path : absent_inputs(record.settings))
      cell.why_not += fmt::format("{}'{}' is not on this machine", cell.why_not.empty() ? "" : "; ", path);
    if (!cell.why_not.empty()) continue;
    unpack_scores(archive, record, cache);
    if (!reruns) reruns.emplace(options);
    const auto rerun = reruns->rerun(key);
    interrupted = rerun.interrupted;
    if (interrupted)
      cell.why_not = "was interrupted";
    else
      cell.repetition = report::repetition_of(rerun.before, rerun.now, cache, rerun.cache_now);
  }
  return cells;
}

void print_findings(const bundle::BundleCheck& check) {
  for (const auto& finding : check.findings) {
    print(fmt::format("{:<12} {}  {}\n", finding.subject, finding.wrong.empty() ? "holds" : "WRONG",
                      finding.wrong.empty() ? finding.sentence : fmt::format("{} found", finding.wrong.size())));
    for (const auto& wrong : finding.wrong) print("    " + wrong + "\n");
  }
  if (!check.missing.empty())
    print(
        fmt::format("{:<12} {} files that the database names were not there when it was made; bundle.json lists them\n",
                    "missing", check.missing.size()));
}

nlohmann::json as_json(const RerunCell& cell) {
  if (cell.repetition) return report::to_json(*cell.repetition);
  return {{"key", cell.key}, {"not_computed", cell.why_not}};
}

ExitCode verdict(bool holds, bool interrupted, const std::vector<RerunCell>& cells) {
  if (!holds) return ExitCode::NegativeVerdict;
  if (interrupted) return ExitCode::Interrupted;
  // Asked for, and not one could be computed: nothing was shown by it.
  const bool shown = cells.empty() || std::any_of(cells.begin(), cells.end(),
                                                  [](const auto& cell) { return cell.repetition.has_value(); });
  return shown ? ExitCode::Done : ExitCode::Input;
}

}  // namespace

ExitCode check_bundle_file(const CheckBundleArguments& arguments) {
  if (!arguments.time_limit.empty()) seconds_from(arguments.time_limit, "--time-limit");
  const bundle::ArchiveReader archive(arguments.file);
  const runner::OwnFolder folder(runner::local_folder(), "check-bundle");
  auto check = bundle::check_bundle(archive, folder.path(), grid::digest_of_texts);
  check.findings.push_back(derived(archive, check.database));
  check.findings.push_back(answers_again(check.database));
  if (archive.has("verdicts.json")) check.findings.push_back(verdicts_again(archive, check.database, folder.path()));
  if (!arguments.json) print_findings(check);
  bool interrupted = false, holds = check.holds();
  std::vector<RerunCell> cells;
  if (arguments.reruns > 0 && holds)
    cells = rerun_some(archive, check.database, folder.path() / "cache", arguments, interrupted);
  auto reruns = nlohmann::json::array();
  for (const auto& cell : cells) {
    if (cell.repetition) holds = holds && cell.repetition->holds();
    reruns.push_back(as_json(cell));
    if (arguments.json) continue;
    print(cell.repetition ? report::in_words(*cell.repetition) + "\n"
                          : fmt::format("{}: not computed again: {}\n", cell.key.substr(0, 12), cell.why_not));
  }
  if (arguments.json) {
    auto findings = nlohmann::json::array(), missing = nlohmann::json::array();
    for (const auto& finding : check.findings) findings.push_back(bundle::to_json(finding));
    for (const auto& one : check.missing) missing.push_back({{"kind", one.kind}, {"name", one.name}, {"why", one.why}});
    print_json({{"bundle", arguments.file},
                {"sha256", sha256_of_file(arguments.file)},
                {"findings", findings},
                {"missing", missing},
                {"reruns", reruns},
                {"holds", holds}});
  } else {
    print(holds ? "the bundle holds what it says\n" : "the bundle does NOT hold what it says\n");
  }
  return verdict(holds, interrupted, cells);
}

Deed add_check_bundle(CLI::App& app) {
  const auto arguments = std::make_shared<CheckBundleArguments>();
  app.add_option("FILE", arguments->file, "What 'espalier bundle' wrote")->required()->type_name("");
  app.add_option("--rerun", arguments->reruns, "Compute so many of its cells again, drawn at random, and compare")
      ->check(CLI::Range(1, 1'000'000).description(""))
      ->type_name("N");
  app.add_option("--time-limit", arguments->time_limit,
                 "Begin no cell that took longer then than what is left of it, as in 10min")
      ->type_name("TIME");
  app.add_option("--seed", arguments->seed, "Which cells are drawn; default 0")->type_name("N");
  app.add_option("--plugins", arguments->plugins, "A plugin file, or a folder of them; may be repeated")
      ->type_name("PATH")
      ->allow_extra_args(false);
  app.add_flag("--json", arguments->json, "Print JSON");
  app.footer(
      "Without a network: names and sizes before anything is unpacked, checksums, the database's soundness, masks "
      "against\n"
      "what cells recorded, experiment files, tables made again. To compute cells again, checkpoints and data must be "
      "where\n"
      "the cells' settings name them; what is not there is said. Exit code 1 where something does not hold, 5 for what "
      "is no\n"
      "bundle and where none of the cells asked for could be computed.\n"
      "Example: espalier check-bundle demo.zip --rerun 3 --time-limit 10min --seed 1");
  return [arguments] { return check_bundle_file(*arguments); };
}

}  // namespace espalier::cli
