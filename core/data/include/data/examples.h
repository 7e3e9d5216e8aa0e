// Examples of one split, whatever they are made of, and the orders in which they are computed. Examples are numbers; a
// batch is made when it is needed, so that memory does not grow with the split.
#pragma once

#include <espalier/model.h>

#include <cstdint>
#include <span>
#include <vector>

namespace espalier::data {

class Examples {
 public:
  virtual ~Examples();

  virtual std::int64_t size() const = 0;
  // What decides which examples need no padding beside each other: tokens.
  virtual std::int64_t length(std::int64_t example) const = 0;
  // Whether what is asked of the example is known, so that a loss can be taken: of a long sound that is heard in chunks it
  // is not known what is said in each. Scores, training, proofs and times look at examples with a loss alone.
  virtual bool has_loss(std::int64_t) const { return true; }
  // These examples as one batch, with their labels; shorter ones are padded, as an attention_mask then says. May be
  // called by one thread at a time.
  virtual Batch batch(std::span<const std::int64_t> examples) const = 0;
};

// --- orders: which examples go together

using Rows = std::vector<std::int64_t>;

// Examples with a loss, in file order.
Rows rows_with_loss(const Examples& examples);
// The first `samples` examples with a loss (0: all), sorted by length into batches of equally long ones, at most so many each.
// Equally long examples keep their order.
std::vector<Rows> bucketed(const Examples& examples, std::int64_t most_examples, std::int64_t samples = 0);
// The same with examples of several lengths together, padded by no more than so many tokens a batch.
std::vector<Rows> padded(const Examples& examples, std::int64_t most_examples, std::int64_t most_padding,
                         std::int64_t samples = 0);
// As bucketed(), of these rows alone.
std::vector<Rows> bucketed_rows(const Examples& examples, Rows rows, std::int64_t most_examples);
// The first `samples` examples with a loss (0: all) in file order, `batch` at a time; for scorers whose value depends on the batch.
std::vector<Rows> in_file_order(const Examples& examples, std::int64_t samples, std::int64_t batch);
// One epoch of training steps: every example with a loss once, `batch` a step (the rest in a smaller one). Examples are shuffled by
// `random`, steps take examples of similar length, and come in random order; each step as groups of equally long
// examples.
std::vector<std::vector<Rows>> training_steps(const Examples& examples, std::int64_t batch, Random& random);

}  // namespace espalier::data
