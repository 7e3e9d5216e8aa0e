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
  std::vector<Segment> segments;
  std::int64_t examples = 0;
};

// Throws InputError: unknown names, dtypes, shapes, ids and lengths outside the model's.
PackedInputs pack(const std::vector<const Inputs*>& batches, const BertConfig& config, const BertWeights& weights);

// [N, D], after the last layer.
at::Tensor encode(const BertWeights& weights, const BertConfig& config, const PackedInputs& inputs,
                  const Pass& pass = {});
// Throws InputError, naming what needs it, where there is no classification head.
void require_head(const BertWeights& weights, const char* what);
// [examples, classes]
at::Tensor classify(const BertWeights& weights, const BertConfig& config, const PackedInputs& inputs,
                    const Pass& pass = {});

}  // namespace espalier::families
