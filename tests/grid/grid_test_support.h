// A folder of its own for each test, with a small model and dataset, and the plugins that the experiments name.
#pragma once

#include <espalier/error.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <map>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "cells/cell_settings.h"
#include "grid/experiment.h"
#include "words/atomic_file.h"

namespace espalier::grid {

inline std::vector<PluginDescription> test_plugins() {
  using Integer = std::int64_t;
  std::vector<PluginDescription> plugins;
  const auto add = [&](const char* role, const char* name, std::vector<SettingDescription> settings) -> auto& {
    auto& plugin = plugins.emplace_back();
    plugin.name = name;
    plugin.role = role;
    plugin.version = "1.0.0";
    plugin.settings = std::move(settings);
    plugin.file = std::string(name) + ".so";
    return plugin;
  };
  add("scorer", "random", {}).traits = uses_randomness;
  add("scorer", "magnitude", {{"norm", Integer{1}, "which norm", {"1", "2"}}});
  auto& fisher = add("scorer", "fisher",
                     {{"squares", std::string("per-sample"), "what is squared", {"per-sample", "per-batch"}},
                      {"samples", Integer{1000}, "examples read", {}},
                      {"split", std::string("validation"), "which split", {"train", "validation"}},
                      {"damping", 1e-6, "added to each score", {}}});
  fisher.version = "1.1.0";
  fisher.traits = needs_data;
  add("searcher", "ranking",
      {{"keep_one", false, "never empty a site", {}},
       {"keep_one_head", false, "an emptied site keeps a head", {}},
       {"rescue", std::string("best"), "which one", {"best", "first"}}})
      .traits = needs_scores;
  auto& lookahead = add("searcher", "lookahead", {{"width", Integer{4}, "states kept", {}}});
  lookahead.traits = needs_scores | evaluates;
  // Searchers without scores: one that evaluates masks, one that learns gates.
  auto& a_star =
      add("searcher", "a-star", {{"metric", std::string(), "what may be lost; empty: the task's first", {}}});
  a_star.traits = evaluates | heads_only | budget_heads | budget_loss;
  add("searcher", "gates", {}).traits = trains | budget_sparsity | budget_heads;
  add("recovery", "lora",
      {{"rank", Integer{16}, "rank of the update", {}}, {"epochs", Integer{1}, "passes over the data", {}}})
      .traits = needs_data;
  return plugins;
}

// Everything an experiment needs but its [[grid]].
inline const std::string test_head = R"(espalier = 1
name = "test"
[model.minilm]
family = "bert"
checkpoint = "minilm"
[dataset.wordnet]
format = "text-classification"
train = "train.tsv"
validation = "validation.tsv"
test = "test.tsv"
)";

class GridTest : public testing::Test {
 protected:
  GridTest() {
    const auto* test = testing::UnitTest::GetInstance()->current_test_info();
    folder_ = std::filesystem::temp_directory_path() /
              ("espalier_grid_" + std::to_string(getpid()) + "_" + test->test_suite_name() + "_" + test->name());
    std::filesystem::create_directories(folder_ / "minilm");
    for (const auto* file :
         {"minilm/config.json", "minilm/model.safetensors", "train.tsv", "validation.tsv", "test.tsv"}) {
      write(file, file);
    }
    options_.plugins = test_plugins();
    options_.cache_folder = folder_ / "cache";
    options_.environment = [this](const std::string& name) -> std::optional<std::string> {
      const auto found = variables_.find(name);
      return found == variables_.end() ? std::nullopt : std::optional(found->second);
    };
  }
  ~GridTest() override { std::filesystem::remove_all(folder_); }

  void write(const std::string& name, const std::string& text) {
    std::filesystem::create_directories((folder_ / name).parent_path());
    write_file(folder_ / name, text);
  }

  Experiment read(const std::string& text, const std::string& file = "x.toml") {
    write(file, text);
    return read_experiment(folder_ / file, options_);
  }

  // Of an experiment with the usual definitions and this grid.
  Experiment read_grid(const std::string& grid) { return read(test_head + grid); }

  // What is said of the text, with the test's folder left out.
  std::string complaint(const std::string& text) {
    try {
      read(text);
    } catch (const SettingsError& error) {
      return without_folder(error.what());
    }
    return "no complaint";
  }

  std::string without_folder(std::string text) const {
    const auto folder = folder_.string() + "/";
    for (std::size_t at = 0; (at = text.find(folder, at)) != std::string::npos;) text.erase(at, folder.size());
    return text;
  }

  static CellSettings settings(const PlannedCell& cell) { return cell_from_json(nlohmann::json::parse(cell.settings)); }

  static std::vector<std::string> keys(const Experiment& experiment) {
    std::vector<std::string> keys;
    for (const auto& cell : experiment.cells) keys.push_back(cell.key);
    return keys;
  }

  std::filesystem::path folder_;
  std::map<std::string, std::string> variables_;
  ReadOptions options_;
};

}  // namespace espalier::grid
