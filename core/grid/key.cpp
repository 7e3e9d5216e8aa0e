#include "key.h"

#include <espalier/error.h>
#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "cells/formats.h"
#include "input_checks.h"
#include "words/names.h"

namespace espalier::grid {
namespace {

using nlohmann::json;

bool is_folder(const std::filesystem::path& path) {
  std::error_code ignored;
  return std::filesystem::is_directory(path, ignored);
}

}  // namespace

std::string json_text(const std::string& text) { return json(text).dump(); }

void render(AxisValue& value) {
  if (value.model) value.json = to_json(value.model->settings).dump();
  if (value.dataset) value.json = to_json(value.dataset->settings).dump();
  if (value.plugin) {
    auto plugin = to_json(value.plugin->settings);
    value.json = plugin.dump();
    plugin.erase("name");
    value.key_json = plugin.dump();
    const auto& settings = value.plugin->settings.settings.values();
    value.names_files = std::any_of(settings.begin(), settings.end(), [](const auto& setting) {
      return names_checkpoint(setting.first, setting.second);
    });
  } else {
    value.key_json = value.json;
  }
}

const std::string& KeyParts::digest(const std::string& path, bool checkpoint, bool has_weights) {
  // What lacks weights is whole for one model and not for another.
  const auto [entry, is_new] = known_.try_emplace(has_weights ? path : path + "\nconfig");
  if (!is_new) return entry->second;
  try {
    if (!checkpoint && is_folder(path)) {
      missing_.insert(path + " (is a folder, expected a file)");
    } else if (!checkpoint && !is_file(path)) {
      missing_.insert(path);
    } else if (!checkpoint) {
      entry->second = tables_.digests().of_file(path);
    } else if (!is_folder(path)) {
      missing_.insert(path);
    } else {
      bool whole = true;
      std::vector<const char*> needed = {"config.json"};
      if (has_weights) needed.push_back("model.safetensors");
      for (const auto* name : needed) {
        const auto file = (std::filesystem::path(path) / name).string();
        if (is_file(file)) continue;
        missing_.insert(file);
        whole = false;
      }
      if (whole) entry->second = tables_.digests().of_checkpoint(path);
    }
  } catch (const InputError&) {
    missing_.insert(path + " (cannot be read)");
  }
  return entry->second;
}

KeyPart KeyParts::model(const ModelSettings& model) {
  const bool from_scratch = model.train && model.train->start == TrainingStart::Scratch;
  const auto& found = digest(model.checkpoint, true, !from_scratch);
  const bool whole = !found.empty() && (!facts_of(model.family).can_read(Format::SpeechRecognition) ||
                                        has_tokenizer(model.checkpoint, facts_of(model.family)));
  json part = to_json(model);
  part.erase("name");
  if (!found.empty()) part["checkpoint"] = found;
  return {part.dump(), !whole};
}

KeyPart KeyParts::plugin(const PluginSettings& plugin) {
  KeyPart part;
  json text = to_json(plugin);
  text.erase("name");
  for (const auto& [name, value] : plugin.settings.values()) {
    if (!names_checkpoint(name, value)) continue;
    const auto& found = digest(std::get<std::string>(value), true, true);
    part.missing = part.missing || found.empty();
    if (!found.empty()) text["settings"][name] = found;
  }
  part.json = text.dump();
  return part;
}

bool KeyParts::has_tokenizer(const std::filesystem::path& checkpoint, const FamilyFacts& family) {
  for (const auto& files : family.tokenizers) {
    if (std::all_of(files.begin(), files.end(), [&](const char* file) { return is_file(checkpoint / file); }))
      return true;
  }
  auto ways = family.ways_to_hold_a_tokenizer();
  const auto first = checkpoint / ways.at(0);
  ways.erase(ways.begin());
  missing_.insert(first.string() + " (or " + join(ways, " or ") + ")");
  return false;
}

std::string KeyParts::audio(const DatasetSettings& dataset, const std::string& split) {
  const auto& path = dataset.split.at(split);
  const auto [entry, is_new] = known_.try_emplace(path + '\n' + split + '\n' + to_json(dataset).dump());
  if (!is_new) return entry->second;
  constexpr std::size_t most_listed = 20;
  try {
    if (!is_file(path) && !is_folder(path)) {
      missing_.insert(path);
      return entry->second;
    }
    for (const auto& also : {dataset.classes, dataset.audio_folder}) {
      if (!also.empty() && !is_file(also) && !is_folder(also)) missing_.insert(also);
    }
    const auto& missing = tables_.table(dataset, split)->missing;
    for (std::size_t i = 0; i < std::min(missing.size(), most_listed); ++i) missing_.insert(missing[i]);
    if (missing.size() > most_listed)
      missing_.insert(fmt::format("{} ... and {} more files that it names", path, missing.size() - most_listed));
    if (missing.empty()) entry->second = tables_.digest(dataset, split);
  } catch (const InputError&) {  // what is wrong with a table that is there is said by its checks
  }
  return entry->second;
}

KeyPart KeyParts::dataset(const DatasetSettings& dataset, Splits used, const std::map<Splits, std::string>& reasons) {
  KeyPart part;
  json text = to_json(dataset);
  text.erase("name");
  text["split"] = json::object();
  text["limit"] = json::object();
  for (const char* place : {"audio", "classes"}) text.erase(place);  // a path; what lies there is in the digests
  for (Splits i = 0; i < 3; ++i) {
    const Splits split = 1u << i;
    if ((used & split) == 0) continue;
    const std::string name = split_names[i];
    const auto given = dataset.split.find(name);
    if (given == dataset.split.end()) {
      const auto reason = reasons.find(split);
      if (reason == reasons.end()) continue;  // used where there is one, and there is none
      missing_.insert(fmt::format("dataset.{}.{} (split '{}' is needed by {} but not given)", dataset.name, name, name,
                                  reason->second));
      part.missing = true;
      text["split"][name] = nullptr;
      continue;
    }
    const auto found = facts_of(dataset.format).of_sounds ? audio(dataset, name) : digest(given->second, false, true);
    part.missing = part.missing || found.empty();
    text["split"][name] = found.empty() ? given->second : found;
    if (const auto limit = dataset.limit.find(name); limit != dataset.limit.end()) text["limit"][name] = limit->second;
  }
  part.json = text.dump();
  return part;
}

}  // namespace espalier::grid
