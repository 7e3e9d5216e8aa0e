// What a scorer plugin says of a checkpoint, as score files keep it.
#pragma once

#include <ATen/core/Tensor.h>

#include <map>
#include <string>

#include "commands.h"
#include "measure/subject.h"
#include "words/plugin_description.h"

namespace espalier::worker {

struct Scored {
  Subject subject;
  at::Tensor values;  // [units], float64
  PluginDescription scorer;
  std::map<std::string, std::string> metadata;
  double seconds = 0;
};

Scored scores_of(const ScoreWords& words, const nn::Device& device);

}  // namespace espalier::worker
