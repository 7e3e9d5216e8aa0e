#include "bert.h"

#include <algorithm>

namespace espalier::families {

using at::Tensor;
using Json = nlohmann::ordered_json;

Bert::~Bert() = default;

std::vector<PackedInputs> Bert::whole(const std::vector<const Inputs*>& batches) const {
  return {pack(batches, config(), weights())};
}

std::vector<PackedInputs> Bert::pieces(const std::vector<const Inputs*>& batches, std::int64_t tokens) const {
  std::vector<PackedInputs> packed;
  for (const auto& piece : chunked(batches, tokens)) {
    std::vector<const Inputs*> inputs;
    for (const auto& one : piece) inputs.push_back(&one);
    packed.push_back(pack(inputs, config(), weights()));
  }
  return packed;
}

std::string Bert::input_limits() const {
  return std::to_string(config().vocabulary) + ' ' + std::to_string(config().positions) + ' ' +
         std::to_string(config().token_types);
}

Tensor Bert::encoded(const PackedInputs& inputs, const Pass& pass) const {
  return encode(weights(), config(), inputs, pass);
}

Tensor Bert::classified(const PackedInputs& inputs, const Pass& pass) const {
  return classify(weights(), config(), inputs, pass);
}

std::vector<std::int64_t> Bert::encoded_shape(const Inputs& inputs) const {
  const auto& ids = inputs.at("input_ids");
  return {ids.size(0), ids.size(1), config().hidden_size};
}

std::vector<std::pair<std::int64_t, std::int64_t>> Bert::lengths(const PackedInputs& inputs) const {
  std::vector<std::pair<std::int64_t, std::int64_t>> all;
  for (const auto& segment : inputs.layout.segments) all.emplace_back(segment.examples, segment.queries);
  return all;
}

std::int64_t Bert::fixed_multiply_adds(std::int64_t) const {
  return weights().classifier ? weights().pooler->weight.numel() + weights().classifier->weight.numel() : 0;
}

Operations Bert::operations(std::int64_t tokens) const {
  const auto classes = weights().classifier ? weights().classifier->weight.size(0) : 0;
  return bert_flops({encoder_shape(tokens), classes}, totals_of(attention()));
}

void Bert::give_head(BertWeights& weights, const BertConfig& config, const std::vector<std::int64_t>& rows,
                     at::Generator& generator) {
  const auto width = config.hidden_size;
  if (!weights.pooler) weights.pooler = fresh_linear(width, width, config.initializer_range, weights.words, generator);
  weights.classifier = rows.empty()
                           ? fresh_linear(config.classes(), width, config.initializer_range, weights.words, generator)
                           : rows_of_linear(*weights.classifier, rows);
}

bool Bert::used(const std::string& name) const { return weights().classifier || !name.starts_with("pooler."); }

void Bert::write_widths(Json& json, const std::vector<SavedSite>& sites) const {
  json.erase("pruned_heads");
  const auto saved = write_site_widths(json, sites);
  Json pruned = Json::object();
  bool for_transformers = true;
  for (std::size_t i = 0; i < saved.size(); ++i) {
    if (saved[i].dense) continue;
    const auto& kept = saved[i].widths.heads;
    // A site without any head is not told to transformers, which cannot compute it.
    for_transformers = for_transformers && saved[i].whole_heads && !kept.empty();
    Json gone = Json::array();
    for (std::int64_t head = 0; head < config().heads; ++head) {
      if (std::find(kept.begin(), kept.end(), head) == kept.end()) gone.push_back(head);
    }
    pruned[std::to_string(i)] = gone;
  }
  if (for_transformers && !pruned.empty()) json["pruned_heads"] = pruned;
}

}  // namespace espalier::families
