// What is wrong with a command line, in the words that both programs use: the option, what was given, what is expected.
#pragma once

#include <string>
#include <vector>

#include <espalier/export.h>

namespace espalier {

struct KnownOption {
  std::string name;    // --sparsity
  bool whole = false;  // takes whole numbers
};

// `said` is the parser's own sentence, which stands where it is as good as any; `words` are those of the command line, and
// `known` the options of the command. An option that is not known is named first, with the nearest one.
ESPALIER_WORDS_API std::string option_mistake(const std::string& said, const std::vector<std::string>& words,
                                              const std::vector<KnownOption>& known);

}  // namespace espalier
