// espalier map: what each head of a checkpoint is worth, as a table, a picture and a score file.
#include <ATen/ops/tensor.h>
#include <espalier/error.h>
#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <cstdio>
#include <filesystem>
#include <memory>
#include <nlohmann/json.hpp>

#include "cells/metrics.h"
#include "commands.h"
#include "input.h"
#include "measure/head_grid.h"
#include "measure/head_grid_svg.h"
#include "measure/head_map.h"
#include "measure/scored.h"
#include "nn/mask_file.h"
#include "output.h"
#include "words/atomic_file.h"
#include "words/names.h"

namespace espalier::worker {
namespace {

struct MapWords : ScoreWords {
  std::string metric, svg;
  bool json = false;
};

// One number a unit, and what it says.
struct Layer {
  std::string name;   // of its matrix in JSON
  std::string title;  // of its grid
  std::vector<double> values;
};

struct MapAnswer {
  Subject subject;
  std::vector<Layer> layers;  // the first is the map, and what the score file holds
  std::map<std::string, std::string> metadata;
  nlohmann::ordered_json facts = {};    // beside matrices
  std::vector<std::string> lines = {};  // of the data, for people
  std::string work = {};                // what it took
};

std::vector<double> values_in(const at::Tensor& tensor) {
  const auto flat = tensor.contiguous();
  const auto* first = flat.const_data_ptr<double>();
  return {first, first + flat.numel()};
}

std::string metrics_line(const tasks::Metrics& metrics) {
  std::string line;
  for (const auto& [name, value] : metrics) {
    if (find_metric(name) == nullptr) continue;  // a count beside them
    line += fmt::format("{} {} {:.4f}", line.empty() ? "dense:" : ",", name, value);
  }
  return line;
}

void check(const MapWords& words) {
  const std::vector<Source> sources = {{"--model", words.model}, {"--data", words.data.file}};
  check_output_file("--output", words.output, sources);
  check_output_file("--svg", words.svg, sources);
  const auto place = [](const std::string& file) { return std::filesystem::absolute(file).lexically_normal(); };
  if (!words.svg.empty() && !words.output.empty() && place(words.svg) == place(words.output)) {
    throw SettingsError(
        fmt::format("--svg and --output name the same file: {}\n    a picture and scores are two files", words.svg));
  }
  if (words.scorer.empty() && words.data.file.empty()) {
    throw SettingsError(
        "map leaves out each head and evaluates the model, and no data is given\n    add --data FILE --format "
        "text-classification, or take a scorer's word with --scorer");
  }
  if (words.scorer.empty() && !words.set.empty())
    throw SettingsError("--set is a setting of a scorer, and none is given\n    add --scorer NAME");
  if (!words.scorer.empty() && !words.metric.empty()) {
    throw SettingsError(
        fmt::format("--metric is of leaving heads out, and --scorer {} gives scores of its own\n    "
                    "leave one of them out",
                    words.scorer));
  }
  if (!words.svg.empty() && from_name<Granularity>(words.granularity) == Granularity::SameChannel) {
    throw SettingsError(
        "--svg shows heads, and a unit of granularity same-channel is of all heads of its site\n    use another "
        "granularity, or leave --svg out");
  }
}

MapAnswer of_scorer(const MapWords& words, const nn::Device& device) {
  auto scored = scores_of(words, device);
  MapAnswer answer{std::move(scored.subject), {}, std::move(scored.metadata)};
  answer.layers.push_back(
      {"scores", fmt::format("Scores by {} {}", words.scorer, scored.scorer.version), values_in(scored.values)});
  answer.facts = {{"scorer", words.scorer}, {"seconds", scored.seconds}};
  return answer;
}

MapAnswer by_leaving_out(const MapWords& words, const nn::Device& device) {
  const auto granularity = from_name<Granularity>(words.granularity);
  const auto filter = from_name<SiteFilter>(words.sites);
  const auto compute = from_name<ComputeType>(words.compute);
  MapAnswer answer{read_subject(words.model, device), {}, {}};
  const Units units(answer.subject.model->sites(), granularity, filter);
  add_data(answer.subject, words.model, words.data, device,
           "it loses nothing without a head\n    espalier train makes one, or take a scorer that needs no data");
  auto map = leave_one_out(answer.subject, units, words.metric, compute, words.model, watch());
  const auto what = granularity == Granularity::Head ? "each head" : "each unit";
  Layer of_metric{"metric_loss", fmt::format("Loss of {} without {}", map.metric, what), std::move(map.metric_loss)};
  Layer of_loss{"loss", fmt::format("Rise of the cross-entropy without {}", what), std::move(map.loss)};
  const bool has_loss = !of_loss.values.empty();
  const std::string settings =
      nlohmann::json{{"metric", words.metric.empty() && has_loss ? "cross_entropy" : map.metric}}.dump();
  // A cross-entropy tells more heads apart than a metric, which counts examples.
  if (words.metric.empty() && has_loss) answer.layers.push_back(std::move(of_loss));
  if (map.metric != "cross_entropy" || !has_loss) answer.layers.push_back(std::move(of_metric));
  if (!words.metric.empty() && has_loss) answer.layers.push_back(std::move(of_loss));
  answer.metadata = {{"scorer", "leave-one-out"},
                     {"settings", settings},
                     {"granularity", to_string(granularity)},
                     {"model_digest", answer.subject.digests->of_checkpoint(words.model)},
                     {"data_digest", answer.subject.split->digest}};
  const auto examples = answer.subject.split->examples->size();
  const double done = static_cast<double>(map.multiply_adds) / static_cast<double>(map.plain_multiply_adds);
  answer.lines = {fmt::format("{}: {} examples", words.data.file, examples), metrics_line(map.dense.metrics)};
  answer.work = fmt::format("{} masks in {:.2f} s, {:.1f} % of the multiply-adds of as many dense evaluations",
                            units.count(), map.seconds, 100 * done);
  answer.facts = {{"data", words.data.file},
                  {"examples", examples},
                  {"dense", map.dense.metrics},
                  {"metric", map.metric},
                  {"masks", units.count()},
                  {"multiply_adds", {{"done", map.multiply_adds}, {"plain", map.plain_multiply_adds}}},
                  {"seconds", map.seconds}};
  return answer;
}

nlohmann::ordered_json units_of(const Units& units, const std::vector<Layer>& layers) {
  auto list = nlohmann::ordered_json::array();
  for (std::int64_t i = 0; i < units.count(); ++i) {
    const auto& unit = units[i];
    nlohmann::ordered_json one = {{"site", units.sites()[static_cast<std::size_t>(unit.site)].name},
                                  {"kind", to_string(unit.kind)}};
    if (unit.head >= 0) one["head"] = unit.head;
    if (unit.channel >= 0) one["channel"] = unit.channel;
    for (const auto& layer : layers) one[layer.name] = layer.values[static_cast<std::size_t>(i)];
    list.push_back(std::move(one));
  }
  return list;
}

// Of heads a matrix for each number, of narrower units a list.
nlohmann::ordered_json document_of(const MapWords& words, const MapAnswer& answer, const Units& units,
                                   const std::vector<HeadGrid>& grids) {
  nlohmann::ordered_json document = {{"model", words.model}, {"granularity", words.granularity}};
  document.update(answer.facts);
  if (units.granularity() != Granularity::Head) {
    document["units"] = units_of(units, answer.layers);
    return document;
  }
  auto heads = nlohmann::json::array();
  for (const auto& row : grids.front().values) heads.push_back(row.size());
  document["sites"] = grids.front().sites;
  document["heads"] = heads;
  for (std::size_t i = 0; i < grids.size(); ++i) document[answer.layers[i].name] = grids[i].values;
  return document;
}

void print(const MapWords& words, const MapAnswer& answer, const Units& units, const std::vector<HeadGrid>& grids) {
  std::printf("%s\n", words.model.c_str());
  for (const auto& line : answer.lines) std::printf("%s\n", line.c_str());
  if (!answer.work.empty()) std::printf("%s\n", answer.work.c_str());
  if (units.granularity() == Granularity::SameChannel)
    std::puts("\nUnits of granularity same-channel are of all heads: there is no table of heads; --json has them all.");
  for (const auto& grid : grids) std::printf("\n%s", text_of(grid).c_str());
}

ExitCode map_heads(const MapWords& words, const nn::Device& device) {
  check(words);
  const auto answer = words.scorer.empty() ? by_leaving_out(words, device) : of_scorer(words, device);
  const Units units(answer.subject.model->sites(), from_name<Granularity>(words.granularity),
                    from_name<SiteFilter>(words.sites));
  std::vector<HeadGrid> grids;
  for (const auto& layer : answer.layers) {
    if (units.granularity() == Granularity::SameChannel) break;
    const auto sums = units.granularity() == Granularity::Head
                          ? layer.title
                          : fmt::format("{}, added up by head ({} units)", layer.title, units.count());
    grids.push_back(grid_of(units, layer.values, sums));
  }
  if (!words.output.empty())
    nn::write_scores(words.output, units, {at::tensor(answer.layers.front().values, at::kDouble), answer.metadata});
  if (!words.svg.empty()) write_file(words.svg, svg_of({fmt::format("Heads of {}", words.model), answer.lines}, grids));
  if (words.json)
    std::puts(document_of(words, answer, units, grids).dump(2).c_str());
  else
    print(words, answer, units, grids);
  return ExitCode::Done;
}

}  // namespace

Deed add_map(CLI::App& app) {
  const auto words = std::make_shared<MapWords>();
  app.add_option("--model", words->model, "A Hugging Face directory")->required()->type_name("DIR");
  add_data_options(app, words->data, false);
  app.add_option("--scorer", words->scorer, "Scores of this scorer plugin, instead of leaving out each unit");
  app.add_option("--set", words->set, "A setting of the scorer")->type_name("NAME=VALUE");
  app.add_option(
      "--metric", words->metric,
      "What the score file holds the loss of; default the cross-entropy, and the format's first metric beside "
      "it in the table");
  app.add_option("--granularity", words->granularity, "head, head-channel, same-channel, q-channel, ...")
      ->capture_default_str();
  app.add_option("--sites", words->sites, "all (attention sites), encoder-self, decoder-self or decoder-cross")
      ->capture_default_str();
  app.add_option("--compute", words->compute, alternatives(names<ComputeType>()))->capture_default_str();
  app.add_option("--seed", words->seed, "For scorers that draw random numbers")->check(CLI::NonNegativeNumber);
  app.add_option("--output", words->output, "Score file to write, for espalier prune --scores")->type_name("FILE");
  app.add_option("--svg", words->svg, "Picture to write")->type_name("FILE");
  app.add_flag("--json", words->json, "For machines");
  app.add_option("--plugins", words->plugins.extra, "A plugin file, or a folder of them; may be repeated")
      ->type_name("PATH");
  return [words](const Given& given) { return map_heads(*words, *given.device); };
}

}  // namespace espalier::worker
