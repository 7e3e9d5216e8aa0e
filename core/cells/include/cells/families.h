// What planning must know of a family of models without loading LibTorch, a row each. What computes with them is nn.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "cells/vocabulary.h"

namespace espalier {

// A number of config.json, and what transformers takes where the key is absent.
struct ConfigNumber {
  const char* key;
  std::int64_t otherwise;
};

// One kind of a family's attention sites: how many layers have one, how wide the model is there and how many heads share
// that.
struct AttentionFacts {
  SiteKind kind;
  ConfigNumber layers, width, heads;
};

struct FamilyFacts {
  Family family;
  const char* title;                      // "a Whisper model"
  const char* model_type;                 // of config.json
  std::vector<Format> reads;              // formats
  bool trains;                            // else its checkpoints are used as they are
  bool from_scratch;                      // weights can be made from config.json alone
  std::vector<AttentionFacts> attention;  // in the order of the sites
  std::optional<ConfigNumber> positions;  // longest text that it can read; absent: by its window
  const char* activation;                 // the key of config.json
  const char* embedding;                  // ends the name of a tensor that every checkpoint of the family has
  std::vector<const char*> extents;       // keys that this tensor's shape is
  const char* head;                       // the weights of its classes; null: it has none
  // Files that hold a tokenizer, each set whole; none where the family reads no texts.
  std::vector<std::vector<const char*>> tokenizers;

  bool can_read(Format format) const;
  bool has_sites(SiteFilter filter) const;
  std::vector<std::string> ways_to_hold_a_tokenizer() const;  // "vocab.json and merges.txt"
};

const std::vector<FamilyFacts>& all_families();
const FamilyFacts& facts_of(Family family);
// The names of those for which something holds, as in "bert and ast".
std::string families_that(bool FamilyFacts::*holds);
// "bert reads text-classification, ast audio-classification and audio-tagging, ..."
std::string what_families_read();

}  // namespace espalier
