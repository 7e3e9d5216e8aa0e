// What is to be predicted, as people have it: texts and sounds, each under the name it has in the answers.
#pragma once

#include <string>
#include <vector>

#include "commands.h"

namespace espalier::worker {

struct Asked {
  enum class Kind { Tensors, Texts, Sounds };
  struct One {
    std::string name;        // FILE, FILE:LINE, or the text itself
    std::string text, pair;  // of texts
    std::string path;        // of sounds
  };
  Kind kind = Kind::Texts;
  std::vector<One> all;  // none of tensors
};

// Safetensors as they are; --text; .txt with one text a line; a table with a column text or path; a sound; a folder of
// sounds. `family` says which of them the model of this folder reads. Throws InputError and SettingsError.
Asked what_is_asked(const PredictWords& words, const std::string& family);

// Sounds that cannot be heard, with the reason.
struct LeftOut {
  std::string name, reason;
};
// Takes those out that cannot be heard at this rate for at least so many samples, and no longer than `most` (0: any).
std::vector<LeftOut> take_out_bad_sounds(Asked& asked, std::int64_t rate, std::int64_t least, std::int64_t most);

}  // namespace espalier::worker
