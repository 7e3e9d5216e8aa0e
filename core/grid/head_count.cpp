#include "head_count.h"

#include <espalier/error.h>

#include <filesystem>
#include <nlohmann/json.hpp>

#include "words/atomic_file.h"

namespace espalier::grid {
namespace {

using nlohmann::json;

std::optional<json> config_of(const std::string& checkpoint) {
  constexpr std::uintmax_t largest = 64 << 20;
  const auto file = std::filesystem::path(checkpoint) / "config.json";
  std::error_code absent;
  const auto size = std::filesystem::file_size(file, absent);
  if (absent || size > largest) return std::nullopt;
  try {
    auto config = json::parse(read_file(file), nullptr, false);
    if (config.is_object()) return config;
  } catch (const InputError&) {  // what cannot be read is said where the checkpoint is digested
  }
  return std::nullopt;
}

// Layers times heads. A key that is absent has the default of transformers; 0 where one is no number of this kind.
std::int64_t heads_of(const json& config, const char* layers_key, std::int64_t layers, const char* heads_key,
                      std::int64_t heads) {
  const auto whole = [&](const char* key, std::int64_t absent, std::int64_t most) {
    const auto found = config.find(key);
    if (found == config.end()) return absent;
    const double number = found->is_number_integer() ? found->get<double>() : 0;
    return number >= 1 && number <= static_cast<double>(most) ? static_cast<std::int64_t>(number) : 0;
  };
  return whole(layers_key, layers, 10'000) * whole(heads_key, heads, 100'000);
}

}  // namespace

std::optional<std::int64_t> head_count(const ModelSettings& model, const std::string& sites) {
  const auto config = config_of(model.checkpoint);
  if (!config) return std::nullopt;
  if (model.family != "whisper") {
    const auto heads = heads_of(*config, "num_hidden_layers", 12, "num_attention_heads", 12);
    return heads > 0 ? std::optional(heads) : std::nullopt;
  }
  const auto encoder = heads_of(*config, "encoder_layers", 4, "encoder_attention_heads", 6);
  const auto decoder = heads_of(*config, "decoder_layers", 4, "decoder_attention_heads", 6);
  if (encoder == 0 || decoder == 0) return std::nullopt;
  if (sites == "encoder-self") return encoder;
  if (sites == "decoder-self" || sites == "decoder-cross") return decoder;
  return sites == "self" ? encoder + decoder : encoder + 2 * decoder;
}

}  // namespace espalier::grid
