#include "architectures.h"

namespace espalier::published {
namespace {

// From the shapes of the checkpoint: embeddings, two convolutions, layers, norms.
KnownArchitecture whisper(const char* name, std::int64_t width, std::int64_t heads, std::int64_t layers) {
  constexpr std::int64_t vocabulary = 51'865, positions = 1500 + 448, mel_bins = 80;
  const auto square = width * width;
  const auto attention = 4 * square + 3 * width, forward = 8 * square + 5 * width, norm = 2 * width;
  const auto total = (vocabulary + positions) * width + 3 * mel_bins * width + width + 3 * square + width +
                     layers * (attention + forward + 2 * norm) + layers * (2 * attention + forward + 3 * norm) +
                     2 * norm;
  return {name, 3 * layers, 2 * layers, width, heads, width / heads, 2 * width, total};
}

}  // namespace

std::vector<KnownArchitecture> architectures_of(const std::string& model) {
  if (model == "ast" || model.rfind("ast-", 0) == 0) return {{"ast-base", 12, 12, 768, 12, 64, 3 * 768, 0}};
  if (model.rfind("whisper", 0) == 0)
    return {whisper("whisper-tiny", 384, 6, 4), whisper("whisper-base", 512, 8, 6),
            whisper("whisper-small", 768, 12, 12), whisper("whisper-medium", 1024, 16, 24),
            whisper("whisper-large", 1280, 20, 32)};
  return {};
}

std::int64_t units_of(const KnownArchitecture& architecture, const std::string& granularity, const std::string& scope) {
  const bool local = scope == "local";
  if (!local && scope != "global") return 0;
  if (granularity == "head") return local ? architecture.heads : architecture.heads * architecture.pruned_sites;
  // Global channels go in rows: one of every head of a site.
  if (granularity == "head-channel")
    return local ? architecture.head_dim : architecture.head_dim * architecture.pruned_sites;
  return 0;
}

namespace {

double site_parameters(const KnownArchitecture& architecture) {
  return static_cast<double>(4 * architecture.width * architecture.width + architecture.biases);
}

double removed_share(std::int64_t units, std::int64_t kept) {
  return static_cast<double>(units - kept) / static_cast<double>(units);
}

}  // namespace

double sparsity_of(const KnownArchitecture& architecture, std::int64_t units, std::int64_t kept, bool output_biases) {
  const auto site = site_parameters(architecture);
  const auto counted = site + (output_biases ? static_cast<double>(architecture.width) : 0.0);
  return 100 * removed_share(units, kept) * site / counted * static_cast<double>(architecture.pruned_sites) /
         static_cast<double>(architecture.sites);
}

double parameters_of(const KnownArchitecture& architecture, std::int64_t units, std::int64_t kept) {
  return static_cast<double>(architecture.parameters) -
         removed_share(units, kept) * site_parameters(architecture) * static_cast<double>(architecture.pruned_sites);
}

std::optional<SpectrogramTokens> spectrogram_tokens(const std::string& dataset) {
  if (dataset == "speech-commands-v2-35") return SpectrogramTokens{146, 144, 35};
  if (dataset == "audioset-balanced") return SpectrogramTokens{1214, 1212, 527};
  return std::nullopt;
}

double spectrogram_operations(const KnownArchitecture& architecture, const SpectrogramTokens& tokens, double heads_left,
                              double channels_left) {
  const auto n = static_cast<double>(tokens.tokens), width = static_cast<double>(architecture.width);
  const auto layers = static_cast<double>(architecture.sites);
  const double projections = 4 * n * width * channels_left, products = 2 * n * n * channels_left;
  const double softmax = 3 * n * n * heads_left;
  const double rest = layers * (2 * n * width * 3072 + 8 * n * 3072 + 12 * n * width);
  const double once = static_cast<double>(tokens.patches) * width * 256 + 6 * n * width + 5 * width +
                      width * static_cast<double>(tokens.classes);
  return projections + products + softmax + rest + once;
}

}  // namespace espalier::published
