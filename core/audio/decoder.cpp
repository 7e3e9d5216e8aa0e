#include "decoder.h"

#include <espalier/error.h>
#include <sndfile.h>

#include <algorithm>
#include <cstdio>
#include <string>
#include <utility>

#include "container.h"

namespace espalier::audio {
namespace {

namespace fs = std::filesystem;

// What libsndfile gives for a length that it does not know.
constexpr sf_count_t unknown_length = SF_COUNT_MAX;

std::string library_says(SNDFILE* file) {
  std::string why = sf_strerror(file);
  while (!why.empty() && (why.back() == '.' || why.back() == ' ')) why.pop_back();
  return why;
}

// Everything but MPEG, by libsndfile.
class LibraryDecoder final : public Decoder {
 public:
  // Throws InputError where libsndfile cannot open it.
  LibraryDecoder(const fs::path& path, SoundBytes bytes) : path_(path.string()), bytes_(std::move(bytes)) {
    SF_VIRTUAL_IO reading{&LibraryDecoder::length, &LibraryDecoder::seek, &LibraryDecoder::read_bytes,
                          &LibraryDecoder::refuse_to_write, &LibraryDecoder::tell};
    SF_INFO info{};
    file_.reset(sf_open_virtual(&reading, SFM_READ, &info, this));
    if (!file_) {
      throw InputError(path_ + ": is no sound file that can be read (" + library_says(nullptr) +
                       ")\n    expected wav, flac, ogg, mp3 or aiff");
    }
    header_ = {info.samplerate, info.channels, std::nullopt};
    if (info.frames != unknown_length) header_.frames = info.frames;
    type_ = info.format & SF_FORMAT_TYPEMASK;
  }

  int type() const { return type_; }

  std::int64_t read(std::span<float> interleaved) override {
    const auto wanted = static_cast<sf_count_t>(interleaved.size()) / header_.channels;
    const auto got = std::max<sf_count_t>(sf_readf_float(file_.get(), interleaved.data(), wanted), 0);
    frames_ += got;
    if (got > 0) return got;
    if (header_.frames && frames_ < *header_.frames) {
      throw InputError(path_ + ": is cut short: holds " + std::to_string(frames_) + " of " +
                       std::to_string(*header_.frames) + " samples");
    }
    if (!header_.frames && type_ == SF_FORMAT_FLAC && flac_is_cut(bytes_, frames_))
      throw InputError(path_ + ": is cut short: its last frame is not whole, after " + std::to_string(frames_) +
                       " samples");
    if (sf_error(file_.get()) != SF_ERR_NO_ERROR) {
      throw InputError(path_ + ": cannot be decoded after " + std::to_string(frames_) + " samples (" +
                       library_says(file_.get()) + ")");
    }
    return 0;
  }

 private:
  struct Close {
    void operator()(SNDFILE* file) const { sf_close(file); }
  };

  static LibraryDecoder& of(void* self) { return *static_cast<LibraryDecoder*>(self); }
  static sf_count_t length(void* self) { return of(self).bytes_.size(); }
  static sf_count_t tell(void* self) { return of(self).place_; }
  static sf_count_t seek(sf_count_t offset, int whence, void* self) {
    auto& decoder = of(self);
    const auto base = whence == SEEK_SET ? 0 : whence == SEEK_CUR ? decoder.place_ : decoder.bytes_.size();
    if (base + offset < 0) return -1;
    return decoder.place_ = base + offset;
  }
  static sf_count_t read_bytes(void* into, sf_count_t count, void* self) {
    auto& decoder = of(self);
    const auto got = decoder.bytes_.read(
        decoder.place_, {static_cast<unsigned char*>(into), static_cast<std::size_t>(std::max<sf_count_t>(count, 0))});
    decoder.place_ += static_cast<sf_count_t>(got);
    return static_cast<sf_count_t>(got);
  }
  static sf_count_t refuse_to_write(const void*, sf_count_t, void*) { return 0; }

