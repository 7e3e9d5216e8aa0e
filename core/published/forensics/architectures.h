// Facts of the architectures that published tables are of, and the closed forms that follow from them.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace espalier::published {

struct KnownArchitecture {
  std::string name;
  std::int64_t sites = 0;         // of attention, those that are never pruned included
  std::int64_t pruned_sites = 0;  // that published methods prune
  std::int64_t width = 0, heads = 0, head_dim = 0;
  std::int64_t biases = 0;      // of Q, K and V
  std::int64_t parameters = 0;  // of the whole model; 0: no table prints them
};

// Those that a model's name may stand for: "whisper-large-class" is any Whisper, since the name is what is to be tested.
std::vector<KnownArchitecture> architectures_of(const std::string& model);

// How many units (heads, or rows of channels) there are to keep or prune at a granularity and scope; 0: not known.
std::int64_t units_of(const KnownArchitecture& architecture, const std::string& granularity, const std::string& scope);
// Achieved sparsity in percent where `kept` of them stay; a printed one may count the output biases as parameters.
double sparsity_of(const KnownArchitecture& architecture, std::int64_t units, std::int64_t kept, bool output_biases);
// Of the whole model, where `kept` of so many units stay.
double parameters_of(const KnownArchitecture& architecture, std::int64_t units, std::int64_t kept);

// Tokens of one example of a data set, of spectrogram patches.
struct SpectrogramTokens {
  std::int64_t tokens, patches, classes;
};
std::optional<SpectrogramTokens> spectrogram_tokens(const std::string& dataset);
// Operations of one example of the audio spectrogram transformer, one multiply-accumulate counting one.
double spectrogram_operations(const KnownArchitecture& architecture, const SpectrogramTokens& tokens, double heads_left,
                              double channels_left);

}  // namespace espalier::published
