#include "engine/text_task.h"

#include <ATen/ops/tensor.h>
#include <espalier/error.h>
#include <espalier/plugin.h>

#include <nlohmann/json.hpp>

namespace espalier::engine {
namespace {

// Large enough to fill the matrix units, small enough that one length's last batch is seldom nearly empty.
constexpr std::int64_t examples_a_batch = 64;

bool depends_on_batches(const Settings& settings, std::uint32_t traits) {
  if ((traits & in_file_order) != 0) return true;
  const auto is = [&](const char* name, const char* value) {
    const auto found = settings.values().find(name);
    return found != settings.values().end() && found->second == SettingValue(std::string(value));
  };
  return is("squares", "per-batch") || is("absolute", "batch");
}

std::int64_t integer_or(const Settings& settings, const char* name, std::int64_t otherwise) {
  return settings.has(name) ? settings.get<std::int64_t>(name) : otherwise;
}

}  // namespace

TextTask::TextTask(DatasetSettings dataset, std::string checkpoint, std::vector<std::string> labels,
                   DigestMemory& digests)
    : dataset_(std::move(dataset)), checkpoint_(std::move(checkpoint)), labels_(std::move(labels)), digests_(digests) {}

const std::string& TextTask::path_of(const std::string& split) const {
  const auto found = dataset_.split.find(split);
  if (found == dataset_.split.end() || found->second.empty()) {
    throw InputError("dataset '" + dataset_.name + "' gives no " + split + " split, and it is needed here");
  }
  return found->second;
}

const data::WordPiece& TextTask::tokenizer() {
  if (!tokenizer_) tokenizer_.emplace(data::WordPiece::read(checkpoint_));
  return *tokenizer_;
}

const std::vector<std::string>& TextTask::labels() {
  // Of the whole file: a slice of it may lack a rare class that the other splits have.
  if (labels_.empty()) {
    labels_ = data::labels_of(data::read_text_table(path_of("train"), {dataset_.text, dataset_.pair, dataset_.label}));
  }
  return labels_;
}

const Split& TextTask::split(const std::string& name) {
  const auto found = splits_.find(name);
  if (found != splits_.end()) return found->second;
  const auto limit = dataset_.limit.find(name);
  const auto rows = data::read_text_table(path_of(name), {dataset_.text, dataset_.pair, dataset_.label},
                                          limit == dataset_.limit.end() ? 0 : limit->second);
  Split split;
  split.name = name;
  split.examples = data::tokenise(rows, tokenizer(), labels(), dataset_.max_tokens, path_of(name));
  split.batches = data::bucketed(split.examples, examples_a_batch);
  split.labels = at::tensor(split.examples.labels);  // [examples]
  split.digest = split_digest(name);
  return splits_[name] = std::move(split);
}

std::string TextTask::split_digest(const std::string& name) {
  const auto limit = dataset_.limit.find(name);
  const nlohmann::json reading = {{"file", digests_.of_file(path_of(name))},
                                  {"format", dataset_.format},
                                  {"columns", {dataset_.text, dataset_.pair, dataset_.label}},
                                  {"limit", limit == dataset_.limit.end() ? 0 : limit->second},
                                  {"max_tokens", dataset_.max_tokens}};
  return sha256_hex(reading.dump());
}

BatchList::BatchList(std::vector<Batch> batches) : batches_(std::move(batches)) {}

std::optional<Batch> BatchList::next() {
  if (next_ == batches_.size()) return std::nullopt;
  return batches_[next_++];
}

std::int64_t BatchList::examples() const {
  std::int64_t count = 0;
  for (const auto& batch : batches_) count += batch.size();
  return count;
}

std::vector<Batch> scoring_batches(const Split& split, const Settings& settings, std::uint32_t traits) {
  const auto samples = integer_or(settings, "samples", 0);
  const auto batch = integer_or(settings, "batch", 32);
  if (samples < 0 || batch < 1) {
    throw SettingsError("a scorer's samples must be 0 (all) or more and its batch 1 or more; found samples = " +
                        std::to_string(samples) + ", batch = " + std::to_string(batch));
  }
  if (depends_on_batches(settings, traits)) return data::in_file_order(split.examples, samples, batch);
  if (samples == 0 || samples >= split.examples.size()) return split.batches;
  auto first = split.examples;
  first.encodings.resize(static_cast<std::size_t>(samples));
  first.labels.resize(static_cast<std::size_t>(samples));
  return data::bucketed(first, examples_a_batch);
}

}  // namespace espalier::engine
