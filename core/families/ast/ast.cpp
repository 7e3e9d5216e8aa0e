#include "ast.h"

#include <algorithm>

#include "ast_pass.h"

namespace espalier::families {

using at::Tensor;

Ast::~Ast() = default;

std::vector<Tensor> Ast::whole(const std::vector<const Inputs*>& batches) const {
  std::vector<Tensor> features;
  for (const auto* inputs : batches) features.push_back(ast_features(*inputs, config(), weights()));
  return features;
}

std::vector<Tensor> Ast::pieces(const std::vector<const Inputs*>& batches, std::int64_t tokens) const {
  const auto most = std::max<std::int64_t>(1, tokens / config().tokens());
  std::vector<Tensor> pieces;
  for (const auto& features : whole(batches)) {
    const auto examples = features.size(0);
    if (examples == 0) pieces.push_back(features);
    for (std::int64_t begin = 0; begin < examples; begin += most)
      pieces.push_back(features.narrow(0, begin, std::min(most, examples - begin)));
  }
  return pieces;
}

std::string Ast::input_limits() const {
  return std::to_string(config().frames) + ' ' + std::to_string(config().mel_bins);
}

Tensor Ast::encoded(const Tensor& features, const Pass& pass) const {
  return ast_encode(weights(), config(), features, pass);
}

Tensor Ast::classified(const Tensor& features, const Pass& pass) const {
  return ast_classify(weights(), config(), features, pass);
}

std::vector<std::int64_t> Ast::encoded_shape(const Inputs& inputs) const {
  return {inputs.at("input_values").size(0), config().tokens(), config().hidden_size};
}

std::int64_t Ast::fixed_multiply_adds(std::int64_t tokens) const {
  const auto head = weights().head ? weights().head->dense.weight.numel() : 0;
  return (tokens - 2) * weights().patches.weight.numel() + head;
}

Operations Ast::operations(std::int64_t tokens) const {
  const auto classes = weights().head ? weights().head->dense.weight.size(0) : 0;
  return ast_flops({encoder_shape(tokens), config().patch_size * config().patch_size, classes}, totals_of(attention()));
}

void Ast::give_head(AstWeights& weights, const AstConfig& config, const std::vector<std::int64_t>& rows,
                    at::Generator& generator) {
  if (rows.empty())
    weights.head = ast_fresh_head(config, config.initializer_range, weights.positions, generator);
  else
    weights.head->dense = rows_of_linear(weights.head->dense, rows);
}

}  // namespace espalier::families
