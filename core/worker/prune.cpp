// espalier prune: a checkpoint, scores or a mask, and a budget become a pruned checkpoint.
#include <fmt/format.h>

#include <cstdio>
#include <nlohmann/json.hpp>

#include "commands.h"
#include "engine/base_model.h"
#include "engine/searching.h"
#include "families/families.h"
#include "input.h"
#include "nn/device.h"
#include "nn/mask_file.h"
#include "output.h"
#include "words/names.h"

namespace espalier::worker {
namespace {

Mask mask_from_scores(const PruneWords& words, const nn::Model& model) {
  if (words.scores.empty()) throw SettingsError("give --scores FILE (espalier score makes one) or --mask FILE");
  if (words.sparsity.has_value() == words.heads.has_value()) {
    throw SettingsError("give one budget: --sparsity SHARE or --heads COUNT");
  }
  if (words.sparsity && !(*words.sparsity >= 0 && *words.sparsity <= 1)) {
    const double percent = *words.sparsity;
    throw SettingsError(
        fmt::format("--sparsity {} is out of range: expected a share from 0 to 1{}", percent,
                    percent > 1 && percent <= 100 ? fmt::format("\n    did you mean {}?", percent / 100) : ""));
  }
  const auto catalog = open_catalog(words.plugins);
  const auto& searcher = catalog->find("searcher", words.searcher);
  const Units units(model.sites(), nn::granularity_of_scores(words.scores), words.sites);
  const auto scores = nn::read_scores(words.scores, units);
  const auto found = scores.metadata.find("model_digest");
  if (found != scores.metadata.end() && !found->second.empty() && found->second != checkpoint_digest(words.model)) {
    throw InputError(words.scores + ": the scores are of another model than " + words.model +
                     "\n    score this one: espalier score --model " + words.model);
  }
  const Budget budget = words.sparsity ? Budget{BudgetKind::Sparsity, *words.sparsity}
                                       : Budget{BudgetKind::Heads, static_cast<double>(*words.heads)};
  const Mask everything(model.sites());
  return engine::search(*catalog, {model, model, units, everything, scores.values},
                        {words.searcher, complete_settings(searcher.description, settings_from_words(words.set)),
                         budget, from_name<Rounding>(words.rounding), from_name<Scope>(words.scope), words.seed},
                        {})
      .mask;
}

// What was written: how much of the attention is gone, and how many parameters the file holds.
std::string in_words(const PruneWords& words, const nn::Model& dense, const nn::Model& pruned, const Mask& mask) {
  const auto removed = count_parameters(dense.sites(), mask.closure(), false);
  const auto line = [&](const char* what, const ParameterCount& count, const std::string& parameters) {
    return fmt::format("{}: {} checkpoint, {:.2f} % of the attention parameters {} ({} of {}), {}", words.output,
                       words.format, 100 * count.sparsity(), what, count.dense - count.kept, count.dense, parameters);
  };
  if (words.format == "compact")
    return line("removed", removed, fmt::format("{} parameters left", pruned.parameter_count()));
  return line("zeroed", count_parameters(dense.sites(), mask, false),
              fmt::format("{} parameters in the file, of which compact leaves {}", pruned.parameter_count(),
                          dense.parameter_count() - (removed.dense - removed.kept)));
}

}  // namespace

ExitCode prune(const PruneWords& words, const nn::Device& device) {
  if (words.format != "masked" && words.format != "compact") {
    throw SettingsError(unknown_name("format", words.format, {"masked", "compact"}));
  }
  const auto scale = softmax_scale_from(words.softmax_scale);
  if (words.format == "masked" && scale.kind != SoftmaxScale::Kind::Original) {
    throw SettingsError("--softmax-scale " + words.softmax_scale +
                        " belongs to --format compact: a masked checkpoint has the widths, and so the scale, of the "
                        "dense one\n    add --format compact, or leave --softmax-scale out");
  }
  if (!words.mask.empty() && !words.scores.empty()) throw SettingsError("give --scores or --mask, not both");
  const auto model = families::read_model(words.model, "", device.place);
  say_skipped(*model, words.model);
  const auto digest = checkpoint_digest(words.model);
  const auto mask =
      words.mask.empty() ? mask_from_scores(words, *model) : nn::read_mask(words.mask, model->sites(), digest);
  check_checkpoint_folder(words.output, {{"--model", words.model}, {"--scores", words.scores}, {"--mask", words.mask}},
                          words.overwrite, digest);
  const auto pruned = words.format == "masked" ? model->masked(mask) : model->compacted(mask, scale);
  make_folder(words.output);
  pruned->save(words.output);
  engine::copy_companions(words.model, words.output);
  nn::write_mask(std::filesystem::path(words.output) / "mask.safetensors", model->sites(), mask,
                 {{"model_digest", digest}});
  std::printf("%s\n    %s\n", in_words(words, *model, *pruned, mask).c_str(),
              families::loaded_by(words.output).c_str());
  return ExitCode::Done;
}

}  // namespace espalier::worker
