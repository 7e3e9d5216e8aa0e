// Triangular filters on the mel scale, as transformers' audio_utils builds them.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>

namespace espalier::audio {

// Kaldi's: triangles in mel space, from 20 Hz to half the rate. [mel bins, frequencies], float64.
at::Tensor kaldi_filters(std::int64_t mel_bins, std::int64_t frequencies, std::int64_t sampling_rate);
// Slaney's: triangles in hertz of equal area, from 0 to 8000 Hz. [mel bins, frequencies], float64.
at::Tensor slaney_filters(std::int64_t mel_bins, std::int64_t frequencies, std::int64_t sampling_rate);

}  // namespace espalier::audio
