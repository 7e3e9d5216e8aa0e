// What both command lines share: the commands of espalier-worker, and what is wrong with a line, in the words that both
// programs use: the option, what was given, what is expected.
#pragma once

#include <string>
#include <vector>

#include <espalier/export.h>

namespace espalier {

// The commands of espalier-worker, each with its one summary: the worker lists them all, and espalier those that it hands
// over, without starting the worker.
struct WorkerCommand {
  const char* name;
  const char* summary;
  bool handed_over;  // people call it as `espalier NAME`; the others are called by espalier itself
};

inline constexpr WorkerCommand worker_commands[] = {
    {"cells", "Claim cells of an experiment and run them until none is left (espalier run starts this)", false},
    {"describe", "Describe plugin files as JSON, each opened in a process of its own (espalier keeps the answers)",
     false},
    {"throughput", "Examples of a cell's data that this process evaluates a second (run --workers auto starts several)",
     false},
    {"train", "Fine-tune a checkpoint on a labelled table; writes an ordinary checkpoint", true},
    {"score", "Score the units of a checkpoint; writes a score file", true},
    {"prune", "Prune a checkpoint by scores and a budget, or by a mask; writes a checkpoint", true},
    {"predict", "What a model makes of texts, sounds or tensors", true},
    {"transcribe", "What is said in sounds, by a model that writes text (Whisper)", true},
    {"evaluate", "Metrics of a checkpoint on a labelled table, whole or under masks", true},
    {"map", "What the model loses without each head: a table, a picture and a score file", true},
    {"bench", "How quickly masks of a checkpoint are evaluated, from the plain way to the quickest", true},
    {"devices", "The CPU and the GPUs that answer, or why none does", true},
    {"data", "Real datasets from packages on the system", true},
    {"import", "Write a CTranslate2 Whisper directory as a Hugging Face one (float32 safetensors)", true},
};

struct KnownOption {
  std::string name;    // --sparsity
  bool whole = false;  // takes whole numbers
};

// `said` is the parser's own sentence, which stands where it is as good as any; `words` are those of the command line, and
// `known` the options of the command. An option that is not known is named first, with the nearest one.
ESPALIER_WORDS_API std::string option_mistake(const std::string& said, const std::vector<std::string>& words,
                                              const std::vector<KnownOption>& known);

}  // namespace espalier
