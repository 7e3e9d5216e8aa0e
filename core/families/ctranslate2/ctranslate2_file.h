// The container that CTranslate2 keeps weights in: model.bin, a flat list of named arrays.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <filesystem>
#include <map>
#include <string>

#include "nn_names.h"

namespace espalier::families {

struct CTranslate2File {
  std::string specification;                    // "WhisperSpec"
  std::int64_t revision = 0;                    // of the specification
  std::map<std::string, at::Tensor> tensors;    // float32; float16 and bfloat16 are widened, which loses nothing
  std::map<std::string, std::int64_t> numbers;  // scalars such as num_heads
  std::map<std::string, std::string> aliases;   // another name -> a name in `tensors`
  std::string precision;                        // what most weights are stored as: float32, float16 or bfloat16
};

// Throws InputError: truncated, foreign, of an unknown version, sizes that do not fit the file, quantised weights.
CTranslate2File read_ctranslate2_file(const std::filesystem::path& path);

}  // namespace espalier::families
