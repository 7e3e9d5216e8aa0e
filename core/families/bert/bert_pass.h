// The computation of BERT over packed tokens: inputs checked and packed, then layer by layer in the paper's order.
#pragma once

#include <espalier/model.h>

#include <map>
#include <span>
#include <string>
#include <vector>

#include "bert_config.h"
#include "bert_weights.h"
#include "nn/network.h"

namespace espalier::families {

// Tokens of several batches, one after the other.
struct PackedInputs {
  at::Tensor words, positions, token_types;  // [N]; token_types undefined: all 0
  at::Tensor first;                          // [examples]: the first token of each
  Layout layout;
  std::int64_t examples = 0;
};

// Pieces of about so many tokens, in order. Inputs that do not fit together are left for pack() to refuse.
std::vector<std::vector<Inputs>> chunked(const std::vector<const Inputs*>& batches, std::int64_t tokens_a_piece);

// Throws InputError: unknown names, dtypes, shapes, ids and lengths outside the model's.
PackedInputs pack(const std::vector<const Inputs*>& batches, const BertConfig& config, const BertWeights& weights);

// [N, D], after the last layer; [0, D] where there is no example.
at::Tensor encode(const BertWeights& weights, const BertConfig& config, const PackedInputs& inputs,
                  const Pass& pass = {});
// [examples, classes]
at::Tensor classify(const BertWeights& weights, const BertConfig& config, const PackedInputs& inputs,
                    const Pass& pass = {});

}  // namespace espalier::families
