// Decodes features with a checkpoint and prints token ids and seconds as JSON, for audio.py.
//
// Usage: whisper_decoding CHECKPOINT FEATURES [--threads N] [--batch N] [--repeats N] [--most N] [--language L] [--task T]
//                         [--mask FILE] [--compact] [--masks FOLDER [--apart]]
// FEATURES: a safetensors file with input_features [examples, mels, frames].
// FOLDER: masks, in the order of their names: all of them as one series, or each model apart; token ids by mask.
#include <ATen/Parallel.h>
#include <ATen/core/grad_mode.h>
#include <nn/mask_file.h>
#include <nn/model.h>
#include <nn/safetensors.h>
#include <nn/series/mask_series.h>
#include "families/families.h"
#include "families/speech.h"

#include <algorithm>
#include <chrono>
#include <exception>
#include <filesystem>
#include <iostream>
#include <map>
#include <nlohmann/json.hpp>
#include <string>

namespace {

using namespace espalier;

double seconds_since(std::chrono::steady_clock::time_point start) {
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

// Token ids by mask and example.
nlohmann::json ids_of_masks(const nn::Model& model, const std::vector<Mask>& masks, const at::Tensor& features,
                            const families::DecodingRules& rules, std::int64_t batch, bool apart) {
  nn::MaskSeries series(model, ComputeType::Float32, {}, nn::prefix_bytes(model.device(), 0));
  const auto& speech = *families::speech_model(model);
  std::vector<nlohmann::json> ids(masks.size(), nlohmann::json::array());
  for (const auto& group : series.visits(masks)) {
    std::vector<std::unique_ptr<nn::Model>> held;
    std::vector<const nn::Model*> models;
    for (const auto number : group) {
      held.push_back(apart ? model.compacted(masks[number]) : series.compacted(masks[number]));
      models.push_back(held.back().get());
    }
    for (std::int64_t first = 0; first < features.size(0); first += batch) {
      Batch part;
      part.inputs["input_features"] = features.narrow(0, first, std::min(batch, features.size(0) - first));
      const auto heard = speech.hear_each(models, *model.prepared({part}), rules);
      for (std::size_t i = 0; i < group.size(); ++i) {
        for (const auto& one : heard[i].transcriptions) ids[group[i]].push_back(one.tokens);
      }
    }
  }
  return ids;
}

nlohmann::json bench(const std::string& checkpoint, const std::string& file, std::map<std::string, std::string> given) {
  const auto number = [&](const char* name, int absent) {
    return given.contains(name) ? std::stoi(given[name]) : absent;
  };
  at::set_num_threads(number("--threads", 2));
  const auto begun = std::chrono::steady_clock::now();
  auto model = families::read_model(checkpoint, "whisper");
  if (given.contains("--mask")) {
    const auto mask = nn::read_mask(given["--mask"], model->sites());
    model = given.contains("--compact") ? model->compacted(mask) : model->masked(mask);
  }
  const auto rules = families::decoding_rules(checkpoint, given["--language"], given["--task"], number("--most", 0));
  const auto features = nn::read_safetensors(file).tensors.at("input_features");
  const auto& speech = *families::speech_model(*model);
  nlohmann::json answer = {{"load_seconds", seconds_since(begun)}, {"seconds", nlohmann::json::array()}};
  if (given.contains("--masks")) {
    std::vector<std::filesystem::path> files;
    for (const auto& entry : std::filesystem::directory_iterator(given["--masks"])) files.push_back(entry.path());
    std::sort(files.begin(), files.end());
    std::vector<Mask> masks;
    for (const auto& one : files) masks.push_back(nn::read_mask(one, model->sites()));
    for (int repeat = 0; repeat < number("--repeats", 1); ++repeat) {
      const auto start = std::chrono::steady_clock::now();
      answer["ids"] = ids_of_masks(*model, masks, features, rules, number("--batch", 16), given.contains("--apart"));
      answer["seconds"].push_back(seconds_since(start));
    }
    return answer;
  }
  for (int repeat = 0; repeat < number("--repeats", 1); ++repeat) {
    answer["ids"] = answer["cut"] = nlohmann::json::array();
    const auto start = std::chrono::steady_clock::now();
    const std::int64_t examples = features.size(0), batch = number("--batch", static_cast<int>(examples));
    for (std::int64_t first = 0; first < examples; first += batch) {
      Batch part;
      part.inputs["input_features"] = features.narrow(0, first, std::min(batch, examples - first));
      for (const auto& heard : speech.hear(part, rules).transcriptions) {
        answer["ids"].push_back(heard.tokens);
        answer["cut"].push_back(heard.cut);
      }
    }
    answer["seconds"].push_back(seconds_since(start));
  }
  return answer;
}

}  // namespace

int main(int count, char** words) {
  try {
    std::map<std::string, std::string> given;
    for (int i = 3; i < count; ++i) {
      const std::string name = words[i];
      given[name] = name == "--compact" || name == "--apart" || i + 1 >= count ? "" : words[++i];
    }
    if (count < 3) throw std::runtime_error("usage: whisper_decoding CHECKPOINT FEATURES [--threads N] ...");
    std::cout << bench(words[1], words[2], given) << "\n";
  } catch (const std::exception& fault) {
    std::cerr << fault.what() << "\n";
    return 1;
  }
  return 0;
}
