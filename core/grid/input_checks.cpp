#include "input_checks.h"

#include <espalier/error.h>
#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <set>

#include "cells/families.h"
#include "cells/formats.h"
#include "inputs/checkpoint_facts.h"
#include "inputs/table_facts.h"
#include "words/names.h"

namespace espalier::grid {
namespace {

namespace fs = std::filesystem;

bool is_there(const fs::path& path) {
  std::error_code ignored;
  return fs::exists(path, ignored);
}

class Checks {
 public:
  Checks(const fs::path& cache_folder, SplitTables& tables) : tables_(cache_folder, tables) {}

  void check(const Meeting& meeting) {
    const auto* checkpoint = checkpoint_of(*meeting.model);
    bool sound = true;
    for (Splits i = 0; i < 3; ++i) {
      if ((meeting.splits & (1U << i)) != 0) sound = is_sound(*meeting.dataset, split_names[i]) && sound;
    }
    if (!sound || checkpoint == nullptr || !checkpoint->problems.empty()) return;
    const bool trained = meeting.model->settings.train.has_value();
    if (!trained && !answers(*meeting.model, *checkpoint, meeting.dataset->settings.format)) return;
    if (facts_of(meeting.dataset->settings.format).has_classes) check_labels(meeting, *checkpoint);
    check_positions(meeting, *checkpoint);
  }

  InputFindings found;

 private:
  void complain(const std::string& problem) {
    if (said_.insert(problem).second) found.problems.push_back(problem);
  }

  // Null where files are missing, which is said elsewhere.
  const inputs::CheckpointFacts* checkpoint_of(const ModelDefinition& model) {
    const auto& settings = model.settings;
    const fs::path folder(settings.checkpoint);
    const bool from_scratch = settings.train && settings.train->start == TrainingStart::Scratch;
    if (!is_file(folder / "config.json") || (!from_scratch && !is_file(folder / "model.safetensors"))) return nullptr;
    const auto [entry, is_new] = checkpoints_.try_emplace({settings.checkpoint, settings.family, !from_scratch});
    if (is_new) {
      entry->second = inputs::checkpoint_facts(folder, settings.family, !from_scratch);
      for (const auto& problem : entry->second.problems) {
        complain(fmt::format("{}\n    the checkpoint of model '{}', {}", problem, settings.name, model.place.text()));
      }
      check_tokenizer(model);
    }
    return &entry->second;
  }

  void check_tokenizer(const ModelDefinition& model) {
    const auto& settings = model.settings;
    const auto& family = facts_of(settings.family);
    if (!family.can_read(Format::TextClassification)) return;
    const fs::path folder(settings.checkpoint);
    for (const auto& files : family.tokenizers) {
      if (std::all_of(files.begin(), files.end(), [&](const char* file) { return is_file(folder / file); })) return;
    }
    complain(fmt::format("{}: has no tokenizer: neither {}\n    the checkpoint of model '{}', {}, which reads texts",
                         folder.string(), join(family.ways_to_hold_a_tokenizer(), " nor "), settings.name,
                         model.place.text()));
  }

  bool is_sound(const DatasetDefinition& dataset, const std::string& split) {
    const auto path = dataset.settings.split.find(split);
    const auto& classes = dataset.settings.classes;
    if (path == dataset.settings.split.end() || !is_there(path->second) || (!classes.empty() && !is_there(classes))) {
      return true;  // said elsewhere
    }
    const auto& facts = tables_.of(dataset.settings, split, false);
    if (facts.problem.empty()) return true;
    complain(fmt::format("{}\n    the {} split of dataset '{}', {}", facts.problem, split, dataset.settings.name,
                         dataset.place.text()));
    return false;
  }

  // Whether a checkpoint that is used as it is has the head that the data ask for.
  bool answers(const ModelDefinition& model, const inputs::CheckpointFacts& checkpoint, Format format) {
    const auto& settings = model.settings;
    if (!facts_of(format).has_classes) return true;
    if (!checkpoint.has_head.value_or(true)) {
      complain(
          fmt::format("{}: the checkpoint of model '{}' has no classification head, and the model gives no training "
                      "recipe\n    {} holds no '{}'\n    add train = {{ epochs = 2 }} to it, or give a checkpoint "
                      "with a head (espalier train makes one)",
                      model.place.text(), settings.name, (fs::path(settings.checkpoint) / "model.safetensors").string(),
                      facts_of(settings.family).head));
      return false;
    }
    const auto& type = checkpoint.problem_type;
    const bool regression =
        type == "regression" || (format == Format::TextClassification && checkpoint.labels.size() == 1);
    if (regression || (format == Format::TextClassification && type == "multi_label_classification")) {
      complain(fmt::format("{}: the checkpoint of model '{}' is made for another task than {}\n    {} has {}",
                           model.place.text(), settings.name, to_string(format),
                           (fs::path(settings.checkpoint) / "config.json").string(),
                           type.empty() ? "one class, which is regression" : "problem_type '" + type + "'"));
      return false;
    }
    return true;
  }

  void check_labels(const Meeting& meeting, const inputs::CheckpointFacts& checkpoint) {
    const auto& dataset = meeting.dataset->settings;
    const auto& model = meeting.model->settings;
    std::vector<std::string> classes = checkpoint.labels;
    std::string whose = fmt::format("the checkpoint of model '{}'", model.name);
    if (model.train) {
      const auto train = dataset.split.find("train");
      if (train == dataset.split.end() || !is_there(train->second)) return;
      const auto& facts = tables_.of(dataset, "train", true);
      if (!facts.problem.empty()) return;
      classes.clear();
      for (const auto& label : facts.labels) classes.push_back(label.label);
      whose = fmt::format("the train split ({})", train->second);
    }
    if (classes.empty()) return;
    for (Splits i = 0; i < 3; ++i) {
      const auto given = dataset.split.find(split_names[i]);
      const bool is_read = (meeting.splits & (1U << i)) != 0 && given != dataset.split.end() && is_there(given->second);
      if (!is_read || (model.train && std::string(split_names[i]) == "train")) continue;
      const auto problem =
          inputs::unknown_labels(tables_.of(dataset, split_names[i], false), given->second, classes, whose);
      if (problem.empty()) continue;
      complain(fmt::format("{}\n    the {} split of dataset '{}', {}", problem, split_names[i], dataset.name,
                           meeting.dataset->place.text()));
    }
  }

  void check_positions(const Meeting& meeting, const inputs::CheckpointFacts& checkpoint) {
    const auto& dataset = *meeting.dataset;
    if (!dataset.max_tokens_place || !checkpoint.positions) return;
    if (dataset.settings.max_tokens <= *checkpoint.positions) return;
    auto warning = fmt::format("{}: max_tokens = {} is more than model '{}' has positions for: texts are cut to its {}",
                               dataset.max_tokens_place->text(), dataset.settings.max_tokens,
                               meeting.model->settings.name, *checkpoint.positions);
    if (said_.insert(warning).second) found.warnings.push_back(std::move(warning));
  }

  inputs::TableFactsMemory tables_;
  std::map<std::tuple<std::string, Family, bool>, inputs::CheckpointFacts> checkpoints_;
  std::set<std::string> said_;
};

}  // namespace

bool is_file(const fs::path& path) {
  std::error_code ignored;
  return fs::is_regular_file(path, ignored);
}

InputFindings check_inputs(const std::vector<Meeting>& meetings, const fs::path& cache_folder, SplitTables& tables) {
  Checks checks(cache_folder, tables);
  for (const auto& meeting : meetings) checks.check(meeting);
  return std::move(checks.found);
}

}  // namespace espalier::grid
