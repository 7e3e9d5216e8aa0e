#include "audio/sound.h"

#include <espalier/error.h>
#include <soxr.h>

#include <algorithm>
#include <cmath>
#include <string>

#include "decoder.h"

namespace espalier::audio {
namespace {

constexpr std::int64_t largest_rate = 768'000, most_channels = 64;
// A few bytes of silence can stand for years: nothing is read for longer than this, of all channels together.
constexpr std::int64_t longest_hours = 24, most_samples = std::int64_t{1} << 33;
constexpr std::size_t frames_at_once = 1 << 14;
constexpr double cancelled = 0.01;  // of the channels' mean power

[[noreturn]] void refuse_length(const std::filesystem::path& path) {
  throw InputError(path.string() + ": is longer than " + std::to_string(longest_hours) + " h (or than " +
                   std::to_string(most_samples) + " samples of all channels)\n    cut it into shorter files");
}

bool too_long(const SoundHeader& header, std::int64_t frames) {
  return frames > longest_hours * 3600 * header.rate || frames > most_samples / header.channels;
}

void check(const SoundHeader& header, const std::filesystem::path& path) {
  if (header.rate < 1 || header.rate > largest_rate || header.channels < 1 || header.channels > most_channels ||
      header.frames.value_or(0) < 0) {
    throw InputError(path.string() + ": its header makes no sense (" + std::to_string(header.rate) + " Hz, " +
                     std::to_string(header.channels) + " channels, " + std::to_string(header.frames.value_or(0)) +
                     " samples)");
  }
  if (header.frames == 0) throw InputError(path.string() + ": holds no samples");
  if (too_long(header, header.frames.value_or(0))) refuse_length(path);
}

// One channel from one rate to another, piece by piece.
class Resampler {
 public:
  Resampler(std::int64_t from, std::int64_t to, const std::string& whose)
      : ratio_(static_cast<double>(to) / static_cast<double>(from)) {
    if (from == to) return;
    soxr_error_t failed = nullptr;
    const auto quality = soxr_quality_spec(SOXR_HQ, 0);
    made_.reset(
        soxr_create(static_cast<double>(from), static_cast<double>(to), 1, &failed, nullptr, &quality, nullptr));
    if (failed != nullptr || !made_) throw InputError(whose + ": cannot be resampled");
  }

  // Appends what these samples give; none: what is still held back.
  void add(const std::vector<float>& samples, std::vector<float>& to) {
    if (!made_) {
      to.insert(to.end(), samples.begin(), samples.end());
      return;
    }
    std::vector<float> some(static_cast<std::size_t>(std::ceil(static_cast<double>(frames_at_once) * ratio_)) + 64);
    for (std::size_t begin = 0;;) {
      std::size_t used = 0, got = 0;
      const auto* from = samples.empty() ? nullptr : samples.data() + begin;
      soxr_process(made_.get(), from, samples.size() - begin, &used, some.data(), some.size(), &got);
      to.insert(to.end(), some.begin(), some.begin() + static_cast<std::ptrdiff_t>(got));
      begin += used;
      if (begin >= samples.size() && got < some.size()) return;
    }
  }

 private:
  struct Close {
    void operator()(soxr_t made) const { soxr_delete(made); }
  };
  double ratio_;
  std::unique_ptr<std::remove_pointer_t<soxr_t>, Close> made_;
};

}  // namespace

struct SoundReader::State {
  State(const std::filesystem::path& file, std::int64_t rate)
      : path(file), decoder(opened(file)), resampler(decoder->header().rate, rate, file.string()) {
    interleaved.resize(frames_at_once * static_cast<std::size_t>(decoder->header().channels));
  }

  static std::unique_ptr<Decoder> opened(const std::filesystem::path& file) {
    auto decoder = open_decoder(file);
    check(decoder->header(), file);
    return decoder;
  }

  // Adds to `ready` what the next frames give.
  void read_on() {
    const auto got = decoder->read(interleaved);
    std::vector<float> mono;
    mono.reserve(static_cast<std::size_t>(got));
    for (std::int64_t frame = 0; frame < got; ++frame) mono.push_back(mean_of(frame));
    frames += got;
    if (frames == 0) throw InputError(path.string() + ": holds no samples");
    if (too_long(decoder->header(), frames)) refuse_length(path);
    resampler.add(mono, ready);
    at_end = got == 0;
  }

  float mean_of(std::int64_t frame) {
    const auto channels = static_cast<std::size_t>(decoder->header().channels);
    const float* values = interleaved.data() + static_cast<std::size_t>(frame) * channels;
    float sum = 0;
    double power = 0;
    for (std::size_t channel = 0; channel < channels; ++channel) {
      sum += values[channel];
      power += static_cast<double>(values[channel]) * values[channel];
    }
    const float sample = channels == 1 ? sum : sum / static_cast<float>(channels);
    if (!std::isfinite(sample)) {
      throw InputError(path.string() + ": sample " + std::to_string(frames + frame) +
                       " is not a finite number\n    repair or leave out the file");
    }
    mean_power += static_cast<double>(sample) * sample;
    channel_power += power / static_cast<double>(channels);
    return sample;
  }

  std::filesystem::path path;
  std::unique_ptr<Decoder> decoder;
  Resampler resampler;
  std::vector<float> interleaved, ready;
  std::int64_t frames = 0;
  double mean_power = 0, channel_power = 0;
  bool at_end = false;
};

SoundReader::SoundReader(const std::filesystem::path& path, std::int64_t rate)
    : state_(std::make_unique<State>(path, rate)) {}
SoundReader::~SoundReader() = default;
SoundReader::SoundReader(SoundReader&&) noexcept = default;

const SoundHeader& SoundReader::header() const { return state_->decoder->header(); }

std::vector<float> SoundReader::next(std::size_t most) {
  auto& ready = state_->ready;
  while (ready.size() < most && !state_->at_end) state_->read_on();
  const auto end = ready.begin() + static_cast<std::ptrdiff_t>(std::min(most, ready.size()));
  std::vector<float> samples(ready.begin(), end);
  ready.erase(ready.begin(), end);
  return samples;
}

bool SoundReader::channels_cancel() const { return state_->mean_power < cancelled * state_->channel_power; }

SoundHeader read_sound_header(const std::filesystem::path& path) {
  const auto decoder = open_decoder(path);
  check(decoder->header(), path);
  return decoder->header();
}

std::vector<float> resampled(const std::vector<float>& samples, std::int64_t from, std::int64_t to) {
  Resampler resampler(from, to, "samples at " + std::to_string(from) + " Hz");
  std::vector<float> made;
  if (samples.empty()) return made;
  resampler.add(samples, made);
  if (from != to) resampler.add({}, made);
  return made;
}

std::vector<float> read_sound(const std::filesystem::path& path, std::int64_t rate) {
  SoundReader reader(path, rate);
  std::vector<float> samples;
  while (true) {
    const auto more = reader.next(frames_at_once);
    if (more.empty()) return samples;
    samples.insert(samples.end(), more.begin(), more.end());
  }
}

}  // namespace espalier::audio
