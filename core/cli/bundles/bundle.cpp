// A database with all that is needed to believe and to repeat it, as one archive.
#include "bundle/bundle.h"

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <memory>
#include <nlohmann/json.hpp>
#include <set>

#include "bundles/bundles.h"
#include "experiment_file.h"
#include "grid/files/experiment_files.h"
#include "output.h"
#include "runner/share/own_folder.h"
#include "store/result_store.h"
#include "store/shards/shard.h"
#include "words/atomic_file.h"
#include "words/cache/byte_count.h"
#include "words/cache/entry.h"
#include "words/digest.h"

namespace espalier::cli {
namespace {

namespace fs = std::filesystem;
using bundle::BundleContents;

struct FoundExperiment {
  fs::path file;
  std::vector<fs::path> included;
};

// The experiment's file, where it is the one that ran last: given by the user, or at the recorded path.
std::optional<FoundExperiment> file_of(const store::ExperimentSummary& experiment, const BundleArguments& arguments) {
  std::vector<fs::path> candidates(arguments.experiments.begin(), arguments.experiments.end());
  if (is_experiment_file(arguments.database.file)) candidates.emplace_back(arguments.database.file);
  candidates.emplace_back(experiment.file);
  std::error_code absent;
  for (const auto& candidate : candidates) {
    if (candidate.extension() != ".toml" || !fs::is_regular_file(candidate, absent)) continue;
    try {
      auto files = grid::files_of_experiment(candidate);
      if (files.digest == experiment.file_digest) return FoundExperiment{candidate, std::move(files.included)};
    } catch (const SettingsError&) {  // no experiment file any more: not the one that ran
    }
  }
  return std::nullopt;
}

// Where files lie to each other, so that they find each other in the archive too: below the folder that holds all of them.
std::vector<fs::path> below_one_folder(const FoundExperiment& found) {
  std::vector<fs::path> files = {fs::absolute(found.file).lexically_normal()};
  for (const auto& file : found.included) files.push_back(fs::absolute(file).lexically_normal());
  auto folder = files.front().parent_path();
  const auto leads_out = [&](const fs::path& file) { return *file.lexically_relative(folder).begin() == ".."; };
  while (std::any_of(files.begin(), files.end(), leads_out)) folder = folder.parent_path();
  for (auto& file : files) file = file.lexically_relative(folder);
  return files;
}

// One part after the other as plain_name makes it.
std::string plain_path(const fs::path& path) {
  std::string name;
  for (const auto& part : path) name += (name.empty() ? "" : "/") + bundle::plain_name(part.string());
  return name;
}

void add_experiments(BundleContents& contents, const BundleArguments& arguments) {
  for (std::size_t i = 0; i < contents.summary.experiments.size(); ++i) {
    const auto& experiment = contents.summary.experiments[i];
    auto& bundled = contents.experiments.emplace_back();
    const auto found = file_of(experiment, arguments);
    if (!found) {
      contents.missing.push_back(
          {"experiment", experiment.file,
           "is not here, or not as it was when it ran last; its cells' settings are in cells.jsonl"});
      continue;
    }
    const auto places = below_one_folder(*found);
    for (std::size_t file = 0; file < places.size(); ++file) {
      const auto name = fmt::format("experiments/{}/{}", i + 1, plain_path(places[file]));
      const auto title = file == 0 ? "The experiment " + experiment.name : "Definitions of " + experiment.name;
      contents.files.push_back(
          {name, title, "application/toml", read_file(file == 0 ? found->file : found->included[file - 1])});
      if (file == 0)
        bundled.file = name;
      else
        bundled.included.push_back(name);
    }
  }
}

void add_given(BundleContents& contents, const BundleArguments& arguments) {
  std::set<std::string> names;
  for (const auto& reference : arguments.references) {
    auto name = "references/" + bundle::plain_name(fs::path(reference).filename().string());
    if (!names.insert(name).second)
      throw SettingsError("--reference is given twice for a file called '" + fs::path(reference).filename().string() +
                          "'");
    contents.files.push_back({name, "A published table to compare with", "application/toml", read_file(reference)});
  }
  if (arguments.verdicts.empty()) return;
  auto text = read_file(arguments.verdicts);
  if (!nlohmann::json::accept(text))
    throw InputError(arguments.verdicts + ": holds no JSON, expected what 'espalier verify --json' prints");
  contents.files.push_back(
      {"verdicts.json", "Published against found, cell by cell", "application/json", std::move(text)});
}

// The name that the cache gave: nothing else of what a database says is believed to be a file of ours.
bool is_cache_name(const std::string& name) {
  constexpr std::size_t digest_letters = 64;
  return name.size() > digest_letters && name.substr(digest_letters) == ".safetensors" &&
         name.substr(0, digest_letters).find_first_not_of("0123456789abcdef") == std::string::npos;
}

// The entry where it is whole, in this machine's cache or where it was recorded; else why not.
std::optional<fs::path> cached(const std::string& folder, const fs::path& recorded, std::string& why) {
  const auto name = recorded.filename().string();
  if (!is_cache_name(name)) {
    why = "has no name of the cache's";
    return std::nullopt;
  }
  std::vector<fs::path> places = {cache_folder() / folder / name};
  if (recorded.parent_path().filename() == folder) places.push_back(recorded);
  std::error_code absent;
  why = "is not in the cache any more";
  for (const auto& place : places) {
    if (!fs::is_regular_file(fs::symlink_status(place, absent))) continue;
    why = CachedEntry(place).damage();
    if (why.empty()) return place;
  }
  return std::nullopt;
}

void add_cached(BundleContents& contents, const fs::path& database) {
  std::set<std::string> names;
  for (const auto& artifact : store::ResultStore(database, store::Mode::ReadOnly).artifacts()) {
    const bool is_mask = artifact.kind == "mask";
    if (!is_mask && artifact.kind != "scores") continue;
    const std::string folder = is_mask ? "masks" : "scores";
    const auto file = fs::path(artifact.path).filename().string();
    if (!names.insert(folder + "/" + file).second) continue;
    std::string why;
    const auto place = cached(folder, artifact.path, why);
    if (place)
      contents.files.push_back({"cache/" + folder + "/" + file, is_mask ? "A mask" : "Scores of units",
                                "application/octet-stream", "", *place});
    else
      contents.missing.push_back({artifact.kind, file, why});
  }
}

}  // namespace

ExitCode bundle_results(const BundleArguments& arguments) {
  const auto source = source_of(arguments.database);
  std::vector<fs::path> read = {source.database, arguments.database.file, arguments.verdicts};
  read.insert(read.end(), arguments.references.begin(), arguments.references.end());
  read.insert(read.end(), arguments.experiments.begin(), arguments.experiments.end());
  refuse_to_write_over("-o", arguments.output, read);
  const runner::OwnFolder folder(runner::local_folder(), "bundle");
  BundleContents contents;
  contents.title = source.database.stem().string();
  contents.license = arguments.license;
  contents.database = folder.path() / "bundle.db";
  store::carry_home(source.database, contents.database, "");  // one moment of it, also while a run writes
  contents.summary = store::summary_of(contents.database);
  add_experiments(contents, arguments);
  add_given(contents, arguments);
  for (auto& file : derived_files(contents.database, contents.summary)) contents.files.push_back(std::move(file));
  add_cached(contents, contents.database);
  const auto written = bundle::write_bundle(contents, arguments.output);
  auto missing = nlohmann::json::array();
  for (const auto& one : contents.missing)
    missing.push_back({{"kind", one.kind}, {"name", one.name}, {"why", one.why}});
  if (arguments.json) {
    print_json({{"file", arguments.output},
                {"bytes", written.bytes},
                {"files", written.files},
                {"sha256", written.sha256},
                {"missing", missing}});
  } else {
    print(fmt::format("{}: {} files, {}\nsha256 {}\n", arguments.output, written.files, size_text(written.bytes),
                      written.sha256));
  }
  constexpr std::size_t most_said = 5;
  for (std::size_t i = 0; i < std::min(most_said, contents.missing.size()); ++i)
    say(fmt::format("not in it: {} '{}' {}", contents.missing[i].kind, contents.missing[i].name,
                    contents.missing[i].why));
  if (contents.missing.size() > most_said)
    say(fmt::format("not in it: {} more; bundle.json lists them", contents.missing.size() - most_said));
  if (arguments.license.empty()) say("no licence of the results is stated: --license https://...");
  return ExitCode::Done;
}

Deed add_bundle(CLI::App& app) {
  const auto arguments = std::make_shared<BundleArguments>();
  add_database(app, arguments->database);
  app.add_option("-o,--output", arguments->output, "The archive to write")->required()->type_name("FILE.zip");
  app.add_option("--experiment", arguments->experiments,
                 "An experiment file, where it is not at its recorded path; may be repeated")
      ->type_name("FILE")
      ->allow_extra_args(false);
  app.add_option("--reference", arguments->references, "A published table that was compared with; may be repeated")
      ->type_name("FILE")
      ->allow_extra_args(false);
  app.add_option("--verdicts", arguments->verdicts, "JSON of such a comparison")->type_name("FILE");
  app.add_option("--license", arguments->license, "Of the results: a URL, or a sentence")->type_name("TEXT");
  app.add_flag("--json", arguments->json, "Print JSON: size, SHA-256 and what is missing");
  app.footer(
      "Database, masks, scores, experiment files, tables, checksums, an appendix for readers and a description for "
      "programs\n"
      "(Workflow Run RO-Crate). Names of machines, paths and command lines in the database go with it. Base models,\n"
      "checkpoints and data stay here. The same database gives the same bytes.\n"
      "Example: espalier bundle results/demo.db -o demo.zip --license https://creativecommons.org/licenses/by/4.0/");
  return [arguments] { return bundle_results(*arguments); };
}

}  // namespace espalier::cli
