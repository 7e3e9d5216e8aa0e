#include "audio/features.h"

#include <ATen/TensorOperators.h>
#include <ATen/core/grad_mode.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/fft_rfft.h>
#include <ATen/ops/from_blob.h>
#include <ATen/ops/full.h>
#include <ATen/ops/hann_window.h>
#include <c10/core/impl/LocalDispatchKeySet.h>
#include <espalier/error.h>

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>

#include "cells/families.h"
#include "mel_filters.h"
#include "words/atomic_file.h"
#include "words/digest.h"

namespace espalier::audio {
namespace {

using at::Tensor;
using Json = nlohmann::json;

constexpr std::int64_t fft_samples = 512;                    // of filter banks
constexpr double filter_bank_floor = 1.192092955078125e-07;  // before the logarithm
constexpr double preemphasis = 0.97;

Json json_of(const std::filesystem::path& path) {
  try {
    auto json = Json::parse(read_file(path));
    if (json.is_object()) return json;
  } catch (const Json::exception&) {
  }
  throw InputError(path.string() + ": is not a JSON object");
}

// Checked values of one object.
class Keys {
 public:
  Keys(std::string path, const Json& json) : path_(std::move(path)), json_(json) {}
  std::int64_t whole(const char* key, std::int64_t absent, std::int64_t smallest, std::int64_t largest) const {
    if (!has(key)) return absent;
    const auto& value = json_[key];
    if (!value.is_number_integer() || value.get<std::int64_t>() < smallest || value.get<std::int64_t>() > largest)
      complain(key, "a whole number from " + std::to_string(smallest) + " to " + std::to_string(largest));
    return value.get<std::int64_t>();
  }
  double real(const char* key, double absent) const {
    if (!has(key)) return absent;
    if (!json_[key].is_number()) complain(key, "a number");
    return json_[key].get<double>();
  }
  bool boolean(const char* key, bool absent) const {
    if (!has(key)) return absent;
    if (!json_[key].is_boolean()) complain(key, "true or false");
    return json_[key].get<bool>();
  }
  std::string text(const char* key) const {
    return has(key) && json_[key].is_string() ? json_[key].get<std::string>() : std::string();
  }
  [[noreturn]] void complain(const char* key, const std::string& expected) const {
    throw InputError(path_ + ": " + key + " is " + json_[key].dump() + ", expected " + expected);
  }

