// A dataset as one checkpoint sees it: its splits read once, its classes, its digests; what is measured on it, and what
// training on it minimises. One subclass a data format.
#pragma once

#include <ATen/core/Tensor.h>
#include <espalier/model.h>
#include <espalier/recovery.h>

#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "cells/cell_settings.h"
#include "cells/metrics.h"
#include "data/examples.h"
#include "nn/device.h"
#include "nn/model.h"
#include "nn/series/mask_series.h"
#include "tables/split_tables.h"
#include "words/plugin_description.h"
#include "words/watch.h"

namespace espalier::tasks {

using Metrics = std::map<std::string, double>;
using Outputs = std::map<std::string, at::Tensor>;

// The inputs of a split as models of one checkpoint compute them, made when they are first asked for and kept while they
// fit into memory: evaluations of many masks ask for the same ones. For one thread at a time.
class PreparedBatches {
 public:
  explicit PreparedBatches(std::shared_ptr<nn::MemoryBudget> budget) : budget_(std::move(budget)) {}
  ~PreparedBatches() { budget_->bytes -= bytes_; }
  PreparedBatches(const PreparedBatches&) = delete;
  PreparedBatches& operator=(const PreparedBatches&) = delete;

  // `make` gives the batches that `part` names.
  using Make = std::function<std::vector<Batch>()>;
  std::shared_ptr<const nn::PreparedInputs> get(const nn::Model& model, const std::string& part, const Make& make);

 private:
  std::shared_ptr<nn::MemoryBudget> budget_;
  std::int64_t bytes_ = 0;
  std::map<std::string, std::shared_ptr<const nn::PreparedInputs>> kept_;
};

// One split, ready to be computed.
struct Split {
  std::string name;
  std::unique_ptr<data::Examples> examples;
  std::vector<data::Rows> batches;                 // all examples, those together that need no padding
  std::shared_ptr<PreparedBatches> prepared = {};  // the batches as models compute them; null: not kept
  at::Tensor labels;   // of classification [examples] (I64), of tagging [examples, classes]; else undefined
  std::string digest;  // of the files and of how they were read
  Metrics notes;       // what reading had to say in numbers: files left out, files cut

  std::vector<Batch> collated() const;  // all batches at once, for small splits
};

// What a model makes of one split.
struct Evaluation {
  Outputs outputs;  // what the metrics come from, kept beside a dense model: logits [examples, classes], ...
  Metrics metrics;
  std::string outcomes;  // '1' where the example is right, '0' where not, in file order
  std::int64_t examples = 0;
  std::int64_t multiply_adds = 0;
  // One number an example, in file order, from which the metrics can be had again (Point::example_numbers). Nothing where
  // examples have several classes, or where some outputs are not numbers.
  std::map<std::string, std::vector<std::int64_t>> example_numbers = {};
};

// Throws InputError where some outputs are not numbers, so that nothing measured on them is one; `whose` names the model.
void require_numbers(const Evaluation& evaluation, const std::string& whose, const std::string& split);
// The same as a sentence; empty where all are numbers.
std::string lack_of_numbers(const Evaluation& evaluation, const std::string& whose, const std::string& split);

// What a training step minimises, and on what it looks.
struct Aim {
  const TrainSettings& settings;  // augmentation
  Objective objective = {};
  const nn::Model* teacher = nullptr;  // of distillation
  const nn::Gates* gates = nullptr;    // one a unit
};

class BoundedMetric;

class Task {
 public:
  Task(DatasetSettings dataset, DigestMemory& digests, Watch watch, nn::Device device);
  virtual ~Task();
  Task(const Task&) = delete;
  Task& operator=(const Task&) = delete;

  const DatasetSettings& dataset() const { return dataset_; }
  // Where models of this task compute, and what memory they may take there.
  const nn::Device& device() const { return device_; }
  // Whose tokens, features and prompts these are.
  virtual const std::string& checkpoint() const = 0;
  bool has_split(const std::string& name) const;
  // Read when first asked for. Throws InputError for a split that is not given, unreadable, or has labels that are not
  // known.
  const Split& split(const std::string& name);

  // The classes; none for speech.
  virtual const std::vector<std::string>& labels() = 0;
  // What a split is known by: the bytes behind it and how they are read. Nothing else is computed from the files'
  // contents, and that once.
  const std::string& split_digest(const std::string& name);
  // The classes in a model's order. Splits that were read are read again.
  void use_labels(std::vector<std::string> labels);

