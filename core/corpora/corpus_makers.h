// One function for each corpus; corpora.cpp lists them.
#pragma once

#include "corpora/corpora.h"

namespace espalier::corpora {

Prepared prepare_keywords(const Corpus& corpus, const Preparation& preparation);
Prepared prepare_drums(const Corpus& corpus, const Preparation& preparation);
Prepared prepare_asterisk(const Corpus& corpus, const Preparation& preparation);
Prepared prepare_pocketsphinx(const Corpus& corpus, const Preparation& preparation);

}  // namespace espalier::corpora
