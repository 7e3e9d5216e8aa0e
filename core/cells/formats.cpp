#include "cells/formats.h"

namespace espalier {

const std::vector<FormatFacts>& all_formats() {
  static const std::vector<FormatFacts> formats = {
      {Format::TextClassification, /*of_sounds=*/false, /*has_classes=*/true, "single_label_classification"},
      {Format::AudioClassification, /*of_sounds=*/true, /*has_classes=*/true, "single_label_classification"},
      {Format::AudioTagging, /*of_sounds=*/true, /*has_classes=*/true, "multi_label_classification"},
      {Format::SpeechRecognition, /*of_sounds=*/true, /*has_classes=*/false, ""}};
  return formats;
}

const FormatFacts& facts_of(Format format) { return all_formats().at(static_cast<std::size_t>(format)); }

}  // namespace espalier
