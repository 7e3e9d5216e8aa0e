// espalier score: what each unit of a checkpoint is worth, as a score file.
#include <fmt/format.h>

#include <cstdio>

#include "commands.h"
#include "measure/scored.h"
#include "nn/mask_file.h"
#include "output.h"

namespace espalier::worker {

ExitCode score(const ScoreWords& words, const nn::Device& device) {
  check_output_file("--output", words.output, {{"--model", words.model}, {"--data", words.data.file}});
  const auto scored = scores_of(words, device);
  const Units units(scored.subject.model->sites(), from_name<Granularity>(words.granularity),
                    from_name<SiteFilter>(words.sites));
  nn::write_scores(words.output, units, {scored.values, scored.metadata});
  std::printf("%s\n", fmt::format("{}: {} scores by {} {} for {} units of {} in {:.3f} s", words.output, units.count(),
                                  words.scorer, scored.scorer.version, words.granularity, words.model, scored.seconds)
                          .c_str());
  return ExitCode::Done;
}

}  // namespace espalier::worker
