// espalier evaluate: metrics of a checkpoint, whole or under masks, on a labelled table.
#include <fmt/format.h>

#include <chrono>
#include <cstdio>
#include <nlohmann/json.hpp>

#include "class_results.h"
#include "commands.h"
#include "families/families.h"
#include "families/speech.h"
#include "input.h"
#include "nn/arithmetic.h"
#include "nn/device.h"
#include "nn/mask_file.h"
#include "nn/series/mask_series.h"
#include "output.h"
#include "tasks/speech_task.h"
#include "tasks/task.h"
#include "words/atomic_file.h"

namespace espalier::worker {
namespace {

void print(const nlohmann::json& answer, const std::string& name) {
  std::string line = name + ":";
  for (const auto& [metric, value] : answer["metrics"].items())
    line += fmt::format("  {} {:.4f}", metric, value.get<double>());
  std::printf("%s  (%lld examples, %.2f s)\n", line.c_str(), answer["examples"].get<long long>(),
              answer["seconds"].get<double>());
  std::fputs(class_results_text(answer).c_str(), stdout);
}

// One 1 or 0 an example; of speech one transcript a line.
std::string predictions(const tasks::Task& task, const tasks::Evaluation& evaluation) {
  const auto* speech = dynamic_cast<const tasks::SpeechTask*>(&task);
  if (speech == nullptr) return evaluation.outcomes + "\n";
  std::string lines;
  for (auto text : speech->transcripts(evaluation.outputs)) {
    for (auto& c : text) c = c == '\n' || c == '\r' ? ' ' : c;
    lines += text + "\n";
  }
  return lines;
}

// Throws where the model cannot answer for such data.
std::unique_ptr<nn::Model> readable_model(const EvaluateWords& words, Format format, const nn::Device& device) {
  auto model = families::read_model(words.model, "", device.place);
  say_skipped(*model, words.model);
  tasks::require_format(words.model, model->family(), format);
  if (model->task_kind() == nn::TaskKind::None) {
    throw InputError(words.model +
                     ": has no classification head, so there is nothing to evaluate\n    espalier train makes one");
  }
  tasks::require_head(words.model, model->labels(), format);
  if ((words.per_class || words.confusion) && model->labels().empty()) {
    throw SettingsError("--per-class and --confusion are of classes; " + words.model +
                        " writes text\n    its word errors are in the metrics");
  }
  return model;
}

}  // namespace

ExitCode evaluate(const EvaluateWords& words, const nn::Device& device) {
  std::vector<Source> sources = {{"--model", words.model}, {"--data", words.data.file}};
  for (const auto& mask : words.masks) sources.push_back({"--mask", mask});
  check_output_file("--predictions", words.predictions, sources);
  const auto dataset = dataset_from_words(words.data, words.data.split);
  const auto model = readable_model(words, dataset.format, device);
  DigestMemory digests(cache_folder());
  const auto task =
      tasks::make_task(dataset, words.model, model->labels(), digests, cache_folder(), watch(), model.get(), device);
  const auto& split = task->split(words.data.split);
  const auto type = from_name<ComputeType>(words.compute);
  const nn::ComputeGuard compute(type, device.place);
  const auto digest = words.masks.empty() ? std::string() : checkpoint_digest(words.model);
  auto answers = nlohmann::json::array();
  const auto keep = [&](const tasks::Evaluation& evaluation, double seconds, const std::string& mask) {
    tasks::require_numbers(evaluation, words.model + ": the model" + (mask.empty() ? "" : " under " + mask),
                           words.data.split);
    if (!words.predictions.empty()) write_file(words.predictions, predictions(*task, evaluation));
    nlohmann::json answer = {{"examples", split.examples->size()},
                             {"metrics", evaluation.metrics},
                             {"multiply_adds", evaluation.multiply_adds},
                             {"seconds", seconds}};
    if (!mask.empty()) answer["mask"] = mask;
    add_class_results(answer, words, model->labels(), evaluation, split);
    answers.push_back(answer);
  };
  // Seconds are those of making models smaller and of evaluating them.
  const auto seconds_of = [&](const auto& work) {
    nn::synchronize(device.place);
    const auto begun = std::chrono::steady_clock::now();
    work();
    nn::synchronize(device.place);
    return std::chrono::duration<double>(std::chrono::steady_clock::now() - begun).count();
  };
  std::vector<Mask> masks;
  for (const auto& file : words.masks) masks.push_back(nn::read_mask(file, model->sites(), digest));
  nn::MaskSeries series(*model, type, {}, nn::prefix_bytes(device.place, device.memory_bytes));
  const auto one = [&](const std::string& file, const auto& model_of_mask) {
    tasks::Evaluation evaluation;
    const auto seconds = seconds_of([&] { evaluation = task->evaluate(*model_of_mask(), split); });
    keep(evaluation, seconds, file);
  };
  if (words.masks.empty()) {
    one("", [&] { return &series.model(); });
  } else if (words.plain) {
    for (std::size_t i = 0; i < masks.size(); ++i) one(words.masks[i], [&] { return series.model().masked(masks[i]); });
  } else {
    // What masks have in common has no time of its own: each is given an equal share of that of all.
    std::vector<tasks::Evaluation> evaluations;
    const auto seconds = seconds_of([&] { evaluations = task->evaluate_each(series, masks, split); });
    for (std::size_t i = 0; i < masks.size(); ++i)
      keep(evaluations[i], seconds / static_cast<double>(masks.size()), words.masks[i]);
  }
  if (words.json) {
    std::puts((answers.size() == 1 ? answers[0] : answers).dump(2).c_str());
    return ExitCode::Done;
  }
  for (const auto& answer : answers) print(answer, answer.value("mask", words.model));
  return ExitCode::Done;
}

}  // namespace espalier::worker
