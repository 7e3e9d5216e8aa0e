// The bytes of a sound file as a decoder is to see them: a part of the file, with a header's wrong lengths corrected.
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <span>
#include <string_view>
#include <vector>

namespace espalier::audio {

class SoundBytes {
 public:
  // Throws InputError where the file cannot be opened.
  explicit SoundBytes(const std::filesystem::path& path);

  std::int64_t size() const { return end_ - begin_; }
  // As many bytes as there are, from this place of the part on.
  std::size_t read(std::int64_t place, std::span<unsigned char> into) const;
  // Integers of the file; 0 where it ends before them.
  std::uint64_t little_endian(std::int64_t place, std::size_t bytes) const;
  std::uint64_t big_endian(std::int64_t place, std::size_t bytes) const;
  bool has(std::int64_t place, std::string_view text) const;

  void keep_only(std::int64_t begin, std::int64_t end);  // of the whole file
  void correct(std::int64_t place, std::vector<unsigned char> bytes);

 private:
  struct Correction {
    std::int64_t place;  // in the file
    std::vector<unsigned char> bytes;
  };
  std::shared_ptr<const int> descriptor_;  // copies read one open file
  std::int64_t begin_ = 0, end_ = 0;
  std::vector<Correction> corrections_;
};

}  // namespace espalier::audio
