// Makes features of sound files that are already in memory and prints seconds and a checksum, for audio.py.
//
// Usage: sound_features CHECKPOINT LIST [--threads N] [--repeats N]
// LIST: one path a line.
#include <ATen/Parallel.h>
#include <ATen/core/Tensor.h>
#include <ATen/core/grad_mode.h>
#include <audio/features.h>
#include <audio/sound.h>

#include <chrono>
#include <exception>
#include <fstream>
#include <iostream>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

int main(int count, char** words) {
  using namespace espalier;
  try {
    if (count < 3) throw std::runtime_error("usage: sound_features CHECKPOINT LIST [--threads N] [--repeats N]");
    int threads = 2, repeats = 1;
    for (int i = 3; i + 1 < count; i += 2) {
      if (std::string(words[i]) == "--threads") threads = std::stoi(words[i + 1]);
      if (std::string(words[i]) == "--repeats") repeats = std::stoi(words[i + 1]);
    }
    at::set_num_threads(threads);
    const at::NoGradGuard no_gradients;
    const auto extractor = audio::FeatureExtractor::read(words[1]);
    std::vector<std::vector<float>> sounds;
    std::ifstream list(words[2]);
    for (std::string path; std::getline(list, path);)
      sounds.push_back(audio::read_sound(path, extractor.sampling_rate()));

    nlohmann::json answer = {{"sounds", sounds.size()}, {"seconds", nlohmann::json::array()}};
    for (int repeat = 0; repeat < repeats; ++repeat) {
      const auto start = std::chrono::steady_clock::now();
      std::vector<at::Tensor> windows(sounds.size());  // [mel bins, frames] or [frames, mel bins] each
      at::parallel_for(0, static_cast<std::int64_t>(sounds.size()), 1, [&](std::int64_t begin, std::int64_t end) {
        const at::NoGradGuard none;
        for (auto i = static_cast<std::size_t>(begin); i < static_cast<std::size_t>(end); ++i)
          windows[i] = extractor.padded(extractor.features(sounds[i]));  // as a FeatureSet computes files
      });
      answer["seconds"].push_back(std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count());
      answer["means"] = nlohmann::json::array();
      for (const auto& window : windows) answer["means"].push_back(window.mean().item<double>());
    }
    std::cout << answer << "\n";
  } catch (const std::exception& fault) {
    std::cerr << fault.what() << "\n";
    return 1;
  }
  return 0;
}
