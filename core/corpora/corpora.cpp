#include "corpora/corpora.h"

#include <espalier/error.h>

#include <array>

#include "corpus_makers.h"
#include "words/names.h"

namespace espalier::corpora {
namespace {

using Maker = Prepared (*)(const Corpus&, const Preparation&);
constexpr std::array<Maker, 4> makers{prepare_keywords, prepare_drums, prepare_asterisk, prepare_pocketsphinx};

}  // namespace

const std::vector<Corpus>& known_corpora() {
  static const std::vector<Corpus> corpora = {
      {"keywords", "20 words spoken by espeak-ng's voices, test voices unseen; audio-classification", "espeak-ng",
       "generated on this machine by espeak-ng, a program under GPL-3+ that is started and not linked"},
      {"drums", "recorded drum kits, 8 classes, test kits unseen; audio-classification", "hydrogen-drumkits",
       "a licence for each kit: GPL-2 and GPL-2+, CC-BY-3.0, CC-BY-SA-3.0, CC0 "
       "(/usr/share/doc/hydrogen-drumkits/copyright)"},
      {"asterisk-en", "telephone prompts of one speaker with transcripts; speech-recognition",
       "asterisk-core-sounds-en asterisk-core-sounds-en-wav",
       "CC-BY-SA-3.0, Allison Smith and Digium (/usr/share/doc/asterisk-core-sounds-en/copyright)"},
      {"pocketsphinx", "5 sentences read aloud and 5 names of cards, with transcripts; speech-recognition",
       "pocketsphinx-testdata", "BSD-2-Clause (/usr/share/doc/pocketsphinx-testdata/copyright)"}};
  return corpora;
}

Prepared prepare(const std::string& name, const Preparation& preparation) {
  const auto& corpora = known_corpora();
  std::vector<std::string> names;
  for (std::size_t number = 0; number < corpora.size(); ++number) {
    if (corpora[number].name == name) return makers[number](corpora[number], preparation);
    names.push_back(corpora[number].name);
  }
  throw SettingsError(unknown_name("dataset", name, names));
}

}  // namespace espalier::corpora
