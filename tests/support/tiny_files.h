// Files of a checkpoint small enough to be written by a test that reads no tensors.
#pragma once

#include <cstdint>
#include <string>

namespace espalier::test {

// A safetensors file of this header, with so many bytes of data behind it.
inline std::string safetensors_file(const std::string& header, std::size_t data_bytes) {
  std::string file;
  for (std::uint64_t size = header.size(), i = 0; i < 8; ++i) file += static_cast<char>(size >> (8 * i) & 0xFF);
  return file + header + std::string(data_bytes, '\0');
}

// One float of each name; shapes are [1].
inline std::string weights_of(const std::string& name, const std::string& second = "") {
  const auto entry = [](const std::string& called, int place) {
    return std::string("\"") + called + "\":{\"dtype\":\"F32\",\"shape\":[1,1],\"data_offsets\":[" +
           std::to_string(4 * place) + "," + std::to_string(4 * place + 4) + "]}";
  };
  return second.empty() ? safetensors_file(std::string("{") + entry(name, 0) + "}", 4)
                        : safetensors_file(std::string("{") + entry(name, 0) + "," + entry(second, 1) + "}", 8);
}

inline std::string bert_weights() { return weights_of("bert.embeddings.word_embeddings.weight"); }
inline std::string bert_weights_with_head() {
  return weights_of("bert.embeddings.word_embeddings.weight", "classifier.weight");
}

}  // namespace espalier::test
