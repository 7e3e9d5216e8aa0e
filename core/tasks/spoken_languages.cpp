#include "tasks/spoken_languages.h"

#include <espalier/error.h>
#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <numeric>
#include <optional>

#include "nn/arithmetic.h"
#include "nn/memory/batch_halvings.h"
#include "words/atomic_file.h"
#include "words/cache/entry.h"
#include "words/digest.h"
#include "words/version.h"

namespace espalier::tasks {
namespace {

namespace fs = std::filesystem;
using Languages = std::vector<std::int64_t>;

// What the keys and values of the memory of one batch may take on a CPU; on a GPU the share of the memory that they and
// what is computed beside them may take.
constexpr double memory_bytes = 4e8, memory_share = 0.5;
constexpr std::int64_t most_examples_on_a_cpu = 16;  // whose language is looked for together

// What was found before; none where the file is missing, damaged or of other rules.
std::optional<Languages> kept_languages(const fs::path& file, std::int64_t examples,
                                        const families::DecodingRules& rules, const Watch& watch) {
  if (!CachedEntry(file).is_whole(watch)) return std::nullopt;
  try {
    auto known = nlohmann::json::parse(read_file(file)).at("languages").get<Languages>();
    const bool fits = static_cast<std::int64_t>(known.size()) == examples &&
                      std::all_of(known.begin(), known.end(), [&](std::int64_t token) {
                        return std::binary_search(rules.languages.begin(), rules.languages.end(), token);
                      });
    return fits ? std::optional(std::move(known)) : std::nullopt;
  } catch (const std::exception&) {  // found again
    return std::nullopt;
  }
}

Languages detected(const audio::FeatureSet& features, const families::DecodingRules& rules, const nn::Model& dense,
                   const Watch& watch, const nn::Device& device) {
  const auto* listening = families::speech_model(dense);
  if (listening == nullptr) throw InputError("a " + dense.family() + " model hears no language\n    expected whisper");
  const nn::ComputeGuard float32(ComputeType::Float32, dense.device());
  const auto count = features.size();
  watch.tell(fmt::format("detecting the language of {} utterances", count));
  Languages found;
  auto together = most_examples_on_a_cpu;
  if (!device.is_cpu() && count > 0) {
    const std::int64_t first = 0;
    together = heard_together(dense, features.features({&first, 1}).size(-1), device);
  }
  while (std::ssize(found) < count) {
    watch.check();
    const auto some = nn::with_fitting_size(together, dense.device(), [&](std::int64_t most) {
      std::vector<std::int64_t> rows(static_cast<std::size_t>(std::min(most, count - std::ssize(found))));
      std::iota(rows.begin(), rows.end(), std::ssize(found));
      return listening->languages(features.features(rows), rules);
    });
    found.insert(found.end(), some.begin(), some.end());
  }
  return found;
}

}  // namespace

std::int64_t heard_together(const nn::Model& model, std::int64_t frames, const nn::Device& device) {
  const auto most = nn::facts_of(device.place).speech_examples;
  // Of a GPU whose memory is not known, what fits is found by trying.
  if (!device.is_cpu() && device.memory_bytes <= 0) return nn::halved(most);
  double columns = 0, widest = 0;
  for (const auto& site : model.sites()) {
    if (site.kind == SiteKind::DecoderCross) columns += static_cast<double>(2 * site.heads * site.head_dim);
    widest = std::max(widest, static_cast<double>(site.model_width));
  }
  // On a GPU also the encoder's states, one layer's keys and values before they are laid out, and some activations.
  if (!device.is_cpu()) columns += 12 * widest;
  const double bytes = 4 * columns * static_cast<double>(frames) / 2;
  const double most_bytes = device.is_cpu() ? memory_bytes : memory_share * static_cast<double>(device.memory_bytes);
  return nn::halved(std::clamp(static_cast<std::int64_t>(most_bytes / std::max(bytes, 1.0)), std::int64_t{1}, most));
}

Languages spoken_languages(const audio::FeatureSet& features, const families::DecodingRules& rules,
                           const std::string& digest, const fs::path& cache_folder,
                           const std::function<const nn::Model&()>& dense, const Watch& watch,
                           const nn::Device& device) {
  nlohmann::json made_from = {{"sounds", digest},
                              {"prompt", rules.prompt},
                              {"languages", rules.languages},
                              {"results_version", results_version}};
  // Computed elsewhere the last bits differ, which may decide.
  if (!device.is_cpu()) made_from["device"] = device.kind();
  const auto file = cache_folder / "languages" / (sha256_hex(made_from.dump()) + ".json");
  if (auto known = kept_languages(file, features.size(), rules, watch)) return *std::move(known);
  auto found = detected(features, rules, dense(), watch, device);
  try {
    CachedEntry(file).put_text(nlohmann::json{{"languages", found}}.dump() + "\n", watch);
  } catch (const InputError& error) {
    watch.tell(std::string("the languages are not kept: ") + error.what());
  }
  return found;
}

}  // namespace espalier::tasks
