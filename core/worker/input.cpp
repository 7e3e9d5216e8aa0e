#include "input.h"

#include <espalier/error.h>

#include <algorithm>
#include <charconv>

#include "cells/cell_settings.h"
#include "families/families.h"
#include "words/digest.h"
#include "words/names.h"

namespace espalier::worker {
namespace {

SettingValue value_from(const std::string& text) {
  if (text == "true") return true;
  if (text == "false") return false;
  const char* end = text.data() + text.size();
  std::int64_t integer = 0;
  if (const auto read = std::from_chars(text.data(), end, integer); read.ec == std::errc() && read.ptr == end)
    return integer;
  double real = 0;
  if (const auto read = std::from_chars(text.data(), end, real); read.ec == std::errc() && read.ptr == end) return real;
  return text;
}

}  // namespace

std::unique_ptr<loader::PluginCatalog> open_catalog(const PluginPaths& plugins) {
  return std::make_unique<loader::PluginCatalog>(loader::plugin_folders(plugins.extra));
}

Settings settings_from_words(const std::vector<std::string>& words) {
  Settings settings;
  for (const auto& word : words) {
    const auto equals = word.find('=');
    if (equals == std::string::npos || equals == 0) {
      throw SettingsError("--set " + word + ": expected NAME=VALUE, for instance --set epochs=2");
    }
    settings.set(word.substr(0, equals), value_from(word.substr(equals + 1)));
  }
  return settings;
}

DatasetSettings dataset_from_words(const DataWords& words, const std::string& split) {
  DatasetSettings dataset;
  dataset.name = words.file;
  dataset.format = from_name<Format>(words.format, "data format");
  dataset.bad_files = from_name<BadFiles>(words.bad_files, "--bad-files");
  dataset.long_audio = from_name_or_empty<LongAudio>(words.long_audio, "--long-audio");
  dataset.task = from_name_or_empty<SpeechTask>(words.task, "--task");
  dataset.normalizer = from_name_or_empty<Normalizer>(words.normalizer);
  dataset.split[split] = words.file;
  dataset.text = words.text;
  dataset.pair = words.pair;
  dataset.label = words.label;
  dataset.max_tokens = words.max_tokens;
  dataset.audio_folder = words.audio_folder;
  dataset.classes = words.classes;
  dataset.language = words.language;
  dataset.max_new_tokens = words.max_new_tokens;
  if (words.limit > 0) dataset.limit[split] = words.limit;
  return dataset;
}

std::string checkpoint_digest(const std::string& folder) { return DigestMemory(cache_folder()).of_checkpoint(folder); }

Watch watch() { return {say, interrupted}; }

void make_folder(const std::string& folder) {
  std::error_code failed;
  std::filesystem::create_directories(folder, failed);
  if (failed || !std::filesystem::is_directory(folder, failed)) {
    throw InputError(folder +
                     ": cannot be made: " + (failed ? failed.message() : std::string("a file of that name exists")) +
                     "\n    choose a folder that you may write to");
  }
}

void say_skipped(const nn::Model& model, const std::string& folder) {
  const auto skipped = families::skipped_tensors(model);
  if (!skipped.empty()) say(folder + ": tensors that the model does not use are skipped: " + join(skipped));
}

}  // namespace espalier::worker
