#include "families/families.h"

#include <espalier/error.h>

#include "ast/ast.h"
#include "bert/bert.h"
#include "config_keys.h"
#include "families/checkpoint_facts.h"
#include "nn/network.h"
#include "nn/text.h"
#include "whisper/whisper.h"

namespace espalier::families {

std::unique_ptr<Model> read_model(const std::filesystem::path& folder, const std::string& family) {
  const auto path = folder / "config.json";
  auto config = read_config(path);
  const auto type = model_type(config);
  struct Family {
    const char* name;
    const char* type;
    std::unique_ptr<Model> (*read)(const std::filesystem::path&, nlohmann::ordered_json);
  };
  static constexpr Family families[] = {{"bert", "bert", read_bert},
                                        {"ast", "audio-spectrogram-transformer", read_ast},
                                        {"whisper", "whisper", read_whisper}};
  const std::string supported = "\n    supported families: bert, ast, whisper";
  const Family* wanted = nullptr;
  for (const auto& one : families) {
    if (family.empty() ? type == one.type : family == one.name) wanted = &one;
  }
  if (!family.empty() && wanted == nullptr) throw InputError("unknown model family " + in_quotes(family) + supported);
  if (wanted == nullptr) {
    throw InputError(path.string() + ": model_type is " + (type.empty() ? "missing" : in_quotes(type)) +
                     ", expected 'bert', 'audio-spectrogram-transformer' or 'whisper'" + supported);
  }
  if (!type.empty() && type != wanted->type) {
    throw InputError(path.string() + ": model_type is " + in_quotes(type) + ", expected '" + wanted->type + "'" +
                     supported);
  }
  return wanted->read(folder, std::move(config));
}

std::string problem_type(const std::filesystem::path& checkpoint) {
  const auto path = checkpoint / "config.json";
  const auto config = read_config(path);
  const ConfigKeys keys(path.string(), config);
  return keys.has("problem_type") ? keys.text("problem_type", "") : "";
}

std::int64_t text_positions(const std::filesystem::path& checkpoint) {
  const auto path = checkpoint / "config.json";
  const auto config = read_config(path);
  return ConfigKeys(path.string(), config).whole("max_position_embeddings", 512, 1, 100'000'000);
}

std::vector<std::string> skipped_tensors(const Model& model) {
  const auto* network = dynamic_cast<const Network*>(&model);
  return network == nullptr ? std::vector<std::string>{} : network->skipped();
}

}  // namespace espalier::families
