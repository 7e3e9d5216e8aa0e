// WordNet nouns as a classification task: the gloss is the text, the lexicographer file (26 of them) the label.
#pragma once

#include <cstdint>
#include <filesystem>

namespace espalier::corpora {

struct WordnetCounts {
  std::int64_t synsets = 0;
  std::int64_t classes = 0;
  std::int64_t train = 0, validation = 0, test = 0;
};

// Reads data.noun of WordNet 3.0 and writes train.tsv, validation.tsv and test.tsv (header: text, label) into `output`.
// The text is the definition of the gloss, without its quoted examples. The split is a hash of the text: equal texts
// fall into one split; the order of rows is that of the hash, so that the first rows of a file are a random sample.
// Throws InputError.
WordnetCounts prepare_wordnet(const std::filesystem::path& data_noun, const std::filesystem::path& output);

}  // namespace espalier::corpora
