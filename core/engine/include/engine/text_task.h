// A text-classification dataset as one checkpoint sees it: its splits tokenised once, its classes, its digests.
#pragma once

#include <ATen/core/Tensor.h>
#include <espalier/model.h>

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "data/text.h"
#include "words/cell_settings.h"
#include "words/digest.h"

namespace espalier::engine {

// One split, ready to be computed.
struct Split {
  std::string name;
  data::TextExamples examples;
  std::vector<Batch> batches;  // all examples, equally long ones together
  at::Tensor labels;           // [examples], in file order
  std::string digest;          // of the file and of how it was read
};

class TextTask {
 public:
  // `labels` empty: the classes are those of the train file. Nothing is read before it is asked for.
  TextTask(DatasetSettings dataset, std::string checkpoint, std::vector<std::string> labels, DigestMemory& digests);

  const DatasetSettings& dataset() const { return dataset_; }
  const std::vector<std::string>& labels();
  // Throws InputError for a split that is not given, unreadable, or has labels that are not known.
  const Split& split(const std::string& name);
  // Without tokenising anything.
  std::string split_digest(const std::string& name);

 private:
  const std::string& path_of(const std::string& split) const;
  const data::WordPiece& tokenizer();

  DatasetSettings dataset_;
  std::string checkpoint_;
  std::vector<std::string> labels_;
  DigestMemory& digests_;
  std::optional<data::WordPiece> tokenizer_;
  std::map<std::string, Split> splits_;
};

// The batches of a list, one after the other.
class BatchList final : public BatchStream {
 public:
  explicit BatchList(std::vector<Batch> batches);
  std::optional<Batch> next() override;
  void rewind() override { next_ = 0; }
  std::int64_t examples() const override;

 private:
  std::vector<Batch> batches_;
  std::size_t next_ = 0;
};

// What a scorer is given: `settings` may name samples, batch, squares and absolute. Equally long examples together,
// unless the answer depends on the batches; then rows in file order, `batch` at a time.
std::vector<Batch> scoring_batches(const Split& split, const Settings& settings, std::uint32_t traits);

}  // namespace espalier::engine
