// Corpus BLEU (Papineni et al., 2002) as sacrebleu computes it.
#pragma once

#include <string>
#include <vector>

namespace espalier::speech {

// 0 to 100: mteval-13a tokens, up to 4 words, brevity penalty, zero counts smoothed exponentially. One reference a
// hypothesis. 0 for no texts.
double corpus_bleu(const std::vector<std::string>& hypotheses, const std::vector<std::string>& references);

}  // namespace espalier::speech
