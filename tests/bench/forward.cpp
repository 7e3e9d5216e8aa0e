// Runs a checkpoint forward on a file of inputs and prints seconds and logits, for audio.py.
//
// Usage: forward CHECKPOINT INPUTS [--threads N] [--repeats N] [--batch N]
// INPUTS: a safetensors file with inputs under their Hugging Face names, [examples, ...] each.
#include <ATen/Parallel.h>
#include <ATen/core/Tensor.h>
#include <ATen/core/grad_mode.h>
#include <nn/model.h>
#include <nn/safetensors.h>

#include <chrono>
#include <exception>
#include <iostream>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "families/families.h"

int main(int count, char** words) {
  using namespace espalier;
  try {
    if (count < 3) throw std::runtime_error("usage: forward CHECKPOINT INPUTS [--threads N] [--repeats N] [--batch N]");
    std::int64_t threads = 2, repeats = 1, batch = 8;
    for (int i = 3; i + 1 < count; i += 2) {
      const std::string name = words[i];
      (name == "--threads" ? threads : name == "--repeats" ? repeats : batch) = std::stoi(words[i + 1]);
    }
    at::set_num_threads(static_cast<int>(threads));
    const at::NoGradGuard no_gradients;
    const auto model = families::read_model(words[1]);
    const auto inputs = nn::read_safetensors(words[2]).tensors;
    const auto examples = inputs.begin()->second.size(0);

    nlohmann::json answer = {{"examples", examples}, {"seconds", nlohmann::json::array()}};
    for (std::int64_t repeat = 0; repeat < repeats; ++repeat) {
      std::vector<float> logits;
      const auto start = std::chrono::steady_clock::now();
      for (std::int64_t first = 0; first < examples; first += batch) {
        std::map<std::string, at::Tensor> part;
        for (const auto& [name, tensor] : inputs)
          part[name] = tensor.narrow(0, first, std::min(batch, examples - first));
        const auto found = model->outputs(part).at("logits").contiguous();  // [examples, classes]
        logits.insert(logits.end(), found.data_ptr<float>(), found.data_ptr<float>() + found.numel());
      }
      answer["seconds"].push_back(std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count());
      answer["logits"] = logits;
    }
    std::cout << answer << "\n";
  } catch (const std::exception& fault) {
    std::cerr << fault.what() << "\n";
    return 1;
  }
  return 0;
}
