// From a file to a trusted plugin, or to a sentence saying why not. Plugins are never unloaded: exceptions, tensors and
// virtual tables of theirs may outlive every use.
#pragma once

#include <espalier/recovery.h>
#include <espalier/scorer.h>
#include <espalier/searcher.h>

#include <deque>
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "words/plugin_description.h"

namespace espalier::loader {

struct Plugin {
  PluginDescription description;
  std::string file_digest;
  std::filesystem::path file;
  const PluginCard* card = nullptr;

  bool has(PluginTraits trait) const { return description.has(trait); }
};

struct Refusal {
  std::filesystem::path file;
  std::string message;
};

// The plugins of the build's folder and of folders or files that the user names. A file is checked and opened when its
// plugin is first asked for, so that no other plugin's code runs; one that is refused is an error only then.
class PluginCatalog {
 public:
  explicit PluginCatalog(const std::vector<std::filesystem::path>& folders_or_files);

  // All of them: opens every file.
  const std::deque<Plugin>& plugins() const;
  const std::vector<Refusal>& refusals() const;
  // Of several plugins of one role and name the first. Throws SettingsError for an unknown name (nearest one), PluginError
  // where the file of that name is refused.
  const Plugin& find(const std::string& role, const std::string& name) const;

  // An instance with complete settings. Throws SettingsError (settings), PluginError (its constructor threw).
  std::unique_ptr<Scorer> make_scorer(const std::string& name, const Settings& settings) const;
  std::unique_ptr<Searcher> make_searcher(const std::string& name, const Settings& settings) const;
  std::unique_ptr<Recovery> make_recovery(const std::string& name, const Settings& settings) const;

 private:
  struct File {
    std::filesystem::path path;
    bool opened = false;
  };
  void open(File& file) const;

  // Asking is what opens a file, and changes nothing that can be seen otherwise.
  mutable std::vector<File> files_;
  mutable std::deque<Plugin> plugins_;  // where they are, they stay
  mutable std::vector<Refusal> refusals_;
};

// Checks one file step by step and opens it. Throws PluginError listing every difference.
Plugin load_plugin(const std::filesystem::path& file);

// Where the program looks, which is espalier-worker: plugin_places() of words/plugin_files.h.
std::vector<std::filesystem::path> plugin_folders(const std::vector<std::string>& named = {});

// Calls of plugin code, wrapped: state of LibTorch (gradient mode, default dtype, thread count) is restored, any
// exception becomes PluginError with the plugin's name (espalier::Error and its kin keep their code and wording), and
// answers are checked: one finite score a unit; a mask whose sites and shapes fit.
at::Tensor call_scorer(const std::string& name, Scorer& scorer, ScoringTask& task);
Mask call_searcher(const std::string& name, Searcher& searcher, SearchTask& task);
void call_recovery(const std::string& name, Recovery& recovery, RecoveryTask& task);

}  // namespace espalier::loader
