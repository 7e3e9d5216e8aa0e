// espalier bench: how quickly masks of a checkpoint are evaluated on some data, in every way that there is.
#include <ATen/Parallel.h>
#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <cmath>
#include <cstdio>
#include <memory>
#include <nlohmann/json.hpp>

#include "commands.h"
#include "input.h"
#include "measure/ladder.h"
#include "measure/peak.h"
#include "nn/arithmetic.h"

namespace espalier::worker {
namespace {

struct BenchWords {
  std::string model;
  DataWords data;
  std::int64_t masks = 16;
  double seconds = 5;
  bool json = false;
};

nlohmann::ordered_json answer_of(const MaskSet& set, const Climb& climbed, std::int64_t examples, const Peak& peak) {
  const auto masks = static_cast<double>(set.masks.size());
  auto ways = nlohmann::ordered_json::array();
  const auto plain = static_cast<double>(climbed.rungs.front().multiply_adds);
  for (const auto& rung : climbed.rungs) {
    auto& way = ways.emplace_back();
    way = {{"way", rung.name},
           {"seconds", rung.seconds},
           {"masks_a_second", masks / rung.seconds},
           {"example_masks_a_second", masks * static_cast<double>(examples) / rung.seconds},
           {"ratio_to_plain", rung.ratio.ratio},
           {"ratio_low", rung.ratio.low},  // not a number, and null, without two rounds there and back
           {"ratio_high", rung.ratio.high}};
    if (rung.multiply_adds == 0) continue;
    const auto done = static_cast<double>(rung.multiply_adds);
    way["multiply_adds"] = rung.multiply_adds;
    way["share_of_plain_multiply_adds"] = done / plain;
    way["share_of_peak"] = done / rung.seconds / peak.multiply_adds_a_second;
  }
  return {{"masks", set.name},
          {"count", set.masks.size()},
          {"rounds", climbed.rounds},
          {"ways", std::move(ways)},
          {"largest_difference", climbed.agreement.difference},
          {"predictions", climbed.agreement.predictions},
          {"predictions_within_rounding", climbed.agreement.rounded_apart}};
}

// In percent; "-" where a way does not count its work.
std::string share_text(const nlohmann::ordered_json& way, const char* name) {
  return way.contains(name) ? fmt::format("{:.1f} %", 100 * way[name].get<double>()) : "-";
}

// "-" where there is none.
std::string interval_text(const nlohmann::ordered_json& way) {
  const double low = way["ratio_low"].get<double>(), high = way["ratio_high"].get<double>();
  return std::isfinite(low) ? fmt::format("{:.2f} to {:.2f}", low, high) : "-";
}

std::string agreement_text(const nlohmann::ordered_json& set) {
  const auto apart = set["predictions_within_rounding"].get<std::int64_t>();
  const auto all = set["predictions"].get<std::int64_t>();
  return fmt::format("answers agree to {:.1g}; {}", set["largest_difference"].get<double>(),
                     apart == 0 ? fmt::format("all {} predictions are those of plain", all)
                                : fmt::format("{} of {} predictions lie within that of another class", apart, all));
}

void print(const nlohmann::ordered_json& answer, const std::vector<Rung>& rungs) {
  const auto threads = answer["threads"].get<int>();
  std::printf("%s\n",
              fmt::format("{} on {}: {} examples, device {}, {}\na product of {} x {} matrices in "
                          "float32 does {:.1f} G multiply-adds/s at best",
                          answer["model"].get<std::string>(), answer["data"].get<std::string>(),
                          answer["examples"].get<std::int64_t>(), answer["device"].get<std::string>(),
                          threads == 1 ? "1 thread" : fmt::format("{} threads", threads),
                          answer["peak"]["size"].get<std::int64_t>(), answer["peak"]["size"].get<std::int64_t>(),
                          answer["peak"]["multiply_adds_a_second"].get<double>() / 1e9)
                  .c_str());
  for (const auto& set : answer["sets"]) {
    std::printf("\n%s\n", fmt::format("{} masks of {}, {} rounds\n  {:<10}{:>10}{:>17}{:>12}{:>18}{:>10}{:>11}",
                                      set["count"].get<std::size_t>(), set["masks"].get<std::string>(),
                                      set["rounds"].get<std::int64_t>(), "", "masks/s", "example-masks/s", "to plain",
                                      "99 % interval", "work", "of peak")
                              .c_str());
    for (const auto& way : set["ways"]) {
      std::printf("%s\n",
                  fmt::format("  {:<10}{:>10.4g}{:>17.0f}{:>11.2f}x{:>18}{:>10}{:>11}", way["way"].get<std::string>(),
                              way["masks_a_second"].get<double>(), way["example_masks_a_second"].get<double>(),
                              way["ratio_to_plain"].get<double>(), interval_text(way),
                              share_text(way, "share_of_plain_multiply_adds"), share_text(way, "share_of_peak"))
                      .c_str());
    }
    std::printf("  %s\n", agreement_text(set).c_str());
  }
  std::puts("");
  for (const auto& rung : rungs) std::printf("%s\n", fmt::format("  {:<10}{}", rung.name, rung.says).c_str());
}

ExitCode bench(const BenchWords& words, const nn::Device& device) {
  auto subject = read_subject(words.model, device);
  add_data(subject, words.model, words.data, device, "there is nothing to evaluate\n    espalier train makes one");
  const nn::ComputeGuard arithmetic(ComputeType::Float32, device.place);
  const auto peak = measured_peak(device);
  const auto rungs = rungs_of(subject, watch());
  const auto examples = subject.split->examples->size();
  nlohmann::ordered_json answer = {
      {"model", words.model},
      {"data", words.data.file},
      {"examples", examples},
      {"device", device.text()},
      {"threads", at::get_num_threads()},
      {"peak", {{"multiply_adds_a_second", peak.multiply_adds_a_second}, {"size", peak.size}}}};
  auto sets = nlohmann::ordered_json::array();
  for (const auto& set : mask_sets(subject.model->sites(), words.masks))
    sets.push_back(answer_of(set, climb(rungs, set, words.seconds, *subject.task, watch()), examples, peak));
  answer["sets"] = std::move(sets);
  if (words.json)
    std::puts(answer.dump(2).c_str());
  else
    print(answer, rungs);
  return ExitCode::Done;
}

}  // namespace

Deed add_bench(CLI::App& app) {
  const auto words = std::make_shared<BenchWords>();
  app.add_option("--model", words->model, "A Hugging Face directory")->required()->type_name("DIR");
  words->data.split = to_string(SplitName::Validation);  // as searches have it
  add_data_options(app, words->data, true);
  app.add_option("--masks", words->masks, "How many masks of each set")
      ->check(CLI::PositiveNumber)
      ->capture_default_str();
  app.add_option("--seconds", words->seconds, "About how long each way is measured for each set, three rounds at least")
      ->check(CLI::PositiveNumber)
      ->capture_default_str();
  app.add_flag("--json", words->json, "For machines");
  return [words](const Given& given) { return bench(*words, *given.device); };
}

}  // namespace espalier::worker
