#include <ATen/ops/empty.h>
#include <ATen/ops/full.h>
#include <ATen/ops/zeros.h>
#include <espalier/error.h>

#include <algorithm>
#include <numeric>
#include <span>
#include <unordered_map>

#include "data/text.h"
#include "words/names.h"

namespace espalier::data {
namespace {

using Rows = std::span<const std::int64_t>;

std::size_t length(const TextExamples& examples, std::int64_t row) {
  return examples.encodings[static_cast<std::size_t>(row)].ids.size();
}

enum class Mask { None, Attention };

Batch batch_of(const TextExamples& examples, Rows rows, Mask mask) {
  std::size_t longest = 0;
  for (const auto row : rows) longest = std::max(longest, length(examples, row));
  const auto count = static_cast<std::int64_t>(rows.size()), tokens = static_cast<std::int64_t>(longest);
  at::Tensor ids = at::full({count, tokens}, examples.padding, at::kLong);  // [examples, tokens]
  at::Tensor types = at::zeros({count, tokens}, at::kLong);                 // [examples, tokens]
  at::Tensor attended = mask == Mask::Attention ? at::zeros({count, tokens}, at::kLong) : at::Tensor();
  Batch batch;
  batch.labels = at::empty({count}, at::kLong);
  batch.rows.assign(rows.begin(), rows.end());
  for (std::size_t place = 0; place < rows.size(); ++place) {
    const auto& encoding = examples.encodings[static_cast<std::size_t>(rows[place])];
    const auto start = static_cast<std::ptrdiff_t>(place * longest);
    std::copy(encoding.ids.begin(), encoding.ids.end(), ids.mutable_data_ptr<std::int64_t>() + start);
    std::copy(encoding.types.begin(), encoding.types.end(), types.mutable_data_ptr<std::int64_t>() + start);
    if (attended.defined()) {
      std::fill_n(attended.mutable_data_ptr<std::int64_t>() + start, encoding.ids.size(), std::int64_t{1});
    }
    batch.labels.mutable_data_ptr<std::int64_t>()[place] = examples.labels[static_cast<std::size_t>(rows[place])];
  }
  batch.inputs.emplace("input_ids", std::move(ids));
  batch.inputs.emplace("token_type_ids", std::move(types));
  if (attended.defined()) batch.inputs.emplace("attention_mask", std::move(attended));
  return batch;
}

void sort_by_length(const TextExamples& examples, std::span<std::int64_t> rows) {
  std::stable_sort(rows.begin(), rows.end(),
                   [&](std::int64_t a, std::int64_t b) { return length(examples, a) < length(examples, b); });
}

// Rows sorted by length, cut where the length changes and where a batch is full.
std::vector<Batch> equally_long(const TextExamples& examples, Rows rows, std::size_t most) {
  std::vector<Batch> batches;
  for (std::size_t begin = 0; begin < rows.size();) {
    std::size_t end = begin + 1;
    while (end < rows.size() && end - begin < most && length(examples, rows[end]) == length(examples, rows[begin]))
      ++end;
    batches.push_back(batch_of(examples, rows.subspan(begin, end - begin), Mask::None));
    begin = end;
  }
  return batches;
}

std::size_t checked_size(std::int64_t examples) {
  if (examples < 1)
    throw SettingsError("a batch of " + std::to_string(examples) + " examples cannot be, expected at least 1");
  return static_cast<std::size_t>(examples);
}

// LABEL_0, LABEL_1, ...: names that a checkpoint has when nobody named its classes.
bool are_unnamed(const std::vector<std::string>& labels) {
  for (std::size_t index = 0; index < labels.size(); ++index) {
    if (labels[index] != "LABEL_" + std::to_string(index)) return false;
  }
  return !labels.empty();
}

struct Unknown {
  const TextRow* first;
  std::int64_t rows;
};

[[noreturn]] void unknown_labels(const std::vector<Unknown>& unknown, const std::vector<std::string>& labels,
                                 const std::filesystem::path& file) {
  constexpr std::size_t shown = 10;
  const auto where = [&](const Unknown& one) { return file.string() + ":" + std::to_string(one.first->line) + ": "; };
  std::int64_t rows = 0;
  for (const auto& one : unknown) rows += one.rows;
  std::string message = where(unknown[0]) + unknown_name("label", unknown[0].first->label, labels);
  for (std::size_t other = 1; other < std::min(unknown.size(), shown); ++other) {
    message += "\n    " + where(unknown[other]) + "unknown label '" + unknown[other].first->label + "'";
  }
  if (unknown.size() > shown) message += "\n    and " + std::to_string(unknown.size() - shown) + " more labels";
  throw InputError(message + "\n    " + std::to_string(rows) + (rows == 1 ? " row has" : " rows have") +
                   " a label that the model does not know");
}

}  // namespace

TextExamples tokenise(const std::vector<TextRow>& rows, const WordPiece& tokenizer,
                      const std::vector<std::string>& labels, std::int64_t max_tokens,
                      const std::filesystem::path& file) {
  std::unordered_map<std::string, std::int64_t> classes;
  const bool unnamed = are_unnamed(labels);
  for (std::size_t index = 0; index < labels.size(); ++index) {
    classes.emplace(labels[index], static_cast<std::int64_t>(index));
    if (unnamed) classes.emplace(std::to_string(index), static_cast<std::int64_t>(index));
  }
  TextExamples examples;
  examples.padding = tokenizer.padding();
  examples.labels.reserve(rows.size());
  std::vector<Unknown> unknown;
  std::unordered_map<std::string, std::size_t> unknown_places;
  for (const auto& row : rows) {
    if (const auto found = classes.find(row.label); found != classes.end()) {
      examples.labels.push_back(found->second);
      continue;
    }
    const auto [place, fresh] = unknown_places.emplace(row.label, unknown.size());
    if (fresh) unknown.push_back({&row, 0});
    ++unknown[place->second].rows;
  }
  if (!unknown.empty()) unknown_labels(unknown, labels, file);
  const bool pairs = std::any_of(rows.begin(), rows.end(), [](const TextRow& row) { return !row.pair.empty(); });
  examples.encodings.reserve(rows.size());
  for (const auto& row : rows) {
    const auto pair = pairs ? std::optional<std::string_view>(row.pair) : std::nullopt;
    examples.encodings.push_back(tokenizer.encode(row.text, pair, max_tokens));
  }
  return examples;
}

std::vector<Batch> bucketed(const TextExamples& examples, std::int64_t most_examples) {
  const std::size_t most = checked_size(most_examples);
  std::vector<std::int64_t> rows(static_cast<std::size_t>(examples.size()));
  std::iota(rows.begin(), rows.end(), std::int64_t{0});
  sort_by_length(examples, rows);
  return equally_long(examples, rows, most);
}

std::vector<Batch> in_file_order(const TextExamples& examples, std::int64_t samples, std::int64_t batch) {
  const std::size_t most = checked_size(batch);
  const std::int64_t count = samples > 0 ? std::min(samples, examples.size()) : examples.size();
  std::vector<std::int64_t> rows(static_cast<std::size_t>(count));
  std::iota(rows.begin(), rows.end(), std::int64_t{0});
  std::vector<Batch> batches;
  for (std::size_t begin = 0; begin < rows.size(); begin += most) {
    const Rows some = Rows(rows).subspan(begin, std::min(most, rows.size() - begin));
    batches.push_back(batch_of(examples, some, Mask::Attention));
  }
  return batches;
}

std::vector<std::vector<Batch>> training_steps(const TextExamples& examples, std::int64_t batch, Random& random) {
  // Sorting within a pool keeps the groups of a step few; a pool is large enough for that and small enough that the
  // mixture of a step's examples stays random.
  constexpr std::size_t steps_per_pool = 16;
  const std::size_t most = checked_size(batch);
  std::vector<std::int64_t> rows = random.permutation(examples.size());
  std::vector<Rows> steps;
  for (std::size_t begin = 0; begin < rows.size();) {
    const std::size_t pool_end =
        begin + std::min(rows.size() - begin, most > rows.size() ? rows.size() : steps_per_pool * most);
    sort_by_length(examples, std::span(rows).subspan(begin, pool_end - begin));
    for (; begin < pool_end; begin += std::min(most, pool_end - begin)) {
      steps.push_back(Rows(rows).subspan(begin, std::min(most, pool_end - begin)));
    }
  }
  std::vector<std::vector<Batch>> epoch;
  epoch.reserve(steps.size());
  for (const auto step : random.permutation(static_cast<std::int64_t>(steps.size()))) {
    epoch.push_back(equally_long(examples, steps[static_cast<std::size_t>(step)], most));
  }
  return epoch;
}

}  // namespace espalier::data
