#include "families/families.h"

#include <espalier/error.h>

#include "ast/ast.h"
#include "bert/bert.h"
#include "cells/families.h"
#include "config_keys.h"
#include "families/checkpoint_facts.h"
#include "nn/network.h"
#include "nn/text.h"
#include "whisper/whisper.h"
#include "words/names.h"

namespace espalier::families {

namespace {

// How a family comes from a folder; what it is called stands in its row of cells/families.h.
struct Reader {
  Family family;
  std::unique_ptr<Model> (*read)(const std::filesystem::path&, nlohmann::ordered_json);
  // Null: weights are read, never made anew.
  std::unique_ptr<Model> (*fresh)(const std::filesystem::path&, nlohmann::ordered_json,
                                  const std::vector<std::string>& labels, const FreshWeights&, std::uint64_t seed);

  std::string model_type() const { return facts_of(family).model_type; }
};

template <typename Network>
constexpr Reader only_read = {Network::facts, read_family<Network>, nullptr};
template <typename Network>
constexpr Reader also_made_anew = {Network::facts, read_family<Network>, fresh_family<Network>};

// Every family, in the order of messages.
constexpr Reader readers[] = {only_read<Bert>, also_made_anew<Ast>, only_read<Whisper>};

std::string model_types(bool made_anew_only) {
  std::vector<std::string> types;
  for (const auto& one : readers) {
    if (!made_anew_only || one.fresh != nullptr) types.push_back(in_quotes(one.model_type()));
  }
  return alternatives(types);
}

std::unique_ptr<Model> placed(std::unique_ptr<Model> model, const at::Device& device) {
  return device.is_cpu() ? std::move(model) : converted(*model, at::kFloat, device);
}

}  // namespace

std::vector<std::string> family_names() {
  std::vector<std::string> names;
  for (const auto& one : readers) names.emplace_back(to_string(one.family));
  return names;
}

std::unique_ptr<Model> read_model(const std::filesystem::path& folder, const std::string& family,
                                  const at::Device& device) {
  const auto path = folder / "config.json";
  auto config = read_config(path);
  const auto type = model_type(config);
  const std::string supported = "\n    supported families: " + join(family_names());
  const Reader* wanted = nullptr;
  for (const auto& one : readers) {
    if (family.empty() ? type == one.model_type() : family == to_string(one.family)) wanted = &one;
  }
  if (!family.empty() && wanted == nullptr) throw InputError("unknown model family " + in_quotes(family) + supported);
  if (wanted == nullptr) {
    throw InputError(path.string() + ": model_type is " + (type.empty() ? "missing" : in_quotes(type)) + ", expected " +
                     model_types(false) + supported);
  }
  if (!type.empty() && type != wanted->model_type()) {
    throw InputError(path.string() + ": model_type is " + in_quotes(type) + ", expected '" + wanted->model_type() +
                     "'" + supported);
  }
  return placed(wanted->read(folder, std::move(config)), device);
}

std::unique_ptr<Model> model_from_scratch(const std::filesystem::path& folder, const std::vector<std::string>& labels,
                                          const FreshWeights& fresh, std::uint64_t seed, const at::Device& device) {
  auto config = read_config(folder / "config.json");
  const auto type = model_type(config);
  for (const auto& one : readers) {
    if (type == one.model_type() && one.fresh != nullptr)
      return placed(one.fresh(folder, std::move(config), labels, fresh, seed), device);
  }
  throw InputError((folder / "config.json").string() + ": model_type is " + in_quotes(type) +
                   "; weights are made anew for " + model_types(true) + " only");
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
