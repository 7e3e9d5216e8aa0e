// The folder a dataset is written into: tables, and a description that tells whether all of it is there.
#pragma once

#include <map>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include "corpora/corpora.h"
#include "words/atomic_folder.h"

namespace espalier::corpora {

struct Clip {
  std::string path;   // absolute, or relative to the table
  std::string value;  // the label or the transcript
  double seconds = 0;
};

class DatasetFolder {
 public:
  // `settings` is what the content depends on: another one makes another dataset.
  DatasetFolder(const Corpus& corpus, const std::filesystem::path& output, const nlohmann::ordered_json& settings);

  // What is there already, if all of it is.
  const std::optional<Prepared>& finished() const { return finished_; }
  // Where files of the dataset go. Throws InputError where the output is not to be written over.
  const std::filesystem::path& path();

  void table(const std::string& split, const std::vector<Clip>& clips, const std::string& column);
  void note(const std::string& text) { prepared_.notes.push_back(text); }
  Prepared commit();

 private:
  std::optional<Prepared> read_finished() const;

  const Corpus& corpus_;
  std::filesystem::path output_;
  nlohmann::ordered_json settings_;
  std::optional<Prepared> finished_;
  bool own_ = false;  // the output is an older dataset of the same name
  std::optional<AtomicFolder> folder_;
  Prepared prepared_;
  nlohmann::ordered_json tables_ = nlohmann::ordered_json::object();
};

// Spoken words: runs of letters, digits and apostrophes, so that "re-enter" is two and "..." none.
std::int64_t count_words(const std::string& text);

// "usr/share/NAME" below the source, "/usr/share/NAME" without one. Throws InputError naming the apt-get line where it
// is not there.
std::filesystem::path package_path(const Corpus& corpus, const Preparation& preparation, const std::string& name);

}  // namespace espalier::corpora
