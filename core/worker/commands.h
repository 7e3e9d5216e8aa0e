// The commands of espalier-worker. Each takes its words as a plain struct, writes results to stdout and progress to
// stderr, and throws espalier::Error when it cannot do what was asked.
//
// A new command is a file with its words, its options and what it does, a row in words/command_line.h and one in main.cpp.
#pragma once

#include <espalier/error.h>

#include <cstdint>
#include <filesystem>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "cells/cell_settings.h"
#include "cells/device.h"
#include "cells/run/limits.h"

namespace CLI {
class App;
}

namespace espalier::nn {
struct Device;
}

namespace espalier::worker {

// True once SIGINT or SIGTERM has come.
bool interrupted();
int interrupts();  // how often
// A line on stderr.
void say(const std::string& line);

struct PluginPaths {
  std::vector<std::string> extra;  // --plugins, on top of the build's folder and $ESPALIER_PLUGINS
};

// What every command that reads a dataset takes.
struct DataWords {
  std::string file;
  std::string format = to_string(Format::TextClassification);
  std::string split = to_string(SplitName::Test);  // which split of a folder that holds several
  std::int64_t limit = 0;                          // first so many rows; 0: all
  DatasetSettings dataset;                         // what else is given; words of closed lists are in `words`
  std::map<std::string, std::string> words;        // by field
};

struct CellsWords {
  std::string database;
  std::string experiment;
  std::int64_t threads = 0;
  DeviceChoice device;  // opened by the child that computes
  std::int64_t device_workers = 1;
  double lease_seconds = 120;
  std::int64_t cells_at_most = 0;
  CellLimits limits;
  bool fail_fast = false;  // ends at the first cell that fails
  PluginPaths plugins;
  std::vector<std::string> command_line;
};
ExitCode run_cells(const CellsWords& words);

struct DescribeWords {
  std::vector<std::string> files;
  double seconds_a_file = 20;
};
ExitCode describe(const DescribeWords& words);

struct TrainWords {
  std::string model, output, compute = "float32";
  bool overwrite = false;
  DataWords data;
  std::string validation;
  std::vector<std::string> set;
};
ExitCode train(const TrainWords& words, const nn::Device& device);

struct ScoreWords {
  std::string model, output;
  DataWords data;
  std::string scorer, granularity = "head", sites = "all", compute = "float32";
  std::vector<std::string> set;
  std::int64_t seed = 0;
  PluginPaths plugins;
};
ExitCode score(const ScoreWords& words, const nn::Device& device);

struct PruneWords {
  std::string model, output, scores, mask, searcher = "ranking", scope = "global", rounding = "nearest", sites = "all";
  std::string format = "masked", softmax_scale = "original";
  std::vector<std::string> set;
  std::optional<double> sparsity;
  std::optional<std::int64_t> heads;
  std::int64_t seed = 0;
  bool overwrite = false;
  PluginPaths plugins;
};
ExitCode prune(const PruneWords& words, const nn::Device& device);

struct PredictWords {
  std::string model, input, output, mask;
  bool compact = false;
  // Of texts and sounds.
  std::vector<std::string> texts;
  std::string column, pair, format = "text", probabilities = "auto";
  std::int64_t top = 5;  // classes that are named; 0: all
  std::string bad_files = "skip", long_audio, language, task;
  std::int64_t max_new_tokens = 0, max_tokens = 128;
};
ExitCode predict(const PredictWords& words, const nn::Device& device);
// The same of a model that writes text.
ExitCode transcribe(const PredictWords& words, const nn::Device& device);

struct EvaluateWords {
  std::string model, mask, compute = "float32", predictions;
  std::vector<std::string> masks;
  DataWords data;
  bool json = false;
  bool plain = false;  // masked by zeros instead of compacted
  bool per_class = false, confusion = false;
};
ExitCode evaluate(const EvaluateWords& words, const nn::Device& device);

struct PrepareWords {
  std::string name, output, source;
};
ExitCode prepare(const PrepareWords& words);
// The datasets that can be prepared, a line each.
std::string dataset_lines();

struct ImportWords {
  std::string source, output;
  bool json = false;
};
ExitCode import_model(const ImportWords& words);

// --- the command line

// What the command line says beside a command's own options.
struct Given {
  std::int64_t threads = 0;
  DeviceChoice device_choice;
  const nn::Device* device = nullptr;  // that was opened; null where the command computes nothing, or opens it itself
  std::vector<std::string> words;      // the whole line
};

using Deed = std::function<ExitCode(const Given&)>;

struct Command {
  const char* name;
  // Where it computes: with the given threads and device here, or in a child, as a process that runs plugins must not be
  // split in two once it has computed or opened a GPU. Itself: the command sees to that. Nowhere: it computes nothing.
  enum class Runs { Here, Apart, Itself, Nowhere } runs;
  const char* example;
  Deed (*add)(CLI::App&);
};

Deed add_cells(CLI::App& app);
Deed add_describe(CLI::App& app);
Deed add_train(CLI::App& app);
Deed add_score(CLI::App& app);
Deed add_prune(CLI::App& app);
Deed add_predict(CLI::App& app);
Deed add_transcribe(CLI::App& app);
Deed add_evaluate(CLI::App& app);
Deed add_map(CLI::App& app);
Deed add_throughput(CLI::App& app);
Deed add_bench(CLI::App& app);
Deed add_devices(CLI::App& app);
Deed add_data(CLI::App& app);
Deed add_import(CLI::App& app);

}  // namespace espalier::worker
