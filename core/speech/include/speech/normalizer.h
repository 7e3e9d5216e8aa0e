// Texts made comparable before they are compared: case, punctuation, numbers, spelling.
#pragma once

#include <string>
#include <vector>

#include "cells/vocabulary.h"

namespace espalier::speech {

using espalier::Normalizer;

// Both texts are UTF-8.
std::string normalized(Normalizer normalizer, const std::string& text);

}  // namespace espalier::speech
