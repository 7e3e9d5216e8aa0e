// What was measured here against what a paper printed.
#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <set>

#include "bundles/bundles.h"
#include "experiment_file.h"
#include "output.h"
#include "own_points.h"
#include "published/verdicts.h"
#include "references.h"
#include "report/significance/kept_answers.h"
#include "store/result_store.h"
#include "words/names.h"
#include "words/printable.h"

namespace espalier::cli {
namespace {

std::map<std::string, std::string> names_from(const std::vector<std::string>& pairs, const char* option) {
  std::map<std::string, std::string> names;
  for (const auto& pair : pairs) {
    const auto equals = pair.find('=');
    if (equals == std::string::npos || equals == 0 || equals + 1 == pair.size())
      throw SettingsError(
          fmt::format("{} '{}', expected THEIRS=OURS, as in {} ast=ast-small", option, printable_line(pair), option));
    names[pair.substr(0, equals)] = pair.substr(equals + 1);
  }
  return names;
}

published::VerdictRequest request_from(const VerifyArguments& arguments) {
  published::VerdictRequest request;
  request.models = names_from(arguments.models, "--model");
  request.datasets = names_from(arguments.datasets, "--dataset");
  if (arguments.tolerance >= 0) request.tolerance = arguments.tolerance;
  request.distance = arguments.distance;
  return request;
}

// Of the names that the user gave, those that this table has; what no table has is a mistake.
published::VerdictRequest request_for(const published::PublishedTable& table, const published::VerdictRequest& request,
                                      std::set<std::string>& used) {
  std::set<std::string> models, datasets;
  for (const auto& cell : table.cells) {
    models.insert(cell.model);
    datasets.insert(cell.dataset);
    if (!cell.language.empty()) datasets.insert(cell.dataset + "/" + cell.language);
  }
  auto own = request;
  std::erase_if(own.models, [&](const auto& pair) { return !models.contains(pair.first); });
  std::erase_if(own.datasets, [&](const auto& pair) { return !datasets.contains(pair.first); });
  for (const auto& [name, ours] : own.models) used.insert(name);
  for (const auto& [name, ours] : own.datasets) used.insert(name);
  return own;
}

void check_used(const published::VerdictRequest& request, const std::set<std::string>& used) {
  for (const auto* names : {&request.models, &request.datasets}) {
    for (const auto& [name, ours] : *names) {
      if (!used.contains(name))
        throw SettingsError(fmt::format(
            "no published table has a model or data set '{}'\n    run: espalier published NAME", printable_line(name)));
    }
  }
}

bool says_something(const published::TableVerdicts& verdicts) {
  return std::any_of(verdicts.cells.begin(), verdicts.cells.end(),
                     [](const auto& cell) { return cell.verdict != "missing"; });
}

// With what the verdicts were asked with, so that a bundle that holds them can ask again.
nlohmann::json document_of(const published::PublishedTable& table, const published::TableVerdicts& verdicts,
                           const published::VerdictRequest& request, const std::string& experiment) {
  auto document = published::as_json(table, verdicts);
  document["request"] = published::as_json(request);
  document["request"]["experiment"] = experiment;
  return document;
}

struct JudgedReference {
  published::PublishedTable table;
  published::TableVerdicts verdicts;
};

JudgedReference judge_one(const Source& source, const store::ResultStore& store, const std::string& reference,
                          const published::VerdictRequest& request) {
  auto table = published::read_table(published::table_file(reference));
  OwnNeeds needs;
  needs.see(table);
  const auto points = own_points(source.database, store, source.experiment, needs);
  auto verdicts = published::judge(table, points, request, answers_of(store, source.experiment));
  return {std::move(table), std::move(verdicts)};
}

// A metric that is not what the answers beside it give was changed since, or is of another evaluation.
void add_contradicted(const store::ResultStore& store, const std::string& experiment, published::Forensics& forensics) {
  for (const auto& value : report::contradicted_values(store, experiment)) {
    forensics.findings.push_back({"answers", value.key, fmt::format("{:.6g}", value.recorded),
                                  fmt::format("{:.6g}", value.again), report::in_words(value)});
  }
}

// Every table that ships in one start; at length only those that something was found for.
ExitCode verify_all(const Source& source, const store::ResultStore& store, const VerifyArguments& arguments,
                    const published::VerdictRequest& request) {
  std::vector<published::PublishedTable> tables;
  OwnNeeds needs;
  std::set<std::string> used;
  for (const auto& [name, file] : published::shipped_tables()) {
    tables.push_back(published::read_table(file));
    needs.see(tables.back());
    request_for(tables.back(), request, used);
  }
  check_used(request, used);
  const auto points = own_points(source.database, store, source.experiment, needs);
  const auto answers = answers_of(store, source.experiment);
  auto documents = nlohmann::json::array();
  std::map<std::string, std::int64_t> summary;
  std::string text, short_lines;
  std::size_t cells = 0;
  bool negative = false;
  for (const auto& table : tables) {
    const auto own = request_for(table, request, used);
    const auto verdicts = published::judge(table, points, own, answers);
    negative = negative || verdicts.is_negative();
    cells += table.cells.size();
    for (const auto& [verdict, count] : verdicts.summary()) summary[verdict] += count;
    if (arguments.json)
      documents.push_back(document_of(table, verdicts, own, source.experiment));
    else if (says_something(verdicts))
      text += (arguments.format == "markdown" ? published::as_markdown(table, verdicts)
                                              : published::as_text(table, verdicts)) +
              "\n";
    else
      short_lines += fmt::format("{}: {} published cells, all missing\n", table.file, table.cells.size());
  }
  std::vector<std::string> counts;
  for (const auto& [verdict, count] : summary) {
    if (count > 0) counts.push_back(fmt::format("{} {}", count, verdict));
  }
  if (arguments.json)
    print_json({{"references", documents}, {"summary", summary}});
  else
    print(text + short_lines + fmt::format("{} tables, {} published cells: {}\n", tables.size(), cells, join(counts)));
  return negative ? ExitCode::NegativeVerdict : ExitCode::Done;
}

}  // namespace

JudgedTable judged_table(const VerifyArguments& arguments) {
  const auto source = source_of(arguments.database);
  const store::ResultStore store(source.database, store::Mode::ReadOnly);
  const auto request = request_from(arguments);
  const auto judged = judge_one(source, store, arguments.reference, request);
  constexpr auto replace = nlohmann::json::error_handler_t::replace;
  const auto document = document_of(judged.table, judged.verdicts, request, source.experiment);
  return {judged.table.file, document.dump(-1, ' ', false, replace)};
}

ExitCode verify(const VerifyArguments& arguments) {
  if (arguments.database.file.ends_with(".zip")) {
    if (!arguments.reference.empty()) {
      throw SettingsError(fmt::format(
          "verify {}: a bundle holds the tables that it was made with, and takes no reference\n    found {}\n    "
          "leave it out, or give the database",
          printable_line(arguments.database.file), printable_line(arguments.reference)));
    }
    return check_bundle_file({arguments.database.file, arguments.reruns, arguments.time_limit, arguments.seed,
                              arguments.database.plugins, arguments.json});
  }
  if (arguments.reruns != 0 || !arguments.time_limit.empty())
    throw SettingsError(
        "verify: --rerun and --time-limit are of a bundle (.zip); 'espalier rerun DB KEY' is of a database");
  if (arguments.format != "terminal" && arguments.format != "markdown")
    throw SettingsError(unknown_name("format", printable_line(arguments.format), {"terminal", "markdown"}));
  const auto request = request_from(arguments);
  const auto source = source_of(arguments.database);
  const store::ResultStore store(source.database, store::Mode::ReadOnly);
  if (arguments.reference == "all") return verify_all(source, store, arguments, request);
  if (arguments.reference.empty()) {
    const auto points = own_points(source.database, store, source.experiment, {});
    auto forensics = published::check_own(points);
    add_contradicted(store, source.experiment, forensics);
    if (arguments.json)
      print_json({{"forensics", published::as_json(forensics)}});
    else
      print(published::as_text(forensics, source.database.string()));
    return forensics.findings.empty() ? ExitCode::Done : ExitCode::NegativeVerdict;
  }
  const auto [table, verdicts] = judge_one(source, store, arguments.reference, request);
  if (arguments.json) {
    print_json(document_of(table, verdicts, request, source.experiment));
  } else {
    print(arguments.format == "markdown" ? published::as_markdown(table, verdicts)
                                         : published::as_text(table, verdicts));
  }
  return verdicts.is_negative() ? ExitCode::NegativeVerdict : ExitCode::Done;
}

}  // namespace espalier::cli
