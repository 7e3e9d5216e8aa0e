// A plugin's visit to this process: from before it is constructed until it is gone. What belongs to the whole process is
// found afterwards as it was before.
#pragma once

#include <memory>
#include <string>

#include "loader/plugin_catalog.h"

namespace espalier::loader {

// Role: Scorer, Searcher or Recovery. Visits at one time lie within each other: what began last ends first, and is blamed for
// what any of them did.
template <typename Role>
class Visit {
 public:
  // Throws what PluginCatalog::make_scorer() and its like throw.
  Visit(const PluginCatalog& catalog, const std::string& name, const Settings& settings);
  ~Visit();  // as leave(), without a word
  Visit(const Visit&) = delete;
  Visit& operator=(const Visit&) = delete;

  Role& operator*() const;
  // "scorer 'hies'"
  const std::string& who() const;

  // Destroys the plugin and puts back what it disturbed. Throws PluginError where that cannot be: from then on the process
  // is spoilt.
  void leave();

 private:
  struct State;
  std::unique_ptr<State> state_;
};

extern template class Visit<Scorer>;
extern template class Visit<Searcher>;
extern template class Visit<Recovery>;

// What a plugin did to this process that cannot be undone, as a message that names it; empty: nothing. A process that is
// spoilt should compute nothing more.
const std::string& spoilt();

// While a plugin is visiting and calls its host: working folder and umask as the host had them.
void put_folder_back();

}  // namespace espalier::loader
