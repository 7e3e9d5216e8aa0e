// What both programs must know of a data format, a row each.
#pragma once

#include <vector>

#include "cells/vocabulary.h"

namespace espalier {

struct FormatFacts {
  Format format;
  bool of_sounds;            // rows name sound files
  bool has_classes;          // else examples are texts to be written
  const char* problem_type;  // of config.json, of a head that answers in it; empty: it has no head of classes
};

const std::vector<FormatFacts>& all_formats();
const FormatFacts& facts_of(Format format);

}  // namespace espalier
