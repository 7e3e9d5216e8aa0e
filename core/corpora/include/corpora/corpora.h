// Audio datasets from packages of the system: sounds and transcripts become the tables that experiments read.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <string>
#include <vector>

namespace espalier::corpora {

struct Corpus {
  std::string name;      // what `espalier data prepare` calls it
  std::string summary;   // a line: what it holds, and the metric's kind
  std::string packages;  // what apt-get installs for it
  std::string licence;
};

const std::vector<Corpus>& known_corpora();

// How many clips `keywords` gets. Each word is spoken equally often where a count is a multiple of 20.
struct KeywordCounts {
  std::int64_t train = 4000, validation = 600, test = 1200;
};

struct Preparation {
  std::filesystem::path output;
  // Where it comes from; empty: the system. keywords: the program espeak-ng. Others: the folder that the packages were
  // unpacked into (it has usr/share/...).
  std::filesystem::path source;
  KeywordCounts clips;
  std::function<void(const std::string&)> say = [](const std::string&) {};  // progress, a line each
  std::function<bool()> stopped = [] { return false; };
};

struct SplitCounts {
  std::string name;  // of the table, without .tsv
  std::int64_t rows = 0;
  std::int64_t words = 0;  // of transcripts; 0 where rows have labels
  double seconds = 0;      // of sound
};

struct Prepared {
  std::vector<SplitCounts> splits;
  std::int64_t classes = 0;  // 0: transcripts
  std::vector<std::string> notes;
  bool already_there = false;  // the output was whole, nothing was written
};

// The user asked to stop; nothing of the output is there.
struct Stopped {};

// Writes train.tsv, validation.tsv, test.tsv (those that the corpus has; header path<TAB>label or path<TAB>text) and
// dataset.json into `output`, which is there whole or not at all. An output that is whole is left as it is; one that
// this function wrote and that is no longer whole is replaced; any other folder with files in it is refused. Throws
// InputError (missing packages with the apt-get line that brings them), SettingsError for an unknown name, Stopped.
Prepared prepare(const std::string& name, const Preparation& preparation);

}  // namespace espalier::corpora
