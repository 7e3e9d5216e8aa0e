// espalier score: what each unit of a checkpoint is worth, as a score file.
#include <fmt/format.h>

#include <chrono>
#include <cstdio>
#include <nlohmann/json.hpp>

#include "commands.h"
#include "engine/scoring.h"
#include "families/families.h"
#include "input.h"
#include "nn/mask_file.h"
#include "output.h"
#include "words/digest.h"

namespace espalier::worker {

ExitCode score(const ScoreWords& words, const nn::Device& device) {
  check_output_file("--output", words.output, {{"--model", words.model}, {"--data", words.data.file}});
  const auto catalog = open_catalog(words.plugins);
  const auto& plugin = catalog->find("scorer", words.scorer);
  const auto settings = complete_settings(plugin.description, settings_from_words(words.set));
  const auto granularity = from_name<Granularity>(words.granularity);
  const auto sites = from_name<SiteFilter>(words.sites);
  const auto compute = from_name<ComputeType>(words.compute);
  const bool reads_data = plugin.has(needs_data);
  if (reads_data && words.data.file.empty()) {
    throw SettingsError("scorer '" + words.scorer +
                        "' reads data, and none is given\n    add --data FILE --format text-classification");
  }
  const auto dataset = dataset_from_words(words.data, words.data.split);
  const auto model = families::read_model(words.model, "", device.place);
  say_skipped(*model, words.model);
  DigestMemory digests(cache_folder());
  std::unique_ptr<tasks::Task> task;
  const tasks::Split* split = nullptr;
  if (reads_data) {
    tasks::require_format(words.model, model->family(), dataset.format);
    if (model->task_kind() == nn::TaskKind::None) {
      throw InputError(
          words.model + ": has no classification head, so scorer '" + words.scorer +
          "' has no loss to look at\n    make one with espalier train, or use a scorer that needs no data");
    }
    tasks::require_head(words.model, model->labels(), dataset.format);
    task =
        tasks::make_task(dataset, words.model, model->labels(), digests, cache_folder(), watch(), model.get(), device);
    split = &task->split(words.data.split);
  }
  const auto begun = std::chrono::steady_clock::now();
  const auto values = engine::compute_scores(*catalog, {*model, *model, task.get(), split},
                                             {words.scorer, settings, granularity, sites, words.seed, compute});
  const double seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - begun).count();
  const Units units(model->sites(), granularity, sites);
  nn::write_scores(words.output, units,
                   {values,
                    {{"scorer", words.scorer},
                     {"settings", to_json(settings).dump()},
                     {"granularity", to_string(granularity)},
                     {"model_digest", digests.of_checkpoint(words.model)},
                     {"data_digest", split == nullptr ? std::string() : split->digest}}});
  std::printf("%s\n", fmt::format("{}: {} scores by {} {} for {} units of {} in {:.3f} s", words.output, units.count(),
                                  words.scorer, plugin.description.version, words.granularity, words.model, seconds)
                          .c_str());
  return ExitCode::Done;
}

}  // namespace espalier::worker
