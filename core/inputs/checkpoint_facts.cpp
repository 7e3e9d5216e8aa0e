#include "inputs/checkpoint_facts.h"

#include <espalier/error.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <set>

#include "cells/families.h"
#include "safetensors_header.h"
#include "words/atomic_file.h"
#include "words/names.h"

namespace espalier::inputs {
namespace {

using nlohmann::json;
namespace fs = std::filesystem;

// Throws InputError.
json config_of(const fs::path& file) {
  constexpr std::uintmax_t largest = 64 << 20;
  std::error_code unknown;
  if (fs::file_size(file, unknown) > largest && !unknown) {
    throw InputError(file.string() + ": has more than 64 MiB: is it a config.json?");
  }
  const auto text = read_file(file);
  try {
    auto config = json::parse(text);
    if (config.is_object()) return config;
  } catch (const json::parse_error& error) {
    throw InputError(file.string() + ": is not valid JSON (character " + std::to_string(error.byte) + ")");
  } catch (const json::exception&) {
    throw InputError(file.string() + ": is JSON with a number that is too large");
  }
  throw InputError(file.string() + ": is not a JSON object");
}

std::optional<std::int64_t> whole(const json& config, const char* key) {
  const auto found = config.find(key);
  if (found == config.end() || !found->is_number_integer()) return std::nullopt;
  return found->is_number_unsigned() && found->get<std::uint64_t>() > (std::uint64_t{1} << 60)
             ? std::nullopt
             : std::optional(found->get<std::int64_t>());
}

std::string text(const json& config, const char* key) {
  const auto found = config.find(key);
  return found != config.end() && found->is_string() ? found->get<std::string>() : "";
}

class Reading {
 public:
  Reading(const fs::path& folder, Family family)
      : config_file_((folder / "config.json").string()),
        weights_file_((folder / "model.safetensors").string()),
        family_(facts_of(family)) {}

  CheckpointFacts read(bool with_weights) {
    try {
      config_ = config_of(config_file_);
      read_config();
      if (with_weights && facts_.problems.empty()) read_weights();
    } catch (const InputError& error) {
      facts_.problems.emplace_back(error.what());
    }
    return std::move(facts_);
  }

 private:
  void complain(const std::string& what) { facts_.problems.push_back(config_file_ + ": " + what); }

  void read_config() {
    facts_.model_type = text(config_, "model_type");
    if (!facts_.model_type.empty() && facts_.model_type != family_.model_type) {
      complain("model_type is '" + facts_.model_type + "', expected '" + family_.model_type + "' for family " +
               to_string(family_.family) + "\n    supported families: " + join(names<Family>()));
      return;
    }
    facts_.problem_type = text(config_, "problem_type");
    if (family_.head != nullptr) read_labels();
    if (const auto& positions = family_.positions)
      facts_.positions = whole(config_, positions->key).value_or(positions->otherwise);
    read_widths();
  }

  void read_labels() {
    const auto names = config_.find("id2label");
    if (names == config_.end() || names->is_null()) {
      const auto count = std::clamp<std::int64_t>(whole(config_, "num_labels").value_or(2), 0, 1'000'000);
      for (std::int64_t i = 0; i < count; ++i) facts_.labels.push_back("LABEL_" + std::to_string(i));
      return;
    }
    const bool object = names->is_object() && !names->empty();
    for (std::size_t i = 0; object && i < names->size(); ++i) {
      const auto name = names->find(std::to_string(i));
      if (name == names->end() || !name->is_string()) break;
      facts_.labels.push_back(name->get<std::string>());
    }
    if (!object || facts_.labels.size() != names->size()) {
      facts_.labels.clear();
      complain("id2label is not an object of class names under \"0\", \"1\", ...");
    }
  }

