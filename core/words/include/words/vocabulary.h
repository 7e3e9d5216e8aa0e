// The closed lists of words that both programs and the SDK read.
#pragma once

#include <string>
#include <vector>

#include <espalier/export.h>

namespace espalier {

ESPALIER_WORDS_API const std::vector<std::string>& known_granularities();
ESPALIER_WORDS_API const std::vector<std::string>&
known_site_filters();  // all, self, encoder-self, decoder-self, decoder-cross

}  // namespace espalier
