// espalier predict: a model's outputs for input tensors, dense, masked or compacted.
#include <c10/core/InferenceMode.h>

#include <cstdio>

#include "commands.h"
#include "input.h"
#include "nn/mask_file.h"
#include "nn/safetensors.h"
#include "output.h"

namespace espalier::worker {

ExitCode predict(const PredictWords& words) {
  const c10::InferenceMode inference;
  if (words.compact && words.mask.empty())
    throw SettingsError("--compact needs --mask FILE: there is nothing to compact away");
  check_output_file("--output", words.output,
                    {{"--model", words.model}, {"--input", words.input}, {"--mask", words.mask}});
  auto model = nn::read_model(words.model);
  say_skipped(*model, words.model);
  if (!words.mask.empty()) {
    const auto mask = nn::read_mask(words.mask, model->sites(), checkpoint_digest(words.model));
    model = words.compact ? model->compacted(mask) : model->masked(mask);
  }
  const auto outputs = model->outputs(nn::read_safetensors(words.input).tensors);
  nn::write_safetensors(words.output, {outputs, {}});
  for (const auto& [name, tensor] : outputs) {
    std::string shape;
    for (const auto size : tensor.sizes()) shape += (shape.empty() ? "" : ", ") + std::to_string(size);
    std::printf("%s: %s [%s]\n", words.output.c_str(), name.c_str(), shape.c_str());
  }
  return ExitCode::Done;
}

}  // namespace espalier::worker
