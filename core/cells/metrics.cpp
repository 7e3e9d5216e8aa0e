#include "cells/metrics.h"

#include <algorithm>

namespace espalier {
namespace {

template <typename Takes>
std::vector<std::string> names_of(Format format, const Takes& takes) {
  std::vector<std::string> names;
  for (const auto& metric : all_metrics()) {
    if (metric.is_of(format) && takes(metric)) names.emplace_back(metric.name);
  }
  return names;
}

}  // namespace

bool MetricFacts::is_of(Format format) const {
  return std::find(formats.begin(), formats.end(), format) != formats.end();
}

const std::vector<MetricFacts>& all_metrics() {
  constexpr bool more = true, less = false, ratio = true, other = false, bounds = true;
  static const std::vector<Format> classes = {Format::TextClassification, Format::AudioClassification},
                                   tags = {Format::AudioTagging}, speech = {Format::SpeechRecognition},
                                   every = {Format::TextClassification, Format::AudioClassification,
                                            Format::AudioTagging, Format::SpeechRecognition};
  static const std::vector<MetricFacts> metrics = {{"accuracy", more, 3, ratio, classes, bounds},
                                                   {"macro_f1", more, 3, ratio, classes, bounds},
                                                   {"mcc", more, 3, ratio, classes, bounds, 2, "from -1 to 1"},
                                                   {"map", more, 3, ratio, tags, bounds},
                                                   {"mauc", more, 3, ratio, tags, bounds},
                                                   {"wer", less, 3, ratio, speech, bounds},
                                                   {"cer", less, 3, ratio, speech, bounds},
                                                   {"bleu", more, 2, other, speech, bounds, 100, "from 0 to 100"},
                                                   {"cross_entropy", less, 3, other, every, !bounds}};
  return metrics;
}

const MetricFacts* find_metric(std::string_view name) {
  const auto& metrics = all_metrics();
  const auto found = std::find_if(metrics.begin(), metrics.end(), [&](const auto& one) { return name == one.name; });
  return found == metrics.end() ? nullptr : &*found;
}

std::vector<std::string> metrics_of(Format format) {
  return names_of(format, [](const auto&) { return true; });
}

std::vector<std::string> bounded_metrics_of(Format format) {
  return names_of(format, [](const auto& metric) { return metric.bounds_a_loss; });
}

std::vector<std::string> ranking_metrics_of(Format format) {
  return {bounded_metrics_of(format).at(0), "cross_entropy"};
}

}  // namespace espalier