  void read_widths() {
    std::set<std::string> seen;  // sites of one half of a model have the same heads
    for (const auto& [kind, layers, width_of, heads_of] : family_.attention) {
      if (!seen.insert(heads_of.key).second) continue;
      const auto read = [&](const ConfigNumber& number) {
        return config_.contains(number.key) ? whole(config_, number.key) : std::optional(number.otherwise);
      };
      const auto width = read(width_of), heads = read(heads_of);
      if (!width || *width < 1) {
        complain(std::string(width_of.key) + " is no whole number of at least 1");
      } else if (!heads || *heads < 1) {
        complain(std::string(heads_of.key) + " is no whole number of at least 1");
      } else if (*width % *heads != 0) {
        complain(std::string(width_of.key) + " " + std::to_string(*width) + " is not a multiple of " + heads_of.key +
                 " " + std::to_string(*heads));
      }
    }
    const auto activation = text(config_, family_.activation);
    const std::vector<std::string> known = {"gelu", "gelu_new", "gelu_pytorch_tanh", "relu", "silu", "tanh"};
    if (!activation.empty() && std::find(known.begin(), known.end(), activation) == known.end()) {
      complain(std::string(family_.activation) + " '" + activation +
               "' is not supported\n    supported: " + join(known));
    }
  }

  void read_weights() {
    shapes_ = safetensors_shapes(weights_file_);
    const auto found = std::find_if(shapes_.begin(), shapes_.end(),
                                    [&](const auto& tensor) { return tensor.first.ends_with(family_.embedding); });
    if (found == shapes_.end()) {
      facts_.problems.push_back(weights_file_ + ": holds no tensor '" + family_.embedding +
                                "': are these weights of a model of family " + to_string(family_.family) + "?");
      return;
    }
    expect(*found, family_.extents);
    read_head();
  }

  void read_head() {
    if (family_.head == nullptr) return;
    const auto head = shapes_.find(family_.head);
    facts_.has_head = head != shapes_.end();
    if (!*facts_.has_head || head->second.empty()) return;
    if (const auto rows = head->second[0]; rows != static_cast<std::int64_t>(facts_.labels.size())) {
      facts_.problems.push_back(weights_file_ + ": '" + family_.head + "' has " + std::to_string(rows) +
                                " classes, and " + config_file_ + " names " + std::to_string(facts_.labels.size()) +
                                " (id2label, num_labels)");
    }
  }

  // A tensor has the extents that the keys of config.json say; a key that is absent says nothing.
  void expect(const Shapes::value_type& tensor, const std::vector<const char*>& keys) {
    for (std::size_t i = 0; i < keys.size(); ++i) {
      const auto extent = whole(config_, keys[i]);
      if (!extent || (i < tensor.second.size() && tensor.second[i] == *extent)) continue;
      std::vector<std::string> shape;
      for (const auto one : tensor.second) shape.push_back(std::to_string(one));
      facts_.problems.push_back(weights_file_ + ": '" + tensor.first + "' has shape [" + join(shape) + "], and " +
                                config_file_ + " has " + keys[i] + " " + std::to_string(*extent));
      return;
    }
  }

  std::string config_file_, weights_file_;
  const FamilyFacts& family_;
  json config_;
  Shapes shapes_;
  CheckpointFacts facts_;
};

// Layers times heads; 0 where one is no number of this kind.
std::int64_t heads_of(const json& config, const AttentionFacts& site) {
  const auto whole_or_0 = [&](const ConfigNumber& wanted, std::int64_t most) {
    if (!config.contains(wanted.key)) return wanted.otherwise;
    const auto number = whole(config, wanted.key).value_or(0);
    return number >= 1 && number <= most ? number : 0;
  };
  return whole_or_0(site.layers, 10'000) * whole_or_0(site.heads, 100'000);
}

}  // namespace

CheckpointFacts checkpoint_facts(const fs::path& folder, Family family, bool with_weights) {
  return Reading(folder, family).read(with_weights);
}

std::optional<std::int64_t> head_count(const ModelSettings& model, SiteFilter sites) {
  json config;
  try {
    config = config_of(fs::path(model.checkpoint) / "config.json");
  } catch (const InputError&) {  // what cannot be read is said where the checkpoint is looked at
    return std::nullopt;
  }
  std::int64_t heads = 0;
  for (const auto& site : facts_of(model.family).attention) {
    const auto found = heads_of(config, site);
    if (found == 0) return std::nullopt;
    if (chooses(sites, site.kind)) heads += found;
  }
  return heads > 0 ? std::optional(heads) : std::nullopt;
}

}  // namespace espalier::inputs
