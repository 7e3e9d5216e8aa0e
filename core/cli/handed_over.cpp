#include <algorithm>

#include "commands.h"
#include "runner/worker_program.h"

namespace espalier::cli {

const std::vector<HandedOver>& handed_over_commands() {
  static const std::vector<HandedOver> commands = {
      {"train", "Fine-tune a base model and write it as a checkpoint"},
      {"score", "Score the units of a model"},
      {"prune", "Turn scores into a mask and write the pruned checkpoint"},
      {"predict", "Classes or transcripts of texts and sounds, or outputs for tensors, with or without a mask"},
      {"transcribe", "What is said in sounds, by a Whisper, with or without a mask"},
      {"evaluate", "Metrics of a model on a data file, with or without a mask"},
      {"import", "Turn a CTranslate2 Whisper directory into a Hugging Face one"},
      {"data", "Prepare real data sets"},
  };
  return commands;
}

bool is_handed_over(const std::string& command) {
  const auto& commands = handed_over_commands();
  return std::any_of(commands.begin(), commands.end(), [&](const HandedOver& known) { return command == known.name; });
}

void hand_over(int count, char** words) { runner::hand_over({words + 1, words + count}); }

}  // namespace espalier::cli
