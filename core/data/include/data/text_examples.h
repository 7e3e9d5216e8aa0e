// Text classification: a table of texts becomes token ids.
#pragma once

#include <espalier/model.h>

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "data/examples.h"
#include "tables/text_table.h"
#include "text/tokenizer.h"

namespace espalier::data {

// One split, tokenised. rows[i] of the file is example i. A batch: input_ids and token_type_ids [examples, tokens], I64.
struct TextExamples final : Examples {
  std::vector<text::Encoding> encodings;
  std::vector<std::int64_t> labels;  // class index
  std::int32_t padding = 0;          // what fills up a padded row of input_ids

  std::int64_t size() const override { return static_cast<std::int64_t>(labels.size()); }
  std::int64_t length(std::int64_t example) const override;
  Batch batch(std::span<const std::int64_t> examples) const override;
};

// Labels become class numbers (data/labels.h). Where any row has a pair, every row is a pair.
TextExamples tokenise(const std::vector<TextRow>& rows, const text::Tokenizer& tokenizer,
                      const std::vector<std::string>& labels, std::int64_t max_tokens,
                      const std::filesystem::path& file);

}  // namespace espalier::data
