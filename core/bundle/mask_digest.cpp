#include "mask_digest.h"

#include <cstdint>
#include <nlohmann/json.hpp>

#include "words/digest.h"

namespace espalier::bundle {
namespace {

using nlohmann::json;

// "12x32 " and the bytes, of one tensor; nullopt where it is not what it says.
std::optional<std::string> tensor_text(const json& tensor, std::string_view content) {
  if (!tensor.is_object() || tensor.value("dtype", json()) != "BOOL") return std::nullopt;
  const auto shape = tensor.value("shape", json()), offsets = tensor.value("data_offsets", json());
  const auto is_pair = [](const json& list) {
    return list.is_array() && list.size() == 2 && list[0].is_number_unsigned() && list[1].is_number_unsigned();
  };
  if (!is_pair(shape) || !is_pair(offsets)) return std::nullopt;
  const auto heads = shape[0].get<std::uint64_t>(), width = shape[1].get<std::uint64_t>();
  const auto start = offsets[0].get<std::uint64_t>(), end = offsets[1].get<std::uint64_t>();
  constexpr std::uint64_t most = 1'000'000;
  if (heads > most || width > most || start > end || end > content.size() || end - start != heads * width)
    return std::nullopt;
  return std::to_string(heads) + 'x' + std::to_string(width) + ' ' + std::string(content.substr(start, end - start));
}

}  // namespace

std::optional<std::string> mask_digest(const std::string& file, const std::vector<std::string>& sites) {
  constexpr std::size_t length_bytes = 8;
  if (file.size() < length_bytes || sites.empty()) return std::nullopt;
  std::uint64_t header_bytes = 0;
  for (std::size_t i = length_bytes; i-- > 0;) header_bytes = header_bytes << 8 | static_cast<unsigned char>(file[i]);
  if (header_bytes > file.size() - length_bytes) return std::nullopt;
  const auto header = json::parse(file.substr(length_bytes, header_bytes), nullptr, false);
  if (!header.is_object()) return std::nullopt;
  const auto content = std::string_view(file).substr(length_bytes + header_bytes);
  Sha256 digest;
  std::size_t found = 0;
  for (const auto& site : sites) {
    for (const auto* projection : {".q", ".k", ".v", ".o"}) {
      const auto tensor = header.find(site + projection);
      if (tensor == header.end()) {
        digest.update("none ");
        continue;
      }
      const auto text = tensor_text(*tensor, content);
      if (!text) return std::nullopt;
      digest.update(*text);
      ++found;
    }
  }
  const auto tensors = header.size() - (header.contains("__metadata__") ? 1 : 0);
  return found == tensors ? std::optional(digest.hex()) : std::nullopt;
}

}  // namespace espalier::bundle