  std::string path_;
  SoundBytes bytes_;
  sf_count_t place_ = 0;
  std::unique_ptr<SNDFILE, Close> file_;
  int type_ = 0;
  std::int64_t frames_ = 0;
};

// The streams of an Ogg file, one after the other; libsndfile reads the first of a chain and stops.
class OggDecoder final : public Decoder {
 public:
  OggDecoder(const fs::path& path, const SoundBytes& bytes, std::vector<OggStreams::Part> parts)
      : path_(path), bytes_(bytes), parts_(std::move(parts)), now_(opened(0)) {
    header_ = now_->header();
    for (std::size_t part = 1; part < parts_.size() && header_.frames; ++part) {
      const auto frames = opened(part)->header().frames;
      header_.frames = frames ? std::optional(*header_.frames + *frames) : std::nullopt;
    }
  }

  std::int64_t read(std::span<float> interleaved) override {
    while (true) {
      const auto got = now_->read(interleaved);
      if (got > 0 || part_ + 1 == parts_.size()) return got;
      now_ = opened(++part_);
      const auto& header = now_->header();
      if (header.rate != header_.rate || header.channels != header_.channels) {
        throw InputError(path_.string() + ": changes from " + std::to_string(header_.rate) + " Hz and " +
                         std::to_string(header_.channels) + " channels to " + std::to_string(header.rate) + " Hz and " +
                         std::to_string(header.channels) + "\n    cut it there, or convert it to one rate");
      }
    }
  }

 private:
  std::unique_ptr<LibraryDecoder> opened(std::size_t part) const {
    auto bytes = bytes_;
    bytes.keep_only(parts_[part].begin, parts_[part].end);
    return std::make_unique<LibraryDecoder>(path_, std::move(bytes));
  }

  fs::path path_;
  SoundBytes bytes_;
  std::vector<OggStreams::Part> parts_;
  std::size_t part_ = 0;
  std::unique_ptr<LibraryDecoder> now_;
};

// A frame of MPEG sound begins here.
bool is_mpeg_frame(const SoundBytes& bytes, std::int64_t place) {
  const auto head = bytes.big_endian(place, 4);
  const auto bits = [&](int from, std::uint64_t mask) { return head >> from & mask; };
  return bits(21, 0x7FF) == 0x7FF && bits(19, 3) != 1 && bits(17, 3) != 0 && bits(12, 15) != 15 && bits(10, 3) != 3;
}

bool may_be_mpeg(const fs::path& path, const SoundBytes& bytes) {
  std::int64_t place = 0;
  while (bytes.has(place, "ID3")) {  // tags say their length in four times seven bits
    std::int64_t length = 0;
    for (std::int64_t i = 6; i < 10; ++i)
      length = length << 7 | static_cast<std::int64_t>(bytes.big_endian(place + i, 1) & 0x7F);
    place += 10 + length + ((bytes.big_endian(place + 5, 1) & 0x10) != 0 ? 10 : 0);
  }
  auto extension = path.extension().string();
  std::transform(extension.begin(), extension.end(), extension.begin(),
                 [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; });
  for (const char* other : {"RIFF", "RIFX", "RF64", "fLaC", "OggS", "FORM", ".snd", "caff"})
    if (bytes.has(place, other)) return false;
  return is_mpeg_frame(bytes, place) || extension == ".mp3" || extension == ".mp2";
}

}  // namespace

std::unique_ptr<Decoder> open_decoder(const fs::path& path) {
  SoundBytes bytes(path);
  if (bytes.size() == 0) throw InputError(path.string() + ": is empty, expected wav, flac, ogg, mp3 or aiff");
  if (is_ogg(bytes)) {
    auto streams = ogg_streams(bytes);
    if (!streams.problem.empty()) throw InputError(path.string() + ": " + streams.problem);
    if (!streams.parts.empty()) return std::make_unique<OggDecoder>(path, bytes, std::move(streams.parts));
  }
  if (const auto problem = settle_length(bytes); !problem.empty()) throw InputError(path.string() + ": " + problem);
  if (may_be_mpeg(path, bytes)) {
    try {
      return open_mpeg(path, bytes);
    } catch (const InputError&) {  // something else may be under that name
    }
  }
  auto decoder = std::make_unique<LibraryDecoder>(path, bytes);
  if (decoder->type() == SF_FORMAT_MPEG) return open_mpeg(path, std::move(bytes));
  return decoder;
}

}  // namespace espalier::audio
