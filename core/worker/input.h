// From a command's words to models, data and settings.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "commands.h"
#include "loader/plugin_catalog.h"
#include "nn/model.h"
#include "tasks/task.h"

namespace CLI {
class App;
}

namespace espalier::worker {

std::unique_ptr<loader::PluginCatalog> open_catalog(const PluginPaths& plugins);

// "name=value" words as settings: true, false, integers and numbers by their look, everything else as text.
Settings settings_from_words(const std::vector<std::string>& words);

// The options of every command that reads a dataset, made from the descriptions of a dataset's fields. What is added keeps
// references to `words`.
void add_data_options(CLI::App& command, DataWords& words, bool required);
// Throws SettingsError for words that are not known.
DatasetSettings dataset_from_words(const DataWords& words, const std::string& split);

// What a checkpoint is known by in masks and score files.
std::string checkpoint_digest(const std::string& folder);

// Says progress on stderr, stops on SIGINT and SIGTERM.
Watch watch();

// An output folder that can be written: made with its parents. Throws InputError.
void make_folder(const std::string& folder);

// Says on stderr which tensors of the checkpoint the model does not use.
void say_skipped(const nn::Model& model, const std::string& folder);

}  // namespace espalier::worker
