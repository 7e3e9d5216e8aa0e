// Packages as they lie on a system, in small, and the tables that are made from them.
#pragma once

#include <gtest/gtest.h>
#include <sndfile.h>

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <map>
#include <sstream>
#include <string>
#include <vector>

#include "corpora/corpora.h"
#include "support/message_of.h"
#include "support/temp_dir.h"
#include "words/atomic_file.h"

namespace espalier::corpora {

// A tone of `hertz` as a mono WAV.
inline void write_tone(const std::filesystem::path& file, double seconds, double hertz = 440, int rate = 8000,
                       double amplitude = 0.5) {
  std::filesystem::create_directories(file.parent_path());
  SF_INFO info = {};
  info.samplerate = rate;
  info.channels = 1;
  info.format = SF_FORMAT_WAV | SF_FORMAT_PCM_16;
  std::vector<float> samples(static_cast<std::size_t>(seconds * rate));
  for (std::size_t i = 0; i < samples.size(); ++i) {
    samples[i] = static_cast<float>(amplitude * std::sin(2 * M_PI * hertz * static_cast<double>(i) / rate));
  }
  SNDFILE* const sound = sf_open(file.c_str(), SFM_WRITE, &info);
  ASSERT_NE(sound, nullptr) << file;
  sf_write_float(sound, samples.data(), static_cast<sf_count_t>(samples.size()));
  sf_close(sound);
}

inline std::vector<std::vector<std::string>> read_table(const std::filesystem::path& file) {
  std::vector<std::vector<std::string>> rows;
  std::istringstream lines(read_file(file));
  for (std::string line; std::getline(lines, line);) {
    rows.emplace_back();
    std::istringstream cells(line);
    for (std::string cell; std::getline(cells, cell, '\t');) rows.back().push_back(cell);
  }
  return rows;
}

// Second cells by the file name of the first.
inline std::map<std::string, std::string> by_name(const std::filesystem::path& table) {
  std::map<std::string, std::string> values;
  for (const auto& row : read_table(table)) values[std::filesystem::path(row[0]).filename()] = row[1];
  values.erase("path");
  return values;
}

class Packages : public testing::Test {
 protected:
  Prepared prepared(const std::string& name) {
    Preparation preparation;
    preparation.output = output;
    preparation.source = root.path();
    return prepare(name, preparation);
  }
  std::string complaint(const std::string& name) {
    return test::message_of<InputError>([&] { prepared(name); });
  }

  test::TempDir root, place;
  std::filesystem::path output = place / "data";
};

}  // namespace espalier::corpora
