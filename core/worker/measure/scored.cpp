#include "measure/scored.h"

#include <espalier/error.h>

#include <chrono>
#include <nlohmann/json.hpp>

#include "engine/scoring.h"
#include "input.h"

namespace espalier::worker {

Scored scores_of(const ScoreWords& words, const nn::Device& device) {
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
  dataset_from_words(words.data, words.data.split);
  Scored scored{read_subject(words.model, device), {}, plugin.description, {}, 0};
  auto& subject = scored.subject;
  if (reads_data) {
    add_data(subject, words.model, words.data, device,
             "scorer '" + words.scorer +
                 "' has no loss to look at\n    make one with espalier train, or use a scorer that needs no data");
  }
  const auto begun = std::chrono::steady_clock::now();
  scored.values = engine::compute_scores(*catalog, {*subject.model, *subject.model, subject.task.get(), subject.split},
                                         {words.scorer, settings, granularity, sites, words.seed, compute});
  scored.seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - begun).count();
  scored.metadata = {{"scorer", words.scorer},
                     {"settings", to_json(settings).dump()},
                     {"granularity", to_string(granularity)},
                     {"model_digest", subject.digests->of_checkpoint(words.model)},
                     {"data_digest", subject.split == nullptr ? std::string() : subject.split->digest}};
  return scored;
}

}  // namespace espalier::worker
