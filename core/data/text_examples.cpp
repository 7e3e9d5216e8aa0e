#include "data/text_examples.h"

#include <ATen/ops/empty.h>
#include <ATen/ops/full.h>
#include <ATen/ops/zeros.h>

#include <algorithm>
#include <unordered_map>

#include "data/labels.h"

namespace espalier::data {

std::int64_t TextExamples::length(std::int64_t example) const {
  return static_cast<std::int64_t>(encodings[static_cast<std::size_t>(example)].ids.size());
}

Batch TextExamples::batch(std::span<const std::int64_t> rows) const {
  std::int64_t tokens = 0;
  bool padded = false;
  for (const auto row : rows) {
    padded = padded || (tokens > 0 && length(row) != tokens);
    tokens = std::max(tokens, length(row));
  }
  const auto count = static_cast<std::int64_t>(rows.size());
  at::Tensor ids = at::full({count, tokens}, padding, at::kLong);  // [examples, tokens]
  at::Tensor types = at::zeros({count, tokens}, at::kLong);        // [examples, tokens]
  at::Tensor attended = padded ? at::zeros({count, tokens}, at::kLong) : at::Tensor();
  Batch batch;
  batch.labels = at::empty({count}, at::kLong);
  batch.rows.assign(rows.begin(), rows.end());
  for (std::size_t place = 0; place < rows.size(); ++place) {
    const auto& encoding = encodings[static_cast<std::size_t>(rows[place])];
    const auto start = static_cast<std::ptrdiff_t>(place) * tokens;
    std::copy(encoding.ids.begin(), encoding.ids.end(), ids.mutable_data_ptr<std::int64_t>() + start);
    std::copy(encoding.types.begin(), encoding.types.end(), types.mutable_data_ptr<std::int64_t>() + start);
    if (padded) std::fill_n(attended.mutable_data_ptr<std::int64_t>() + start, encoding.ids.size(), std::int64_t{1});
    batch.labels.mutable_data_ptr<std::int64_t>()[place] = labels[static_cast<std::size_t>(rows[place])];
  }
  batch.inputs.emplace("input_ids", std::move(ids));
  batch.inputs.emplace("token_type_ids", std::move(types));
  if (padded) batch.inputs.emplace("attention_mask", std::move(attended));
  return batch;
}

TextExamples tokenise(const std::vector<TextRow>& rows, const text::Tokenizer& tokenizer,
                      const std::vector<std::string>& labels, std::int64_t max_tokens,
                      const std::filesystem::path& file) {
  std::vector<LabelAt> written;
  written.reserve(rows.size());
  for (const auto& row : rows) written.push_back({row.label, row.line});
  TextExamples examples;
  examples.padding = tokenizer.padding();
  examples.labels = class_numbers(written, labels, file);
  const bool pairs = std::any_of(rows.begin(), rows.end(), [](const TextRow& row) { return !row.pair.empty(); });
  examples.encodings.reserve(rows.size());
  for (const auto& row : rows) {
    const auto pair = pairs ? std::optional<std::string_view>(row.pair) : std::nullopt;
    examples.encodings.push_back(tokenizer.encode(row.text, pair, max_tokens));
  }
  return examples;
}

}  // namespace espalier::data
