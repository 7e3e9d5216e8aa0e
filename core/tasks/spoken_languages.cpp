#include "tasks/spoken_languages.h"

#include <espalier/error.h>
#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <numeric>
#include <optional>

#include "nn/arithmetic.h"
#include "words/atomic_file.h"
#include "words/digest.h"
#include "words/version.h"

namespace espalier::tasks {
namespace {

namespace fs = std::filesystem;
using Languages = std::vector<std::int64_t>;

constexpr std::int64_t examples_a_batch = 16;

// What was found before; none where the file is missing, damaged or of other rules.
std::optional<Languages> kept_languages(const fs::path& file, std::int64_t examples,
                                        const families::DecodingRules& rules) {
  std::error_code ignored;
  if (!fs::exists(file, ignored)) return std::nullopt;
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
                   const Watch& watch) {
  const auto* listening = families::speech_model(dense);
  if (listening == nullptr) throw InputError("a " + dense.family() + " model hears no language\n    expected whisper");
  const nn::ComputeGuard float32(ComputeType::Float32);
  const auto count = features.size();
  watch.tell(fmt::format("detecting the language of {} utterances", count));
  Languages found;
  for (std::int64_t begin = 0; begin < count; begin += examples_a_batch) {
    watch.check();
    std::vector<std::int64_t> rows(static_cast<std::size_t>(std::min(examples_a_batch, count - begin)));
    std::iota(rows.begin(), rows.end(), begin);
    const auto some = listening->languages(features.features(rows), rules);
    found.insert(found.end(), some.begin(), some.end());
  }
  return found;
}

}  // namespace

Languages spoken_languages(const audio::FeatureSet& features, const families::DecodingRules& rules,
                           const std::string& digest, const fs::path& cache_folder,
                           const std::function<const nn::Model&()>& dense, const Watch& watch) {
  const nlohmann::json made_from = {{"sounds", digest},
                                    {"prompt", rules.prompt},
                                    {"languages", rules.languages},
                                    {"results_version", results_version}};
  const auto file = cache_folder / "languages" / (sha256_hex(made_from.dump()) + ".json");
  if (auto known = kept_languages(file, features.size(), rules)) return *std::move(known);
  auto found = detected(features, rules, dense(), watch);
  std::error_code ignored;
  fs::create_directories(file.parent_path(), ignored);
  try {
    write_file(file, nlohmann::json{{"languages", found}}.dump() + "\n");
  } catch (const Error& error) {
    watch.tell(std::string("the languages are not kept: ") + error.what());
  }
  return found;
}

}  // namespace espalier::tasks
