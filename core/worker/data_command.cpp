// espalier data prepare: real datasets from packages on the system, in the formats experiments read.
#include <cstdio>

#include "commands.h"
#include "data/wordnet.h"
#include "input.h"
#include "words/names.h"

namespace espalier::worker {

ExitCode prepare(const PrepareWords& words) {
  if (words.name != "wordnet") throw SettingsError(unknown_name("dataset", words.name, {"wordnet"}));
  const auto source = words.source.empty() ? std::string("/usr/share/wordnet/data.noun") : words.source;
  const auto counts = data::prepare_wordnet(source, words.output);
  std::printf(
      "%s: WordNet 3.0 nouns, %lld glosses of %lld classes: train.tsv %lld, validation.tsv %lld, test.tsv %lld\n",
      words.output.c_str(), static_cast<long long>(counts.synsets), static_cast<long long>(counts.classes),
      static_cast<long long>(counts.train), static_cast<long long>(counts.validation),
      static_cast<long long>(counts.test));
  std::printf("licence: WordNet 3.0, Princeton University (permissive; /usr/share/doc/wordnet-base/copyright)\n");
  return ExitCode::Done;
}

}  // namespace espalier::worker
