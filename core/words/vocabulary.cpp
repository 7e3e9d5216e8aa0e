#include "words/vocabulary.h"

namespace espalier {

const std::vector<std::string>& known_granularities() {
  static const std::vector<std::string> names = {"head",      "head-channel", "same-channel", "q-channel",
                                                 "k-channel", "v-channel",    "o-channel",    "projection-channel"};
  return names;
}

const std::vector<std::string>& known_site_filters() {
  static const std::vector<std::string> names = {"all", "self", "encoder-self", "decoder-self", "decoder-cross"};
  return names;
}

}  // namespace espalier
