#include "sound_bytes.h"

#include <espalier/error.h>
#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <array>

namespace espalier::audio {

SoundBytes::SoundBytes(const std::filesystem::path& path) {
  std::error_code ignored;
  if (!std::filesystem::is_regular_file(path, ignored))
    throw InputError(path.string() + ": there is no such sound file");
  const int opened = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (opened < 0) throw InputError(path.string() + ": cannot be opened\n    you may not read it, or it is gone");
  descriptor_ = std::shared_ptr<const int>(new int(opened), [](const int* number) {
    close(*number);
    delete number;
  });
  end_ = std::max<std::int64_t>(lseek(opened, 0, SEEK_END), 0);
}

std::size_t SoundBytes::read(std::int64_t place, std::span<unsigned char> into) const {
  if (place < 0 || place >= size()) return 0;
  const auto wanted = static_cast<std::size_t>(std::min(static_cast<std::int64_t>(into.size()), size() - place));
  const auto first = begin_ + place;
  std::size_t got = 0;
  while (got < wanted) {
    const auto more = pread(*descriptor_, into.data() + got, wanted - got, first + static_cast<std::int64_t>(got));
    if (more <= 0) break;
    got += static_cast<std::size_t>(more);
  }
  for (const auto& correction : corrections_) {
    for (std::size_t i = 0; i < correction.bytes.size(); ++i) {
      const auto at = correction.place + static_cast<std::int64_t>(i) - first;
      if (at >= 0 && at < static_cast<std::int64_t>(got)) into[static_cast<std::size_t>(at)] = correction.bytes[i];
    }
  }
  return got;
}

std::uint64_t SoundBytes::big_endian(std::int64_t place, std::size_t bytes) const {
  std::array<unsigned char, 8> found{};
  if (read(place, std::span(found).first(bytes)) != bytes) return 0;
  std::uint64_t value = 0;
  for (std::size_t i = 0; i < bytes; ++i) value = value << 8 | found[i];
  return value;
}

std::uint64_t SoundBytes::little_endian(std::int64_t place, std::size_t bytes) const {
  std::array<unsigned char, 8> found{};
  if (read(place, std::span(found).first(bytes)) != bytes) return 0;
  std::uint64_t value = 0;
  for (std::size_t i = bytes; i > 0; --i) value = value << 8 | found[i - 1];
  return value;
}

bool SoundBytes::has(std::int64_t place, std::string_view text) const {
  std::vector<unsigned char> found(text.size());
  return read(place, found) == text.size() &&
         std::equal(found.begin(), found.end(), text.begin(),
                    [](unsigned char byte, char letter) { return static_cast<char>(byte) == letter; });
}

void SoundBytes::keep_only(std::int64_t begin, std::int64_t end) {
  begin_ = begin;
  end_ = end;
}

void SoundBytes::correct(std::int64_t place, std::vector<unsigned char> bytes) {
  corrections_.push_back({place, std::move(bytes)});
}

}  // namespace espalier::audio
