// A tiny multilingual Whisper and its sounds as a task (tests/fixtures/speech/make_multilingual_golden.py).
#pragma once

#include <ATen/Parallel.h>

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "families/families.h"
#include "nn/mask_file.h"
#include "support/temp_dir.h"
#include "tasks/task.h"
#include "words/atomic_file.h"

namespace espalier::test {

inline const std::filesystem::path speaking_fixture =
    std::filesystem::path(ESPALIER_SOURCE_DIR) / "tests/fixtures/speech/multilingual";
// The tiny multilingual Whisper and its six sounds, in a folder of the test's own.
struct Speaking {
  explicit Speaking(const std::string& language = "", bool forced = false) {
    at::set_num_threads(1);
    std::filesystem::copy(speaking_fixture, folder / "model");
    if (forced) {
      std::filesystem::copy_file(folder / "model/forced_generation_config.json",
                                 folder / "model/generation_config.json",
                                 std::filesystem::copy_options::overwrite_existing);
    }
    model = families::read_model(folder / "model");
    dataset.name = "said";
    dataset.format = Format::SpeechRecognition;
    for (const char* split : {"train", "validation", "test"})
      dataset.split[split] = (folder / "model/test.tsv").string();
    dataset.audio_folder = (folder / "model").string();
    dataset.language = language;
    dataset.max_new_tokens = 13;
  }

  tasks::Task& task() {
    if (!task_) {
      task_ = tasks::make_task(dataset, (folder / "model").string(), {}, digests, folder / "cache",
                               {[this](const std::string& line) { said.push_back(line); }}, model.get());
    }
    return *task_;
  }
  const tasks::Split& split(const std::string& name = "test") { return task().split(name); }
  Mask mask() const { return nn::read_mask(speaking_fixture / "mask.safetensors", model->sites()); }
  bool was_said(const std::string& words) const {
    return std::any_of(said.begin(), said.end(),
                       [&](const std::string& line) { return line.find(words) != std::string::npos; });
  }

  // A sound of so many windows of 1 s, and a table with it and two sounds of one window.
  void with_a_long_sound(const std::string& long_rows = "long.wav\tbonjour my dog\n", bool with_short = true) {
    std::string data;
    for (int i = 0; i < 16000 * 5 / 2; ++i) {
      const auto sample = static_cast<std::int16_t>(8000 * std::sin(0.3 * i) * std::sin(0.001 * i));
      data.append(reinterpret_cast<const char*>(&sample), 2);
    }
    auto file = read_file(speaking_fixture / "sound0.wav").substr(0, 44);
    const auto put = [&](std::size_t place, std::uint32_t number) {
      file.replace(place, 4, reinterpret_cast<const char*>(&number), 4);
    };
    put(4, static_cast<std::uint32_t>(36 + data.size()));
    put(40, static_cast<std::uint32_t>(data.size()));
    folder.write("model/long.wav", file + data);
    folder.write("model/test.tsv",
                 "path\ttext\n" + long_rows + (with_short ? "sound1.wav\tmy dog\nsound4.wav\tstop\n" : ""));
    dataset.long_audio = LongAudio::Chunk;
  }

  TempDir folder;
  DigestMemory digests{folder / "cache"};
  DatasetSettings dataset;
  std::unique_ptr<nn::Model> model;
  std::vector<std::string> said;

 private:
  std::unique_ptr<tasks::Task> task_;
};

}  // namespace espalier::test
