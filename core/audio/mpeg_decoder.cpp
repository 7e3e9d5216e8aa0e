#include <espalier/error.h>
#include <mpg123.h>

#include <string>
#include <utility>

#include "decoder.h"

namespace espalier::audio {
namespace {

// Encoders disagree whether the frame that gives the length counts itself.
constexpr std::int64_t frame_samples = 1152;

class MpegDecoder final : public Decoder {
 public:
  MpegDecoder(const std::filesystem::path& path, SoundBytes bytes) : path_(path.string()), bytes_(std::move(bytes)) {
    [[maybe_unused]] static const int prepared = mpg123_init();
    int failed = MPG123_OK;
    handle_.reset(mpg123_new(nullptr, &failed));
    // Read as a stream: what libmpg123 would tell of its length from the file's size is an estimate.
    const bool opened =
        handle_ != nullptr &&
        mpg123_param(handle_.get(), MPG123_ADD_FLAGS, MPG123_QUIET | MPG123_FORCE_FLOAT, 0) == MPG123_OK &&
        mpg123_replace_reader_handle(handle_.get(), &MpegDecoder::read_bytes, &MpegDecoder::seek, nullptr) ==
            MPG123_OK &&
        mpg123_open_handle(handle_.get(), this) == MPG123_OK;
    long rate = 0;
    int channels = 0, encoding = 0;
    if (!opened || mpg123_getformat(handle_.get(), &rate, &channels, &encoding) != MPG123_OK ||
        encoding != MPG123_ENC_FLOAT_32)
      throw InputError(path_ + ": holds no MPEG sound that can be decoded");
    header_ = {rate, channels, std::nullopt};
    const auto length = mpg123_length(handle_.get());  // of a Xing or Info frame; else an error
    if (length >= 0) header_.frames = length;
  }

  std::int64_t read(std::span<float> interleaved) override {
    const auto channels = static_cast<std::size_t>(header_.channels);
    std::size_t filled = 0;
    while (filled + channels <= interleaved.size() && !at_end_) {
      std::size_t bytes = 0;
      auto* into = reinterpret_cast<unsigned char*>(interleaved.data() + filled);
      const int state = mpg123_read(handle_.get(), into, (interleaved.size() - filled) * sizeof(float), &bytes);
      filled += bytes / sizeof(float);
      if (state == MPG123_NEW_FORMAT) {
        check_format();
      } else if (state != MPG123_OK) {
        // A frame that the end of the file cuts is an error of a stream, and no more than its end.
        damaged_ = state != MPG123_DONE && place_ < bytes_.size();
        at_end_ = true;
      }
    }
    const auto got = static_cast<std::int64_t>(filled / channels);
    frames_ += got;
    if (got == 0) check_end();
    return got;
  }

 private:
  struct Close {
    void operator()(mpg123_handle* handle) const { mpg123_delete(handle); }
  };

  static ssize_t read_bytes(void* self, void* into, std::size_t count) {
    auto& decoder = *static_cast<MpegDecoder*>(self);
    const auto got = decoder.bytes_.read(decoder.place_, {static_cast<unsigned char*>(into), count});
    decoder.place_ += static_cast<std::int64_t>(got);
    return static_cast<ssize_t>(got);
  }
  static off_t seek(void*, off_t, int) { return -1; }

  void check_end() const {
    if (damaged_) throw InputError(path_ + ": cannot be decoded after " + std::to_string(frames_) + " samples");
    if (header_.frames && frames_ + frame_samples < *header_.frames) {
      throw InputError(path_ + ": is cut short: holds " + std::to_string(frames_) + " of " +
                       std::to_string(*header_.frames) + " samples");
    }
  }

  void check_format() {
    long rate = 0;
    int channels = 0, encoding = 0;
    mpg123_getformat(handle_.get(), &rate, &channels, &encoding);
    if (rate == header_.rate && channels == header_.channels) return;
    throw InputError(path_ + ": changes from " + std::to_string(header_.rate) + " Hz and " +
                     std::to_string(header_.channels) + " channels to " + std::to_string(rate) + " Hz and " +
                     std::to_string(channels) + "\n    cut it there, or convert it to one rate");
  }

  std::string path_;
  SoundBytes bytes_;
  std::unique_ptr<mpg123_handle, Close> handle_;
  std::int64_t place_ = 0, frames_ = 0;
  bool at_end_ = false, damaged_ = false;
};

}  // namespace

std::unique_ptr<Decoder> open_mpeg(const std::filesystem::path& path, SoundBytes bytes) {
  return std::make_unique<MpegDecoder>(path, std::move(bytes));
}

}  // namespace espalier::audio
