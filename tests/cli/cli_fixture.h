// A folder with a small experiment, and the program espalier in it, with the fake worker in place of the real one.
#pragma once

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "support/run_program.h"
#include "support/temp_dir.h"
#include "support/tiny_files.h"

namespace espalier::cli {

class CliTest : public testing::Test {
 protected:
  void SetUp() override {
    std::filesystem::create_directories(folder_ / "bin");
    std::filesystem::create_symlink(FAKE_WORKER, folder_ / "bin/espalier-worker");
    folder_.write("plugins/magnitude.so", "scorer 1.0");
    folder_.write("plugins/random.so", "scorer 1.0");
    folder_.write("plugins/ranking.so", "searcher 1.0");
    folder_.write("model/config.json", R"({"model_type": "bert"})");
    folder_.write("model/model.safetensors", test::bert_weights());
    folder_.write("model/vocab.txt", "[UNK]\n");
    for (const char* split : {"train", "validation", "test"}) {
      folder_.write(std::string(split) + ".tsv", std::string("text\tlabel\n") + split + "\ta\nb\tb\n");
    }
    write_experiment("tiny.toml", "tiny", "[0, 1, 2]");
  }

  void write_experiment(const std::string& file, const std::string& name, const std::string& seeds,
                        const std::string& more = "") const {
    folder_.write(file, "espalier = 1\nname = \"" + name + "\"\nquestion = \"Does it run?\"\n" + R"(
[model.small]
family = "bert"
checkpoint = "model"
train = { epochs = 1 }

[dataset.few]
format = "text-classification"
train = "train.tsv"
validation = "validation.tsv"
test = "test.tsv"

[[grid]]
model = "small"
dataset = "few"
granularity = "head"
scorer = "magnitude"
sparsity = 0.5
seed = )" + seeds + "\n" + more);
  }

  test::Ran espalier(const std::vector<std::string>& words, std::vector<std::string> environment = {}) const {
    std::vector<std::string> command{test::program("espalier")};
    command.insert(command.end(), words.begin(), words.end());
    return start(command, std::move(environment));
  }

  test::Ran start(const std::vector<std::string>& command, std::vector<std::string> environment = {}) const {
    environment.push_back("ESPALIER_WORKER=" + (folder_ / "bin/espalier-worker").string());
    environment.push_back("ESPALIER_CACHE=" + (folder_ / "cache").string());
    environment.push_back("FAKE_JOURNAL=" + (folder_ / "journal").string());
    return test::run_program(command, folder_.path(), environment);
  }

  static nlohmann::json json(const test::Ran& ran) {
    auto document = nlohmann::json::parse(ran.out, nullptr, false);
    EXPECT_FALSE(document.is_discarded()) << ran.out << ran.err;
    return document;
  }

  const test::TempDir folder_;
};

#define EXPECT_CONTAINS(text, part) EXPECT_NE((text).find(part), std::string::npos) << (text)

}  // namespace espalier::cli
