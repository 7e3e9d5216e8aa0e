#include "crate/ro_crate.h"

#include <nlohmann/json.hpp>

#include "words/version.h"

namespace espalier::bundle {
namespace {

using nlohmann::json;

constexpr const char* process_profile = "https://w3id.org/ro/wfrun/process/0.5";
constexpr const char* workflow_run_profile = "https://w3id.org/ro/wfrun/workflow/0.5";
constexpr const char* workflow_profile = "https://w3id.org/workflowhub/workflow-ro-crate/1.0";
constexpr const char* crate_specification = "https://w3id.org/ro/crate/1.1";
constexpr const char* long_ago = "1970-01-01T00:00:00Z";

json reference(const std::string& id) { return {{"@id", id}}; }

// File names of the archive are paths of this one's own making: letters that a URL holds as they are.
json file_entity(const PackedFile& file) {
  return {{"@id", file.name},
          {"@type", "File"},
          {"name", file.title},
          {"encodingFormat", file.media_type},
          {"contentSize", std::to_string(file.bytes)},
          {"sha256", file.sha256}};
}

json profile_entity(const char* id, const char* name, const char* version) {
  return {{"@id", id}, {"@type", "CreativeWork"}, {"name", name}, {"version", version}};
}

std::string run_id(std::size_t experiment) { return "#run-" + std::to_string(experiment + 1); }

json root(const BundleContents& contents, const std::vector<PackedFile>& files, const std::string& main) {
  json parts = json::array(), mentions = json::array();
  for (const auto& file : files) parts.push_back(reference(file.name));
  for (std::size_t i = 0; i < contents.summary.experiments.size(); ++i) mentions.push_back(reference(run_id(i)));
  std::string questions;
  for (const auto& experiment : contents.summary.experiments)
    questions += (questions.empty() ? "" : " ") + (experiment.question.empty() ? experiment.name : experiment.question);
  return {{"@id", "./"},
          {"@type", "Dataset"},
          {"name", "Results of " + contents.title},
          {"description", questions.empty() ? "Results of attention pruning" : questions},
          {"datePublished", contents.summary.ended.empty() ? long_ago : contents.summary.ended},
          {"license", contents.license.starts_with("https://") ? reference(contents.license)
                      : contents.license.empty()               ? json("No licence is stated.")
                                                               : json(contents.license)},
          {"conformsTo", {reference(process_profile), reference(workflow_run_profile), reference(workflow_profile)}},
          {"mainEntity", reference(main)},
          {"mentions", mentions},
          {"hasPart", parts}};
}

json run_entity(const BundleContents& contents, std::size_t index, const std::string& workflow,
                const std::string& database_name) {
  const auto& experiment = contents.summary.experiments[index];
  json run = {{"@id", run_id(index)},
              {"@type", "CreateAction"},
              {"name", "espalier run of " + experiment.name},
              {"description", std::to_string(experiment.done) + " of " + std::to_string(experiment.cells) +
                                  " cells done, " + std::to_string(experiment.failed) + " failed"},
              {"instrument", reference(workflow)},
              {"object", json::array({reference(workflow)})},
              {"result", json::array({reference(database_name)})},
              {"actionStatus", reference(experiment.done == experiment.cells ? "http://schema.org/CompletedActionStatus"
                                         : experiment.failed > 0             ? "http://schema.org/FailedActionStatus"
                                                                 : "http://schema.org/ActiveActionStatus")}};
  if (!experiment.started.empty()) run["startTime"] = experiment.started;
  if (!experiment.ended.empty()) run["endTime"] = experiment.ended;
  return run;
}

}  // namespace

json ro_crate(const BundleContents& contents, const std::string& database_name, const std::vector<PackedFile>& files) {
  const auto workflow_of = [&](std::size_t index) {
    return contents.experiments[index].file.value_or(std::string(cells_name));
  };
  const auto main = contents.experiments.empty() ? std::string(cells_name) : workflow_of(0);
  json graph = json::array();
  graph.push_back({{"@id", crate_name},
                   {"@type", "CreativeWork"},
                   {"conformsTo", {reference(crate_specification), reference(workflow_profile)}},
                   {"about", reference("./")}});
  graph.push_back(root(contents, files, main));
  graph.push_back(profile_entity(process_profile, "Process Run Crate", "0.5"));
  graph.push_back(profile_entity(workflow_run_profile, "Workflow Run Crate", "0.5"));
  graph.push_back(profile_entity(workflow_profile, "Workflow RO-Crate", "1.0"));
  graph.push_back({{"@id", "#experiment-file"},
                   {"@type", "ComputerLanguage"},
                   {"name", "Espalier experiment file (TOML)"},
                   {"url", reference("https://toml.io/")}});
  graph.push_back({{"@id", "#espalier"},
                   {"@type", "SoftwareApplication"},
                   {"name", "Espalier"},
                   {"softwareVersion", version()},
                   {"description", "Attention pruning of transformers, cell by cell, with proofs"}});
  if (contents.license.starts_with("https://"))
    graph.push_back({{"@id", contents.license}, {"@type", "CreativeWork"}, {"name", contents.license}});
  std::vector<std::string> workflows;
  for (std::size_t i = 0; i < contents.summary.experiments.size(); ++i) {
    workflows.push_back(workflow_of(i));
    graph.push_back(run_entity(contents, i, workflows.back(), database_name));
  }
  for (const auto& file : files) {
    auto entity = file_entity(file);
    if (file.name == main || std::find(workflows.begin(), workflows.end(), file.name) != workflows.end()) {
      entity["@type"] = {"File", "SoftwareSourceCode", "ComputationalWorkflow"};
      entity["programmingLanguage"] = reference("#experiment-file");
    }
    graph.push_back(std::move(entity));
  }
  // Checksums are a term of the profile of runs.
  const json context = {"https://w3id.org/ro/crate/1.1/context",
                        {{"sha256", "https://w3id.org/ro/terms/workflow-run#sha256"}}};
  return {{"@context", context}, {"@graph", graph}};
}

}  // namespace espalier::bundle
