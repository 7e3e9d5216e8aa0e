// espalier train: an ordinary checkpoint with its head and labels, from a checkpoint and a labelled table.
#include <espalier/error.h>
#include <fmt/format.h>

#include <cstdio>
#include <filesystem>
#include <nlohmann/json.hpp>

#include "cells/families.h"
#include "cells/fields.h"
#include "cells/metrics.h"
#include "commands.h"
#include "engine/base_model.h"
#include "engine/training.h"
#include "families/families.h"
#include "input.h"
#include "nn/arithmetic.h"
#include "nn/device.h"
#include "output.h"
#include "words/atomic_file.h"
#include "words/names.h"
#include "words/plugin_description.h"

namespace espalier::worker {
namespace {

// The recipe's fields, declared like a plugin's settings, so that they are checked in the same words.
TrainSettings recipe_from(const std::vector<std::string>& words) {
  TrainSettings train;
  PluginDescription recipe;
  recipe.role = "recipe";
  recipe.name = "train";
  each_field(train, [&](const auto& field, const auto& value) {
    if constexpr (Worded<std::remove_cvref_t<decltype(value)>>)
      recipe.settings.push_back(
          {field.name, to_string(value), field.says, names<std::remove_cvref_t<decltype(value)>>()});
    else
      recipe.settings.push_back({field.name, value, field.says, {}});
  });
  const auto settings = complete_settings(recipe, settings_from_words(words));
  bool is_sound = true, augmentation_fits = true;
  each_field(train, [&](const auto& field, auto& value) {
    using Value = std::remove_cvref_t<decltype(value)>;
    if constexpr (Worded<Value>) {
      value = from_name<Value>(settings.get<std::string>(field.name));
    } else {
      value = settings.get<Value>(field.name);
      auto& fits = field.is_always_written() ? is_sound : augmentation_fits;
      fits = fits && field.range.holds(static_cast<double>(value));
    }
  });
  if (!augmentation_fits)
    throw SettingsError("--set: mixup, frequency_mask, time_mask, shift, noise and deviations are 0 or more");
  if (!is_sound) {
    throw SettingsError(
        "--set: a training setting is out of range\n    expected epochs and batch of 1 or more, learning_rate above 0, "
        "weight_decay and clip_norm of 0 or more, warmup from 0 to 1, seed of 0 or more");
  }
  return train;
}

std::string in_words(const tasks::Metrics& validation, Format format) {
  const auto metric = ranking_metrics_of(format).at(0);
  const auto found = validation.find(metric);
  return found == validation.end() ? "" : fmt::format(", validation {} {:.4f}", metric, found->second);
}

// An AST may be made from its config.json alone: whoever has no weights may have meant that.
void refuse_without_weights(const std::filesystem::path& model) {
  std::error_code absent;
  if (std::filesystem::exists(model / "model.safetensors", absent) ||
      !std::filesystem::exists(model / "config.json", absent)) {
    return;
  }
  const auto config = nlohmann::json::parse(read_file(model / "config.json"), nullptr, /*allow_exceptions=*/false);
  if (!config.is_object() || config.value("model_type", nlohmann::json()) != facts_of(Family::Ast).model_type) return;
  throw InputError((model / "model.safetensors").string() +
                   ": not found\n    to make the weights of this ast model anew, from its config.json: --set "
                   "start=scratch");
}

}  // namespace

ExitCode train(const TrainWords& words, const nn::Device& device) {
  const auto recipe = recipe_from(words.set);
  const auto type = from_name<ComputeType>(words.compute);
  if (nn::for_gradients(type) != type) {
    throw SettingsError("--compute " + words.compute +
                        " trains nothing\n    use bfloat16, which has the range of float32");
  }
  check_checkpoint_folder(words.output,
                          {{"--model", words.model}, {"--data", words.data.file}, {"--validation", words.validation}},
                          words.overwrite);
  auto dataset = dataset_from_words(words.data, "train");
  if (!words.validation.empty()) dataset.split["validation"] = words.validation;
  auto family = Family::Ast;  // the one whose weights are made from scratch
  if (recipe.start == TrainingStart::Checkpoint) {
    refuse_without_weights(words.model);
    const auto model = families::read_model(words.model);
    say_skipped(*model, words.model);
    family = from_name<Family>(model->family());
    tasks::require_format(words.model, model->family(), dataset.format);
    if (!facts_of(family).trains) {
      throw InputError(words.model + ": a " + facts_of(family).title +
                       " model is used as its checkpoint is\n    train fine-tunes " +
                       families_that(&FamilyFacts::trains) + " only");
    }
  }
  DigestMemory digests(cache_folder());
  const auto task = tasks::make_task(dataset, words.model, {}, digests, cache_folder(), watch(), nullptr, device);
  const auto start =
      engine::start_of({"", family, words.model, recipe}, task->labels(), recipe.seed, watch(), device.place);
  TrainingReport report;
  const nn::ComputeGuard compute(type, device.place, nn::ComputeGuard::Purpose::Gradients);
  const auto trained =
      engine::fine_tune(*start, *task, recipe, engine::seed_for("training", recipe.seed), report, watch());
  make_folder(words.output);  // not before there is something to keep
  trained->save(words.output);
  // What an earlier pruning left there is of another model.
  std::error_code ignored;
  std::filesystem::remove(std::filesystem::path(words.output) / "mask.safetensors", ignored);
  engine::copy_companions(words.model, words.output);
  const auto& best = report.epochs[static_cast<std::size_t>(report.best_epoch - 1)];
  std::printf("%s\n", fmt::format("{}: {} examples, {} classes, {} steps in {:.0f} s; epoch {} kept{}", words.output,
                                  task->split("train").examples->size(), task->labels().size(), report.steps,
                                  report.seconds, report.best_epoch,
                                  best.validation.empty() ? std::string(" (the last: no validation split was given)")
                                                          : in_words(best.validation, dataset.format))
                          .c_str());
  return ExitCode::Done;
}

}  // namespace espalier::worker
