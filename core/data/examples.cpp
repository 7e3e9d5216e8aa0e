#include "data/examples.h"

#include <espalier/error.h>

#include <algorithm>
#include <string>

namespace espalier::data {
namespace {

std::size_t checked_size(std::int64_t examples) {
  if (examples < 1)
    throw SettingsError("a batch of " + std::to_string(examples) + " examples cannot be, expected at least 1");
  return static_cast<std::size_t>(examples);
}

// The first `samples` examples with a loss, or all of them.
Rows first_rows(const Examples& examples, std::int64_t samples) {
  auto rows = rows_with_loss(examples);
  if (samples > 0) rows.resize(std::min(rows.size(), static_cast<std::size_t>(samples)));
  return rows;
}

void sort_by_length(const Examples& examples, std::span<std::int64_t> rows) {
  std::stable_sort(rows.begin(), rows.end(),
                   [&](std::int64_t a, std::int64_t b) { return examples.length(a) < examples.length(b); });
}

// Rows sorted by length, cut where the length changes and where a batch is full.
std::vector<Rows> equally_long(const Examples& examples, std::span<const std::int64_t> rows, std::size_t most) {
  std::vector<Rows> batches;
  for (std::size_t begin = 0; begin < rows.size();) {
    std::size_t end = begin + 1;
    while (end < rows.size() && end - begin < most && examples.length(rows[end]) == examples.length(rows[begin])) ++end;
    batches.emplace_back(rows.begin() + static_cast<std::ptrdiff_t>(begin),
                         rows.begin() + static_cast<std::ptrdiff_t>(end));
    begin = end;
  }
  return batches;
}

}  // namespace

Examples::~Examples() = default;

Rows rows_with_loss(const Examples& examples) {
  Rows rows;
  for (std::int64_t example = 0; example < examples.size(); ++example) {
    if (examples.has_loss(example)) rows.push_back(example);
  }
  return rows;
}

std::vector<Rows> bucketed(const Examples& examples, std::int64_t most_examples, std::int64_t samples) {
  return bucketed_rows(examples, first_rows(examples, samples), most_examples);
}

std::vector<Rows> padded(const Examples& examples, std::int64_t most_examples, std::int64_t most_padding,
                         std::int64_t samples) {
  const std::size_t most = checked_size(most_examples);
  auto rows = first_rows(examples, samples);
  sort_by_length(examples, rows);
  std::vector<Rows> batches;
  std::int64_t padding = 0, longest = 0;
  for (const auto row : rows) {
    const auto length = examples.length(row);
    // Each that is there grows by as much.
    const auto with_it =
        batches.empty() ? 0 : padding + static_cast<std::int64_t>(batches.back().size()) * (length - longest);
    if (batches.empty() || batches.back().size() == most || with_it > most_padding) {
      batches.emplace_back();
      padding = 0;
    } else {
      padding = with_it;
    }
    batches.back().push_back(row);
    longest = length;
  }
  return batches;
}

std::vector<Rows> bucketed_rows(const Examples& examples, Rows rows, std::int64_t most_examples) {
  const std::size_t most = checked_size(most_examples);
  sort_by_length(examples, rows);
  return equally_long(examples, rows, most);
}

std::vector<Rows> in_file_order(const Examples& examples, std::int64_t samples, std::int64_t batch) {
  const auto most = static_cast<std::ptrdiff_t>(checked_size(batch));
  const auto rows = first_rows(examples, samples);
  std::vector<Rows> batches;
  for (auto begin = rows.begin(); begin != rows.end();) {
    const auto end = begin + std::min(most, rows.end() - begin);
    batches.emplace_back(begin, end);
    begin = end;
  }
  return batches;
}

std::vector<std::vector<Rows>> training_steps(const Examples& examples, std::int64_t batch, Random& random) {
  // Sorting within a pool keeps the groups of a step few; a pool is large enough for that and small enough that the
  // mixture of a step's examples stays random.
  constexpr std::size_t steps_per_pool = 16;
  const std::size_t most = checked_size(batch);
  const auto asked = rows_with_loss(examples);
  auto rows = random.permutation(static_cast<std::int64_t>(asked.size()));
  for (auto& row : rows) row = asked[static_cast<std::size_t>(row)];
  std::vector<std::span<const std::int64_t>> steps;
  for (std::size_t begin = 0; begin < rows.size();) {
    const std::size_t pool_end =
        begin + std::min(rows.size() - begin, most > rows.size() ? rows.size() : steps_per_pool * most);
    sort_by_length(examples, std::span(rows).subspan(begin, pool_end - begin));
    for (; begin < pool_end; begin += std::min(most, pool_end - begin)) {
      steps.push_back(std::span<const std::int64_t>(rows).subspan(begin, std::min(most, pool_end - begin)));
    }
  }
  std::vector<std::vector<Rows>> epoch;
  epoch.reserve(steps.size());
  for (const auto step : random.permutation(static_cast<std::int64_t>(steps.size()))) {
    epoch.push_back(equally_long(examples, steps[static_cast<std::size_t>(step)], most));
  }
  return epoch;
}

}  // namespace espalier::data
