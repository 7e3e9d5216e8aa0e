// espalier train: an ordinary checkpoint with its head and labels, from a checkpoint and a labelled table.
#include <fmt/format.h>

#include <cstdio>
#include <nlohmann/json.hpp>

#include "commands.h"
#include "engine/base_model.h"
#include "engine/training.h"
#include "input.h"
#include "words/atomic_file.h"
#include "words/names.h"
#include "words/plugin_description.h"

namespace espalier::worker {
namespace {

// The recipe's keys, declared like a plugin's settings, so that they are checked in the same words.
TrainSettings recipe_from(const std::vector<std::string>& words) {
  const TrainSettings defaults;
  PluginDescription recipe;
  recipe.role = "recipe";
  recipe.name = "train";
  recipe.settings = {{"epochs", defaults.epochs, "passes over the train split", {}},
                     {"batch", defaults.batch, "examples a step", {}},
                     {"learning_rate", defaults.learning_rate, "peak learning rate", {}},
                     {"weight_decay", defaults.weight_decay, "of weights, not of biases and layer norms", {}},
                     {"warmup", defaults.warmup, "share of the steps", {}},
                     {"clip_norm", defaults.clip_norm, "largest norm of the gradient; 0: none", {}},
                     {"seed", defaults.seed, "of head, order and dropout", {}}};
  const auto settings = complete_settings(recipe, settings_from_words(words));
  TrainSettings train;
  train.epochs = settings.get<std::int64_t>("epochs");
  train.batch = settings.get<std::int64_t>("batch");
  train.learning_rate = settings.get<double>("learning_rate");
  train.weight_decay = settings.get<double>("weight_decay");
  train.warmup = settings.get<double>("warmup");
  train.clip_norm = settings.get<double>("clip_norm");
  train.seed = settings.get<std::int64_t>("seed");
  if (train.epochs < 1 || train.batch < 1 || !(train.learning_rate > 0) || !(train.weight_decay >= 0) ||
      !(train.warmup >= 0 && train.warmup <= 1) || !(train.clip_norm >= 0) || train.seed < 0) {
    throw SettingsError(
        "--set: a training setting is out of range\n    expected epochs and batch of 1 or more, learning_rate above 0, "
        "weight_decay and clip_norm of 0 or more, warmup from 0 to 1, seed of 0 or more");
  }
  return train;
}

}  // namespace

ExitCode train(const TrainWords& words) {
  const auto recipe = recipe_from(words.set);
  auto dataset = dataset_from_words(words.data, "train");
  if (!words.validation.empty()) dataset.split["validation"] = words.validation;
  const auto start = nn::read_model(words.model);
  say_skipped(*start, words.model);
  make_folder(words.output);
  DigestMemory digests(cache_folder());
  engine::TextTask task(dataset, words.model, {}, digests);
  const auto headed = start->with_head(task.labels(), engine::seed_for("head", recipe.seed));
  engine::TrainingReport report;
  const auto trained =
      engine::fine_tune(*headed, task, recipe, engine::seed_for("training", recipe.seed), report, say, interrupted);
  trained->save(words.output);
  engine::copy_companions(words.model, words.output);
  const auto& best = report.epochs[static_cast<std::size_t>(report.best_epoch - 1)];
  std::printf("%s\n", fmt::format("{}: {} examples, {} classes, {} steps in {:.0f} s; epoch {} kept{}", words.output,
                                  task.split("train").examples.size(), task.labels().size(), report.steps,
                                  report.seconds, report.best_epoch,
                                  best.validation.empty()
                                      ? std::string(" (the last: no validation split was given)")
                                      : fmt::format(", validation accuracy {:.4f}", best.validation.at("accuracy")))
                          .c_str());
  return ExitCode::Done;
}

}  // namespace espalier::worker
