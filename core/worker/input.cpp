#include "input.h"

#include <espalier/error.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <charconv>
#include <type_traits>

#include "cells/fields.h"
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

// max_new_tokens is --max-new-tokens.
std::string option_of(std::string field) {
  std::replace(field.begin(), field.end(), '_', '-');
  return "--" + field;
}

template <Worded Enum>
std::string name_of(Enum value) {
  return to_string(value);
}
template <Worded Enum>
std::string name_of(const std::optional<Enum>& value) {
  return name_or_empty(value);
}

template <Worded Enum>
void read(const std::string& name, const std::string& kind, Enum& value) {
  value = from_name<Enum>(name, kind);
}
template <Worded Enum>
void read(const std::string& name, const std::string& kind, std::optional<Enum>& value) {
  value = from_name_or_empty<Enum>(name, kind);
}

template <typename Value>
constexpr bool is_a_word = !std::is_same_v<Value, std::string> && !std::is_arithmetic_v<Value>;

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

void add_data_options(CLI::App& command, DataWords& words, bool required) {
  command
      .add_option("--data", words.file, "Table (.tsv or .csv with a header, or .jsonl), or the Speech Commands folder")
      ->required(required)
      ->type_name("FILE");
  command.add_option("--format", words.format, alternatives(names<Format>()))->capture_default_str();
  command.add_option("--split", words.split, "Which split of a folder with official lists")
      ->check(CLI::IsMember(names<SplitName>()))
      ->capture_default_str();
  command.add_option("--limit", words.limit, "First so many rows; 0: all")
      ->check(CLI::NonNegativeNumber)
      ->capture_default_str();
  each_field(words.dataset, [&](const auto& field, auto& value) {
    using Value = std::remove_cvref_t<decltype(value)>;
    const auto option = option_of(field.name);
    if constexpr (is_a_word<Value>) {
      auto& word = words.words[field.name] = name_of(value);
      auto* added = command.add_option(option, word, field.says);
      if (!word.empty()) added->capture_default_str();
    } else {
      auto* added = command.add_option(option, value, field.says);
      if (*field.path != '\0') added->type_name(field.path);
      if (value != Value()) added->capture_default_str();
      // 0 is the default of a few, and means that nothing was said.
      if constexpr (std::is_arithmetic_v<Value>) {
        if (value == 0)
          added->check(CLI::NonNegativeNumber);
        else
          added->check(CLI::PositiveNumber);
      }
    }
  });
}

DatasetSettings dataset_from_words(const DataWords& words, const std::string& split) {
  auto dataset = words.dataset;
  dataset.name = words.file;
  dataset.format = from_name<Format>(words.format, "data format");
  dataset.split[split] = words.file;
  if (words.limit > 0) dataset.limit[split] = words.limit;
  each_field(dataset, [&](const auto& field, auto& value) {
    using Value = std::remove_cvref_t<decltype(value)>;
    if constexpr (is_a_word<Value>) {
      const bool by_itself = std::is_same_v<Value, std::optional<Normalizer>>;  // messages call it a normalizer
      read(words.words.at(field.name), by_itself ? field.name : option_of(field.name), value);
    }
  });
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
