// Whisper as CTranslate2 keeps it (model.bin), written as the Hugging Face directory that it came from.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>

namespace espalier::families {

struct ImportedWhisper {
  std::string precision;       // what the weights were stored as: float32, float16 or bfloat16
  std::int64_t variables = 0;  // of model.bin
  std::int64_t tensors = 0;    // of model.safetensors
  std::int64_t parameters = 0;
  std::int64_t width = 0, feed_forward = 0;
  std::int64_t encoder_layers = 0, decoder_layers = 0, encoder_heads = 0, decoder_heads = 0;
  std::int64_t mel_bins = 0, source_positions = 0, target_positions = 0;
  std::int64_t vocabulary = 0;
  bool multilingual = false;
};

// Reads model.bin, config.json and tokenizer.json of `source` and writes model.safetensors (float32), config.json,
// generation_config.json, preprocessor_config.json and the tokenizer's files into the folder `output`, which exists.
// Every size comes from the tensors; 51,864 words are English-only, 51,865 and more multilingual. Throws InputError:
// a file is missing, truncated, foreign or quantised, or the files do not fit each other.
ImportedWhisper import_ctranslate2_whisper(const std::filesystem::path& source, const std::filesystem::path& output);

}  // namespace espalier::families
