// Text classification: a table of texts becomes token ids, and token ids become batches without padding.
#pragma once

#include <espalier/model.h>

#include <cstdint>
#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include "data/text_table.h"
#include "data/wordpiece.h"

namespace espalier::data {

// --- examples

// One split, tokenised. rows[i] of the file is example i.
struct TextExamples {
  std::vector<Encoding> encodings;
  std::vector<std::int64_t> labels;  // class index
  std::int32_t padding = 0;          // what fills up a padded row of input_ids
  std::int64_t size() const { return static_cast<std::int64_t>(labels.size()); }
};

// Throws InputError naming file, line and label for labels that are not among the known ones (nearest name). Where
// `labels` are LABEL_0, LABEL_1, ... integers 0, 1, ... stand for them. Where any row has a pair, every row is a pair.
TextExamples tokenise(const std::vector<TextRow>& rows, const WordPiece& tokenizer,
                      const std::vector<std::string>& labels, std::int64_t max_tokens,
                      const std::filesystem::path& file);

// --- batches: input_ids and token_type_ids [examples, tokens], int64

// All examples, sorted by length into batches of equally long examples, at most so many examples each. Equally long
// examples keep their order.
std::vector<Batch> bucketed(const TextExamples& examples, std::int64_t most_examples);
// The first `samples` examples (0: all) in file order, `batch` at a time, padded to each batch's longest with an
// attention_mask; for scorers whose value depends on the batch.
std::vector<Batch> in_file_order(const TextExamples& examples, std::int64_t samples, std::int64_t batch);
// One epoch of training steps: every example once, `batch` a step (the rest in a smaller one). Examples are shuffled by
// `random`, steps take examples of similar length, and come in random order; each step as groups of equally long
// examples.
std::vector<std::vector<Batch>> training_steps(const TextExamples& examples, std::int64_t batch, Random& random);

// --- metrics

// accuracy, macro_f1, mcc (0 where undefined), cross_entropy (mean, nats) of class logits [n, classes] against labels
// [n], in float64. macro_f1 is the mean over the classes that occur among labels or predictions; of equally large
// logits the first class is the prediction. Throws InputError for no examples, other shapes, and labels without logits.
std::map<std::string, double> classification_metrics(const at::Tensor& logits, const at::Tensor& labels);

}  // namespace espalier::data