 private:
  bool has(const char* key) const { return json_.contains(key) && !json_[key].is_null(); }
  std::string path_;
  const Json& json_;
};

// Overlapping frames of a row of samples: [frames, frame_samples], a view.
Tensor frames_of(const Tensor& samples, std::int64_t frame_samples, std::int64_t hop_samples) {
  return samples.unfold(0, frame_samples, hop_samples);
}

// Squared magnitudes: [frames, frequencies], real.
template <typename Real>
Tensor power_as(const Tensor& spectrum) {
  const auto dense = spectrum.contiguous();
  auto squares = at::empty(dense.sizes(), at::CppTypeToScalarType<Real>::value);
  const auto* in = static_cast<const Real*>(dense.const_data_ptr());
  auto* out = squares.template mutable_data_ptr<Real>();
  for (std::int64_t i = 0; i < squares.numel(); ++i) out[i] = in[2 * i] * in[2 * i] + in[2 * i + 1] * in[2 * i + 1];
  return squares;
}

Tensor power(const Tensor& spectrum) {
  return spectrum.scalar_type() == at::kComplexDouble ? power_as<double>(spectrum) : power_as<float>(spectrum);
}

}  // namespace

FeatureExtractor FeatureExtractor::read(const std::filesystem::path& checkpoint) {
  const auto own = checkpoint / "preprocessor_config.json", model = checkpoint / "config.json";
  std::error_code ignored;
  FeatureExtractor extractor;
  const auto config = json_of(model);
  const Keys sizes(model.string(), config);
  const auto model_type = sizes.text("model_type");
  if (model_type == facts_of(Family::Whisper).model_type) {
    extractor.kind_ = Kind::LogMel;
    extractor.mel_bins_ = sizes.whole("num_mel_bins", 80, 1, 4096);
  } else if (model_type == facts_of(Family::Ast).model_type) {
    extractor.mel_bins_ = sizes.whole("num_mel_bins", 128, 1, 4096);
    extractor.frames_ = sizes.whole("max_length", 1024, 1, 1'000'000);
  } else {
    throw InputError(model.string() + ": model_type is '" + model_type +
                     "', which reads no sound\n    expected audio-spectrogram-transformer or whisper");
  }
  if (std::filesystem::is_regular_file(own, ignored)) {
    const auto json = json_of(own);
    const Keys keys(own.string(), json);
    const auto type = keys.text("feature_extractor_type");
    const std::string expected = extractor.kind_ == Kind::LogMel ? "WhisperFeatureExtractor" : "ASTFeatureExtractor";
    if (!type.empty() && type != expected) keys.complain("feature_extractor_type", "\"" + expected + "\"");
    extractor.sampling_rate_ = keys.whole("sampling_rate", 16000, 1000, 768'000);
    if (keys.real("padding_value", 0) != 0) keys.complain("padding_value", "0");
    if (extractor.kind_ == Kind::LogMel) {
      extractor.mel_bins_ = keys.whole("feature_size", 80, 1, 4096);
      extractor.hop_samples_ = keys.whole("hop_length", 160, 1, 1'000'000);
      extractor.frame_samples_ = keys.whole("n_fft", 400, 2, 1'000'000);
      extractor.chunk_seconds_ = keys.whole("chunk_length", 30, 1, 3600);
      if (keys.real("dither", 0) != 0) keys.complain("dither", "0: noise makes features that differ each time");
      if (keys.boolean("do_normalize", false)) keys.complain("do_normalize", "false");
    } else {
      extractor.mel_bins_ = keys.whole("num_mel_bins", 128, 1, 4096);
      extractor.frames_ = keys.whole("max_length", 1024, 1, 1'000'000);
      extractor.normalize_ = keys.boolean("do_normalize", true);
      extractor.mean_ = keys.real("mean", extractor.mean_);
      extractor.deviation_ = keys.real("std", extractor.deviation_);
      if (!(extractor.deviation_ > 0)) keys.complain("std", "a positive number");
    }
  }
  extractor.prepare();
  return extractor;
}

void FeatureExtractor::require_model(const std::filesystem::path& checkpoint) const {
  const auto own = (checkpoint / "preprocessor_config.json").string(), model = (checkpoint / "config.json").string();
  const auto config = json_of(model);
  const Keys sizes(model, config);
  std::error_code ignored;
  const std::string missing = std::filesystem::exists(own, ignored) ? "" : " (not there: transformers' defaults)";
  std::string problems;
  const auto compare = [&](const std::string& what, std::int64_t found, const std::string& key, std::int64_t taken) {
    if (found == taken) return;
    problems += (problems.empty() ? "" : "\n") + own + missing + ": " + what + " is " + std::to_string(found) +
                ", and " + key + " of " + model + " takes " + std::to_string(taken);
  };
  if (kind_ == Kind::LogMel) {
    compare("feature_size", mel_bins_, "num_mel_bins", sizes.whole("num_mel_bins", 80, 1, 4096));
    compare("chunk_length * sampling_rate / hop_length", frames_, "2 * max_source_positions",
            2 * sizes.whole("max_source_positions", 1500, 1, 10'000'000));
  } else {
    compare("num_mel_bins", mel_bins_, "num_mel_bins", sizes.whole("num_mel_bins", 128, 1, 4096));
    compare("max_length", frames_, "max_length", sizes.whole("max_length", 1024, 1, 1'000'000));
  }
  if (problems.empty()) return;
  throw InputError(problems + "\n    expected the " + std::filesystem::path(own).filename().string() +
                   " that belongs to the model: features have one size");
}

void FeatureExtractor::prepare() {
  const bool log_mel = kind_ == Kind::LogMel;
  if (log_mel) {
    frames_ = chunk_seconds_ * sampling_rate_ / hop_samples_;
    window_ = at::hann_window(frame_samples_, at::kFloat);
    filters_ = slaney_filters(mel_bins_, 1 + frame_samples_ / 2, sampling_rate_).to(at::kFloat);
  } else {
    window_ = at::hann_window(frame_samples_, /*periodic=*/false, at::kDouble);
    filters_ = kaldi_filters(mel_bins_, 1 + fft_samples / 2, sampling_rate_);
  }
  const Json settings = {log_mel ? "log-mel" : "filter-bank",
                         sampling_rate_,
                         frames_,
                         mel_bins_,
                         frame_samples_,
                         hop_samples_,
                         normalize_,
                         mean_,
                         deviation_};
  digest_ = sha256_hex(settings.dump());
}

std::int64_t FeatureExtractor::shortest() const { return kind_ == Kind::LogMel ? 1 : frame_samples_; }

std::int64_t FeatureExtractor::window_samples() const {
  return kind_ == Kind::LogMel ? chunk_seconds_ * sampling_rate_ : (frames_ - 1) * hop_samples_ + frame_samples_;
}

Features FeatureExtractor::features(std::span<const float> samples) const {
  const at::NoGradGuard no_gradients;
  // Features are float32 wherever they are first asked for, also in the middle of a bfloat16 evaluation.
  const c10::impl::ExcludeDispatchKeyGuard no_autocast(c10::autocast_dispatch_keyset);
  const auto most = static_cast<std::size_t>(window_samples());
  const auto window = samples.subspan(0, std::min(samples.size(), most));
  return kind_ == Kind::LogMel ? log_mel(window) : filter_bank(window);
}

// Kaldi's filter bank (compute-fbank-feats): frames without their mean, pre-emphasis, symmetric Hann window, power of
// a 512-point transform, triangular filters, natural logarithm. In float64: quiet bands lie far below loud ones.
Features FeatureExtractor::filter_bank(std::span<const float> samples) const {
  const auto count = static_cast<std::int64_t>(samples.size());
  const double silence = normalize_ ? -mean_ / (2 * deviation_) : 0;
  if (count < frame_samples_) return {at::full({0, mel_bins_}, 0.0, at::kFloat), silence};
  const auto frames = 1 + (count - frame_samples_) / hop_samples_;
  auto windowed = at::empty({frames, frame_samples_}, at::kDouble);  // [frames, 400]
  auto* out = windowed.mutable_data_ptr<double>();
  const auto* window = window_.const_data_ptr<double>();
  for (std::int64_t frame = 0; frame < frames; ++frame, out += frame_samples_) {
    const float* in = samples.data() + frame * hop_samples_;
    double sum = 0;
    for (std::int64_t i = 0; i < frame_samples_; ++i) sum += in[i];
    const double mean = sum / static_cast<double>(frame_samples_);
    out[0] = (in[0] - mean) * (1 - preemphasis) * window[0];
    for (std::int64_t i = 1; i < frame_samples_; ++i)
      out[i] = (in[i] - mean - preemphasis * (in[i - 1] - mean)) * window[i];
  }
  const auto energies = power(at::fft_rfft(windowed, fft_samples));                // [frames, 257]
  auto bank = energies.matmul(filters_.t()).clamp_min_(filter_bank_floor).log_();  // [frames, mel bins]
  if (normalize_) bank = bank.sub_(mean_).div_(2 * deviation_);
  return {bank.to(at::kFloat), silence};
}

// Whisper's log-mel spectrogram: centred frames, periodic Hann window, Slaney filters, decimal logarithm, at most 8
// decades below the loudest.
Features FeatureExtractor::log_mel(std::span<const float> samples) const {
  const auto count = static_cast<std::int64_t>(samples.size()), all = window_samples();
  const auto half = frame_samples_ / 2;
  // Frames after the last that touches sound see silence only.
  const auto touched = std::min(frames_, (count + half + hop_samples_ - 1) / hop_samples_);
  const auto needed = (touched - 1) * hop_samples_ + frame_samples_;  // from half a frame before the first sample
  std::vector<float> buffer(static_cast<std::size_t>(needed), 0.0F);
  const auto sample_at = [&](std::int64_t place) {  // reflected at both ends of the window
    if (place < 0) place = -place;
    if (place >= all) place = 2 * (all - 1) - place;
    return place >= 0 && place < count ? samples[static_cast<std::size_t>(place)] : 0.0F;
  };
  for (std::int64_t i = 0; i < needed; ++i) buffer[static_cast<std::size_t>(i)] = sample_at(i - half);
  const auto waveform = at::from_blob(buffer.data(), {needed}, at::kFloat);         // [samples]
  const auto frames = frames_of(waveform, frame_samples_, hop_samples_) * window_;  // [frames, 400]
  const auto energies = power(at::fft_rfft(frames));                                // [frames, 201]
  auto mels = energies.matmul(filters_.t()).clamp_min_(1e-10).log10_();             // [frames, mel bins]
  const double loudest = std::max(mels.max().item<double>(), touched < frames_ ? -10.0 : -1e30);
  mels = mels.clamp_min_(loudest - 8).add_(4).div_(4);
  return {mels, (std::max(-10.0, loudest - 8) + 4) / 4};
}

Tensor FeatureExtractor::padded(const Features& features) const {
  auto window = at::full({frames_, mel_bins_}, features.fill, at::kFloat);  // [frames, mel bins]
  window.narrow(0, 0, features.frames.size(0)).copy_(features.frames);
  return kind_ == Kind::LogMel ? window.t().contiguous() : window;
}

}  // namespace espalier::audio
