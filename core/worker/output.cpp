#include "output.h"

#include <espalier/error.h>

#include <algorithm>
#include <filesystem>
#include <set>

#include "commands.h"
#include "input.h"
#include "nn/safetensors.h"

namespace espalier::worker {
namespace {

namespace fs = std::filesystem;

// What every checkpoint is made of.
const std::set<std::string> checkpoint_files = {"config.json", "model.safetensors"};

bool same(const fs::path& a, const fs::path& b) {
  std::error_code ignored;
  return fs::equivalent(a, b, ignored);
}

bool is_there(const fs::path& path) {
  std::error_code ignored;
  return fs::exists(fs::symlink_status(path, ignored));
}

bool is_folder(const fs::path& path) {
  std::error_code ignored;
  return fs::is_directory(path, ignored);
}

// The folder that a file lies in.
fs::path folder_of(const fs::path& file) { return file.has_parent_path() ? file.parent_path() : fs::path("."); }

// Names that a command writes into its folder: a checkpoint's own, a mask, and copies of what lies beside the model.
std::set<std::string> names_written(const std::vector<Source>& sources) {
  auto names = checkpoint_files;
  names.insert("mask.safetensors");
  for (const auto& source : sources) {
    std::error_code ignored;
    if (source.path.empty() || !is_folder(source.path)) continue;
    for (const auto& entry : fs::directory_iterator(source.path, ignored))
      names.insert(entry.path().filename().string());
  }
  return names;
}

// Whether what lies there was left by an earlier pruning of the model of this digest.
bool is_pruning_of(const fs::path& folder, const std::string& model_digest) {
  if (model_digest.empty() || !is_there(folder / "mask.safetensors")) return false;
  try {
    const auto mask = nn::read_safetensors(folder / "mask.safetensors");
    const auto digest = mask.metadata.find("model_digest");
    return digest != mask.metadata.end() && digest->second == model_digest;
  } catch (const InputError&) {  // no mask that a pruning wrote
    return false;
  }
}

}  // namespace

void check_checkpoint_folder(const std::string& folder, const std::vector<Source>& sources, bool overwrites,
                             const std::string& model_digest) {
  const fs::path output = folder;
  const auto names = names_written(sources);
  for (const auto& source : sources) {
    if (source.path.empty()) continue;
    if (same(source.path, output)) {
      throw SettingsError("--output " + folder + " is the folder of " + source.word + " " + source.path +
                          ", which would be overwritten\n    choose another folder");
    }
    const fs::path file = source.path;
    if (!is_folder(file) && same(folder_of(file), output) && names.contains(file.filename().string())) {
      throw SettingsError(source.word + " " + source.path + " lies in --output " + folder +
                          ", where a file of that name is written\n    choose another folder, or keep that file "
                          "elsewhere");
    }
  }
  const auto held = std::find_if(checkpoint_files.begin(), checkpoint_files.end(),
                                 [&](const std::string& name) { return is_there(output / name); });
  if (held != checkpoint_files.end() && !overwrites) {
    if (!is_pruning_of(output, model_digest)) {
      throw SettingsError("--output " + folder + " holds another checkpoint (" + *held +
                          ")\n    choose another folder, or add --overwrite to replace it");
    }
    say(folder + ": what an earlier pruning of this model left there is replaced");
  }
}

void check_output_file(const std::string& word, const std::string& file, const std::vector<Source>& sources) {
  if (file.empty() || !is_there(file)) return;
  for (const auto& source : sources) {
    if (source.path.empty()) continue;
    if (same(source.path, file)) {
      throw SettingsError(word + " " + file + " is " + source.word + " " + source.path +
                          ", which would be overwritten\n    choose another file");
    }
    if (is_folder(source.path) && same(folder_of(file), source.path)) {
      throw SettingsError(word + " " + file + " is a file of " + source.word + " " + source.path +
                          ", which would be overwritten\n    choose another file");
    }
  }
  if (checkpoint_files.contains(fs::path(file).filename().string())) {
    throw SettingsError(word + " " + file +
                        " is part of a checkpoint, which would be overwritten\n    choose another "
                        "file");
  }
}

}  // namespace espalier::worker