  // Every shortcut of the engine gives these numbers; padding is not computed, pruned heads are left out.
  virtual Evaluation evaluate(const nn::Model& model, const Split& split) const = 0;
  // Under each of these masks of one model, in their order, the same numbers as alone; what several have in common is
  // computed once.
  std::vector<Evaluation> evaluate_each(nn::MaskSeries& series, std::span<const Mask> masks, const Split& split) const;
  // By models of one series that fit into memory together.
  virtual std::vector<Evaluation> evaluate_models(std::span<const nn::Model* const> models, const Split& split) const;
  // Examples of a split as splits of their own, which it outlives. What models read of them is kept as of a whole split,
  // the first parts first.
  std::vector<Split> parts_of(const Split& whole, const std::vector<data::Rows>& parts) const;
  // What can be said of a metric before all of the split is computed; null: nothing.
  virtual std::unique_ptr<BoundedMetric> bounded(const Split& split, const std::string& metric) const;
  // The same from outputs that are already known. Throws where they do not fit the split.
  virtual Evaluation evaluation_of(const Outputs& outputs, const Split& split, std::int64_t multiply_adds) const = 0;
  // The mean loss of one training step, differentiable in the model's parameters.
  virtual at::Tensor training_loss(const nn::Model& model, const Split& split, const std::vector<data::Rows>& step,
                                   const Aim& aim, Random& random) const = 0;
  // Whether a is the better model's metrics: the first of these metrics that both have and that differs decides.
  bool better(const Metrics& a, const Metrics& b) const;
  std::vector<std::string> ranking_metrics() const { return ranking_metrics_of(dataset_.format); }
  // Throws InputError naming both files where another checkpoint would read this dataset's examples otherwise: as other
  // tokens, features or prompts.
  virtual void require_same_reading(const std::filesystem::path& other) const = 0;
  // A metric as a number of which more is better; an empty name: the first that ranks. Throws SettingsError for one that
  // this task does not have, and for a number that no metric is: nobody knows which way it would be better.
  double quality(const Metrics& metrics, const std::string& metric = "") const;

 protected:
  // These examples of a split, numbered from 0.
  virtual std::unique_ptr<data::Examples> some_of(const data::Examples& whole, data::Rows rows) const;
  virtual Split read(const std::string& name) = 0;
  virtual std::string compute_digest(const std::string& name) = 0;
  virtual void set_labels(std::vector<std::string> labels) = 0;
  // Throws InputError where the split is not given.
  const std::string& path_of(const std::string& split) const;
  SplitTables& tables() { return tables_; }
  const Watch& watch() const { return watch_; }
  const DatasetSettings dataset_;

 private:
  std::shared_ptr<nn::MemoryBudget> prepared_budget() const;
  SplitTables tables_;
  Watch watch_;
  nn::Device device_;
  std::map<std::string, Split> splits_;
  std::map<std::string, std::string> split_digests_;
};

// Throws InputError where a family cannot read a format; `checkpoint` names the model.
void require_format(const std::string& checkpoint, const std::string& family, Format format);

// Throws InputError where a checkpoint's own head, of these classes, is not made for a format: regression, one output, one
// class for several or the reverse.
void require_head(const std::string& checkpoint, const std::vector<std::string>& labels, Format format);

// The task of a dataset's format. `labels` empty: the classes are those of the train file. `dense`: the checkpoint's
// model, where it is at hand and outlives the task, so that what has to be heard first need not read it again. `device`:
// where its models compute.
std::unique_ptr<Task> make_task(DatasetSettings dataset, const std::string& checkpoint, std::vector<std::string> labels,
                                DigestMemory& digests, const std::filesystem::path& cache_folder, Watch watch,
                                const nn::Model* dense = nullptr, nn::Device device = {});

// The mean loss of a step from the model's training logits [rows, classes] and labels of each row: the task's share and
// the teacher's. Labels are classes or one number a class; `tags`: several may apply. The teacher reads `batches`.
at::Tensor step_loss(const at::Tensor& logits, const at::Tensor& labels, bool tags, std::span<const Batch> batches,
                     const Aim& aim);

// How many examples' gradients may be taken together, by what they keep in memory; 1 without data.
std::int64_t scoring_examples(const nn::Model& model, const Split* split, const nn::Device& device);

// How many examples of a split have a loss. Throws InputError where none has.
std::int64_t examples_with_loss(const Split& split);

// Multiply-adds of one pass over the split.
std::int64_t multiply_adds_of(const nn::Model& model, const Split& split);

// What a scorer is given: `settings` may name samples, batch, squares and absolute. Equally long examples together, as
// many as memory allows, unless the answer depends on the batches; then rows in file order, `batch` at a time. On a GPU,
// which few examples do not fill, those of similar length together, padded.
class ScoringBatches final : public BatchStream {
 public:
  // At most `most_examples` a batch where batches do not decide the answer.
  ScoringBatches(const Split* split, const nn::Model& model, const Settings& settings, const PluginDescription& plugin,
                 std::int64_t most_examples = 64);
  std::optional<Batch> next() override;
  void rewind() override { next_ = 0; }
  std::int64_t examples() const override;

 private:
  const Split* split_;  // null: no data
  std::vector<data::Rows> order_;
  std::size_t next_ = 0;
};

}  // namespace espalier::tasks
