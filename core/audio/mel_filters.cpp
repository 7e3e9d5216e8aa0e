#include "mel_filters.h"

#include <ATen/ops/zeros.h>

#include <algorithm>
#include <cmath>
#include <vector>

namespace espalier::audio {
namespace {

double kaldi_mel(double hertz) { return 1127.0 * std::log(1.0 + hertz / 700.0); }

// Linear up to 1000 Hz, logarithmic above: 27 steps of a factor 6.4.
const double slaney_step = 27.0 / std::log(6.4);
double slaney_mel(double hertz) {
  return hertz < 1000 ? 3.0 * hertz / 200.0 : 15.0 + std::log(hertz / 1000.0) * slaney_step;
}
double slaney_hertz(double mel) { return mel < 15 ? 200.0 * mel / 3.0 : 1000.0 * std::exp((mel - 15.0) / slaney_step); }

std::vector<double> evenly_spaced(double first, double last, std::int64_t count) {
  std::vector<double> points;
  const double step = (last - first) / static_cast<double>(count - 1);
  for (std::int64_t i = 0; i < count; ++i) points.push_back(first + step * static_cast<double>(i));
  return points;
}

// Triangle i rises from corner i to corner i + 1 and falls to corner i + 2.
at::Tensor triangles(const std::vector<double>& places, const std::vector<double>& corners) {
  const auto bins = static_cast<std::int64_t>(corners.size()) - 2;
  auto filters = at::zeros({bins, static_cast<std::int64_t>(places.size())}, at::kDouble);
  auto* value = filters.mutable_data_ptr<double>();
  for (std::size_t bin = 0; bin + 2 < corners.size(); ++bin) {
    for (const double place : places) {
      const double rising = (place - corners[bin]) / (corners[bin + 1] - corners[bin]);
      const double falling = (corners[bin + 2] - place) / (corners[bin + 2] - corners[bin + 1]);
      *value++ = std::max(0.0, std::min(rising, falling));
    }
  }
  return filters;
}

}  // namespace

at::Tensor kaldi_filters(std::int64_t mel_bins, std::int64_t frequencies, std::int64_t sampling_rate) {
  std::vector<double> places;
  const double width = static_cast<double>(sampling_rate) / static_cast<double>((frequencies - 1) * 2);
  for (std::int64_t i = 0; i < frequencies; ++i) places.push_back(kaldi_mel(width * static_cast<double>(i)));
  const auto highest = static_cast<double>(sampling_rate / 2);
  return triangles(places, evenly_spaced(kaldi_mel(20), kaldi_mel(highest), mel_bins + 2));
}

at::Tensor slaney_filters(std::int64_t mel_bins, std::int64_t frequencies, std::int64_t sampling_rate) {
  auto corners = evenly_spaced(slaney_mel(0), slaney_mel(8000), mel_bins + 2);
  for (auto& corner : corners) corner = slaney_hertz(corner);
  const auto places = evenly_spaced(0, static_cast<double>(sampling_rate / 2), frequencies);
  auto filters = triangles(places, corners);
  for (std::int64_t bin = 0; bin < mel_bins; ++bin) {
    const auto i = static_cast<std::size_t>(bin);
    filters[bin].mul_(2.0 / (corners[i + 2] - corners[i]));
  }
  return filters;
}

}  // namespace espalier::audio
