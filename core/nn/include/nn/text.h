// Words of messages: names and values from files, short and without control characters.
#pragma once

#include <ATen/core/Tensor.h>

#include <nlohmann/json.hpp>
#include <string>
#include <string_view>

namespace espalier::nn {

// At most about 120 characters, control characters as '?'.
inline std::string shortened(std::string_view text) {
  constexpr std::size_t longest = 120;
  std::string shown(text.substr(0, longest));
  for (char& c : shown) {
    if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f) c = '?';
  }
  return text.size() > longest ? shown + "..." : shown;
}

inline std::string in_quotes(std::string_view text) { return shortened(text).insert(0, 1, '\'').append(1, '\''); }

// [2, 8, 64]
inline std::string shape_text(at::IntArrayRef shape) {
  std::string text = "[";
  for (std::size_t i = 0; i < shape.size(); ++i) text += (i == 0 ? "" : ", ") + std::to_string(shape[i]);
  return text + "]";
}

// " (byte 17)" where the parser knows the place.
inline std::string json_position(const nlohmann::json::exception& error) {
  const auto* parse = dynamic_cast<const nlohmann::json::parse_error*>(&error);
  return parse == nullptr || parse->byte == 0 ? "" : " (byte " + std::to_string(parse->byte) + ")";
}

}  // namespace espalier::nn
