// The tiny cell on data of each format: texts, sounds of one class, sounds of several, speech.
#pragma once

#include <string>
#include <vector>

#include "support/tiny_sounds.h"
#include "tiny_cell.h"

namespace espalier::test {

inline const std::vector<std::string>& data_formats() {
  static const std::vector<std::string> formats = {"text-classification", "audio-classification", "audio-tagging",
                                                   "speech-recognition"};
  return formats;
}

// A table of tones for one split: path and what belongs to it.
inline std::string write_tones(const TempDir& folder, const std::string& split, const std::string& format, int rows,
                               double lowest) {
  const bool speech = format == "speech-recognition", tags = format == "audio-tagging";
  std::string table = speech ? "path\ttext\n" : "path\tlabel\n";
  constexpr const char* texts[] = {"my dog", "three", "go on home", "stop"};
  for (int row = 0; row < rows; ++row) {
    const auto name = split + std::to_string(row) + ".wav";
    write_tone(folder, name, lowest + 170 * row);
    table += name + '\t' + (speech ? texts[row % 4] : "class " + std::to_string(row % 3)) +
             (tags && row % 2 == 0 ? ";class " + std::to_string((row + 1) % 3) : "") + '\n';
  }
  return folder.write(split + ".tsv", table).string();
}

// A checkpoint with a head, used as it is; `train` where a base model is to be trained, which speech has none of.
inline void use_format(TinyCell& tiny, const std::string& format) {
  if (format == "text-classification") return;
  const bool speech = format == "speech-recognition";
  auto& cell = tiny.cell;
  const auto folder = tiny.folder / "sounds-model";
  speech ? write_tiny_whisper(folder) : write_tiny_ast(folder);
  cell.model.family = speech ? Family::Whisper : Family::Ast;
  cell.model.checkpoint = folder.string();
  if (speech) cell.model.train.reset();
  cell.dataset.format = from_name<Format>(format);
  cell.dataset.bad_files = BadFiles::Refuse;
  cell.dataset.split = {{"train", write_tones(tiny.folder, "train", format, 9, 300)},
                        {"validation", write_tones(tiny.folder, "validation", format, 6, 350)},
                        {"test", write_tones(tiny.folder, "test", format, 6, 390)}};
}

inline Settings with(std::map<std::string, SettingValue> values) { return Settings(std::move(values)); }

}  // namespace espalier::test
