#include <algorithm>
#include <optional>
#include <vector>

#include "decoder.h"

namespace espalier::audio {
namespace {

// The largest frame: 65,535 samples of 8 channels at 32 bits, and its head.
constexpr std::int64_t largest_frame = std::int64_t{65535} * 8 * 4 + 64;

std::uint8_t crc8(std::span<const unsigned char> bytes) {
  std::uint8_t value = 0;
  for (const auto byte : bytes) {
    value ^= byte;
    for (int bit = 0; bit < 8; ++bit)
      value = static_cast<std::uint8_t>((value & 0x80) != 0 ? value << 1 ^ 0x07 : value << 1);
  }
  return value;
}

// The number in a frame's head, written like UTF-8 with up to 36 bits, and how many bytes it takes.
struct Number {
  std::uint64_t value = 0;
  std::size_t bytes = 0;
};

std::optional<Number> number_at(std::span<const unsigned char> bytes) {
  if (bytes.empty()) return std::nullopt;
  std::size_t length = 0;
  while (length < 8 && (bytes[0] & 0x80 >> length) != 0) ++length;
  if (length == 0) return Number{bytes[0], 1};
  if (length == 1 || length == 8 || bytes.size() < length) return std::nullopt;
  std::uint64_t value = length == 7 ? 0 : bytes[0] & (0x7FU >> length);
  for (std::size_t i = 1; i < length; ++i) {
    if ((bytes[i] & 0xC0) != 0x80) return std::nullopt;
    value = value << 6 | (bytes[i] & 0x3F);
  }
  return Number{value, length};
}

// The first sample of the frame whose head stands here (RFC 9639, 9.1); nullopt: none does.
std::optional<std::uint64_t> frame_start(std::span<const unsigned char> bytes, std::uint64_t block) {
  if (bytes.size() < 6 || bytes[0] != 0xFF || (bytes[1] & 0xFE) != 0xF8) return std::nullopt;
  const int size_code = bytes[2] >> 4, rate_code = bytes[2] & 15;
  if (size_code == 0 || rate_code == 15 || bytes[3] >> 4 > 10 || (bytes[3] & 1) != 0) return std::nullopt;
  const auto number = number_at(bytes.subspan(4));
  if (!number) return std::nullopt;
  std::size_t head = 4 + number->bytes;
  head += size_code == 6 ? 1 : size_code == 7 ? 2 : 0;
  head += rate_code == 12 ? 1 : rate_code > 12 ? 2 : 0;
  if (bytes.size() <= head || crc8(bytes.first(head)) != bytes[head]) return std::nullopt;
  const bool variable = (bytes[1] & 1) != 0;
  return variable ? number->value : number->value * block;
}

}  // namespace

bool flac_is_cut(const SoundBytes& bytes, std::int64_t frames) {
  if (!bytes.has(0, "fLaC")) return false;
  const auto block = bytes.big_endian(8, 2);  // of STREAMINFO, the first block; frames of one size have it
  const auto begin = std::max<std::int64_t>(bytes.size() - largest_frame, 0);
  std::vector<unsigned char> end(static_cast<std::size_t>(bytes.size() - begin));
  end.resize(bytes.read(begin, end));
  const std::span<const unsigned char> all(end);
  for (std::size_t place = 0; place + 6 <= all.size(); ++place)
    if (all[place] == 0xFF && frame_start(all.subspan(place), block) == static_cast<std::uint64_t>(frames)) return true;
  return false;
}

}  // namespace espalier::audio
