// Safetensors files: read with every rule of the format checked before memory is spent, written aside and renamed.
#pragma once

#include <ATen/core/Tensor.h>

#include <filesystem>
#include <map>
#include <string>

namespace espalier::nn {

struct TensorFile {
  std::map<std::string, at::Tensor> tensors;  // contiguous, on the CPU, memory of their own
  std::map<std::string, std::string> metadata;
};

// Throws InputError that names the file, the tensor and the rule that is broken.
TensorFile read_safetensors(const std::filesystem::path& path);
void write_safetensors(const std::filesystem::path& path, const TensorFile& content);

}  // namespace espalier::nn
