// Squared gradients of a checkpoint's attention weights, and a plain backward pass beside them, for fisher.py.
//
// Usage: squared_gradients CHECKPOINT INPUTS [--threads N] [--repeats N] [--batch N] [--squares per-sample|per-batch|backward]
//                [--compute float32|bfloat16]
// INPUTS: a safetensors file with inputs under their Hugging Face names and labels, [examples, ...] each. Prints seconds of
// each repeat, peak memory and the mean over examples (or batches) of the squares, summed into heads' channels.
#include <ATen/Parallel.h>
#include <ATen/TensorOperators.h>
#include <ATen/autocast_mode.h>
#include <ATen/core/Tensor.h>
#include <ATen/ops/zeros.h>
#include <espalier/units.h>
#include <nn/model.h>
#include <nn/safetensors.h>
#include <sys/resource.h>

#include <chrono>
#include <exception>
#include <iostream>
#include <nlohmann/json.hpp>
#include <numeric>
#include <string>
#include <vector>

#include "families/families.h"

int main(int count, char** words) {
  using namespace espalier;
  try {
    if (count < 3) throw std::runtime_error("usage: squared_gradients CHECKPOINT INPUTS [--squares KIND] ...");
    std::int64_t threads = 2, repeats = 1, size = 8;
    std::string squares = "per-sample", compute = "float32";
    for (int i = 3; i + 1 < count; i += 2) {
      const std::string name = words[i], value = words[i + 1];
      if (name == "--squares")
        squares = value;
      else if (name == "--compute")
        compute = value;
      else
        (name == "--threads" ? threads : name == "--repeats" ? repeats : size) = std::stoi(value);
    }
    at::set_num_threads(static_cast<int>(threads));
    const auto model = families::read_model(words[1]);
    const auto prunable = model->prunable();
    const Units units(model->sites(), Granularity::ProjectionChannel);
    auto content = nn::read_safetensors(words[2]).tensors;
    const auto labels = content.at("labels");
    content.erase("labels");
    std::vector<Batch> batches;
    for (std::int64_t first = 0; first < labels.size(0); first += size) {
      const auto together = std::min(size, labels.size(0) - first);
      Batch batch;
      for (const auto& [name, tensor] : content) batch.inputs[name] = tensor.narrow(0, first, together);
      batch.labels = labels.narrow(0, first, together);
      batch.rows.resize(static_cast<std::size_t>(together));
      std::iota(batch.rows.begin(), batch.rows.end(), first);
      batches.push_back(std::move(batch));
    }
    if (compute == "bfloat16") {
      at::autocast::set_autocast_enabled(at::kCPU, true);
      at::autocast::set_autocast_dtype(at::kCPU, at::kBFloat16);
    }

    nlohmann::json answer = {{"examples", labels.size(0)}, {"seconds", nlohmann::json::array()}};
    for (std::int64_t repeat = 0; repeat < repeats; ++repeat) {
      auto sum = at::zeros({units.count()}, at::kDouble);
      const auto start = std::chrono::steady_clock::now();
      for (const auto& batch : batches) {
        if (squares == "backward")
          prunable->gradients(batch);
        else
          sum += prunable->squared_gradients(batch, units,
                                             squares == "per-batch" ? Squares::PerBatch : Squares::PerSample);
      }
      answer["seconds"].push_back(std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count());
      const auto terms =
          squares == "per-batch" ? static_cast<double>(batches.size()) : static_cast<double>(labels.size(0));
      const auto mean = (sum / terms).contiguous();
      answer["squares"] = std::vector<double>(mean.data_ptr<double>(), mean.data_ptr<double>() + mean.numel());
    }
    rusage usage{};
    getrusage(RUSAGE_SELF, &usage);
    answer["peak_mib"] = usage.ru_maxrss / 1024;
    std::cout << answer << "\n";
  } catch (const std::exception& fault) {
    std::cerr << fault.what() << "\n";
    return 1;
  }
  return 0;
}
