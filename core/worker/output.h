// Where a command writes: never over what it reads, and over another checkpoint only where it is told to.
#pragma once

#include <string>
#include <vector>

namespace espalier::worker {

// What a command reads: the word it was given by, and the file or folder as the user wrote it; empty: not given.
struct Source {
  std::string word;  // "--model"
  std::string path;
};

// The folder that a checkpoint is to go into, before anything is computed; it is made later. Throws SettingsError where it is a source's own folder, by whatever path,
// where a source lies in it under a name that is written, and where it holds another checkpoint and `overwrites` is
// false. `model_digest` not empty: what an earlier pruning of that very model left there is replaced, and said.
void check_checkpoint_folder(const std::string& folder, const std::vector<Source>& sources, bool overwrites,
                             const std::string& model_digest = "");

// Throws SettingsError where a file that a command is to write is one of its sources, lies in a checkpoint that it reads,
// or is part of another checkpoint. An empty path is none.
void check_output_file(const std::string& word, const std::string& file, const std::vector<Source>& sources);

}  // namespace espalier::worker
