// A folder with a tiny checkpoint, tables and an experiment, and the programs to use on them.
#pragma once

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "support/run_program.h"
#include "support/tiny_bert.h"

namespace espalier::test {

class TinyWorld {
 public:
  TinyWorld() {
    write_tiny_bert(folder / "model");
    write_tiny_table(folder, "train.tsv", 120, 1);
    write_tiny_table(folder, "validation.tsv", 40, 2);
    write_tiny_table(folder, "test.tsv", 60, 3);
  }

  Ran espalier(std::vector<std::string> words, std::vector<std::string> environment = {}) const {
    words.insert(words.begin(), program("espalier"));
    return run_program(words, folder.path(), environment);
  }

  // A base model with a head, in DIR "trained".
  Ran train() const {
    return espalier({"train", "--model", "model", "--data", "train.tsv", "--validation", "validation.tsv", "--format",
                     "text-classification", "--set", "epochs=2", "--set", "learning_rate=0.005", "--set", "batch=8",
                     "--output", "trained"});
  }

  std::string experiment(const std::string& grid) const {
    return R"(espalier = 1
name = "tiny"
question = "Does it run?"
[model.tiny]
family = "bert"
checkpoint = "model"
train = { epochs = 2, batch = 8, learning_rate = 0.005 }
[dataset.kinds]
format = "text-classification"
train = "train.tsv"
validation = "validation.tsv"
test = "test.tsv"
max_tokens = 16
[[grid]]
model = "tiny"
dataset = "kinds"
)" + grid;
  }

  TempDir folder;
};

inline const std::vector<std::string> evaluate_words = {
    "evaluate", "--model", "model", "--data", "test.tsv", "--format", "text-classification"};

inline std::vector<std::string> with(std::vector<std::string> words, const std::vector<std::string>& more) {
  words.insert(words.end(), more.begin(), more.end());
  return words;
}

}  // namespace espalier::test
